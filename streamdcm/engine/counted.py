"""How much an encoder encodes."""

from streamdcm.instructions import Copy, Fill, Insert, Instruction, Need, Reserve


def content_size(instruction: Instruction) -> int:
    """Return how many bytes come of an instruction."""
    if instruction.__class__ is bytes:
        return len(instruction)
    if isinstance(instruction, Copy):
        return instruction.length
    if isinstance(instruction, Reserve):
        return instruction.size
    if isinstance(instruction, (Fill, Insert, Need)):
        return 0
    return memoryview(instruction).nbytes
