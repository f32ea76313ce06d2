"""Runs a command, and turns errors into messages and exit statuses."""

from __future__ import annotations

import argparse
import signal
import sys

from pydicom.errors import InvalidDicomError

from streamdcm.cli.discretion import described, discreet_warnings
from streamdcm.cli.signals import Terminated, terminable
from streamdcm.errors import StreamdcmError
from streamdcm.sinks import printable, printable_text


def run(given: argparse.Namespace) -> int:
    """Run the command that the arguments name, and return the exit status."""
    try:
        with terminable(), discreet_warnings():
            given.run(given)
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads any more; leave without a second complaint
        return 1
    except InvalidDicomError:
        return _fail(f"{printable(given.source)} is not a DICOM file, or lacks the DICM prefix (then --force reads it)")
    except (StreamdcmError, OSError) as error:
        return _fail("\n".join([str(error), *getattr(error, "__notes__", ())]))
    except Terminated:
        _fail("terminated; nothing is left half-written")
        return 128 + signal.SIGTERM
    except KeyboardInterrupt:
        _fail("interrupted; nothing is left half-written")
        return 128 + signal.SIGINT
    except Exception as error:
        return _fail(described(error))
    return 0


def _fail(message: str) -> int:
    print(f"streamdcm: {printable_text(message)}", file=sys.stderr)
    return 1
