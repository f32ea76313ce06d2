"""Warnings, log records and notes of errors: what is told beside an exception."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_is_silenced: ContextVar[bool] = ContextVar("streamdcm is silenced", default=False)


def is_silenced() -> bool:
    """Whether no warnings are to be issued here and now (see `silenced`)."""
    return _is_silenced.get()


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning and a log record, as pydicom does."""
    if not _is_silenced.get():
        logging.getLogger("streamdcm").warning(message)
        warnings.warn(message, category, stacklevel=2)


def tell_of(text: str, error: BaseException | None = None) -> None:
    """Tell of what a failure leaves behind: in the log, and in a note of the error on its way to the caller.

    That is the one that is being handled, if none is given.
    """
    logging.getLogger("streamdcm").warning(text)
    error = error or sys.exception()
    if error is not None:
        error.add_note(text)


@contextmanager
def silenced() -> Iterator[None]:
    """Let no warnings of ours through: what is encoded here only to be measured warns when it is written.

    That holds for this thread and this task alone; the filters of `warnings`, which are of the whole process, stay
    what they are.
    """
    token = _is_silenced.set(True)
    try:
        yield
    finally:
        _is_silenced.reset(token)
