"""A plugin of pytest: has streamdcm find Windows or macOS where it is Linux, as far as a process can pretend that.

``STREAMDCM_TESTS_SYSTEM=windows pytest -p tests.support.other_system``. The modules of streamdcm, and they alone, get
another `os`, `sys`, `io`, `socket`, `selectors` and `open`. They lack what those systems lack, join paths as those do,
compare names without regard to case, and on Windows translate line ends where ``O_BINARY`` is missing, open no
directory, and neither remove nor replace a file that is open. All else is Linux: no file system of those systems, no
library of theirs and no program is there.
"""

import builtins
import errno
import fcntl
import importlib.abc
import importlib.machinery
import io
import ntpath
import os
import re
import selectors
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

SYSTEM = os.environ.get("STREAMDCM_TESTS_SYSTEM", "windows")

_BOTH = "copy_file_range O_TMPFILE sched_getaffinity posix_fadvise posix_fallocate fdatasync memfd_create splice"
_ON_WINDOWS = (
    "pread preadv pwrite pwritev readv writev sendfile fchmod fchown link register_at_fork fork sysconf getuid geteuid "
    "getgid killpg mkfifo O_CLOEXEC O_DIRECTORY O_NOFOLLOW O_NONBLOCK O_SYNC O_DSYNC"
)
_BINARY = 1 << 30
_text: set[int] = set()
"""Descriptors on which line ends are translated."""

_open_file = io.FileIO


def here(path: Any) -> Any:
    """Return where Linux has what one of the other systems would find at `path`."""
    if isinstance(path, (int, type(None))):
        return path
    text = os.fsdecode(path)
    if SYSTEM == "windows":
        text = ntpath.splitdrive(text)[1].replace("\\", "/")
    if SYSTEM == "macos" and text.startswith("/proc/"):
        return "/nothing" + text
    if not text or os.path.lexists(text):
        return text
    parent, name = os.path.split(text)
    if parent and parent != text:
        parent = here(parent)
        if os.path.isdir(parent):
            name = next((other for other in os.listdir(parent) if other.casefold() == name.casefold()), name)
    return os.path.join(parent, name)


class Other(ModuleType):
    """A module in which some names are others, and some are missing."""

    def __init__(self, real: Any, missing: Sequence[str] = (), **others: Any) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(_real=real, _missing=frozenset(missing), **others)

    def __getattr__(self, name: str) -> Any:
        if name in self._missing:
            raise AttributeError(f"{SYSTEM} has no {self.__name__}.{name}")
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)


class FileIO(_open_file):
    """A file, found as the other system finds it, and never with line ends translated."""

    def __init__(self, file: Any, mode: str = "r", closefd: bool = True, opener: Any = None) -> None:
        super().__init__(here(file), mode, closefd, opener)
        _text.discard(self.fileno())


def _open(path: Any, flags: int, mode: int = 0o777) -> int:
    path = here(path)
    if SYSTEM == "macos":
        return os.open(path, flags, mode)
    if os.path.isdir(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    descriptor = os.open(path, (flags & ~_BINARY) | os.O_CLOEXEC, mode)
    (_text.discard if flags & _BINARY else _text.add)(descriptor)
    return descriptor


def _read(descriptor: int, size: int) -> bytes:
    data = os.read(descriptor, size)
    return data.replace(b"\r\n", b"\n") if descriptor in _text else data


def _write(descriptor: int, data: Any) -> int:
    if descriptor not in _text:
        return os.write(descriptor, data)
    os.write(descriptor, bytes(data).replace(b"\n", b"\r\n"))
    return len(data)


def _closed(*paths: Any) -> list[str]:
    """Refuse what a process has open."""
    found = [here(path) for path in paths]
    if SYSTEM == "windows":
        mine = {Path(os.path.realpath(path)) for path in found}
        for descriptor in os.listdir("/proc/self/fd"):
            try:
                is_open = Path(os.readlink(f"/proc/self/fd/{descriptor}")) in mine
            except OSError:
                continue
            if is_open:
                raise PermissionError(errno.EACCES, "The process cannot access the file", str(paths[0]))
    return found


def _rename(path: Any, name: Any) -> None:
    source, target = _closed(path, name)
    if SYSTEM == "windows" and os.path.lexists(target) and source != target:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(name))
    os.rename(source, target)


def _send_file(target: int, source: int, offset: int, length: int) -> int:
    try:
        socket.socket(fileno=os.dup(target)).close()
    except OSError:
        raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK)) from None
    return os.sendfile(target, source, offset, length)


def _by_path(function: Any) -> Any:
    return lambda path, *others, **named: function(here(path), *others, **named)


