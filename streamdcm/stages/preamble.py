"""The File Preamble and the DICOM Prefix (PS3.10 §7.1)."""

from streamdcm.instructions import Encoder


def preamble(content: bytes | None) -> Encoder[int]:
    """Encode the preamble and the prefix, or nothing without a preamble.

    Parameters
    ----------
    content : bytes or None
        The 128 bytes of the preamble.

    Returns
    -------
    Encoder
        Returns the number of bytes.
    """
    if not content:
        return 0
    yield content
    yield b"DICM"
    return len(content) + 4
