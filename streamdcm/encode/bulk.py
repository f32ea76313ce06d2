"""Bulk values whose bytes have to be asked for: of unknown length, or in another byte order (PS3.5 §6.2, §7.3)."""

from array import array
from collections.abc import Iterator
from typing import Final

from streamdcm.encode.layout import MAX_LENGTH, Encoding
from streamdcm.encode.vr import VRS
from streamdcm.errors import InvalidValueError, LengthOverflowError
from streamdcm.instructions import END, Chunk, Copy, Encoder, Fill, Need, Reserve, through
from streamdcm.sources import CopySource, StreamSource

WORDS: Final = {vr: row.word for vr, row in VRS.items() if row.bulk and row.word > 1}
"""The bytes in a word of each bulk VR that has words (PS3.5 §7.3)."""

_CODES: Final = {2: "H", 4: "I", 8: "Q"}
_AT_ONCE: Final = 1024 * 1024


def check_words(length: int, vr: str) -> None:
    """Refuse a length that is not a whole number of the words of a VR.

    Raises
    ------
    InvalidValueError
        If it is not.
    """
    word = WORDS.get(vr, 1)
    if length % word:
        raise InvalidValueError(
            f"has {length:,} bytes, which is no multiple of the {word} bytes of a word of VR {vr}; complete the value"
        )


def unsized(header: bytes, value: Encoder[int], vr: str, encoding: Encoding, label: str) -> Encoder[int]:
    """Encode an element whose length becomes known with its last byte, and is filled in then.

    Parameters
    ----------
    header : bytes
        The header, whose last four bytes are the length.
    value : Encoder
        Returns the number of bytes.
    vr : str
        The VR.
    encoding : Encoding
        The byte order of the length.
    label : str
        What the element is called in errors.

    Raises
    ------
    LengthOverflowError
        If the length does not fit its field.
    InvalidValueError
        If the value ends within a word.
    """
    yield header[:-4]
    reserve = Reserve(4, label=f"the length of {label}, which its ByteStream does not tell ahead")
    yield reserve
    length = yield from value
    check_words(length, vr)
    if length % 2:
        yield b"\0"
        length += 1
    if length > MAX_LENGTH:
        raise LengthOverflowError(f"{length:,} bytes do not fit a 32-bit length field; divide the instance")
    yield Fill(reserve, encoding.pack_length(length))
    return len(header) + length


def value_bytes(value: Chunk | Copy | StreamSource) -> Encoder[int]:
    """Yield the bytes of a value, asking for those that are not in memory, and return how many there were."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        view = memoryview(value)
        for start in range(0, len(view), _AT_ONCE):
            yield view[start : start + _AT_ONCE]
        return len(view)
    need = Need(CopySource(value) if isinstance(value, Copy) else value)
    length = 0
    while (piece := (yield need)) is not END and piece is not None:
        length += len(piece)
        yield piece
    return length


def swapped(value: Encoder[int], word: int) -> Encoder[int]:
    """Reverse the bytes of each word of a value; zeros complete the last word.

    Parameters
    ----------
    value : Encoder
        Yields the bytes of the value and returns their number.
    word : int
        The number of bytes of a word.

    Returns
    -------
    Encoder
        Returns the number of bytes in whole words.
    """
    rest = b""

    def on_chunk(chunk: Chunk) -> Iterator[Chunk]:
        nonlocal rest
        data = rest + chunk if rest else chunk
        end = len(data) - len(data) % word
        rest = bytes(data[end:])
        yield swap_words(memoryview(data)[:end], word)

    def finish() -> Iterator[Chunk]:
        if rest:
            yield swap_words(rest.ljust(word, b"\0"), word)

    length = yield from through(value, on_chunk, finish)
    return length + -length % word


def swap_words(data: Chunk, word: int) -> bytes:
    """Return a whole number of words with the bytes of each reversed."""
    words = array(_CODES[word], bytes(data))
    words.byteswap()
    return words.tobytes()
