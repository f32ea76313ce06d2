"""Journals that are none, are damaged, or have no more space: what is said, and that nothing of others is touched."""

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from streamdcm.batch import JournalError, status
from streamdcm.batch.journal import Journal, JournalCopy
from streamdcm.batch.listing import Found
from tests.support.mounts import NotMountedError, mounted_at

MANY = [Found(f"/{number}/{'x' * 200}", "x") for number in range(1000)]


def used(path: Path, kind: type[Journal] = Journal) -> None:
    with kind(path, "a plan") as journal:
        journal.add(MANY)


def rehearsed(path: Path) -> None:
    used(path, JournalCopy)


def of_others(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
    return path


FOREIGN = [
    ("CREATE TABLE bookmarks (url)", "INSERT INTO bookmarks VALUES ('x')"),
    ("CREATE TABLE plan (name, price)",),
    ("CREATE TABLE instances (id INTEGER PRIMARY KEY, host)",),
]


@pytest.mark.parametrize("use", [used, rehearsed])
@pytest.mark.parametrize("statements", FOREIGN, ids=lambda statements: statements[0])
def test_a_database_of_another_program_is_left_alone(
    use: Callable[[Path], None], statements: tuple[str, ...], tmp_path: Path
) -> None:
    path = of_others(tmp_path / "places.sqlite", *statements)
    before = hashlib.sha256(path.read_bytes()).digest()
    with pytest.raises(JournalError, match="is a database of another program, or the journal of another version"):
        use(path)
    with pytest.raises(JournalError, match="cannot be read or written"):
        status(path)
    assert hashlib.sha256(path.read_bytes()).digest() == before


@pytest.mark.parametrize("use", [used, rehearsed, status])
def test_a_damaged_journal_is_called_that(use: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    used(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + bytes(byte ^ 0x5A for byte in whole[4096:]))
    with pytest.raises(JournalError, match="it is damaged; begin another one"):
        use(path)


def test_a_journal_that_was_cut_off_while_it_was_made_is_completed(tmp_path: Path) -> None:
    path = of_others(tmp_path / "run.sqlite", "CREATE TABLE plan (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    used(path)
    assert status(path).pending == len(MANY)


@pytest.mark.parametrize("space", ["4k", "200k"])
def test_a_full_disk_says_how_to_go_on(space: str, tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    try:
        with (
            mounted_at(folder, "-t", "tmpfs", "-o", f"size={space}", "none"),
            pytest.raises(JournalError, match=r"run.sqlite cannot be read or written .*; make space, and run the"),
        ):
            used(folder / "run.sqlite")
    except NotMountedError as error:
        pytest.skip(str(error))


def test_an_error_of_sqlite_during_a_run_is_one_of_the_journal(tmp_path: Path) -> None:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorname = "SQLITE_BUSY"
    with (
        pytest.raises(JournalError, match="another program has locked it"),
        Journal(tmp_path / "run.sqlite", "a plan") as journal,
    ):
        journal.add(MANY)
        raise error
    assert status(tmp_path / "run.sqlite").pending == len(MANY)
