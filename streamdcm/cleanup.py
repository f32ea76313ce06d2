"""Cleaning up: all of it is done, and what goes wrong there never takes the place of the error that led to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final

from streamdcm.errors.telling import tell_of
from streamdcm.errors.translation import reason_of

CLOSING: Final = "not everything could be closed"
"""What it means, where nobody knows better, that cleaning up failed."""

# By these an iteration ends, in good order: whoever is told of nothing else would not be told of a failure.
_ENDS: Final = (GeneratorExit, StopIteration, StopAsyncIteration)


class afterwards:
    """Takes steps after a ``with`` block, in order and each of them whatever becomes of the block and of the others.

    The first error, most often that of the block, is raised; later ones become notes of it. An interrupt or a
    cancellation is raised in place of an earlier error.

    Parameters
    ----------
    *steps : callable
        Called without arguments.
    what : str, optional
        What it means for the caller that a step failed.

    Examples
    --------
    >>> with afterwards(frames.close, file.close):
    ...     write(frames, file)
    """

    __slots__ = ("_steps", "_what")

    def __init__(self, *steps: Callable[[], object], what: str = CLOSING) -> None:
        self._steps = steps
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        first = None if error is None else _first(error)
        for step in self._steps:
            try:
                step()
            except BaseException as problem:
                first = _first_of(first, problem, self._what)
        if first is not error:
            _raise_other(first, error)


class on_error(afterwards):
    """Takes steps after a ``with`` block that raises, as `afterwards` does, and none after one that does not."""

    __slots__ = ()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            super().__exit__(kind, error, trace)


class afterwards_async:
    """The twin of `afterwards`, for an ``async with`` block, whose steps are awaited.

    Parameters
    ----------
    *steps : callable
        Called without arguments; what they return is awaited.
    what : str, optional
        What it means for the caller that a step failed.
    """

    __slots__ = ("_steps", "_what")

    def __init__(self, *steps: Callable[[], Awaitable[object]], what: str = CLOSING) -> None:
        self._steps = steps
        self._what = what

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        first = _first(error)
        for step in self._steps:
            try:
                await step()
            except BaseException as problem:
                first = _first_of(first, problem, self._what)
        _raise_other(first, error)


class on_error_async(afterwards_async):
    """The twin of `on_error`, for an ``async with`` block."""

    __slots__ = ()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            await super().__aexit__(kind, error, trace)


def take_all(*steps: Callable[[], object], what: str = CLOSING) -> None:
    """Take steps, each of them whatever becomes of the others; see `afterwards`."""
    with afterwards(*steps, what=what):
        pass


def nothing() -> None:
    """Do nothing: the step for what needs none."""


@contextmanager
def noted(error: BaseException | None, what: str) -> Iterator[None]:
    """Let no exception of the block take the place of the error that led to it: it becomes a note of that.

    Parameters
    ----------
    error : BaseException or None
        The error on its way to the caller; without one, exceptions of the block are raised.
    what : str
        What it means for the caller.
    """
    try:
        yield
    except Exception as problem:
        first = _first(error)
        if first is None:
            raise
        _first_of(first, problem, what)


def _first(error: BaseException | None) -> BaseException | None:
    """Return the error of a block, if it is one."""
    return None if isinstance(error, _ENDS) else error


def _first_of(first: BaseException | None, problem: BaseException, what: str) -> BaseException:
    """Return which of two errors is raised; the other becomes a note of it, unless that is an interrupt."""
    if first is None or (isinstance(first, Exception) and not isinstance(problem, Exception)):
        return problem
    if problem is not first and isinstance(problem, Exception):  # a second cancellation says nothing
        tell_of(f"{what} ({reason_of(problem)})", first)
    return first


def _raise_other(first: BaseException | None, error: BaseException | None) -> None:
    """Raise an error, unless it is the one that is being raised."""
    if first is None or first is error:
        return
    try:
        raise first
    finally:
        del first  # which refers to this very frame
