"""What a server says it has stored, in JSON or XML, read as hostile (PS3.18 §10.5.3.2, §F; PS3.19 §A.1)."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import Any, Final
from xml.parsers import expat

LARGEST: Final = 16 * 1024 * 1024
"""The most bytes of an answer that is read."""

_STORED: Final = "00081199"  # Referenced SOP Sequence
_FAILED: Final = "00081198"  # Failed SOP Sequence
_OTHERS: Final = "0008119A"  # Other Failures Sequence
_INSTANCE: Final = "00081155"  # Referenced SOP Instance UID
_WARNING: Final = "00081196"  # Warning Reason
_REASON: Final = "00081197"  # Failure Reason
_DEEPEST: Final = 64
_GZIP_OR_ZLIB: Final = 32


class UnclearError(ValueError):
    """An answer is not what the standard says; never seen outside."""


@dataclass(slots=True)
class StoreAnswer:
    """What an answer names.

    Parameters
    ----------
    stored : dict
        The SOP Instance UIDs of what is stored, and the warnings about it.
    failed : dict
        Those of what is not, and the reasons.
    """

    stored: dict[str, int | None] = field(default_factory=dict)
    failed: dict[str, int | None] = field(default_factory=dict)


def decoded(content: bytes, encoding: str) -> bytes:
    """Return an answer without the Content-Encoding that a server gives it though nobody asks for one.

    Raises
    ------
    UnclearError
        If that cannot be undone, or gives too much.
    """
    if encoding.strip().lower() in ("", "identity"):
        return content
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        raise UnclearError("it is compressed in a way that was not asked for")
    decompressor = zlib.decompressobj(zlib.MAX_WBITS | _GZIP_OR_ZLIB)
    try:
        data = decompressor.decompress(content, LARGEST + 1)
    except zlib.error:
        raise UnclearError("it is not compressed as it says") from None
    if len(data) > LARGEST:
        raise UnclearError(f"it is longer than {LARGEST:,} bytes")
    if not decompressor.eof:
        raise UnclearError("it is cut off")
    return data


def parsed_answer(content: bytes) -> StoreAnswer:
    """Return what an answer names.

    Raises
    ------
    UnclearError
        If it is neither JSON nor XML of the form that the standard has.
    """
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start in (b"{", b"["):
        items = _json_items(content)
    elif start == b"<":
        items = _xml_items(content)
    else:
        raise UnclearError("it is neither JSON nor XML")
    answer = StoreAnswer()
    for sequence, item in items:
        uid = item.get(_INSTANCE)
        if uid is None:
            continue
        if sequence == _STORED:
            answer.stored[uid] = _number(item.get(_WARNING))
        else:
            answer.failed[uid] = _number(item.get(_REASON))
    return answer


Items = list[tuple[str, dict[str, str]]]


def _json_items(content: bytes) -> Items:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnclearError(f"it is no JSON ({type(error).__name__})") from None
    if isinstance(found, list) and len(found) == 1:
        [found] = found
    if not isinstance(found, dict):
        raise UnclearError("it is no dataset")
    items: Items = []
    for sequence in (_STORED, _FAILED, _OTHERS):
        for item in _values(found.get(sequence)):
            if isinstance(item, dict):
                first = {tag: next(iter(_values(value)), None) for tag, value in item.items()}
                items.append((sequence, {tag: str(v) for tag, v in first.items() if isinstance(v, (str, int))}))
    return items


def _values(element: Any) -> list[Any]:
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _xml_items(content: bytes) -> Items:
    reader = _XmlReader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(content, True)
    except UnclearError:
        raise
    except (expat.ExpatError, ValueError, LookupError):  # the last two are of codecs, for an encoding that it names
        raise UnclearError("it is no XML") from None
    if not reader.is_dataset:
        raise UnclearError("it is no dataset")
    return reader.items


def _refuse_doctype(*_: object) -> None:
    raise UnclearError("it has a document type, which it must not")


class _XmlReader:
    """Collects the first values of the items of the sequences that count, from the events of a parser."""

    def __init__(self) -> None:
        self.items: Items = []
        self.is_dataset = False
        self._path: list[str] = []
        self._pieces: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if not self._path:
            self.is_dataset = name == "NativeDicomModel"
        if len(self._path) >= _DEEPEST:
            raise UnclearError("it is nested too deeply")
        self._path.append(attributes.get("tag", "").upper() if name == "DicomAttribute" else name)
        self._pieces = []
        if name == "Item" and len(self._path) == 3 and self._path[1] in (_STORED, _FAILED, _OTHERS):
            self.items.append((self._path[1], {}))

    def end(self, _: str) -> None:
        path = self._path
        if len(path) == 5 and path[2] == "Item" and path[4] == "Value" and self.items:
            self.items[-1][1].setdefault(path[3], "".join(self._pieces).strip())
        path.pop()

    def text(self, data: str) -> None:
        self._pieces.append(data)


def _number(text: str | None) -> int | None:
    """Return a reason; `None` if the text is not a number of 16 bits."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 5:
        return None
    return int(text) & 0xFFFF
