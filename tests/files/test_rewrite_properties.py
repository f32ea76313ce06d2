"""Random files: a stream, whatever its pieces, and a file give what `dcmwrite` makes of what pydicom read."""

import io
import warnings
from collections.abc import Iterator

import pydicom
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

import streamdcm
from tests.support.corpus import FOUR_SYNTAXES
from tests.support.oracle import dataset_offset, dcmwrite, outcome
from tests.support.recipes import FileRecipe, cook_file, files

PLAIN_SYNTAXES = [syntax for syntax in FOUR_SYNTAXES if syntax != DeflatedExplicitVRLittleEndian]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def written(recipe: FileRecipe, syntax: UID) -> bytes:
    """A file of a random dataset, if there can be one."""
    dataset = cook_file(recipe)
    dataset.file_meta.TransferSyntaxUID = syntax
    done = outcome(dcmwrite, dataset)
    assume(done.data)
    return done.data


def rewritten(source: object, syntax: UID | None = None) -> bytes | type[Exception]:
    target = io.BytesIO()
    try:
        streamdcm.rewrite(source, target, force=True, transfer_syntax=syntax)  # type: ignore[arg-type]
    except streamdcm.StreamdcmError as error:
        return type(error)
    return target.getvalue()


@given(files(), st.sampled_from(PLAIN_SYNTAXES), st.lists(st.integers(1, 300), min_size=1, max_size=20))
def test_a_stream_in_any_pieces_gives_what_the_file_gives(recipe: FileRecipe, syntax: UID, sizes: list[int]) -> None:
    content = written(recipe, syntax)
    pieces, at = [], 0
    while at < len(content):
        pieces.append(content[at : at + sizes[len(pieces) % len(sizes)]])
        at += len(pieces[-1])
    for target_syntax in (None, *PLAIN_SYNTAXES):
        assert rewritten(iter(pieces), target_syntax) == rewritten(io.BytesIO(content), target_syntax)


@given(files(), st.sampled_from(PLAIN_SYNTAXES))
def test_the_dataset_is_the_one_that_dcmwrite_makes_of_what_was_read(recipe: FileRecipe, syntax: UID) -> None:
    content = written(recipe, syntax)
    dataset = pydicom.dcmread(io.BytesIO(content), force=True)
    expected = outcome(dcmwrite, dataset).data
    after = rewritten(io.BytesIO(content))
    if isinstance(after, bytes) and expected and has_even_lengths(dataset):
        assert after[dataset_offset(after) :] == expected[dataset_offset(expected) :]


def has_even_lengths(dataset: Dataset) -> bool:
    """Whether nothing is padded, which is the one thing in which they differ (PS3.5 §7.1.1)."""
    return not any(
        getattr(element, "length", 0) & 1 for element in dataset._dict.values() if hasattr(element, "length")
    )
