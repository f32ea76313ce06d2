"""Errors of the system are told with their file and what to do."""

import errno

import pytest

from streamdcm.errors import TargetError
from streamdcm.errors.system import told


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(errno.ENOENT, "x", "/nowhere/a"), "/nowhere/a: there is no folder /nowhere; make it, or"),
        (FileNotFoundError(errno.ENOENT, "x", b"/nothing"), "/nothing: there is no such file or folder; correct"),
        (OSError(errno.ENOSPC, "x", "/a"), "/a: no space is left on the device; make some, or name another place"),
        (OSError(errno.EIO, "Input/output error", "/a"), "/a: Input/output error"),
        (TargetError(errno.EIO, "it is gone; look for it", "/a"), "/a: it is gone; look for it"),
        (OSError(errno.ENOSPC, "x"), "no space is left on the device; make some, or name another place"),
        (OSError("of some library"), "of some library"),
        (OSError(errno.EIO, "Input/output error", 3), "[Errno 5] Input/output error: 3"),
        (ValueError("other"), "other"),
    ],
    ids=str,
)
def test_errors_of_the_system_are_told_with_their_file_and_what_to_do(error: Exception, said: str) -> None:
    assert told(error).startswith(said)
