"""Files by their path: replaced in one step, written in place, or, where special, written as they are."""

import errno
import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from weakref import WeakValueDictionary, finalize

from streamdcm.errors import AtomicReplaceError, InPlaceError, NotDurableError, TargetError
from streamdcm.instructions import Chunk
from streamdcm.sinks.descriptor import (
    choose_patching,
    is_patchable,
    patch_descriptor,
    read_descriptor,
    write_descriptor,
)
from streamdcm.sinks.output import Output

_MOST_LINKS = 40  # as many symbolic links as Linux follows
_OWN_DESCRIPTORS = ("/dev/fd", "/proc/self/fd", "/proc/thread-self/fd")
# Without a function of Python's around it, in which an interrupt could lose the descriptor
_open_private = partial(os.open, mode=0o600)
_NOT_REPLACEABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV}


def path_output(path: str, *, overwrite: bool, atomic: bool, durable: bool, seekable: bool | None) -> Output:
    """Choose how to write the file at `path`, by what is there now."""
    absolute = os.path.join(os.getcwd(), path) if path else path
    status, target = _status(path), absolute
    if status is not None and not stat.S_ISREG(status.st_mode):
        steps = list(_links(absolute))
        own = _own_descriptor(steps)
        status, target = _status(path, follow=True), steps[-1]
        if own is not None or (status is not None and not _is_file_or_directory(status)):
            return SpecialOutput(path, absolute, own, overwrite=overwrite, durable=durable, seekable=seekable)
    kind = AtomicOutput if atomic else InPlaceOutput
    return kind(path, absolute, target, status, overwrite=overwrite, durable=durable, seekable=seekable)


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

    def _opened(self) -> io.FileIO:
        if self._file is None:
            raise ValueError("the output was not opened")
        return self._file

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
        self._directory: _Directory | None = None

    def read(self, offset: int, size: int) -> bytes:
        """Read back what was written."""
        with io.FileIO(self._written_to(), "rb") as file:
            return read_descriptor(file.fileno(), offset, size)

    def _written_to(self) -> str:
        return self._target

    def _to_disk(self) -> None:
        """Have the content reach the disk, and open the directory, whose turn comes when the file has its name."""
        os.fsync(self._opened().fileno())
        try:
            self._directory = _open_directory(os.path.dirname(self._target))
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


