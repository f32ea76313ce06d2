"""Random datasets: the same bytes as pydicom's, whatever the values, the sink and the chunk size."""

import contextlib
import functools
import io
import itertools
import warnings
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, ImplicitVRLittleEndian

from streamdcm import StreamdcmError
from tests.support.corpus import FOUR_SYNTAXES
from tests.support.oracle import assert_drop_in, dcmwrite, encoded_size, following_the_standard, iter_chunks, outcome
from tests.support.recipes import (
    CHARSETS,
    JUNK,
    TAGS,
    VRS,
    Call,
    Element,
    FileRecipe,
    Recipe,
    charset_element,
    cook_file,
    datasets,
    files,
    listed,
)
from tests.support.targets import KINDS

ARGUMENTS = st.sampled_from(
    (
        {},
        {"enforce_file_format": True},
        {"implicit_vr": True, "little_endian": True, "force_encoding": True},
        {"implicit_vr": False, "little_endian": False, "force_encoding": True},
    )
)


@given(files(), ARGUMENTS)
def test_a_new_dataset_is_written_as_pydicom_writes_it(recipe: FileRecipe, arguments: dict[str, Any]) -> None:
    assert_drop_in(functools.partial(cook_file, recipe), arguments)


def read_back(recipe: FileRecipe, syntax: UID, charset: Any, accessed: bool) -> Dataset:
    """A dataset as read from a file, most of it raw, and then changed a little."""
    buffer = io.BytesIO(outcome(dcmwrite, cook_file(recipe)).data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = dcmread(buffer, force=True)
        if accessed:
            for element in list(dataset.elements()):
                with contextlib.suppress(Exception):
                    dataset[element.tag]
        if charset is not None:
            dataset.SpecificCharacterSet = list(charset) if isinstance(charset, tuple) else charset
        dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


@given(files(), st.sampled_from(FOUR_SYNTAXES), st.sampled_from(list(CHARSETS)), st.booleans())
def test_a_dataset_that_was_read_and_changed_is_written_as_pydicom_writes_it(
    recipe: FileRecipe, syntax: UID, charset: Any, accessed: bool
) -> None:
    if outcome(dcmwrite, cook_file(recipe)).error is None:
        assert_drop_in(functools.partial(read_back, recipe, syntax, charset, accessed))


@given(files(), st.sampled_from(list(KINDS)), st.sampled_from((1, 7, 65536, 1 << 20)))
def test_sink_and_chunk_size_do_not_change_the_bytes(recipe: FileRecipe, kind: str, chunk_size: int) -> None:
    dataset = cook_file(recipe)
    once = outcome(dcmwrite, dataset)
    if once.error is not None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with KINDS[kind]() as (target, arrived):
            dcmwrite(target, dataset, chunk_size=chunk_size)
            assert arrived() == once.data
        assert b"".join(iter_chunks(dataset, chunk_size=chunk_size)) == once.data
        assert encoded_size(dataset, chunk_size=chunk_size) == len(once.data)


LAYOUTS = st.fixed_dictionaries(
    {
        "sequence_lengths": st.sampled_from(("preserve", "defined", "undefined")),
        "group_lengths": st.sampled_from(("omit", "write")),
    }
)


@given(files(), LAYOUTS, st.sampled_from(("memory", "path", "write_only")))
def test_a_layout_option_gives_the_same_bytes_everywhere(recipe: FileRecipe, layout: dict[str, str], kind: str) -> None:
    dataset = cook_file(recipe)
    once = outcome(dcmwrite, dataset, **layout)
    if once.error is not None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with KINDS[kind]() as (target, arrived):
            dcmwrite(target, dataset, chunk_size=7, **layout)
            assert arrived() == once.data
        assert b"".join(iter_chunks(dataset, **layout)) == once.data
        assert encoded_size(dataset, **layout) == len(once.data)


@given(files(), LAYOUTS)
def test_a_layout_option_changes_nothing_that_a_reader_sees(recipe: FileRecipe, layout: dict[str, str]) -> None:
    assume(recipe.syntax != ImplicitVRLittleEndian)  # in which pydicom cannot tell a private sequence
    plain = outcome(dcmwrite, cook_file(recipe))
    laid_out = outcome(dcmwrite, cook_file(recipe), **layout)
    assert type(plain.error) is type(laid_out.error)
    if plain.error is None:
        assert content(read(laid_out.data)) == content(read(plain.data))


def read(data: bytes) -> Dataset:
    """A dataset as pydicom reads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(io.BytesIO(data), force=True)


def content(dataset: Dataset) -> list[tuple[int, str, Any]]:
    """What a dataset says, without group lengths, and comparable where it says NaN."""
    result: list[tuple[int, str, Any]] = []
    with warnings.catch_warnings(), following_the_standard():
        warnings.simplefilter("ignore")
        for element in dataset:
            if element.VR == "SQ":
                result.append((int(element.tag), "SQ", [content(item) for item in element.value]))
            elif element.tag.element:
                result.append((int(element.tag), element.VR, None if element.is_empty else repr(element.value)))
    return result


@given(st.data(), st.sampled_from(FOUR_SYNTAXES), st.sampled_from(list(CHARSETS)))
def test_a_pydicom_read_gives_the_text_back(data: st.DataObject, syntax: UID, charset: Any) -> None:
    words = st.lists(st.text(CHARSETS[charset].replace(" ", ""), min_size=1, max_size=8), min_size=1, max_size=3)
    drawn = [data.draw(words) for _ in range(4)]
    dataset = cook_file(FileRecipe(Recipe(() if charset is None else (charset_element(charset),)), syntax))
    dataset.StudyDescription = drawn[0][0]
    dataset.OtherPatientIDs = drawn[1]
    dataset.PatientName = "^".join(drawn[2])
    item = Dataset()
    item.CodeMeaning = drawn[3][0]
    dataset.ConceptNameCodeSequence = [item]
    back = read(outcome(dcmwrite, dataset, implicit_vr=None).data)
    assert back.StudyDescription == drawn[0][0]
    assert [back.OtherPatientIDs] == drawn[1] if len(drawn[1]) == 1 else list(back.OtherPatientIDs) == drawn[1]
    assert back.PatientName == "^".join(drawn[2])
    assert back.ConceptNameCodeSequence[0].CodeMeaning == drawn[3][0]


@given(files(datasets(depth=3)))
def test_a_pydicom_read_gives_the_dataset_back(recipe: FileRecipe) -> None:
    once = outcome(dcmwrite, cook_file(recipe))
    if once.error is None:
        back = read(once.data)
        assert list(map(int, back.keys())) == expected_tags(recipe.dataset)
        assert content(read(outcome(dcmwrite, back).data)) == content(back)


def expected_tags(recipe: Recipe) -> list[int]:
    return sorted(element.tag for element in recipe.elements if element.tag & 0xFFFF or element.tag >> 16 <= 6)


def can_be_set(element: Element) -> bool:
    """Whether pydicom lets a user give the element this value."""
    try:
        cook_file(FileRecipe(Recipe((element,)), None))
    except Exception:
        return False
    return True


@pytest.mark.parametrize("nested", [False, True], ids=["", "nested"])
@pytest.mark.parametrize("vr", [*VRS, "SQ", "ZZ"])
@pytest.mark.slow
def test_a_bad_value_is_refused_as_pydicom_refuses_it(vr: str, nested: bool) -> None:
    tag = TAGS.get(vr, [0x00291001])[0]
    differences = []
    for junk, syntax in itertools.product(JUNK, FOUR_SYNTAXES[1:2] if nested else FOUR_SYNTAXES[:3]):
        element = Element(tag, vr, junk)
        if not can_be_set(element):
            continue
        content = Recipe((element,))
        if nested:
            content = Recipe((Element(0x00081140, "SQ", Call(listed, (content,))),))
        recipe = FileRecipe(content, syntax)
        try:
            assert_drop_in(functools.partial(cook_file, recipe))
            assert_helpful(outcome(dcmwrite, cook_file(recipe)).error, tag, nested)
        except AssertionError as error:
            differences.append(f"{junk!r} in {syntax.name}: {error}")
    assert not differences, f"{len(differences)} differences:\n" + "\n".join(differences)


def assert_helpful(error: Exception | None, tag: int, nested: bool) -> None:
    """The text of an error names the element and its place, and no value of the dataset."""
    if error is not None:
        assert isinstance(error, StreamdcmError), repr(error)
        assert f"({tag >> 16:04X},{tag & 0xFFFF:04X})" in str(error), str(error)
        assert not nested or "(0008,1140) ReferencedImageSequence[0] > " in str(error), str(error)
        assert "secret" not in str(error), str(error)


@pytest.mark.parametrize("syntax", FOUR_SYNTAXES, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("vr", ["LT", "UC", "LO", "DS", "US", "AT", "OB", "UN"])
@pytest.mark.slow
def test_a_value_over_64_kib_is_written_as_pydicom_writes_it(vr: str, syntax: UID) -> None:
    value: Any = "x" * 65537
    if vr in {"OB", "UN"}:
        value = b"x" * 65537
    elif vr in {"US", "AT"}:
        value = list(range(1, 40000))
    elif vr == "DS":
        value = ["1.5"] * 20000
    element = Element(0x00291001, vr, value)
    assert_drop_in(functools.partial(cook_file, FileRecipe(Recipe((element,)), syntax)))


@pytest.mark.parametrize("syntax", FOUR_SYNTAXES, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("vr", ["OB", "OW", "OD", "UN", "UT", "UC", "UR", "LO", "US", "DS"])
def test_the_flag_of_an_undefined_length_is_heeded_as_in_pydicom(vr: str, syntax: UID) -> None:
    """What follows is no sequence of items: pydicom writes it nevertheless, with its delimiter."""
    value: Any = {"US": 3, "DS": "1.5"}.get(vr, "text" if vr in {"UT", "UC", "UR", "LO"} else b"\x01\x02" * 4)
    element = Element(0x00291001, vr, value, undefined_length=True)
    assert_drop_in(functools.partial(cook_file, FileRecipe(Recipe((element,)), syntax)))
