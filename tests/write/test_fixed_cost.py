"""What a write does not do each time, because it costs more than the elements of a small dataset."""

import io
import sys

from pydicom.uid import ExplicitVRLittleEndian

from streamdcm import dcmwrite
from streamdcm.sinks import TakesSize
from tests.benchmarks.datasets import few_elements
from tests.support.images import template

MOST_CALLS = 150
"""Of Python functions, in a write of five elements; each costs as much as one of the elements."""


def test_a_write_asks_no_protocol_what_its_output_can_do(monkeypatch):
    dataset = template(ExplicitVRLittleEndian)
    asked = []
    answer = type(TakesSize).__instancecheck__

    def ask(protocol, instance):
        if getattr(protocol, "_is_protocol", False):
            asked.append(protocol)
        return answer(protocol, instance)

    with monkeypatch.context() as patch:
        patch.setattr(type(TakesSize), "__instancecheck__", ask)
        dcmwrite(io.BytesIO(), dataset)
    assert asked == []


def test_a_write_of_five_elements_takes_few_calls():
    dataset = few_elements()
    calls = []
    dcmwrite(io.BytesIO(), dataset)  # what is imported or remembered with the first one does not count
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, argument: calls.append(frame.f_code.co_qualname) if event == "call" else None)
    try:
        dcmwrite(io.BytesIO(), dataset)
    finally:
        sys.setprofile(before)
    assert 0 < len(calls) <= MOST_CALLS
