"""What a journal says, also while a run writes it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Final, NamedTuple

from streamdcm.errors import JournalError

_REMEDIES: Final = {
    "SQLITE_FULL": "make space, and run the same again: what it says is done is done",
    "SQLITE_IOERR": "look after its disk, and run the same again: what it says is done is done",
    "SQLITE_CORRUPT": "it is damaged; begin another one",
    "SQLITE_READONLY": "allow this user to write it and its folder, or name another file",
    "SQLITE_BUSY": "another program has locked it; wait for that",
}
"""What to do, by the beginnings of the names of SQLite's errors."""


class State(IntEnum):
    """What became of an instance."""

    PENDING = 0
    DONE = 1
    FAILED = 2
    SKIPPED = 3
    """It is no DICOM file, and a run was told to leave such out."""


class Failure(NamedTuple):
    """An instance that failed.

    Attributes
    ----------
    source : str
        Its path or URL.
    target : str or None
        Where it was to go, if that was known.
    error : str
        The class of the exception, and its text.
    attempts : int
        How often it was tried.

    Examples
    --------
    >>> from pathlib import Path
    >>> from streamdcm.batch import Batch
    >>> Path("notes.txt").write_text("no preamble, no DICM")
    20
    >>> report = Batch("notes.txt", "clean/{name}").run(journal="run.sqlite", workers=1)
    >>> for failure in report.failures():
    ...     print(failure.error)
    NotDicomError: ...notes.txt lacks the prefix DICM of a DICOM file (PS3.10 §7.1); ...
    """

    source: str
    target: str | None
    error: str
    attempts: int


class Warned(NamedTuple):
    """An instance that a server has stored with a warning.

    Attributes
    ----------
    source : str
        Its path or URL.
    warning : str
        What the server said, with the status.

    Examples
    --------
    >>> from streamdcm.batch import Batch
    >>> report = Batch("slice.dcm", send="dicom://ORTHANC@pacs.example:4242").run(journal="run.sqlite", workers=1)
    >>> [(warned.source, warned.warning) for warned in report.warnings()]
    []
    """

    source: str
    warning: str


def counts_in(path: str | os.PathLike[str]) -> dict[State, int]:
    """Return how many instances of a journal are in each state; a run may write it meanwhile.

    Raises
    ------
    JournalError
        If there is no journal.
    """
    with reading(path) as database:
        return counts_of(database)


def failures_in(path: str | os.PathLike[str]) -> Iterator[Failure]:
    """Give the instances of a journal that failed, one by one.

    Raises
    ------
    JournalError
        If there is no journal.
    """
    with reading(path) as database:
        rows = database.execute(
            "SELECT source, COALESCE(target, wanted), error, attempts FROM instances WHERE state = ? ORDER BY id",
            (State.FAILED,),
        )
        for source, target, error, attempts in rows:
            yield Failure(os.fsdecode(source), _text(target), error, attempts)


class Outcome(NamedTuple):
    """What became of an instance, as a journal knows it.

    Attributes
    ----------
    source : str
        Its path or URL.
    target : str or None
        Where it was to go, if that is known.
    state : State
        What became of it.
    error : str or None
        Why it failed, or what a server warned of when it was stored.
    """

    source: str
    target: str | None
    state: State
    error: str | None


def outcomes_in(path: str | os.PathLike[str]) -> Iterator[Outcome]:
    """Give all instances of a journal, one by one.

    Raises
    ------
    JournalError
        If there is no journal.
    """
    with reading(path) as database:
        rows = database.execute("SELECT source, COALESCE(target, wanted), state, error FROM instances ORDER BY id")
        for source, target, state, error in rows:
            yield Outcome(os.fsdecode(source), _text(target), State(state), error)


def warnings_in(path: str | os.PathLike[str]) -> Iterator[Warned]:
    """Give the instances of a journal that were stored with a warning, one by one.

    Raises
    ------
    JournalError
        If there is no journal.
    """
    with reading(path) as database:
        rows = database.execute("SELECT source, error FROM instances WHERE state = 1 AND error IS NOT NULL ORDER BY id")
        for source, warning in rows:
            yield Warned(os.fsdecode(source), warning)


def counts_of(database: sqlite3.Connection) -> dict[State, int]:
    """Return how many instances there are in each state."""
    rows = database.execute("SELECT state, COUNT(*) FROM instances GROUP BY state")
    return {**dict.fromkeys(State, 0), **{State(state): count for state, count in rows}}


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[sqlite3.Connection]:
    """Open a journal to read it, for a block.

    Raises
    ------
    JournalError
        If that is not possible, or another statement of the block fails.
    """
    if not os.path.exists(path):
        raise JournalError(f"there is no journal {os.fspath(path)}; name the one that a run was given")
    address = f"{Path(path).absolute().as_uri()}?mode=ro"
    with told_of_journal(path), contextlib.closing(sqlite3.connect(address, uri=True)) as database:
        yield database


@contextlib.contextmanager
def told_of_journal(path: str | os.PathLike[str]) -> Iterator[None]:
    """Raise a `JournalError`, with what to do, where SQLite fails in a block."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        remedy = next((remedy for prefix, remedy in _REMEDIES.items() if name.startswith(prefix)), "name another file")
        raise JournalError(f"the journal {os.fspath(path)} cannot be read or written ({error}); {remedy}") from error


def _text(name: bytes | None) -> str | None:
    return None if name is None else os.fsdecode(name)
