"""Peak memory of many asynchronous writes at once is what the documentation promises."""

import sys

import pytest

from tests.aio.concurrent_child import SIDE, WRITES
from tests.test_memory import MIB, measure_command, memory_marks

pytestmark = memory_marks


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The event loop of the child."""
    return request.param


def test_a_hundred_writes_to_slow_sinks_hold_two_chunks_and_two_frames_each(anyio_backend: str) -> None:
    command = [sys.executable, "-m", "tests.aio.concurrent_child", anyio_backend]
    least, added = measure_command(command)
    assert added <= WRITES * 2 * (MIB + SIDE * SIDE * 2) * 1.25, f"{added / MIB:.1f} MiB"
    assert float(least) > 0.5
