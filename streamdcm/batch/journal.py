"""What became of each instance of a batch, in a SQLite file that the coordinator alone writes."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeAlias

from streamdcm import system
from streamdcm.batch.journal_reading import State, counts_of, reading, told_of_journal
from streamdcm.batch.kept_names import kept_name
from streamdcm.batch.listing import Found
from streamdcm.cleanup import noted
from streamdcm.errors import JournalError

BLOCK: Final = 10_000
"""How many sources are taken into the journal at a time."""

_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "lustre", "glusterfs"}
)

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS plan (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS instances (
    id INTEGER PRIMARY KEY,
    source BLOB NOT NULL UNIQUE,
    wanted BLOB,
    state INTEGER NOT NULL DEFAULT 0,
    target BLOB UNIQUE,
    stamp TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    run INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS warned ON instances (id) WHERE state = 1 AND error IS NOT NULL;
"""


_Row: TypeAlias = tuple[int, bytes, str | None, int, bytes | None, int]
"""What a query for `Entry` gives."""


_STATES: Final = tuple(State)
"""Each at its number: to look one up there takes a third of the time."""


class Entry(NamedTuple):
    """An instance in the journal.

    Attributes
    ----------
    number : int
        Its number.
    found : Found
        The source, as it was listed; but its `stamp` is the one that the journal has.
    state : State
        What became of it.
    target : str or None
        The target that it has claimed, normalised, and as the journal keeps it (`kept_name`).
    attempts : int
        How often it was tried.
    listed : str or None
        The stamp that its source has now, where the listing gave it.
    """

    number: int
    found: Found
    state: State
    target: str | None
    attempts: int
    listed: str | None


class Journal:
    """The journal of a batch, claimed for one run.

    Parameters
    ----------
    path : str or PathLike
        The file; made with mode 0600 if it is not there.
    plan : str
        What is done, as JSON without secrets; another one in the journal is an error.

    Raises
    ------
    JournalError
        If another run holds it, it has another plan, is no journal, or is on a network file system.
    """

    def __init__(self, path: str | os.PathLike[str], plan: str) -> None:
        self.path: Final = Path(path)
        self._plan = plan

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack, told_of_journal(self.path):
            self._database = stack.enter_context(contextlib.closing(self._open(stack)))
            self._check_plan()
            self._closing = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with told_of_journal(self.path):
            with noted(error, "the journal may not know all that was done"), self._closing:
                self._database.commit()
            if isinstance(error, sqlite3.Error):
                raise error

    def _open(self, stack: contextlib.ExitStack) -> sqlite3.Connection:
        _refuse_network(self.path)
        self._claim(stack)
        return _opened(self.path)

    def _claim(self, stack: contextlib.ExitStack) -> None:
        try:
            lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | system.BINARY, 0o600)
        except OSError as error:
            raise JournalError(
                f"the journal {self.path} cannot be made ({error.strerror}); name another place"
            ) from error
        stack.callback(os.close, lock)
        if not system.claim(lock):
            raise JournalError(f"another run holds the journal {self.path}; wait for its end, or name another")

    def _check_plan(self) -> None:
        with self._database:
            self._database.executescript(_TABLES)
            self._database.execute("INSERT OR IGNORE INTO plan VALUES ('plan', ?)", (self._plan,))
        (found,) = self._database.execute("SELECT value FROM plan WHERE key = 'plan'").fetchone()
        if found != self._plan:
            raise JournalError(
                f"the journal {self.path} is that of another plan{_difference(found, self._plan)}; name another, or "
                "give the same plan again"
            )
        with self._database:
            self._database.execute(
                "INSERT INTO plan VALUES ('run', 1) ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + 1"
            )
        (run,) = self._database.execute("SELECT value FROM plan WHERE key = 'run'").fetchone()
        self._run = int(run)

    def add(self, block: Sequence[Found]) -> list[Entry]:
        """Take sources into the journal, and return what it knows of them.

        A source that is the target of another one is left out: the batch itself has written it.
        """
        (last,) = self._database.execute("SELECT COALESCE(MAX(id), 0) FROM instances").fetchone()
        with self._database:
            self._database.executemany(
                "INSERT OR IGNORE INTO instances (source, wanted, run) SELECT :source, :wanted, :run "
                "WHERE NOT EXISTS (SELECT 1 FROM instances WHERE target = :source AND source != :source)",
                [{"source": _bytes(found.source), "wanted": _bytes(found.target), "run": self._run} for found in block],
            )
        added = self._database.execute(f"{_ENTRIES} WHERE id > ?", (last,))
        new = {row[1]: row for row in added}
        entries = [self._first_time(found, new.pop(_bytes(found.source), None)) for found in block]
        return [entry for entry in entries if entry is not None]

    def _first_time(self, found: Found, new: _Row | None) -> Entry | None:
        """Return what is known of a source, but only the first time that this run finds it."""
        if new is not None:
            return _entry(new, found)
        row = self._database.execute(
            f"{_ENTRIES} WHERE source = ? AND run != ?", (_bytes(found.source), self._run)
        ).fetchone()
        if row is None:
            return None
        self._database.execute(
            "UPDATE instances SET run = ?, wanted = ? WHERE id = ?", (self._run, _bytes(found.target), row[0])
        )
        return _entry(row, found)

    def owner(self, number: int, target: str) -> str | None:
        """Return the source of another instance that has claimed a target."""
        row = self._database.execute("SELECT id, source FROM instances WHERE target = ?", (_bytes(target),)).fetchone()
        return None if row is None or row[0] == number else os.fsdecode(row[1])

    def claim(self, number: int, target: str, stamp: str | None) -> bool:
        """Claim a target, and keep the source's stamp before anything is written; tell whether nobody else has it."""
        claimed = self._database.execute(
            "UPDATE OR IGNORE instances SET target = ?, stamp = ? WHERE id = ?", (_bytes(target), stamp, number)
        )
        return claimed.rowcount == 1

    def done(self, number: int, stamp: str | None, warning: str | None = None) -> None:
        """Note that an instance is done, what its source was then, and what a server warned of."""
        self._database.execute(
            "UPDATE instances SET state = ?, stamp = ?, attempts = attempts + 1, error = ? WHERE id = ?",
            (State.DONE, stamp, warning, number),
        )

    def failed(self, number: int, error: str) -> None:
        """Note that an instance failed, and why."""
        self._database.execute(
            "UPDATE instances SET state = ?, attempts = attempts + 1, error = ? WHERE id = ?",
            (State.FAILED, error, number),
        )

    def skipped(self, number: int, stamp: str | None) -> None:
        """Note that a source is no DICOM file and was left out, and what it was then; its target is free again."""
        self._database.execute(
            "UPDATE instances SET state = ?, stamp = ?, target = NULL, attempts = attempts + 1, error = NULL "
            "WHERE id = ?",
            (State.SKIPPED, stamp, number),
        )

    def tried(self, number: int) -> None:
        """Note that an instance was tried in vain, and is tried again."""
        self._database.execute("UPDATE instances SET attempts = attempts + 1 WHERE id = ?", (number,))

    def again(self, number: int) -> None:
        """Note that an instance has to be done, whatever became of it before."""
        self._database.execute(
            "UPDATE instances SET state = ?, attempts = 0, error = NULL WHERE id = ?", (State.PENDING, number)
        )

    def commit(self) -> None:
        """Keep what was noted."""
        self._database.commit()

    def counts(self) -> dict[State, int]:
        """Return how many instances there are in each state."""
        return counts_of(self._database)


