"""Messages between the coordinator and a worker: JSON behind its length, through pipes. Nothing is unpickled."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from struct import Struct
from typing import Any, Final

_LENGTH: Final = Struct(">I")


def packed(message: dict[str, Any]) -> bytes:
    """Return a message as bytes."""
    body = json.dumps(message).encode("ascii")
    return _LENGTH.pack(len(body)) + body


def received(descriptor: int) -> Iterator[dict[str, Any]]:
    """Give the messages that come through a pipe, up to its end."""
    unpacker = Unpacker()
    while data := os.read(descriptor, 1 << 16):
        yield from unpacker.feed(data)


class Unpacker:
    """Takes bytes as they come, and gives the messages that are complete."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Take bytes, and give the messages that they complete."""
        self._kept += data
        while len(self._kept) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._kept)[0]
            if len(self._kept) < end:
                return
            yield json.loads(self._kept[_LENGTH.size : end])
            del self._kept[:end]