class AtomicOutput(FileAtPath):
    """A temporary sibling that takes the place of the target when it is complete."""

    _temporary: str | None = None
    _probe: str | None = None
    _committed = False

    def open(self) -> None:
        """Create the temporary file, and find out now what would only fail at the end.

        Raises
        ------
        FileExistsError
            If the target exists and must not be overwritten.
        AtomicReplaceError
            If the target could be written, but not replaced.
        """
        self._refuse_existing()
        mode = self._existing_mode()
        self._create(exists=mode is not None)
        if mode is not None and mode != stat.S_IMODE(os.fstat(self._opened().fileno()).st_mode):
            os.fchmod(self._opened().fileno(), mode)
        if not self._overwrite:
            self._require_links()

    def prepare(self) -> None:
        """Complete the temporary file, which lacks nothing but its name then."""
        file = self._opened()
        if self._durable and not file.closed:
            self._to_disk()
        file.close()

    def commit(self) -> None:
        """Put the file under its name; after that, nothing is left to do or undo.

        Raises
        ------
        FileExistsError
            If `overwrite` is off and another process was first.
        AtomicReplaceError
            If the target cannot be replaced.
        NotDurableError
            If the file has its name, and the disk does not confirm that.
        """
        if self._committed:
            return
        self.prepare()
        self._publish()
        self._committed = True
        if not self._overwrite:
            self._remove_first_name()
        self._name_to_disk()

    def abort(self) -> None:
        """Remove the temporary file."""
        self._directory = None
        try:
            for name in (self._temporary, self._probe):
                if name is not None:
                    self._remove(name)
        finally:
            if self._file is not None:
                with suppress(OSError):  # what the disk says about bytes that are thrown away does not matter
                    self._file.close()

    def _written_to(self) -> str:
        assert self._temporary is not None
        return self._temporary

    def _existing_mode(self) -> int | None:
        if not os.path.basename(self._path):
            raise self._error(errno.EISDIR if self._path else errno.ENOENT)
        if self._status is None:
            return None
        if stat.S_ISDIR(self._status.st_mode):
            raise self._error(errno.EISDIR)
        if not os.access(self._target, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            raise self._error(errno.EACCES)
        return stat.S_IMODE(self._status.st_mode)

    def _create(self, *, exists: bool) -> None:
        while self._file is None:
            self._temporary = self._sibling()
            try:
                # What replaces a file has its mode in the end, and until then that of the most private one.
                self._file = io.FileIO(self._temporary, "xb", opener=_open_private if exists else None)
            except FileExistsError:
                self._temporary = None  # someone else's
            except OSError as error:
                if exists and error.errno in _NOT_REPLACEABLE:
                    raise self._cannot_replace(error) from error
                raise OSError(error.errno, error.strerror, self.location) from error

    def _require_links(self) -> None:
        assert self._temporary is not None
        self._probe = self._sibling()
        try:
            os.link(self._temporary, self._probe)
        except OSError as error:
            raise AtomicReplaceError(
                error.errno,
                f"overwrite=False needs hard links, which do not work here ({error.strerror}); "
                "atomic=False creates the file under its name at once",
                self.location,
            ) from error
        self._remove(self._probe)

    def _remove_first_name(self) -> None:
        assert self._temporary is not None
        try:
            self._remove(self._temporary)
        except TargetError as error:
            raise InPlaceError(
                error.errno, f"the new file is in place and complete, but {error.strerror}", self.location
            ) from error.__cause__
        self._temporary = None

    def _publish(self) -> None:
        assert self._temporary is not None
        try:
            if self._overwrite:
                os.replace(self._temporary, self._target)
                self._temporary = None
            else:
                os.link(self._temporary, self._target)
        except OSError as error:
            if error.errno in _NOT_REPLACEABLE:
                raise self._cannot_replace(error) from error
            raise OSError(error.errno, error.strerror, self.location) from error

    def _cannot_replace(self, error: OSError) -> AtomicReplaceError:
        return AtomicReplaceError(
            error.errno,
            f"the file cannot be replaced in one step ({error.strerror}); atomic=False writes it in place",
            self.location,
        )

    def _sibling(self) -> str:
        # folder watchers import what ends in .dcm
        return os.path.join(os.path.dirname(self._target), f".{os.urandom(6).hex()}.partial")


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
            self._identity = os.fstat(self._created.fileno())
        try:
            if self._created is not None:
                self._remove_created()
                self._created = None
        finally:
            with suppress(OSError):
                self._file.close()

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
            os.fsync(file.fileno())

    def commit(self) -> None:
        """Close it."""
        self.prepare()
        self._opened().close()

    def abort(self) -> None:
        """Close it; what was written cannot be taken back."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()


def _open_existing(path: str, flags: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CLOEXEC)


def _links(path: str) -> Iterator[str]:
    """Yield `path`, then what it links to, step by step; a directory in it may be a link itself."""
    for _ in range(_MOST_LINKS):
        yield path
        if not os.path.islink(path):
            return
        path = os.path.join(os.path.dirname(path), os.readlink(path))


def _status(path: str, *, follow: bool = False) -> os.stat_result | None:
    try:
        return os.stat(path, follow_symlinks=follow)
    except FileNotFoundError:
        return None


def _is_file_or_directory(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)


def _own_descriptor(steps: list[str]) -> int | None:
    """Return N if one of `steps` is ``/dev/fd/N`` of this process."""
    for step in steps:
        directory, name = os.path.split(step)
        if name.isdecimal() and os.path.realpath(directory) in map(os.path.realpath, _OWN_DESCRIPTORS):
            return int(name)
    return None


class _Directory:
    """A directory that is open as long as somebody has use for it: many files that are complete may wait for it."""

    def __init__(self, path: str) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        finalize(self, os.close, self.descriptor)


_directories: WeakValueDictionary[tuple[int, int], _Directory] = WeakValueDictionary()


def _open_directory(path: str) -> _Directory:
    status = os.stat(path)
    key = status.st_dev, status.st_ino
    found = _directories.get(key)
    if found is None:
        found = _directories[key] = _Directory(path)
    return found