class JournalCopy(Journal):
    """A copy of a journal, for a run of which nothing is to be left; the journal need not be there."""

    def _open(self, stack: contextlib.ExitStack) -> sqlite3.Connection:
        return _copied(self.path)


_ENTRIES: Final = "SELECT id, source, stamp, state, target, attempts FROM instances"


def _entry(row: _Row, listed: Found) -> Entry:
    number, _, stamp, state, target, attempts = row
    return Entry(number, listed._replace(stamp=stamp), _STATES[state], _text(target), attempts, listed.stamp)


def _text(name: bytes | None) -> str | None:
    return None if name is None else os.fsdecode(name)


def _bytes(name: str | None) -> bytes | None:
    return None if name is None else os.fsencode(kept_name(name))


def _opened(path: Path) -> sqlite3.Connection:
    """Open a database, which is made with mode 0600."""
    with contextlib.ExitStack() as stack:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | system.BINARY, 0o600))
        except OSError as error:
            raise JournalError(f"{path} cannot be opened as a journal ({error.strerror}); name another file") from error
        database = stack.enter_context(contextlib.closing(sqlite3.connect(path)))
        _refuse_foreign(database, path)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        stack.pop_all()
    return database


def _refuse_foreign(database: sqlite3.Connection, path: Path) -> None:
    """Refuse a database that has other tables than a journal, before anything is written to it."""
    with contextlib.closing(sqlite3.connect(":memory:")) as empty:
        empty.executescript(_TABLES)
        ours = _columns(empty)
    if any(columns != ours.get(table) for table, columns in _columns(database).items()):
        raise JournalError(
            f"{path} is a database of another program, or the journal of another version of streamdcm; name another"
        )


def _columns(database: sqlite3.Connection) -> dict[str, list[str]]:
    """Return the names of the columns of each table."""
    rows = database.execute(
        "SELECT tables.name, columns.name FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns "
        "WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite%' ORDER BY columns.cid"
    )
    found: dict[str, list[str]] = {}
    for table, column in rows:
        found.setdefault(table, []).append(column)
    return found


def _copied(path: Path) -> sqlite3.Connection:
    """Return a copy of a database in a file that SQLite removes at the end; an empty one if there is none."""
    with contextlib.ExitStack() as stack:
        copy = stack.enter_context(contextlib.closing(sqlite3.connect("")))
        if path.is_file():
            with reading(path) as journal:
                journal.backup(copy)
            _refuse_foreign(copy, path)
        stack.pop_all()
    return copy


def _difference(found: str, plan: str) -> str:
    """Say in which of their parts two plans differ, without quoting them."""
    try:
        theirs, ours = dict(json.loads(found)), dict(json.loads(plan))
    except (ValueError, TypeError):  # nobody here wrote it
        return ""
    names = [name for name in ours if ours[name] != theirs.get(name)]
    return f", with other {', '.join(names)}" if names else ""


def _refuse_network(path: Path) -> None:
    place = os.path.realpath(path.parent)
    with contextlib.suppress(OSError), open("/proc/self/mounts", encoding="utf-8", errors="replace") as mounts:
        fields = [line.split(" ") for line in mounts]
        around = [entry for entry in fields if place == entry[1] or place.startswith(entry[1].rstrip("/") + "/")]
        kind = max(around, key=lambda entry: len(entry[1]), default=["", "", ""])[2]
        if kind in _NETWORK:
            raise JournalError(
                f"{path} is on a network file system ({kind}), where its locks do not hold; name a local file"
            )
