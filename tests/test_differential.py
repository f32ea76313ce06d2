"""Every DICOM file in the pydicom wheel, in every state, is written as `pydicom.dcmwrite` writes it."""

import functools
from pathlib import Path

import pytest

from .corpus import (
    ALL_ARGUMENTS,
    CORPUS,
    MODIFIED_STATES,
    PLAIN_STATES,
    SOME_ARGUMENTS,
    is_one_of_many,
    name,
)
from .oracle import assert_drop_in


@pytest.mark.parametrize("state", PLAIN_STATES)
@pytest.mark.parametrize("path", CORPUS, ids=name)
def test_a_file_is_written_as_pydicom_writes_it(path: Path, state: str) -> None:
    arguments = ALL_ARGUMENTS if state == "as_read" and not is_one_of_many(path) else SOME_ARGUMENTS
    assert_drop_in(functools.partial(PLAIN_STATES[state], path), *arguments)


@pytest.mark.parametrize("state", MODIFIED_STATES)
@pytest.mark.parametrize("path", CORPUS, ids=name)
def test_a_modified_file_is_written_as_pydicom_writes_it(path: Path, state: str) -> None:
    arguments = SOME_ARGUMENTS[: 1 if is_one_of_many(path) else 2]
    assert_drop_in(functools.partial(MODIFIED_STATES[state], path), *arguments)


def test_the_corpus_is_the_whole_of_the_wheel() -> None:
    assert len(CORPUS) > 150
    assert sum("DICOMDIR" in path.name for path in CORPUS) >= 8
    assert sum("charset_files" in path.parts for path in CORPUS) >= 17
