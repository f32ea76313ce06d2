"""Messages between the coordinator and a worker: a line of JSON each, through pipes. Nothing is unpickled."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any


def packed(message: dict[str, Any]) -> bytes:
    """Return a message as bytes."""
    return json.dumps(message).encode("ascii") + b"\n"


def received(descriptor: int) -> Iterator[dict[str, Any]]:
    """Give the messages that come through a pipe, up to its end."""
    unpacker = Unpacker()
    while data := os.read(descriptor, 1 << 16):
        yield from unpacker.feed(data)


class Unpacker:
    """Takes bytes as they come, and returns the messages that are complete, parsed together."""

    def __init__(self) -> None:
        self._begun = b""

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Take bytes, and return the messages that they complete."""
        *lines, self._begun = (self._begun + data).split(b"\n")
        messages: list[dict[str, Any]] = json.loads(b"[%s]" % b",".join(lines))
        return messages
