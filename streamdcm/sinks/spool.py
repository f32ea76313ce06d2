"""Spooling: temporary files, for what waits for a value that comes late, or in front of a target that cannot seek."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from streamdcm.errors import SpoolError, TargetTypeError
from streamdcm.instructions import Chunk
from streamdcm.sinks.delivery import Delivery
from streamdcm.sinks.descriptor import write_descriptor
from streamdcm.sinks.locations import printable
from streamdcm.sinks.output import PartsOutput

_COPY_SIZE = 1024 * 1024


class SpoolFile:
    """A temporary file that only its owner may read, and that has no name: nothing is left of it, whatever happens.

    Parameters
    ----------
    directory : str or None
        Where it is; `None` for where the system has its temporary files.

    Raises
    ------
    SpoolError
        If it cannot be made there.
    """

    def __init__(self, directory: str | None) -> None:
        self._directory = directory
        with self._problems():
            self._directory = directory or tempfile.gettempdir()
            # O_TMPFILE where there is such, else removed as soon as it is open; in both cases of mode 0600
            self.file: Any = tempfile.TemporaryFile(buffering=0, prefix="streamdcm-", dir=self._directory)  # noqa: SIM115

    def write(self, offset: int, buffers: Sequence[Chunk]) -> None:
        """Write all bytes of `buffers` at an offset."""
        with self._problems():
            os.lseek(self.file.fileno(), offset, os.SEEK_SET)
            write_descriptor(self.file.fileno(), buffers)

    def close(self) -> None:
        """Let the system forget it."""
        self.file.close()

    @contextmanager
    def _problems(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = "the system's directories for temporary files" if self._directory is None else self._directory
            raise SpoolError(
                error.errno,
                f"no temporary file in {printable(where)} for what waits for a late value: {error.strerror}; name a "
                "directory with enough space by spool=, or give ahead what is not known",
            ) from error


@contextmanager
def spooled(target: Any) -> Iterator[BinaryIO]:
    """Give a temporary file to write to; what is in it goes to `target` when the ``with`` block ends well.

    For targets that cannot seek and are to get nothing before all of it is known to be good. What waits for a value
    that comes late needs no such file of one's own: see the option `spool`.

    Parameters
    ----------
    target : str, bytes, PathLike, file-like, socket or writeable buffer
        Where the bytes go in the end; untouched if the block raises.

    Yields
    ------
    file-like
        A target for `dcmwrite` or `write_encoder` that can seek.

    Examples
    --------
    >>> import gzip
    >>> with gzip.open("out.dcm.gz", "wb") as file, streamdcm.spooled(file) as target:
    ...     result = streamdcm.dcmwrite(target, ds, frames=camera())
    """
    with Delivery(target) as delivery:
        output = delivery.resolve()
        if isinstance(output, PartsOutput):
            raise TargetTypeError(
                "an object storage takes late values without a temporary file; write to its URL directly"
            )
        with tempfile.TemporaryFile(prefix="streamdcm-") as spool:
            yield spool
            spool.seek(0)
            delivery.open()
            while chunk := spool.read(_COPY_SIZE):
                output.write((chunk,))
            delivery.commit()
