"""URLs as targets: the scheme says which module writes there, and only that one is imported."""

import re
from importlib import import_module
from typing import Any

from streamdcm.sinks.protocols import Output, PartsOutput
from streamdcm.sinks.storage import Storage

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_MODULES = {"s3": "streamdcm.sinks.s3"}


def scheme_of(target: Any) -> str | None:
    """Return the scheme of a URL in lower case, or `None` if `target` is none."""
    found = _URL.match(target) if isinstance(target, str) else None
    return found[1].lower() if found else None


def url_output(url: str, scheme: str, storage: Storage, *, overwrite: bool) -> Output | PartsOutput:
    """Find out how to write to a URL.

    Raises
    ------
    TargetTypeError
        If the URL does not name an object.
    MissingExtraError
        If the library for this scheme is not installed.
    """
    output: Output | PartsOutput = import_module(_MODULES[scheme]).output_for(url, storage, overwrite=overwrite)
    return output
