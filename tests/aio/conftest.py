"""Every test of the asynchronous functions runs on both event loops, and leaves nothing running."""

import threading
from collections.abc import Iterator

import pytest

from streamdcm.aio import threads

LOOPS = [pytest.param("asyncio", marks=pytest.mark.asyncio), pytest.param("trio", marks=pytest.mark.anyio)]


@pytest.fixture(params=LOOPS, autouse=True)
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The event loop: asyncio run by pytest-asyncio, trio by anyio's plugin."""
    return request.param


@pytest.fixture(autouse=True)
def _no_thread_is_lost() -> Iterator[None]:
    """All threads that were worker_thread are back, and no other was started."""
    before = set(threading.enumerate())
    yield
    started = [thread for thread in set(threading.enumerate()) - before if thread.name == "streamdcm"]
    assert len(threads._idle) >= len(started), "a thread was not given back"
