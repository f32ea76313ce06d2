"""Frozen values that stages and VR encoders take."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

from streamdcm.encode.code_extensions import has_code_extensions
from streamdcm.options import GroupLengths, LongValues, OnVrConflict, SequenceLengths

UNDEFINED_LENGTH: Final = 0xFFFFFFFF
"""The value of a length field that says: a delimiter ends this (PS3.5 §7.1.1)."""

MAX_LENGTH: Final = 0xFFFFFFFE
"""The largest even length that a 32-bit length field holds."""

UNKNOWN_LENGTH: Final = 1 << 64
"""What a value counts whose length is not known before it has come: more than any length field holds, so that what
encloses it becomes undefined (PS3.5 §7.5.1)."""

MAX_SHORT_LENGTH: Final = 0xFFFF
"""The largest length that a 16-bit length field holds (PS3.5 table 7.1-2)."""

_ASCII = bytes(range(128))

# PS3.3 §C.12.1.1.2: codecs whose text needs escape sequences even in the first character set
_ESCAPING_CODECS = frozenset({"shift_jis", "iso2022_jp", "iso2022_jp_2"})

# The codec of the default repertoire, by the name by which Python does not have to look it up for every text
_QUICK_NAMES = {"iso8859": "latin-1"}


class Context(NamedTuple):
    """What a VR encoder may know.

    Attributes
    ----------
    little_endian : bool
        The byte order of numbers and tags.
    encodings : tuple of str
        Python codecs of the character sets in force, the first one first.
    codec : str or None
        The codec to try first, if text in it needs no escape sequences.
    is_extended : bool
        Whether escape sequences switch between the character sets (PS3.5 §6.1.2.5).
    """

    little_endian: bool
    encodings: tuple[str, ...]
    codec: str | None
    is_extended: bool = False


def make_context(little_endian: bool, encodings: Sequence[str]) -> Context:
    """Return the context for a byte order and the codecs of a character set."""
    first = encodings[0]
    codec = None if first in _ESCAPING_CODECS else _QUICK_NAMES.get(first, first)
    return Context(little_endian, tuple(encodings), codec, has_code_extensions(encodings))


@lru_cache(maxsize=256)
def keeps_ascii(codec: str | None) -> bool:
    """Whether text of ASCII characters is the same bytes in a codec, which can be none."""
    try:
        return codec is not None and _ASCII.decode("ascii").encode(codec) == _ASCII
    except (LookupError, UnicodeError):
        return False


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements are laid out: with or without VR, and in which byte order (PS3.5 §7.1, §7.3).

    Parameters
    ----------
    implicit_vr : bool
        Whether the VR is left out.
    little_endian : bool
        Whether the least significant byte comes first.

    Examples
    --------
    >>> from streamdcm.stages import Encoding
    >>> Encoding(implicit_vr=True, little_endian=True)  # Implicit VR Little Endian (PS3.5 §A.1)
    Encoding(implicit_vr=True, little_endian=True)
    """

    implicit_vr: bool
    little_endian: bool
    pack_implicit: Callable[[int, int, int], bytes] = field(init=False, repr=False, compare=False)
    pack_short: Callable[[int, int, bytes, int], bytes] = field(init=False, repr=False, compare=False)
    pack_long: Callable[[int, int, bytes, int], bytes] = field(init=False, repr=False, compare=False)
    pack_length: Callable[[int], bytes] = field(init=False, repr=False, compare=False)
    item: bytes = field(init=False, repr=False, compare=False)
    item_end: bytes = field(init=False, repr=False, compare=False)
    sequence_end: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        order = "<" if self.little_endian else ">"
        for name, layout in (
            ("pack_implicit", "HHL"),
            ("pack_short", "HH2sH"),
            ("pack_long", "HH2s2xL"),
            ("pack_length", "L"),
        ):
            object.__setattr__(self, name, Struct(order + layout).pack)
        # PS3.5 table 7.5-1: item, item delimitation and sequence delimitation have no VR
        object.__setattr__(self, "item", self.pack_implicit(0xFFFE, 0xE000, 0)[:4])
        object.__setattr__(self, "item_end", self.pack_implicit(0xFFFE, 0xE00D, 0))
        object.__setattr__(self, "sequence_end", self.pack_implicit(0xFFFE, 0xE0DD, 0))


class Layout(NamedTuple):
    """How a dataset body is laid out.

    Attributes
    ----------
    encoding : Encoding
        VR and byte order.
    sequence_lengths : {"preserve", "defined", "undefined"}
        Whether sequences and items have the kind of length that the dataset says, or all the same.
    group_lengths : {"omit", "write"}
        Whether every group starts with its (retired) Group Length (PS3.5 §7.2).
    long_values : {"UN", "refuse"}
        What becomes of a value over 64 KiB with a VR that has a 16-bit length field (PS3.5 §6.2.2).
    converts_file : bool
        Whether a file is converted, in all that pydicom leaves as it was read: the byte order of values with VR OD, OF,
        OL, OV and OW (PS3.5 §7.3), the text of items that inherit another character set than they were read with
        (§7.5.3), and private sequences that lose their VR, which get an undefined length, to be known by it.
    on_vr_conflict : {"refuse", "drop"}
        What becomes in Implicit VR of an element whose VR is not that of the dictionary, and whose value cannot be
        converted to it (PS3.5 §7.1.3): an error, or its bytes, which mean something else to whoever reads them.
    bulk_little_endian : bool or None
        The byte order of bulk values in a dataset that was not read, where it is converted; `None`: they stay as they
        are.

    Examples
    --------
    >>> from streamdcm.stages import Encoding, Layout, dataset_body
    >>> layout = Layout(Encoding(implicit_vr=True, little_endian=True), sequence_lengths="undefined")
    >>> body = b"".join(streamdcm.encoder_chunks(dataset_body(ds, layout)))
    >>> body[:8].hex()  # tag and length of the first element
    '0800050...'
    """

    encoding: Encoding
    sequence_lengths: SequenceLengths = "preserve"
    group_lengths: GroupLengths = "omit"
    long_values: LongValues = "UN"
    converts_file: bool = False
    on_vr_conflict: OnVrConflict = "refuse"
    bulk_little_endian: bool | None = None

    @property
    def is_as_read(self) -> bool:
        """Whether sequences that were read and not parsed may keep their bytes."""
        return self.sequence_lengths == "preserve" and self.group_lengths == "omit"
