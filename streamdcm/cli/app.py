"""``streamdcm``: finds the command and turns errors into messages and exit statuses."""

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import NoReturn

from pydicom.errors import InvalidDicomError

from streamdcm.cli import batch, codecs, copy, demo, uploads
from streamdcm.cli.discretion import described, discreet_warnings
from streamdcm.cli.signals import Terminated, terminable
from streamdcm.errors import StreamdcmError
from streamdcm.sinks import printable, printable_text


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the name of the program.

    Returns
    -------
    int
        0 if all went well, 1 if not, 130 after Ctrl-C, 143 after SIGTERM; wrong arguments exit with 2.
    """
    parser: argparse.ArgumentParser = _Parser(prog="streamdcm", description="The streaming DICOM writer.")
    parser.add_argument("--version", action="version", version=f"streamdcm {version('streamdcm')}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    copy.add_command(commands)
    batch.add_command(commands)
    uploads.add_command(commands)
    codecs.add_command(commands)
    demo.add_command(commands)
    given = parser.parse_args(arguments)
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


class _Parser(argparse.ArgumentParser):
    """Says of wrong arguments nothing that is secret."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and exit."""
        super().error(printable_text(message))


def _fail(message: str) -> int:
    print(f"streamdcm: {printable_text(message)}", file=sys.stderr)
    return 1
