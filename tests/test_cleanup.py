"""Cleaning up: every step is taken, and the first error stays the one that is raised."""

import errno

import anyio
import pytest

from streamdcm.cleanup import CLOSING, afterwards, afterwards_async, noted, on_error, on_error_async, take_all


class Steps:
    """Steps that note that they were taken, some of which fail."""

    def __init__(self):
        self.taken = []

    def step(self, name, error=None):
        def take():
            self.taken.append(name)
            if error is not None:
                raise error

        return take

    def awaited(self, name, error=None):
        async def take():
            await anyio.lowlevel.checkpoint()
            self.step(name, error)()

        return take


def test_the_error_of_the_block_is_raised_and_those_of_the_steps_are_notes():
    steps, error = Steps(), KeyError("first")
    unclosed = OSError(errno.EROFS, "quotes a name")
    with pytest.raises(KeyError) as caught:  # noqa: SIM117
        with afterwards(steps.step("a", unclosed), steps.step("b"), steps.step("c", ValueError())):
            raise error
    assert caught.value is error
    assert error.__notes__ == [f"{CLOSING} (OSError: Read-only file system)", f"{CLOSING} (ValueError)"]
    assert steps.taken == ["a", "b", "c"]


def test_without_one_the_first_error_of_a_step_is_raised():
    steps, error = Steps(), KeyError("first")
    with pytest.raises(KeyError) as caught:
        take_all(steps.step("a"), steps.step("b", error), steps.step("c", ValueError()), what="it stays open")
    assert caught.value is error
    assert error.__notes__ == ["it stays open (ValueError)"]
    assert steps.taken == ["a", "b", "c"]


def test_an_interrupt_is_raised_in_place_of_an_error_and_stays():
    steps, interrupt = Steps(), KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt) as caught:  # noqa: SIM117
        with afterwards(steps.step("a", interrupt), steps.step("b", ValueError()), steps.step("c")):
            raise KeyError
    assert caught.value is interrupt
    assert interrupt.__notes__ == [f"{CLOSING} (ValueError)"]
    assert steps.taken == ["a", "b", "c"]


def test_a_second_interrupt_is_no_note_of_the_first():
    steps, interrupt = Steps(), KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt) as caught, afterwards(steps.step("a", KeyboardInterrupt())):
        raise interrupt
    assert caught.value is interrupt
    assert not hasattr(interrupt, "__notes__")


@pytest.mark.parametrize("end", [GeneratorExit, StopIteration, StopAsyncIteration])
def test_the_end_of_an_iteration_hides_nothing(end):
    steps = Steps()
    with pytest.raises(OSError), afterwards(steps.step("a", OSError())):
        raise end
    with pytest.raises(OSError), noted(end(), "lost"):
        raise OSError


def test_an_error_is_no_note_of_itself():
    error = OSError()
    with pytest.raises(OSError) as caught, afterwards(Steps().step("a", error)):
        raise error
    assert not hasattr(caught.value, "__notes__")


def test_steps_for_an_error_are_taken_after_one_alone():
    steps = Steps()
    with on_error(steps.step("a")):
        pass
    assert steps.taken == []
    with pytest.raises(KeyError, match="first") as caught, on_error(steps.step("a", ValueError()), steps.step("b")):
        raise KeyError("first")
    assert caught.value.__notes__ == [f"{CLOSING} (ValueError)"]
    assert steps.taken == ["a", "b"]


def test_the_asynchronous_twins_do_the_same():
    steps = Steps()

    async def run():
        async with on_error_async(steps.awaited("none")):
            pass
        with pytest.raises(ValueError, match="second"):
            async with afterwards_async(steps.awaited("a"), steps.awaited("b", ValueError("second"))):
                pass
        with pytest.raises(KeyError, match="first") as caught:
            async with on_error_async(steps.awaited("c", ValueError()), steps.awaited("d")):
                raise KeyError("first")
        assert caught.value.__notes__ == [f"{CLOSING} (ValueError)"]

    anyio.run(run)
    assert steps.taken == ["a", "b", "c", "d"]
