"""Every DICOM file in the pydicom wheel, in every state, is written as `pydicom.dcmwrite` writes it."""

import functools
from pathlib import Path

import pytest

from tests.support.corpus import (
    ALL_ARGUMENTS,
    CORPUS,
    MODIFIED_STATES,
    PLAIN_STATES,
    SOME_ARGUMENTS,
    Arguments,
    is_one_of_many,
    name,
)
from tests.support.oracle import assert_drop_in

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("state", PLAIN_STATES)
@pytest.mark.parametrize("path", CORPUS, ids=name)
def test_a_file_is_written_as_pydicom_writes_it(path: Path, state: str) -> None:
    arguments = SOME_ARGUMENTS if is_one_of_many(path) else ALL_ARGUMENTS
    assert_drop_in(functools.partial(PLAIN_STATES[state], path), *arguments)


@pytest.mark.parametrize("state", MODIFIED_STATES)
@pytest.mark.parametrize("path", CORPUS, ids=name)
def test_a_modified_file_is_written_as_pydicom_writes_it(path: Path, state: str) -> None:
    arguments = SOME_ARGUMENTS[:1] if is_one_of_many(path) else _taking_turns(path, state)
    assert_drop_in(functools.partial(MODIFIED_STATES[state], path), *arguments)


def _taking_turns(path: Path, state: str) -> Arguments:
    """Return three of the argument sets, so that over the corpus each state meets all of them."""
    turn = 3 * CORPUS.index(path) + list(MODIFIED_STATES).index(state)
    return tuple(ALL_ARGUMENTS[(turn + step) % len(ALL_ARGUMENTS)] for step in range(3))


def test_the_corpus_is_the_whole_of_the_wheel() -> None:
    assert len(CORPUS) > 150
    assert sum("DICOMDIR" in path.name for path in CORPUS) >= 8
    assert sum("charset_files" in path.parts for path in CORPUS) >= 17
