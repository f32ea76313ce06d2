"""Options that a service has no use for, or that its library does not take."""

from collections.abc import Iterator
from contextlib import contextmanager

from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import TargetTypeError


def refuse(storage: StorageSettings, *names: str) -> None:
    """Refuse options, rather than let them pass without effect.

    Raises
    ------
    TargetTypeError
        If one of them was given.
    """
    for name in names:
        if getattr(storage, name):
            raise TargetTypeError(f"{name}= has no effect on a target of this kind; leave it out")


@contextmanager
def refused_by(library: str, *passed: type[Exception]) -> Iterator[None]:
    """Say which library does not take the storage options that a block makes a client of.

    Parameters
    ----------
    library : str
        What takes them as its arguments.
    *passed : type
        Exceptions that mean something else, and are passed on.

    Raises
    ------
    TargetTypeError
        If it does not take them.
    """
    try:
        yield
    except passed:
        raise
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        raise TargetTypeError(
            f"storage_options are the arguments of {library}, which does not take these ({type(error).__name__})"
        ) from error
