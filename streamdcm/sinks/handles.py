"""Handles of the caller whose closing would publish what was written, complete or not: they can be discarded."""

import gc
import sys
from types import BuiltinMethodType, MethodType
from typing import Any

from streamdcm.errors import StorageError

_EXITS = frozenset({"__exit__", "__aexit__"})


def is_discardable(sink: object) -> bool:
    """Tell whether an object is a handle of fsspec, smart_open or obstore that waits to be published.

    None of these libraries has to be imported for that: whoever holds their handle has imported them.
    """
    return _is_of_fsspec(sink) or _is_of_smart_open(sink) or is_writer_of_obstore(sink)


def discard_handle(sink: Any) -> None:
    """Throw away what was written to a handle of fsspec, smart_open or obstore; leave every other object alone.

    A writer of obstore that is used in a ``with`` block is left to that, which aborts it when the error gets there:
    aborted before, it would raise an error of its own as the block is left, and hide the first one.
    """
    if _is_of_fsspec(sink):
        if not sink.closed:
            sink.discard()
            sink.closed = True
    elif _is_of_smart_open(sink):
        if not sink.closed:
            sink.terminate()
    elif is_writer_of_obstore(sink) and not _will_be_left(sink):
        _abort(sink)


def is_writer_of_obstore(sink: object) -> bool:
    """Tell whether an object is what ``obstore.open_writer`` or its asynchronous twin returns."""
    return "obstore" in sys.modules and type(sink).__name__ == "WritableFile" and hasattr(sink, "__aexit__")


def is_asynchronous_writer(sink: object) -> bool:
    """Tell whether an object is obstore's asynchronous writer, which has the class of the synchronous one."""
    return is_writer_of_obstore(sink) and repr(sink).startswith("Async")


def _is_of_fsspec(sink: object) -> bool:
    loaded = sys.modules.get("fsspec.spec")
    return loaded is not None and isinstance(sink, loaded.AbstractBufferedFile)


def _is_of_smart_open(sink: object) -> bool:
    return type(sink).__module__.startswith("smart_open.") and hasattr(sink, "terminate")


def _will_be_left(writer: object) -> bool:
    """Tell whether a ``with`` block, or an `ExitStack`, holds the method of a writer that it is going to call."""
    return any(
        isinstance(holder, (BuiltinMethodType, MethodType)) and holder.__self__ is writer and holder.__name__ in _EXITS
        for holder in gc.get_referrers(writer)
    )


def _abort(writer: Any) -> None:
    """Abort a writer of obstore, of either kind, unless it is closed."""
    try:
        writer.__exit__(StorageError, StorageError("the write has failed"), None)
    except OSError as error:
        if "already closed" not in str(error):
            raise
