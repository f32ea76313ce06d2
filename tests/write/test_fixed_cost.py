"""What a write does not do each time, because it costs more than the elements of a small dataset."""

import io

from pydicom.uid import ExplicitVRLittleEndian

from streamdcm import dcmwrite
from streamdcm.sinks import TakesSize
from tests.support.images import template


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
