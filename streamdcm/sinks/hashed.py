"""A digest of what goes to a target in order; what was overwritten later is read back for it."""

import hashlib
from collections.abc import Sequence

from streamdcm.engine.result import Checksum
from streamdcm.errors import TargetTypeError
from streamdcm.instructions import Chunk
from streamdcm.sinks.output import Output, PassingOutput
from streamdcm.sinks.protocols import ReadableOutput

_READ_SIZE = 1024 * 1024


class HashedOutput(PassingOutput):
    """Passes everything on to another output and computes the SHA-256 of the bytes that come to lie there.

    Parameters
    ----------
    output : Output
        Where the bytes go. One that can be patched must be one that can be read.
    """

    def __init__(self, output: Output) -> None:
        super().__init__(output)
        self._readable = output if isinstance(output, ReadableOutput) and output.can_read else None
        if output.can_patch and self._readable is None:
            raise TargetTypeError(
                "checksum= has to read back what is overwritten when a length becomes known, and this target cannot be "
                "read: give a path, a file that was opened in mode 'w+b', or seekable=False"
            )
        self._sha256 = hashlib.sha256()
        self._patched = False
        self._written = 0
        self.can_patch = output.can_patch
        self.can_grow = output.can_grow
        self.checksum: Checksum | None = None

    def write(self, buffers: Sequence[Chunk]) -> None:
        """Write all bytes of `buffers`, in order."""
        super().write(buffers)
        for buffer in buffers:
            self._sha256.update(buffer)
            self._written += memoryview(buffer).nbytes

    def patch(self, offset: int, value: bytes) -> None:
        """Overwrite bytes; those that come after them were hashed too early."""
        self._patched = True
        self._output.patch(offset, value)

    def make_space(self, offset: int, size: int) -> None:
        """Move what was written, and so was hashed at another place."""
        self._patched = True
        self._written += size
        self._output.make_space(offset, size)

    def prepare(self) -> None:
        """Complete the digest, and prepare the output."""
        if self.checksum is None:
            if self._patched:
                self._read_back()
            self.checksum = Checksum("sha256", self._sha256.hexdigest())
        super().prepare()

    def commit(self) -> None:
        """Complete the digest and the output."""
        self.prepare()
        super().commit()

    def _read_back(self) -> None:
        assert self._readable is not None
        self._sha256 = hashlib.sha256()
        for offset in range(0, self._written, _READ_SIZE):
            self._sha256.update(self._readable.read(offset, min(_READ_SIZE, self._written - offset)))
