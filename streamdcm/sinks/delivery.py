"""The one place where targets are opened, committed, and left as they were."""

from __future__ import annotations

import errno
from types import TracebackType
from typing import Any, Final, Self

from streamdcm.cleanup import noted
from streamdcm.errors import StreamdcmError
from streamdcm.errors.telling import tell_of
from streamdcm.sinks.handles import discard_handle
from streamdcm.sinks.output import Output, PartsOutput
from streamdcm.sinks.protocols import Interruptible
from streamdcm.sinks.resolve import resolve

_OF_TARGETS: Final = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})
"""Errors that only what is written can meet, of which the system does not say which file it is about."""


class Delivery:
    """A target, from when it is given to a function until it is committed or left as it was.

    Every function that writes makes one of each of its targets before it does anything else. The ``with`` block gives
    the target up if it raises; what outlives the function, as a writer of pushed frames does, gives up by itself.

    Parameters
    ----------
    target : object
        What the caller gave.
    """

    def __init__(self, target: Any) -> None:
        self.target = target
        self.is_settled = False
        """Whether the target was committed or given up."""
        self.is_committed = False
        """Whether what was written has its name; an error that comes then changes nothing."""
        self._output: Output | PartsOutput | None = None

    @property
    def is_resolved(self) -> bool:
        """Whether it is known how to write to the target."""
        return self._output is not None

    @property
    def output(self) -> Output | PartsOutput:
        """What is written to, once it is known."""
        assert self._output is not None
        return self._output

    def resolve(self, **how: Any) -> Output | PartsOutput:
        """Find out how to write to the target; the arguments and exceptions are those of `resolve`."""
        self._output = resolve(self.target, **how)
        return self._output

    def open(self) -> None:
        """Make ready to write; the first step that can leave a trace."""
        assert self._output is not None
        self._output.open()

    def prepare(self) -> None:
        """Do what can fail and is not visible yet."""
        assert self._output is not None
        self._output.prepare()

    def interrupt(self, error: BaseException) -> None:
        """Have a write raise an error that waits on another thread for parts to be sent."""
        if isinstance(self._output, Interruptible):
            self._output.interrupt(error)

    def commit(self) -> None:
        """Make what was written visible under its name."""
        assert self._output is not None
        self._output.commit()
        self.is_settled = self.is_committed = True

    def give_up(self, error: BaseException | None = None) -> None:
        """Leave what was there before, and discard a handle whose closing would publish what was written.

        Does nothing once the target is committed or given up.

        Parameters
        ----------
        error : BaseException, optional
            The reason, which gets a note of what goes wrong here; without one that is raised.
        """
        if self.is_settled:
            return
        if self._output is not None:
            name_target(error, self._output.location)
        with noted(error, "what was written could not be taken back"):
            if self._output is None:
                discard_handle(self.target)
            else:
                self._output.abort()
            self.is_settled = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self.is_committed:
            tell_of(f"{self.output.location or 'the target'}: complete; this error came too late", error)
        elif error is not None:
            self.give_up(error)


def name_target(error: BaseException | None, location: str | None) -> None:
    """Let an error of the system that is about the target, and does not say so, say it."""
    if location is None or not isinstance(error, OSError) or isinstance(error, StreamdcmError):
        return
    if error.errno in _OF_TARGETS and error.filename is None:
        error.filename = location
