"""Files by their path: which of the ways to write one suits what is there now."""

import os
import stat
from collections.abc import Iterator

from streamdcm.sinks.output import Output
from streamdcm.sinks.path_atomic import AtomicOutput
from streamdcm.sinks.path_capture import CaptureOutput
from streamdcm.sinks.path_in_place import InPlaceOutput, SpecialOutput

_MOST_LINKS = 40  # as many symbolic links as Linux follows
_OWN_DESCRIPTORS = ("/dev/fd", "/proc/self/fd", "/proc/thread-self/fd")


def path_output(path: str, *, overwrite: bool, atomic: bool, durable: bool, seekable: bool | None) -> Output:
    """Choose how to write the file at `path`, by what is there now."""
    absolute = path if os.path.isabs(path) or not path else os.path.join(os.getcwd(), path)
    status, target = _status(path), absolute
    if status is not None and not stat.S_ISREG(status.st_mode):
        steps = list(_links(absolute))
        own = _own_descriptor(steps)
        status, target = _status(path, follow=True), steps[-1]
        if own is not None or (status is not None and not _is_file_or_directory(status)):
            return SpecialOutput(path, absolute, own, overwrite=overwrite, durable=durable, seekable=seekable)
    kind = AtomicOutput if atomic else InPlaceOutput
    return kind(path, absolute, target, status, overwrite=overwrite, durable=durable, seekable=seekable)


def capture_output(path: str, *, overwrite: bool, durable: bool) -> CaptureOutput | None:
    """Return the output of a file that is captured; `None` where no file can be."""
    absolute = path if os.path.isabs(path) or not path else os.path.join(os.getcwd(), path)
    status, target = _status(path), absolute
    if status is not None and not stat.S_ISREG(status.st_mode):
        target = list(_links(absolute))[-1]
        status = _status(path, follow=True)
    if status is not None and not _is_file_or_directory(status):
        return None
    return CaptureOutput(path, absolute, target, status, overwrite=overwrite, durable=durable, seekable=True)


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
