"""The C module and the Python code that it stands in for: the same, whatever is in a dataset."""

import os
import warnings
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import DataElement, Dataset

from streamdcm.encode import element as walk
from streamdcm.encode.body import dataset_body
from streamdcm.encode.hot import HOT
from streamdcm.encode.layout import Encoding, Layout
from streamdcm.encode.vr import VRS
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
