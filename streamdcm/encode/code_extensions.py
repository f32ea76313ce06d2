"""Text in several character sets, which escape sequences switch between (PS3.5 §6.1.2.5, ISO/IEC 2022)."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

ESC: Final = 0x1B
TEXT_DELIMITERS: Final = frozenset("\t\n\f\r\\")
NAME_DELIMITERS: Final = TEXT_DELIMITERS | frozenset("^=")
"""Before each of these, and behind it, the first character set is the one in force (PS3.5 §6.1.2.5.3)."""


class _Set(NamedTuple):
    """One set of characters that an escape sequence puts into the lower half of a byte (G0) or the upper one (G1).

    Attributes
    ----------
    escape : bytes
        The escape sequence (PS3.3 tables C.12-3 and C.12-4).
    codec : str
        The Python codec that has it.
    is_upper : bool
        Whether its bytes are those from 0xA0 on.
    width : int
        The bytes of a character.
    prefix : bytes
        What the codec wants before the bytes of a character.
    """

    escape: bytes
    codec: str
    is_upper: bool = True
    width: int = 1
    prefix: bytes = b""


_ASCII: Final = _Set(b"\x1b(B", "ascii", is_upper=False)
_ROMAJI: Final = _Set(b"\x1b(J", "shift_jis", is_upper=False)

# By the name of the codec that pydicom has for a defined term
_SETS: Final[Mapping[str, tuple[_Set, ...]]] = MappingProxyType(
    {
        "iso8859": (),
        "latin_1": (_Set(b"\x1b-A", "latin_1"),),
        "iso8859_2": (_Set(b"\x1b-B", "iso8859_2"),),
        "iso8859_3": (_Set(b"\x1b-C", "iso8859_3"),),
        "iso8859_4": (_Set(b"\x1b-D", "iso8859_4"),),
        "iso_ir_126": (_Set(b"\x1b-F", "iso_ir_126"),),
        "iso_ir_127": (_Set(b"\x1b-G", "iso_ir_127"),),
        "iso_ir_138": (_Set(b"\x1b-H", "iso_ir_138"),),
        "iso_ir_144": (_Set(b"\x1b-L", "iso_ir_144"),),
        "iso_ir_148": (_Set(b"\x1b-M", "iso_ir_148"),),
        "iso_ir_166": (_Set(b"\x1b-T", "iso_ir_166"),),
        "shift_jis": (_ROMAJI, _Set(b"\x1b)I", "shift_jis")),
        "iso2022_jp": (_Set(b"\x1b$B", "iso2022_jp", is_upper=False, width=2, prefix=b"\x1b$B"),),
        "iso2022_jp_2": (_Set(b"\x1b$(D", "iso2022_jp_2", is_upper=False, width=2, prefix=b"\x1b$(D"),),
        "euc_kr": (_Set(b"\x1b$)C", "euc_kr", width=2),),
        "iso_ir_58": (_Set(b"\x1b$)A", "gb2312", width=2),),
    }
)


class _State:
    """The character sets that a text may use, and those that are in force in it."""

    def __init__(self, codecs: Sequence[str]) -> None:
        first = _SETS[codecs[0]]
        self._first_lower = next((each for each in first if not each.is_upper), _ASCII)
        self._first_upper = next((each for each in first if each.is_upper), None)
        self.available = (_ASCII, *(each for codec in codecs for each in _SETS[codec]))
        self.reset()

    def reset(self) -> None:
        """Let the first character set be in force."""
        self.lower = self._first_lower
        self.upper = self._first_upper
        self.invoked: list[_Set] = []

    def invoke(self, invoked: _Set) -> None:
        """Let a character set be in force."""
        self.invoked = [each for each in self.invoked if each.is_upper != invoked.is_upper]
        self.invoked.append(invoked)
        if invoked.is_upper:
            self.upper = invoked
        else:
            self.lower = invoked

    def back(self) -> bytes:
        """Return the escape sequence back to the lower half of the first character set, if one is needed."""
        if self.lower is self._first_lower:
            return b""
        self.invoke(self._first_lower)
        return self._first_lower.escape


def has_code_extensions(codecs: Sequence[str]) -> bool:
    """Whether text may have escape sequences between these character sets, all of which are known here."""
    return len(codecs) > 1 and all(codec in _SETS for codec in codecs)


def encode_extended(text: str, codecs: Sequence[str], delimiters: frozenset[str]) -> bytes:
    """Encode a text in several character sets.

    The first one is invoked by its escape sequence too, because not every reader knows that it is in force again
    behind a delimiter.

    Parameters
    ----------
    text : str
        The text.
    codecs : sequence of str
        The Python codecs of the character sets, the first one first.
    delimiters : frozenset of str
        `TEXT_DELIMITERS` or `NAME_DELIMITERS`.

    Raises
    ------
    UnicodeError
        If none of them has a character.
    """
    state = _State(codecs)
    return b"".join(_encoded(text, state, delimiters)) + state.back()


def _encoded(text: str, state: _State, delimiters: frozenset[str]) -> Iterator[bytes]:
    for character in text:
        if character < "\x80":
            yield state.back() + character.encode("ascii")
            if character in delimiters:
                state.reset()
            continue
        for invoked in state.invoked:
            if encoded := _bytes_in(invoked, character):
                yield encoded
                break
        else:
            for invoked in state.available:
                if encoded := _bytes_in(invoked, character):
                    state.invoke(invoked)
                    yield invoked.escape + encoded
                    break
            else:
                raise UnicodeError("no character set has this character")


def decode_extended(data: bytes, codecs: Sequence[str], delimiters: frozenset[str]) -> str:
    """Decode a text in several character sets, strictly by the standard; see `encode_extended`.

    Raises
    ------
    UnicodeError
        If it is none.
    """
    return "".join(_decoded(data, _State(codecs), delimiters))


def _decoded(data: bytes, state: _State, delimiters: frozenset[str]) -> Iterator[str]:
    at = 0
    while at < len(data):
        byte = data[at]
        if byte == ESC:
            invoked = next((each for each in state.available if data.startswith(each.escape, at)), None)
            if invoked is None:
                raise UnicodeError("an escape sequence of no character set that was announced")
            state.invoke(invoked)
            at += len(invoked.escape)
            continue
        current = state.upper if byte >= 0x80 else state.lower
        if current is None:
            raise UnicodeError("a byte of no character set that is in force")
        if byte <= 0x20:
            current = _ASCII
        character = (current.prefix + data[at : at + current.width]).decode(current.codec)
        yield character
        if character in delimiters:
            state.reset()
        at += current.width


@lru_cache(maxsize=4096)
def _bytes_in(wanted: _Set, character: str) -> bytes:
    """Return a character as a set has it; nothing if it has not."""
    try:
        encoded = character.encode(wanted.codec)
    except UnicodeError:
        return b""
    if wanted.prefix:
        if not encoded.startswith(wanted.prefix):
            return b""
        encoded = encoded[len(wanted.prefix) :]
        return encoded[: wanted.width]
    is_in_half = all((byte >= 0xA0) == wanted.is_upper for byte in encoded)
    return encoded if len(encoded) == wanted.width and is_in_half else b""