_FOUND = "exists lexists isdir isfile islink getsize getmtime"
_path: Any = Other(
    ntpath if SYSTEM == "windows" else os.path,
    **{name: _by_path(getattr(os.path, name)) for name in _FOUND.split()},
    realpath=lambda path, **named: _turned(os.path.realpath(here(path), **named)),
    samefile=lambda one, other: os.path.samefile(here(one), here(other)),
    samestat=os.path.samestat,
)


def _turned(path: str) -> str:
    return path.replace("/", "\\") if SYSTEM == "windows" else path


def _access(path: Any, mode: int, **_: Any) -> bool:
    return os.access(here(path), mode)


_BY_PATH = ["stat", "lstat", "chmod", "mkdir", "makedirs", "scandir", "listdir", "rmdir"]
_names: dict[str, Any] = {
    **{
        name: _by_path(getattr(os, name))
        for name in ["stat", "lstat", "chmod", "mkdir", "makedirs", "scandir", "listdir", "rmdir"]
    },
    "access": _access,
    "open": _open,
    "path": _path,
    "rename": _rename,
    "replace": lambda path, name: os.replace(*_closed(path, name)),
    "unlink": lambda path: os.unlink(_closed(path)[0]),
    "remove": lambda path: os.unlink(_closed(path)[0]),
    "readlink": _by_path(os.readlink),
    "link": lambda path, name, **named: os.link(here(path), here(name), **named),
    "supports_effective_ids": set(),
}
if SYSTEM == "windows":
    _names |= {"name": "nt", "sep": "\\", "altsep": "/", "O_BINARY": _BINARY, "read": _read, "write": _write}
    del _names["link"]
    _missing = [*_BOTH.split(), *_ON_WINDOWS.split()]
else:
    _names |= {"sendfile": _send_file}
    _missing = _BOTH.split()


def _locking(descriptor: int, how: int, size: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_modules: dict[str, Any] = {
    "os": Other(os, _missing, **_names),
    "sys": Other(sys, platform="win32" if SYSTEM == "windows" else "darwin"),
    "selectors": Other(selectors, ["PollSelector", "EpollSelector"], DefaultSelector=selectors.SelectSelector),
    "socket": Other(socket, ["MSG_DONTWAIT", "TCP_QUICKACK"] if SYSTEM == "windows" else ["TCP_QUICKACK"]),
}
if SYSTEM == "windows":
    _modules |= {"fcntl": None, "resource": None, "msvcrt": SimpleNamespace(LK_NBLCK=2, locking=_locking)}


def _import(name: str, *arguments: Any) -> Any:
    if name not in _modules:
        return builtins.__import__(name, *arguments)
    found = _modules[name]
    if found is None:
        raise ModuleNotFoundError(f"{SYSTEM} has no {name}", name=name)
    return found


def _open_text(file: Any, *others: Any, **named: Any) -> Any:
    return open(here(file), *others, **named)


_builtins = {
    **vars(builtins),
    "__import__": _import,
    "open": _open_text,
}


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of streamdcm."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name.partition(".")[0] != "streamdcm":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path or [str(Path(__file__).parents[2])])
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads them with other built-in functions."""

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = _builtins
        super().exec_module(module)


assert not any(name.partition(".")[0] == "streamdcm" for name in sys.modules), "streamdcm was imported before"
io.FileIO = FileIO  # type: ignore[misc]
sys.meta_path.insert(0, _Finder())


_LINUX = "|".join(
    (
        "an_interrupt_anywhere",  # each opcode, which is of Linux's way and takes long
        "the_name_of_the_new_one_is_hidden.unnamed",
        "durable_reaches_the_disk_before_the_name_does.unnamed",
        "what_cannot_be_removed_after_an_error_has_no_name",  # O_TMPFILE
        "whichever_works_on_the_pair|plain_file_takes_ranges_at_its|a_full_disk_is_an_error_and_not|"
        "ranges_of_files_go_to_a_descriptor",  # copy_file_range
        "a_socket_takes_ranges",  # sendfile
        "proc/|a_descriptor_of_a_pipe_is_written|a_write_after_the_end_does_not_reach",
    )
)
_POSIX = "|".join(
    (
        _LINUX,
        "who_reads_the_old_file_goes_on|the_error_of_cleaning_up_is_a_note|a_first_name_that_stays",  # open files go
        "durable_reaches_the_disk_before|what_the_disk_does_not_confirm|durable_needs_a_directory",  # no directories
        "without_hard_links|hard_link",
        "append_mode_is_found_out_from_the_descriptor|a_descriptor_in_append_mode",  # fcntl
        "in_its_place|fields_of_paths|at_the_top_has|values_before_and_after|no_value_leads|a_manifest_names",  # names
        "fifo|symlink|symbolic|_mode_|umask|permission|device|dev/",
    )
)


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Leave out what is said of Linux, or on Windows of POSIX, alone."""
    said_of_another = re.compile(_POSIX if SYSTEM == "windows" else _LINUX)
    out = [item for item in items if said_of_another.search(item.nodeid)]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in set(out)]
