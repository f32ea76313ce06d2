"""The C module and the Python code that it stands in for: the same, whatever is in a dataset."""

import decimal
import gc
import io
import os
import sys
import tracemalloc
import warnings
from typing import Any, NamedTuple

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import DataElement, Dataset, Sequence
from pydicom.data import get_testdata_file
from pydicom.multival import MultiValue

from streamdcm.encode import element as walk
from streamdcm.encode import items
from streamdcm.encode.body import dataset_body
from streamdcm.encode.hot import HOT
from streamdcm.encode.layout import Encoding, Layout
from streamdcm.encode.vr import VRS
from streamdcm.errors import RecursiveDatasetError, ValueTypeError
from tests.benchmarks.datasets import functional_groups, functional_groups_encoded
from tests.support import hostile

if os.environ.get("STREAMDCM_REQUIRE_C", "0") not in ("", "0") and os.environ.get("STREAMDCM_PURE", "0") in ("", "0"):
    assert HOT is not None, "the C module was not built"

needs_c = pytest.mark.skipif(HOT is None, reason="the C module was not built, or STREAMDCM_PURE is set")

ENCODINGS = st.builds(Encoding, st.booleans(), st.sampled_from([True, True, True, False]))
LAYOUTS = st.builds(
    Layout,
    ENCODINGS,
    st.sampled_from(["preserve", "preserve", "defined", "undefined"]),
    st.sampled_from(["omit", "omit", "omit", "write"]),
    st.sampled_from(["UN", "refuse"]),
    st.booleans(),
    st.sampled_from(["refuse", "drop"]),
    st.sampled_from([None, True, False]),
)


class Outcome(NamedTuple):
    """What became of a dataset: its bytes, or the class and the text of an error; and the warnings."""

    data: bytes
    error: type | None
    text: str
    cause: type
    warned: list[tuple[type, str]]


def outcome(dataset: Any, layout: Layout, encapsulated: bool | None = None) -> Outcome:
    """Encode a dataset."""
    pieces: list[bytes] = []
    error: Exception | None = None
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            for piece in dataset_body(dataset, layout, encapsulated=encapsulated, patchable=False):
                pieces.append(
                    bytes(piece) if isinstance(piece, (bytes, memoryview, bytearray)) else repr(piece).encode()
                )
        except Exception as raised:
            error = raised
    told = [(warning.category, str(warning.message)) for warning in warned]
    if error is None:
        return Outcome(b"".join(pieces), None, "", type(None), told)
    return Outcome(b"", type(error), str(error), type(error.__cause__), told)


def both(make: hostile.Make, layout: Layout, encapsulated: bool | None = None) -> tuple[Outcome, Outcome]:
    """Encode a dataset with the C module and without."""
    ours = outcome(make(), layout, encapsulated)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "HOT", None)
        patch.setattr(items, "HOT", None)
        return ours, outcome(make(), layout, encapsulated)


@needs_c
@given(hostile.datasets(), LAYOUTS, st.sampled_from([None, None, True, False]))
def test_nothing_depends_on_the_c_module(make: hostile.Make, layout: Layout, encapsulated: bool | None) -> None:
    ours, reference = both(make, layout, encapsulated)
    assert ours == reference


@needs_c
@given(st.sampled_from(list(VRS)), hostile.VALUES, LAYOUTS, st.sampled_from([0x00091010, 0x00280106, 0x00283002]))
def test_no_value_depends_on_the_c_module(vr: str, value: hostile.Make, layout: Layout, tag: int) -> None:
    """One element alone, so that every pair of VR and class comes up, and no error hides another."""
    make = hostile._dataset([hostile._parsed(tag, vr, value, False, DataElement, "")], Dataset, None, "tags")
    ours, reference = both(make, layout)
    assert ours == reference


def for_python(dataset: Dataset, layout: Layout) -> list[str]:
    """Encode a dataset and return the VRs of the elements, and the items, that were given back to Python."""
    given: list[str] = []
    encode_some, encode_elements, encode_item = walk.encode_some_here, items.encode_elements, items.encode_item

    def some(elements: Any, *others: Any) -> Any:
        pairs = list(elements)
        given.extend(element.VR for _, element in pairs)
        return encode_some(iter(pairs), *others)

    def item(*arguments: Any) -> int:
        given.append("item")
        return encode_item(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "encode_some_here", some)
        HOT.ask(encode_elements, item)
        try:
            assert outcome(dataset, layout).error is None
        finally:
            HOT.ask(encode_elements, encode_item)
    return given


EXPLICIT, IMPLICIT = Layout(Encoding(False, True)), Layout(Encoding(True, True))


@needs_c
@pytest.mark.parametrize("layout", [EXPLICIT, IMPLICIT], ids=["explicit", "implicit"])
def test_a_slice_stays_on_the_fast_path(layout: Layout) -> None:
    """A slice of CT, as it was read and with every element parsed."""
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    dataset.pop("DataSetTrailingPadding")
    if layout is EXPLICIT:
        assert for_python(dataset, layout) == []
    for _ in dataset.iterall():
        pass
    assert for_python(dataset, layout) == []


