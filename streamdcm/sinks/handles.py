"""Handles of the caller whose closing would publish what was written, complete or not: they can be discarded."""

import sys
from typing import Any

from streamdcm.errors import StorageError


def discard_handle(sink: Any) -> None:
    """Throw away what was written to a handle of fsspec, smart_open or obstore; leave every other object alone.

    None of these libraries has to be imported for that: whoever holds their handle has imported them.
    """
    if _is_made_by(sink, "fsspec.spec", "AbstractBufferedFile"):
        if not sink.closed:
            sink.discard()
            sink.closed = True
    elif type(sink).__module__.startswith("smart_open."):
        terminate = getattr(sink, "terminate", None)
        if terminate is not None and not sink.closed:
            terminate()
    elif "obstore" in sys.modules and type(sink).__name__ == "WritableFile" and not sink.closed():
        sink.__exit__(StorageError, StorageError("the write has failed"), None)


def _is_made_by(sink: Any, module: str, name: str) -> bool:
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(sink, getattr(loaded, name))
