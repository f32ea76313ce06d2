"""Runs a command, and turns errors into messages and exit statuses."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from typing import Final

from pydicom.errors import InvalidDicomError

from streamdcm.cli.discretion import described, discreet_warnings
from streamdcm.cli.signals import Terminated, terminable
from streamdcm.errors import StreamdcmError
from streamdcm.errors.system import told
from streamdcm.sinks import printable, printable_text

_OPTION = re.compile(r"\b([a-z]+(?:_[a-z]+)*)=(True|False|'[^']*'|\"[^\"]*\"|\d+)?")

_SPELLED: Final = {"codec_options": "--codec-option", "target": "--to"}
"""Options that have other names at a shell."""


def run(given: argparse.Namespace) -> int:
    """Run the command that the arguments name, and return the exit status."""
    try:
        with terminable(), discreet_warnings():
            given.run(given)
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads any more; leave without a second complaint
        return 1
    except InvalidDicomError as error:
        if "source" not in given:
            return _fail(as_options(told(error), given))
        return _fail(f"{printable(given.source)} is not a DICOM file, or lacks the DICM prefix (then --force reads it)")
    except (StreamdcmError, OSError) as error:
        said = "\n".join([told(error), *getattr(error, "__notes__", ())])
        return _fail(as_options(said, given))
    except Terminated:
        _fail(f"terminated; nothing is left half-written{_going_on(given)}")
        return 128 + signal.SIGTERM
    except KeyboardInterrupt:
        _fail(f"interrupted; nothing is left half-written{_going_on(given)}")
        return 128 + signal.SIGINT
    except Exception as error:
        return _fail(described(error))
    return 0


def as_options(said: str, given: argparse.Namespace) -> str:
    """Return what is said with options as they are written at a shell: ``overwrite=True`` is ``--overwrite``."""

    def option(found: re.Match[str]) -> str:
        name, value = found.groups()
        if name not in vars(given):
            return found[0]
        spelled = _SPELLED.get(name, f"--{name.replace('_', '-')}")
        if value in ("False", "True"):
            return spelled if value == "True" else f"--no-{name.replace('_', '-')}"
        return f"{spelled} {value}" if value else spelled

    return _OPTION.sub(option, said)


def _going_on(given: argparse.Namespace) -> str:
    """Return how what was stopped goes on, where that is kept."""
    return "; give the same command again to go on" if getattr(given, "journal", None) else ""


def _fail(message: str) -> int:
    name = "\x1b[31mstreamdcm\x1b[0m" if _has_colors() else "streamdcm"
    print(f"{name}: {printable_text(message)}", file=sys.stderr)
    return 1


def _has_colors() -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (sys.stderr.isatty() and os.environ.get("TERM") != "dumb")
