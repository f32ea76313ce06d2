"""From the chunks of a dataset to the fragments of P-DATA PDUs, uncopied (PS3.8 §9.3.5, §E)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final, TypeAlias

from streamdcm.network.pdus import fragment_header

Buffers: TypeAlias = list[bytes | memoryview]
"""What is sent in one go, one after the other."""

OVERHEAD: Final = 6
"""The bytes of a PDU, as its maximum length counts them, beside one fragment."""

_MOST_PDUS: Final = 4096
"""How many PDUs are made at a time: each costs some 100 bytes besides its own, more than a short one has."""


def fragment_size(ours: int, theirs: int) -> int:
    """Return how long fragments are: even, and no longer than the peer takes; 0 is a peer without a limit."""
    return (min(ours, theirs or ours) - OVERHEAD) & ~1


class Fragments:
    """Divides a dataset over PDUs, by its bytes alone and not by the chunks that they come in.

    Parameters
    ----------
    context_id : int
        The presentation context.
    size : int
        The length of each fragment but the last; even.
    """

    def __init__(self, context_id: int, size: int) -> None:
        self._context_id = context_id
        self._size = size
        self._held: deque[memoryview] = deque()
        self._count = 0
        self.is_odd = False
        """Whether an odd number of bytes has come."""

    def portions(self, chunk: bytes) -> Iterator[bytes | memoryview]:
        """Give a chunk in portions of not too many PDUs, for `add`: a peer may take a few bytes in each."""
        size = self._size * _MOST_PDUS
        if len(chunk) <= size:
            yield chunk
            return
        for at in range(0, len(chunk), size):
            yield memoryview(chunk)[at : at + size]

    def add(self, chunk: bytes | memoryview) -> Buffers:
        """Take a chunk, and return the PDUs that are complete; what may be the last one is held back."""
        self._held.append(memoryview(chunk))
        self._count += len(chunk)
        self.is_odd ^= bool(len(chunk) & 1)
        buffers: Buffers = []
        while self._count > self._size:
            buffers += self._pdu(self._size, is_last=False)
        return buffers

    def finish(self) -> Buffers:
        """Return the last PDU, of a dataset that is neither empty nor of odd length."""
        return self._pdu(self._count, is_last=True)

    def _pdu(self, length: int, *, is_last: bool) -> Buffers:
        buffers: Buffers = [fragment_header(self._context_id, length, is_command=False, is_last=is_last)]
        self._count -= length
        while length:
            first = self._held.popleft()
            if len(first) > length:
                self._held.appendleft(first[length:])
                first = first[:length]
            length -= len(first)
            buffers.append(first)
        return buffers


def command_pdus(context_id: int, command: bytes, size: int) -> Buffers:
    """Return a command in as many PDUs as it takes."""
    buffers: Buffers = []
    for at in range(0, len(command), size):
        piece = command[at : at + size]
        is_last = at + size >= len(command)
        buffers += fragment_header(context_id, len(piece), is_command=True, is_last=is_last), piece
    return buffers
