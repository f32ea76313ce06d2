"""Files that appear under their name when they are complete, and not before."""

import errno
import io
import os
import stat
import time
from contextlib import suppress
from functools import partial

from streamdcm import system
from streamdcm.cleanup import afterwards
from streamdcm.errors import AtomicReplaceError, InPlaceError, TargetError
from streamdcm.sinks.descriptor import read_descriptor
from streamdcm.sinks.directories import Directory, open_directory
from streamdcm.sinks.hidden_files import hidden_path, try_lock
from streamdcm.sinks.path_common import FileAtPath
from streamdcm.sinks.unnamed_files import flush_errors, give_name, open_unnamed

# Without a function of Python's around it, in which an interrupt could lose the descriptor
_open_private = partial(os.open, mode=0o600)
_NOT_REPLACEABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV}
_TRIES, _PAUSE = 10, 0.1
"""How often, and how many seconds apart, one asks for a name that another program is just looking at (Windows)."""
_FEW = 100
"""As many open files no system is short of: it is not asked how many there may be."""

_devices: dict[int, bool] = {}
"""By the number of the file system: whether files without a name can get one there."""


class AtomicOutput(FileAtPath):
    """A file that takes the place of the target when it is complete, and until then has no name.

    Where there are no files without a name, it is a sibling with a hidden one. What replaces another has that for the
    moment between two system calls.
    """

    _hidden: str | None = None
    _probe: str | None = None
    _protected: Directory | None = None
    _prepared = False
    _committed = False

    def open(self) -> None:
        """Create the file, and find out now what would only fail at the end.

        Raises
        ------
        FileExistsError
            If the target exists and must not be overwritten.
        AtomicReplaceError
            If the target could be written, but not replaced.
        """
        self._refuse_existing()
        mode = self._existing_mode()
        status = self._create_unnamed(exists=mode is not None) or self._create_hidden(exists=mode is not None)
        if mode is not None and mode != stat.S_IMODE(status.st_mode):
            system.set_mode(self.descriptor, self._hidden, mode)

    def read(self, offset: int, size: int) -> bytes:
        """Read back what was written."""
        return read_descriptor(self.descriptor, offset, size)

    def prepare(self) -> None:
        """Complete the file, which lacks nothing but its name then."""
        if self._prepared:
            return
        if self._durable:
            self._to_disk()
        if system.OPEN_FILES_STAY:
            self._opened().close()
        elif not (self._is_one_of_many() and self._close_under_hidden_name()):
            flush_errors(self.descriptor)
        self._prepared = True

    def commit(self) -> None:
        """Put the file under its name; after that, nothing is left to do or undo.

        Raises
        ------
        FileExistsError
            If `overwrite` is off and another process was first.
        AtomicReplaceError
            If the target cannot be replaced.
        InPlaceError
            If the file has its name, and its hidden one cannot be removed.
        NotDurableError
            If the file has its name, and the disk does not confirm that.
        """
        if self._committed:
            return
        self.prepare()
        self._publish()
        self._committed = True
        with afterwards(self._close):
            try:
                self._remove_hidden_name()
            except TargetError as error:
                raise InPlaceError(
                    error.errno, f"the new file is in place and complete, but {error.strerror}", self.location
                ) from error.__cause__
        self._name_to_disk()

    def abort(self) -> None:
        """Remove the file."""
        self._directory = None
        if system.OPEN_FILES_STAY:
            self._close()
        with afterwards(self._remove_probe, self._close):
            self._remove_hidden_name()

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

    def _create_unnamed(self, *, exists: bool) -> os.stat_result | None:
        """Create a file without a name, if it can get one later."""
        # What replaces a file has its mode in the end, and until then that of the most private one.
        self._file = open_unnamed(self._parent, 0o600 if exists else 0o666)
        if self._file is None:
            return None
        status = os.fstat(self._file.fileno())
        if status.st_dev not in _devices:
            _devices[status.st_dev] = self._try_to_name()
        if _devices[status.st_dev]:
            return status
        self._close()
        self._file = None
        return None

    def _try_to_name(self) -> bool:
        """Find out whether a file without a name can get one, by an empty one."""
        file = open_unnamed(self._parent, 0o600)
        if file is None:
            return False
        with file, afterwards(self._remove_hidden_name):
            try:
                self._take_hidden_name(file.fileno())
            except OSError:
                return False
        return True

    def _create_hidden(self, *, exists: bool) -> os.stat_result:
        """Create a file with a hidden name."""
        status = None
        while status is None:
            self._hidden = self._hidden_path()
            try:
                self._file = io.FileIO(self._hidden, "x+b", opener=_open_private if exists else None)
            except FileExistsError:
                self._hidden = None  # someone else's
            except OSError as error:
                if exists and error.errno in _NOT_REPLACEABLE:
                    raise self._cannot_replace(error) from error
                raise OSError(error.errno, error.strerror, self.location) from error
            else:
                status = self._locked_status()
        if not self._overwrite and not system.ON_WINDOWS:
            self._require_links()
        return status

    def _hidden_path(self) -> str:
        return hidden_path(self._parent)

    def _locked_status(self) -> os.stat_result | None:
        """Lock the hidden file, unless somebody who cleans up was faster."""
        if try_lock(self.descriptor) and (status := os.fstat(self.descriptor)).st_nlink:
            return status
        self._remove_hidden_name()
        self._close()
        return None

    def _require_links(self) -> None:
        """Find out whether a file can have two names, as it has for a moment if `overwrite` is off."""
        assert self._hidden is not None
        while self._probe is None:
            self._probe = hidden_path(self._parent)
            try:
                system.link(self._hidden, self._probe)
            except FileExistsError:
                self._probe = None  # someone else's
            except OSError as error:
                raise AtomicReplaceError(
                    error.errno,
                    f"overwrite=False needs hard links, which do not work here ({error.strerror}); "
                    "atomic=False creates the file under its name at once",
                    self.location,
                ) from error
        self._remove_probe()

    def _remove_probe(self) -> None:
        if self._probe is not None:
            self._remove(self._probe)
            self._probe = None

    def _is_one_of_many(self) -> bool:
        """Whether so many files are open that this one, which may have to wait for others, should not be."""
        if self.descriptor < _FEW:
            return False
        most = os.sysconf("SC_OPEN_MAX")
        return 0 <= most // 2 <= self.descriptor

    def _close_under_hidden_name(self) -> bool:
        """Close the file, which keeps a hidden name, if it will not be taken for one that was abandoned."""
        try:
            protected = open_directory(self._parent)
        except OSError:
            return False
        if not protected.protect():
            return False
        self._protected = protected
        if self._hidden is None:
            self._take_hidden_name(self.descriptor)
        self._opened().close()  # NFS and quotas may refuse now what write() took
        return True

    def _publish(self) -> None:
        try:
            if self._overwrite:
                self._replace()
            elif self._hidden is None:
                give_name(self.descriptor, self._target)
            elif system.ON_WINDOWS:
                os.rename(self._hidden, self._target)  # which replaces nothing there
                self._hidden = None
            else:
                system.link(self._hidden, self._target)
        except OSError as error:
            if error.errno in _NOT_REPLACEABLE:
                raise self._cannot_replace(error) from error
            raise OSError(error.errno, error.strerror, self.location) from error

    def _replace(self) -> None:
        if self._hidden is None:
            if self._status is None:
                with suppress(FileExistsError):  # somebody was faster, whose file is replaced then
                    give_name(self.descriptor, self._target)
                    return
            self._take_hidden_name(self.descriptor)
        assert self._hidden is not None
        self._rename_over()
        self._hidden = None

    def _rename_over(self) -> None:
        assert self._hidden is not None
        for left in reversed(range(_TRIES if system.OPEN_FILES_STAY else 1)):
            try:
                os.replace(self._hidden, self._target)
            except PermissionError:
                if not left:
                    raise
                time.sleep(_PAUSE)
            else:
                return

    def _take_hidden_name(self, descriptor: int) -> None:
        try_lock(descriptor)  # nobody else has a file that has no name
        while self._hidden is None:
            self._hidden = hidden_path(self._parent)
            try:
                give_name(descriptor, self._hidden)
            except FileExistsError:
                self._hidden = None  # someone else's

    def _remove_hidden_name(self) -> None:
        if self._hidden is not None:
            self._remove(self._hidden)
            self._hidden = None

    def _close(self) -> None:
        super()._close()
        self._protected = None

    def _cannot_replace(self, error: OSError) -> AtomicReplaceError:
        if system.OPEN_FILES_STAY and isinstance(error, PermissionError):
            return AtomicReplaceError(
                error.errno,
                f"the file cannot be replaced ({error.strerror}): it is open, here or in another program; "
                "close it, or write under another name",
                self.location,
            )
        return AtomicReplaceError(
            error.errno,
            f"the file cannot be replaced in one step ({error.strerror}); atomic=False writes it in place",
            self.location,
        )
