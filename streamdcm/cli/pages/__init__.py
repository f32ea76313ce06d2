"""Pages for a browser that need no network: what is in a file, and how a write went."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import streamdcm
from streamdcm.instructions import Encoder


def write_filled(target: str, name: str, content: Any) -> None:
    """Write a page with what it shows, and the style and the functions that all pages share, to a path or a URL.

    Parameters
    ----------
    target : str
        Where to write.
    name : str
        The file of the page, in this package.
    content : object
        What it shows, as JSON can say it.
    """
    page = _text(name).replace("{{style}}", _text("shared.css")).replace("{{script}}", _text("shared.js"))
    before, _, behind = page.partition("{{data}}")
    # as it stands in an element of HTML, which nothing in it may end
    data = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
    streamdcm.write_encoder(_pieces(before, data, behind), target)


def _text(name: str) -> str:
    return files(__name__).joinpath(name).read_text("utf-8")


def _pieces(*texts: str) -> Encoder[None]:
    yield from (text.encode() for text in texts)
