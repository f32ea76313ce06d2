"""Handles of the caller whose closing would publish what was written, complete or not: they can be discarded."""

import gc
import io
import os
import sys
from types import BuiltinMethodType, MethodType
from typing import Any

from streamdcm.cleanup import afterwards
from streamdcm.errors import StorageError

_KINDS_OF_FSSPEC = (
    ("fsspec.spec", "AbstractBufferedFile"),
    ("fsspec.implementations.memory", "MemoryFile"),
    ("fsspec.implementations.local", "LocalFileOpener"),
)
# What `fsspec.open(…, compression=…)` puts in front of a handle, as far as it shows what it writes to
_COMPRESSORS = {("gzip", "GzipFile"): "fileobj", ("bz2", "BZ2File"): "_fp", ("lzma", "LZMAFile"): "_fp"}
_EXITS = frozenset({"__exit__", "__aexit__"})


def is_discardable(sink: object) -> bool:
    """Tell whether an object is a handle of fsspec, smart_open or obstore that waits to be published, or has been.

    None of these libraries has to be imported for that: whoever holds their handle has imported them.
    """
    return _handle_of_fsspec(sink) is not None or _is_of_smart_open(sink) or is_writer_of_obstore(sink)


def discard_handle(sink: Any, written: int = 0) -> None:
    """Throw away what was written to a handle of fsspec, smart_open or obstore; leave every other object alone.

    A writer of obstore that is used in a ``with`` block is left to that, which aborts it when the error gets there:
    aborted before, it would raise an error of its own as the block is left, and hide the first one.

    Parameters
    ----------
    sink : object
        What the caller gave.
    written : int
        How many bytes were written to it.
    """
    handle = _handle_of_fsspec(sink)
    if handle is not None:
        is_wrapped = handle is not sink
        if is_wrapped:
            _cut_off(sink)
        _discard_of_fsspec(handle, None if is_wrapped else written)
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


def _handle_of_fsspec(sink: Any) -> Any:
    """Return the handle of fsspec that an object is, or that it compresses for; `None` if there is none."""
    while sink is not None and not any(_is_a(sink, *kind) for kind in _KINDS_OF_FSSPEC):
        sink = getattr(sink, _inner_name(sink) or "", None)
    return sink


def _inner_name(sink: object) -> str | None:
    """Return the attribute by which an object that compresses holds what it writes to."""
    return next((name for (module, kind), name in _COMPRESSORS.items() if _is_a(sink, module, kind)), None)


def _cut_off(sink: Any) -> None:
    """Let an object that compresses write its end to nowhere when it is closed."""
    name = _inner_name(sink)
    if name is not None:
        setattr(sink, name, io.BytesIO())


def _discard_of_fsspec(handle: Any, written: int | None) -> None:
    if _is_a(handle, "fsspec.spec", "AbstractBufferedFile"):
        if not handle.closed:
            try:
                handle.discard()
            finally:
                handle.closed = True  # closing it would publish what it has
    elif _is_a(handle, "fsspec.implementations.memory", "MemoryFile"):
        # Published since it was opened; one that had content before, or is opened to append, is left alone.
        if handle.fs is not None and (written is None or handle.size <= written):
            found = handle.fs.store.get(handle.path)
            if found is handle:
                del handle.fs.store[handle.path]
    else:
        _discard_local(handle)


def _discard_local(handle: Any) -> None:
    """Remove the file that a handle of fsspec writes in place, or its temporary one."""
    if handle.autocommit:
        if "w" in handle.mode and not handle.closed:
            with afterwards(handle.close):
                if os.path.samestat(os.fstat(handle.f.fileno()), os.stat(handle.path)):
                    os.unlink(handle.path)
    elif not handle.closed:
        with afterwards(handle.discard):
            handle.close()


def _is_a(sink: object, module: str, kind: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(sink, getattr(loaded, kind))


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
