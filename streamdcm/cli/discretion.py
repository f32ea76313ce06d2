"""What other libraries say, without the values and the secrets that their texts may quote."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

_OURS: Final = Path(__file__).parents[1]


@contextmanager
def discreet_warnings() -> Iterator[None]:
    """Show the text of our own warnings alone in the block; of others, where they come from."""
    with warnings.catch_warnings():
        warnings.showwarning = _show
        yield


def _show(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if _OURS in Path(filename).parents:
        text = str(message)
    else:
        text = (
            f"{category.__name__} of {'/'.join(Path(filename).parts[-2:])}, line {lineno}; its text may quote a value"
        )
    print(f"streamdcm: warning: {text}", file=sys.stderr)


def described(error: Exception) -> str:
    """Return what is said of an error that nobody expected: where it comes from, and not its text, which may quote."""
    place = "".join(traceback.format_tb(error.__traceback__))
    return f"an unexpected {type(error).__name__}, whose text may quote a value; please report its place:\n{place}"
