"""What writing costs, in instructions of the processor, which no other load on the machine changes."""

import pytest

from tests.support import instructions


@pytest.mark.slow
def test_a_slice_and_a_frame_take_as_many_instructions_as_recorded():
    expected = instructions.recorded()
    if expected is None:
        pytest.skip(
            f"nothing is recorded for {instructions.BUILD}; python -m tests.support.instructions --record does that"
        )
    counted = instructions.count()
    assert counted.slice == pytest.approx(expected.slice, rel=0.05)
    assert counted.frame == pytest.approx(expected.frame, rel=0.05)
