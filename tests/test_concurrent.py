"""Many asynchronous writes at once share memory and time as docs/how-to/async.md promises."""

import pytest

from tests.support.children.concurrent import FRAMES, WRITES
from tests.support.memory import MIB, measure
from tests.support.space import needs_proc

pytestmark = [pytest.mark.memory, needs_proc]


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_hundred_writes_to_slow_sinks_hold_two_batches_and_two_frames_each(loop: str) -> None:
    written, added = measure("tests.support.children.concurrent", loop)
    assert WRITES * FRAMES * MIB < written < WRITES * (FRAMES * MIB + 2048)
    promised = WRITES * 4 * MIB
    assert added < promised * 1.25, f"{added / MIB:.0f} MiB"
