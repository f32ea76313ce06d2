"""The system calls by which paths are written, each of which can be made to fail, by wrapping `os`."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final
from unittest.mock import patch

from streamdcm.sinks import path_atomic, path_in_place

CALLS: Final = (
    *("open", "close", "dup", "fstat", "stat", "lstat", "write", "writev", "pwrite", "pread", "lseek", "link"),
    *("unlink", "replace", "rename", "fsync", "fchmod", "copy_file_range", "sendfile", "access"),
)
"""The functions of `os` that make them."""

Before = Callable[[str, int], None]
"""Called with the name of a system call and its number from 1; raises what the call is to fail with."""


@contextmanager
def each_call(before: Before) -> Iterator[None]:
    """Have something called before each system call by which a file is opened, written, named or removed."""
    count = 0

    def called(name: str) -> None:
        nonlocal count
        count += 1
        before(name, count)

    def wrapped(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            if name == "close":  # the descriptor is gone when it fails
                function(*given, **named)
                called(name)
                return None
            called(name)
            return function(*given, **named)

        return call

    class File(io.FileIO):
        """A file whose closing is one of the system calls; the descriptor is gone when it fails."""

        def close(self) -> None:
            was_open = not self.closed
            super().close()
            if was_open:
                called("close of a file")

    with ExitStack() as stack:
        opened = wrapped("open", os.open)
        for name in CALLS:
            if hasattr(os, name):
                stack.enter_context(patch.object(os, name, wrapped(name, getattr(os, name))))
        stack.enter_context(patch.object(path_atomic, "_open_private", partial(opened, mode=0o600)))
        for module in (path_atomic, path_in_place):
            stack.enter_context(patch.object(module, "io", _Io(File)))
        yield


class _Io:
    """The module `io` with another class of files."""

    def __init__(self, kind: type[io.FileIO]) -> None:
        self.FileIO = kind

    def __getattr__(self, name: str) -> Any:
        return getattr(io, name)