@needs_c
def test_elements_without_a_value_stay_on_the_fast_path() -> None:
    """A plan of radiotherapy in Implicit VR, as it was read: some of its elements are empty."""
    assert for_python(pydicom.dcmread(get_testdata_file("rtplan.dcm")), IMPLICIT) == []


@needs_c
@pytest.mark.parametrize("undefined", [False, True])
def test_functional_groups_stay_on_the_fast_path(undefined: bool) -> None:
    made = functional_groups(20, undefined)
    assert for_python(made, EXPLICIT) == []
    assert for_python(made, IMPLICIT) == []
    read = pydicom.dcmread(io.BytesIO(functional_groups_encoded(20, undefined)))
    assert for_python(read, EXPLICIT) == []
    for _ in read.iterall():
        pass
    assert for_python(read, EXPLICIT) == []


@needs_c
def test_only_the_element_that_is_not_plain_goes_back_to_python() -> None:
    dataset = functional_groups(1)
    groups = dataset.PerFrameFunctionalGroupsSequence[0]
    groups.FrameContentSequence[0].add_new(0x00209158, "LT", "山")
    groups.FrameVOILUTSequence[0].WindowWidth = None
    groups.FrameVOILUTSequence[0]["WindowWidth"]._value = decimal.Decimal("400.5")
    layout = Layout(EXPLICIT.encoding)
    dataset.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    inner = Dataset()
    inner.SpecificCharacterSet = "ISO_IR 192"
    inner.PatientComments = "ü"
    dataset.ContentSequence = [inner]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "SpecificCharacterSet", "ISO_IR 192")
        ours, reference = both(lambda: dataset, layout)
        assert ours == reference
        assert for_python(dataset, layout) == ["DS"]
    assert ours.error is None


@needs_c
@pytest.mark.parametrize("layout", [EXPLICIT, IMPLICIT, Layout(Encoding(False, True), sequence_lengths="undefined")])
def test_open_lengths_are_filled_when_python_stands_between(layout: Layout) -> None:
    """At each level something is given back to Python, before, between and behind what is plain."""

    def nested(depth: int) -> Dataset:
        dataset = Dataset()
        dataset.add_new(0x00080018, "UI", "1.2")
        dataset.add_new(0x00100020, "LO", "before")
        dataset["PatientID"]._value = hostile.Text("not plain")
        if depth:
            dataset.ContentSequence = [nested(depth - 1), Dataset(), nested(depth - 1)]
        dataset.add_new(0x00700006, "ST", hostile.Text("behind"))
        dataset.add_new(0x00420011, "OB", bytes(70_000) if depth == 1 else b"abc")
        return dataset

    ours, reference = both(lambda: nested(3), layout)
    assert ours.error is None
    assert ours == reference


@needs_c
@pytest.mark.parametrize("depth", [31, 32, 33, 34, 60])
def test_items_that_are_nested_deeply_are_left_to_python(depth: int) -> None:
    dataset = Dataset()
    for _ in range(depth):
        outer = Dataset()
        outer.TextValue = "x"
        outer.ContentSequence = [dataset, Dataset()]
        dataset = outer
    ours, reference = both(lambda: dataset, EXPLICIT)
    assert ours.error is None
    assert ours == reference


@needs_c
def test_a_dataset_that_contains_itself_is_refused() -> None:
    dataset = Dataset()
    dataset.ContentSequence = [dataset]
    ours, reference = both(lambda: dataset, EXPLICIT)
    assert ours.error is RecursiveDatasetError
    assert ours == reference


@needs_c
def test_no_reference_is_lost_or_kept() -> None:
    """The same counts of references after many writes, of which some go to Python and some fail."""
    dataset = functional_groups(3)
    dataset.add_new(0x00280009, "AT", [0x00181065, 0x00181063])
    dataset.add_new(0x00200013, "IS", 70_000)
    dataset.add_new(0x00221452, "US", [300, 65_535])
    read = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    dataset.add_new(0x00400275, "SQ", [read, hostile.Item()])
    failing = functional_groups(2)
    failing.PerFrameFunctionalGroupsSequence[1].FrameVOILUTSequence[0]["WindowWidth"]._value = object()
    held: list[Any] = [dataset, failing, EXPLICIT.encoding, None, True, Dataset, DataElement, b"", ""]
    for some in (dataset, failing):
        for element in [*some.iterall(), *read]:
            held += [element, element.VR, element.tag, element._value]
            held += element._value if isinstance(element._value, (MultiValue, Sequence)) else []

    def write() -> None:
        assert outcome(dataset, EXPLICIT).error is None
        assert outcome(failing, EXPLICIT).error is ValueTypeError

    held = [one for one in held if one.__class__ is not int or one > 256]  # small ones are everybody's
    for _ in range(5):
        write()
    gc.collect()
    before = [sys.getrefcount(one) for one in held]
    tracemalloc.start()
    try:
        for _ in range(20):
            write()
        gc.collect()  # which empties the free lists of tuples and of others
        start = tracemalloc.get_traced_memory()[0]
        for _ in range(200):
            write()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - start
    finally:
        tracemalloc.stop()
    after = [sys.getrefcount(one) for one in held]
    changed = [one.__class__ for one, old, new in zip(held, before, after, strict=True) if abs(new - old) > 50]
    assert changed == []
    assert grown < 16 * 200  # not even a tuple or a number each time
