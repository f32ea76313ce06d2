"""What senders do when closing fails in the middle: everything else is closed, and the first error is raised."""

from contextlib import closing

import anyio
import pytest

from streamdcm.network.blocking import Blocking, Stop
from streamdcm.network.on_loop import OnLoop
from streamdcm.network.operations import Close, Job, Take


class Item:
    """What is sent, and cannot be closed."""

    def __init__(self, fails):
        self.fails = fails
        self.closed = 0

    def close(self):
        self.closed += 1
        if self.fails:
            raise OSError("its file")

    def close_async(self):
        return None


class Here:
    """Calls functions at once."""

    runs = True

    async def run(self, function, *arguments, stop=None):
        return function(*arguments)


def jobs(items):
    return [Job(number, None, item) for number, item in enumerate(items)]


def steps():
    for _ in range(3):
        yield Take()
    raise KeyError("first")


@pytest.mark.parametrize("on_loop", [False, True])
def test_every_instance_is_closed_and_the_first_error_stays(on_loop):
    items = [Item(True), Item(False), Item(True)]
    waiting = jobs(items)
    with pytest.raises(KeyError, match="first") as caught:
        if on_loop:
            anyio.run(run_on_loop, waiting)
        else:
            with closing(Stop()) as stop:
                Blocking(waiting.pop, stop).run(steps())
    assert [item.closed for item in items] == [1, 1, 1]
    assert "OSError" in caught.value.__notes__[0]


async def run_on_loop(waiting):
    async def take():
        return waiting.pop()

    await OnLoop(take, Here()).run(steps())


def test_a_body_that_cannot_be_closed_keeps_no_instance_open():
    class Body:
        def close(self):
            raise OSError("its file")

    item = Item(False)
    (job,) = jobs([item])
    with closing(Stop()) as stop:
        driver = Blocking(lambda: None, stop)
        driver._body = Body()
        with pytest.raises(OSError, match="its file"):
            driver._close(Close(job))
    assert item.closed == 1
