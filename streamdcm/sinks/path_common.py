"""What the ways to write a file by its path have in common."""

import errno
import io
import os
from collections.abc import Sequence
from contextlib import suppress

from streamdcm import system
from streamdcm.errors import NotDurableError, TargetError
from streamdcm.instructions import Chunk
from streamdcm.sinks.descriptor import move_tail, patch_descriptor, write_descriptor
from streamdcm.sinks.directories import Directory, open_directory
from streamdcm.sinks.output import Output


class PathOutput(Output):
    """What the ways to write a path have in common: the open file, whose closing ends the write.

    Parameters
    ----------
    location : str
        The path as it was given.
    path : str
        The same, independent of the current directory.
    overwrite : bool
        Whether what exists may be overwritten.
    durable : bool
        Whether to wait until the bytes have reached the disk.
    seekable : bool, optional
        Whether earlier bytes may be overwritten; found out if not given.
    """

    def __init__(self, location: str, path: str, *, overwrite: bool, durable: bool, seekable: bool | None) -> None:
        self.location = location
        self.can_patch = seekable is not False
        self._path = path
        self._overwrite = overwrite
        self._durable = durable
        self._start = 0
        # A FileIO closes itself where an interrupt comes between its creation and its assignment.
        self._file: io.FileIO | None = None

    def write(self, buffers: Sequence[Chunk]) -> None:
        """Write all bytes of `buffers`, in order."""
        write_descriptor(self._opened().fileno(), buffers)

    @property
    def descriptor(self) -> int:
        """That of the open file."""
        return self._opened().fileno()

    def patch(self, offset: int, value: bytes) -> None:
        """Overwrite bytes at `offset` from where the write began."""
        patch_descriptor(self._opened().fileno(), self._start + offset, value)

    def make_space(self, offset: int, size: int) -> None:
        """Move what was written from `offset` on by `size` bytes, within the kernel where it can."""
        move_tail(self._opened().fileno(), self._start + offset, size)

    def _opened(self) -> io.FileIO:
        if self._file is None:
            raise ValueError("the output was not opened")
        return self._file

    def _close(self) -> None:
        """Close the file, if it is open: what is complete is closed by `prepare`, or has been asked for errors."""
        if self._file is not None:
            with suppress(OSError):  # what the disk says about bytes that are thrown away does not matter
                self._file.close()

    def _refuse_existing(self) -> None:
        if not self._overwrite and os.path.lexists(self._path):
            raise self._error(errno.EEXIST)

    def _remove(self, name: str) -> None:
        """Remove a file of this write, and where that fails say which one is left."""
        try:
            with suppress(FileNotFoundError):
                os.unlink(name)
        except OSError as error:
            raise TargetError(
                error.errno, f"{name} could not be removed ({error.strerror}); remove it", self.location
            ) from error

    def _error(self, number: int) -> OSError:
        return OSError(number, os.strerror(number), self.location)


class FileAtPath(PathOutput):
    """A regular file, which may not exist yet.

    Parameters
    ----------
    target : str
        Where the symbolic links lead to that `path` consists of.
    status : os.stat_result, optional
        That of the target if it exists.
    """

    can_read = True

    @property
    def can_grow(self) -> bool:  # type: ignore[override]
        """Whether what was written can be moved: it can be read."""
        return self.can_patch

    def __init__(
        self,
        location: str,
        path: str,
        target: str,
        status: os.stat_result | None,
        *,
        overwrite: bool,
        durable: bool,
        seekable: bool | None,
    ) -> None:
        super().__init__(location, path, overwrite=overwrite, durable=durable, seekable=seekable)
        self._target = target if overwrite else path  # what is created anew follows no link
        self._status = status
        self._parent = os.path.dirname(self._target)
        self._directory: Directory | None = None

    def _to_disk(self) -> None:
        """Have the content reach the disk, and open the directory, whose turn comes when the file has its name."""
        system.to_disk(self._opened().fileno())
        if system.DIRECTORY is None:
            return  # names are the file system's own affair there
        try:
            self._directory = open_directory(self._parent)
        except OSError as error:
            raise TargetError(
                error.errno,
                f"durable=True has to open the directory, so that the file's name reaches the disk ({error.strerror}); "
                "leave it out, or allow the directory to be read",
                self.location,
            ) from error

    def _name_to_disk(self) -> None:
        if self._directory is None:
            return
        try:
            os.fsync(self._directory.descriptor)  # in no other frame: the error would hold the directory by it
        except OSError as error:
            raise NotDurableError(
                error.errno,
                f"the new file is in place and complete, but its name may not be on the disk yet ({error.strerror})",
                self.location,
            ) from error
        finally:
            self._directory = None
