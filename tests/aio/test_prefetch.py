"""What is made a step ahead is closed by the task that makes it, and what goes wrong then is no group of errors."""

import anyio
import pytest

from streamdcm.aio.prefetch import Prefetch


class Unclosable:
    """Gives numbers and cannot be closed."""

    def __init__(self, count):
        self.left = count
        self.closed = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        await anyio.lowlevel.checkpoint()
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return self.left

    async def aclose(self):
        await anyio.lowlevel.checkpoint()
        self.closed += 1
        if self.closed == 1:
            raise OSError("its file")


async def test_an_error_of_closing_is_raised_at_the_end_of_the_block():
    things = Unclosable(2)
    with pytest.raises(OSError, match="its file"):
        async with Prefetch(things) as ahead:
            assert [number async for number in ahead] == [1, 0]
    assert things.closed


async def test_also_where_the_block_is_left_early():
    with pytest.raises(OSError, match="its file"):
        async with Prefetch(Unclosable(20)) as ahead:
            await anext(ahead)


async def test_it_is_a_note_of_the_error_of_the_block():
    with pytest.raises(KeyError, match="first") as caught:
        async with Prefetch(Unclosable(20)) as ahead:
            await anext(ahead)
            raise KeyError("first")
    assert "OSError" in caught.value.__notes__[0]
