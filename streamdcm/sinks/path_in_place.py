"""Files that are written under their name from the start, and paths of other things than files."""

import io
import os
import stat
from contextlib import suppress

from streamdcm import system
from streamdcm.cleanup import afterwards
from streamdcm.sinks.descriptor import choose_patching, is_patchable, move_tail, read_descriptor
from streamdcm.sinks.path_common import FileAtPath, PathOutput


class InPlaceOutput(FileAtPath):
    """The target itself, created or truncated when it is opened."""

    _created: io.FileIO | None = None
    _identity: os.stat_result | None = None
    _committed = False

    def open(self) -> None:
        """Create or truncate the target.

        Raises
        ------
        FileExistsError
            If the target exists and must not be overwritten.
        """
        self._refuse_existing()
        # The object comes first and is opened then: an interrupt between the two would lose a new file.
        self._created = self._file = io.FileIO.__new__(io.FileIO)
        try:
            try:
                io.FileIO.__init__(self._created, self._target, "xb")
            except FileExistsError:
                if not self._overwrite:
                    raise
                self._created = None
                io.FileIO.__init__(self._file, self._target, "wb")
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.location) from error

    def read(self, offset: int, size: int) -> bytes:
        """Read back what was written."""
        with io.FileIO(self._target, "rb") as file:
            return read_descriptor(file.fileno(), offset, size)

    def make_space(self, offset: int, size: int) -> None:
        """Move what was written from `offset` on by `size` bytes, by a descriptor that can read."""
        with io.FileIO(self._target, "r+b") as file:
            move_tail(file.fileno(), offset, size)
        os.lseek(self.descriptor, 0, os.SEEK_END)

    def prepare(self) -> None:
        """Have the content reach the disk where that was asked for."""
        if self._durable and self._directory is None and not self._opened().closed:
            self._to_disk()

    def commit(self) -> None:
        """Close the file.

        Raises
        ------
        NotDurableError
            If the file is complete, and the disk does not confirm its name.
        """
        if self._committed:
            return
        self.prepare()
        if self._created is not None:
            self._identity = os.fstat(self._opened().fileno())
        self._opened().close()  # NFS and quotas may refuse now what write() took
        self._committed = True
        self._name_to_disk()

    def abort(self) -> None:
        """Remove the file if this write created it."""
        self._directory = None
        if self._file is None or self._committed:
            return
        if self._created is not None and not self._created.closed:
            try:
                self._identity = os.fstat(self._created.fileno())
            except OSError:  # after an interrupt, it is still open to be looked at again
                self._close()
                raise
        if system.OPEN_FILES_STAY:
            self._close()
        with afterwards(self._close):
            if self._created is not None:
                self._remove_created()
                self._created = None

    def _remove_created(self) -> None:
        with suppress(FileNotFoundError):
            if self._identity is not None and os.path.samestat(os.lstat(self._target), self._identity):
                self._remove(self._target)


class SpecialOutput(PathOutput):
    """A FIFO, a device, or a descriptor of this process: nothing that could be replaced."""

    def __init__(
        self,
        location: str,
        path: str,
        own_descriptor: int | None,
        *,
        overwrite: bool,
        durable: bool,
        seekable: bool | None,
    ) -> None:
        super().__init__(location, path, overwrite=overwrite, durable=durable, seekable=seekable)
        self._own_descriptor = own_descriptor
        found = own_descriptor is not None and is_patchable(own_descriptor)
        self.can_patch = choose_patching(found, seekable, location)

    def open(self) -> None:
        """Open what is there; a FIFO waits for its reader.

        Raises
        ------
        FileExistsError
            If it must not be overwritten.
        """
        self._refuse_existing()
        if self._own_descriptor is None:
            self._file = io.FileIO(self._path, "wb", opener=_open_existing)
        else:
            self._file = io.FileIO(os.dup(self._own_descriptor), "wb")
        if self.can_patch:
            self._start = os.lseek(self._file.fileno(), 0, os.SEEK_CUR)

    def prepare(self) -> None:
        """Have the content of a file reach the disk where that was asked for."""
        file = self._opened()
        if self._durable and not file.closed and stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            system.to_disk(file.fileno())

    def commit(self) -> None:
        """Close it."""
        self.prepare()
        self._opened().close()

    def abort(self) -> None:
        """Close it; what was written cannot be taken back."""
        self._close()


def _open_existing(path: str, flags: int) -> int:
    return os.open(path, os.O_WRONLY | system.BINARY)
