"""Datasets that nobody should write: any value under any VR, in any class, however it came there."""

import datetime
import decimal
import io
from collections.abc import Callable
from typing import Any

import numpy
from hypothesis import strategies as st
from pydicom import DataElement, Dataset, FileDataset, Sequence
from pydicom.config import IGNORE
from pydicom.dataelem import RawDataElement
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID
from pydicom.valuerep import DA, DT, IS, TM, DSdecimal, DSfloat, PersonName

from streamdcm.encode.vr import AMBIGUOUS_VRS, VRS

Make = Callable[[], Any]
"""Makes a value, dataset or element anew, since nothing may be shared by two that are compared."""


class Text(str):
    """Text of a class of its own."""


class Whole(int):
    """A number of a class of its own."""


class Several(list):  # type: ignore[type-arg]
    """A list of a class of its own."""


class Name(PersonName):
    """A name of a class of its own."""


class Element(DataElement):
    """An element of a class of its own."""


class Item(Dataset):
    """A dataset of a class of its own."""


class Broken:
    """What has nothing, and raises when it is asked."""

    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __getattr__(self, name: str) -> Any:
        raise ValueError(name)


_TEXTS = (
    "",
    " ",
    "A",
    "AB",
    "A\\B",
    "a=b=c=d",
    "=",
    "\0",
    "1.2.840.10008.1.1",
    "20240102",
    "1.5",
    "-3",
    "1e400",
    "nan",
)
_FOREIGN = ("Grün^Ünal", "山田^太郎=やまだ^たろう", "x\x1b$)Ay", "\x1b", "\ud800", "ÿ")
TEXTS = st.one_of(
    st.sampled_from((*_TEXTS, *_FOREIGN, "Doe^John", "20240102030405.000000", "a" * 65535)),
    st.text(max_size=12),
    st.text(st.characters(max_codepoint=127), max_size=70),
)
_BITS = (15, 16, 31, 32, 63, 64, 200)
WHOLE = st.one_of(
    st.sampled_from([sign * (1 << bits) + step for bits in _BITS for sign in (1, -1) for step in (-1, 0, 1)]),
    st.sampled_from([0, 1, -1]),
    st.integers(-70000, 70000),
)
FRACTIONS = st.one_of(st.sampled_from([0.0, -0.0, 1.0, 3.4e38, 3.5e38, 1e300, 5e-324]), st.floats())
_EDGES = [b"", b"\0", b"abc", b"\xfe\xff\0\xe0", bytes(65535), bytes(65536)]
BYTES = st.one_of(st.sampled_from(_EDGES), st.binary(max_size=9))
CODECS = st.sampled_from([None, (), ("iso8859",), ("utf8",), ("iso8859", "iso2022_jp_2"), ["iso8859"], "iso8859"])


def _number_text(kind: Any, texts: st.SearchStrategy[Any]) -> st.SearchStrategy[Make]:
    """Numbers with or without the text that they were read from, or with what is none."""

    def made(number: Any, original: Any) -> Make:
        def make() -> Any:
            try:
                value = kind(number, validation_mode=IGNORE)
            except Exception:
                return number
            if original is not None and hasattr(value, "__dict__"):
                value.original_string = original
            return value

        return make

    originals = st.one_of(st.none(), st.none(), st.sampled_from(["1.50", " 7 ", "ü", "山", b"1.5", 5, "", Text("8")]))
    return st.builds(made, texts, originals)


def _name(kind: type[PersonName]) -> st.SearchStrategy[Make]:
    def made(text: Any, codecs: Any, original: Any, components: Any) -> Make:
        def make() -> Any:
            name = kind(text, codecs, validation_mode=IGNORE)
            if original != "as it is":
                name.original_string = original
            if components != "as they are":
                name._components = components
            return name

        return make

    given = st.sampled_from([None, b"", b"Doe^J", b"D\x1b$B=x", "text", 3])
    originals = st.one_of(st.just("as it is"), st.just("as it is"), given)
    odd = [None, (), ("a", ""), ("", "b", ""), ("a", 3), ["a"], ("\x1bx",), (3,)]
    components = st.sampled_from(["as they are"] * 4 + odd)
    return st.builds(made, st.one_of(TEXTS, BYTES), CODECS, originals, components)


def constant(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Make]:
    """Values that may be shared, since nothing can change them."""
    return strategy.map(lambda value: lambda: value)


SINGLE: st.SearchStrategy[Make] = st.one_of(
    constant(TEXTS),
    constant(TEXTS),
    constant(WHOLE),
    constant(WHOLE),
    constant(FRACTIONS),
    constant(BYTES),
    constant(st.none()),
    constant(st.booleans()),
    TEXTS.map(lambda text: lambda: UID(text, validation_mode=IGNORE)),
    TEXTS.map(lambda text: lambda: Text(text)),
    WHOLE.map(lambda number: lambda: Whole(number)),
    st.integers(0, (1 << 32) + 5).map(lambda number: lambda: BaseTag(number)),
    st.integers(-3, 1 << 65).map(lambda number: lambda: BaseTag(number)),
    _number_text(DSfloat, st.one_of(WHOLE, FRACTIONS, st.sampled_from(["1.5", "2", "1.50000000000000000001"]))),
    _number_text(DSdecimal, st.sampled_from(["1.5", "2", 3, decimal.Decimal("1.10")])),
    _number_text(IS, st.one_of(WHOLE, st.sampled_from(["5", "+7", "1.0", 2.5]))),
    _name(PersonName),
    _name(PersonName),
    _name(Name),
    st.sampled_from(
        [
            lambda: DA(datetime.date(987, 6, 5)),
            lambda: TM(datetime.time(3, 4, 5, 60)),
            lambda: DT("20240102030405"),
            lambda: datetime.date(2024, 1, 2),
            lambda: decimal.Decimal("1.5"),
            lambda: bytearray(b"abc"),
            lambda: memoryview(b"abcd"),
            lambda: numpy.float32(1.5),
            lambda: numpy.arange(3, dtype="u2"),
            lambda: numpy.array(["a", "b"]),
            lambda: {"a": 1},
            lambda: range(3),
            lambda: iter([1, 2]),
            lambda: io.BytesIO(b"abc"),
            lambda: complex(1, 2),
            lambda: int,
            object,
            dict,
            set,
            Broken,
            Dataset,
        ]
    ),
)


def _several(several: list[Make], kind: str) -> Make:
    def make() -> Any:
        values = [value() for value in several]
        if kind == "tuple":
            return tuple(values)
        if kind == "MultiValue":
            return MultiValue(lambda value: value, values)
        if kind == "MultiValue of a tuple":
            odd: Any = MultiValue(lambda value: value, [])
            odd._list = tuple(values)
            return odd
        return Several(values) if kind == "Several" else values

    return make


_KINDS = st.sampled_from(["list", "tuple", "MultiValue", "MultiValue", "MultiValue of a tuple", "Several"])

DS_VALUES = _number_text(DSfloat, FRACTIONS)
IS_VALUES = _number_text(IS, WHOLE)
PN_VALUES = _name(PersonName)
_MIXED = st.builds(_several, st.lists(SINGLE, max_size=2), _KINDS)
_ALIKE = (constant(TEXTS), constant(WHOLE), constant(FRACTIONS), constant(BYTES), DS_VALUES, IS_VALUES, PN_VALUES)

VALUES: st.SearchStrategy[Make] = st.one_of(
    SINGLE, SINGLE, *(st.builds(_several, st.lists(kind, max_size=4), _KINDS) for kind in (*_ALIKE, SINGLE, _MIXED))
)
"""Single ones; several that are alike, as they are in practice, mixed, or nested."""

TAGS = st.sampled_from(
    [
        0x00080000,
        0x00080005,
        0x00080008,
        0x00080016,
        0x00080020,
        0x00100010,
        0x00100020,
        0x00102160,
        0x00180050,
        0x00181411,
        0x00200013,
        0x00200032,
        0x00280002,
        0x00280103,
        0x00280106,
        0x00281101,
        0x00283002,
        0x00283006,
        0x00291010,
        0x00290010,
        0x00400275,
        0x0040A730,
        0x00420011,
        0x00700006,
        0x00090000,
        0x00000002,
        0x52009230,
        0x60003000,
        0x7FE00010,
        0xFFFEE000,
        0xFFFFFFFF,
    ]
)
_TEXTUAL = tuple(vr for vr, row in VRS.items() if row.pad and not row.bulk)
KNOWN_VRS = (*VRS, *_TEXTUAL, *AMBIGUOUS_VRS)
_ODD_VRS = ["XX", "", "ü", "lo", "LOL", None, 5, Text("LO"), b"LO"]
ANY_VR = st.one_of(st.sampled_from(KNOWN_VRS), st.sampled_from(KNOWN_VRS), st.sampled_from(_ODD_VRS))
LOOSE = st.sampled_from([False, False, False, True, None, 1, "x"])


def _parsed(tag: int, vr: Any, value: Make, undefined: Any, kind: type[DataElement], twist: str) -> Make:
    def make() -> Any:
        element = kind(tag, "LO", None, already_converted=True)
        element.VR = vr
        element._value = value()
        element.is_undefined_length = undefined
        if twist == "other tag":
            element.tag = BaseTag(0x00100020)
        elif twist == "plain tag":
            element.tag = tag  # type: ignore[assignment]
        elif twist:
            delattr(element, twist)
        return element

    return make


def _raw(tag: int, vr: Any, length: Any, value: Any, implicit: bool, little: bool, twist: bool) -> Make:
    if twist:
        return lambda: tuple.__new__(RawDataElement, (Tag(tag), vr))
    size = len(value) if length is None and value is not None else length
    return lambda: RawDataElement(Tag(tag), vr, size, value, 0, implicit, little)


_TWISTS = st.sampled_from([""] * 30 + ["other tag", "plain tag", "VR", "_value", "is_undefined_length", "tag"])
PARSED = st.builds(_parsed, TAGS, ANY_VR, VALUES, LOOSE, st.sampled_from([DataElement] * 9 + [Element]), _TWISTS)


def _suitable(vr: str) -> st.SearchStrategy[Make]:
    """Values that a VR can hold, one or several."""
    ascii_texts = constant(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=9))
    row = VRS[vr]
    if row.bulk:
        return constant(BYTES)
    if row.fixed and row.word > 1 and vr != "AT":
        bits = 8 * row.word
        whole = st.integers(0, (1 << bits) - 1) if vr[0] == "U" else st.integers(-(1 << bits - 1), (1 << bits - 1) - 1)
        one = constant(st.floats(width=32) if vr[0] == "F" else whole)
    else:
        kinds = {
            "AT": st.integers(0, (1 << 32) - 1).map(lambda tag: lambda: BaseTag(tag)),
            "DS": DS_VALUES,
            "IS": IS_VALUES,
            "PN": PN_VALUES,
        }
        one = kinds.get(vr, ascii_texts)
    return st.one_of(one, st.builds(_several, st.lists(one, max_size=5), _KINDS), st.just(lambda: None))


SUITABLE = st.sampled_from([vr for vr in VRS if vr != "SQ"]).flatmap(
    lambda vr: st.builds(_parsed, TAGS, st.just(vr), _suitable(vr), st.just(False), st.just(DataElement), st.just(""))
)
RAW = st.builds(
    _raw,
    TAGS,
    st.one_of(st.sampled_from(list(VRS)), ANY_VR),
    st.sampled_from([None, None, None, None, 0, 0xFFFFFFFF, "x"]),
    st.one_of(BYTES, BYTES, BYTES, st.sampled_from([None, bytearray(b"ab"), "text"])),
    st.booleans(),
    st.booleans(),
    st.sampled_from([False] * 20 + [True]),
)


def datasets(depth: int = 0) -> st.SearchStrategy[Make]:
    """Datasets, with sequences in up to three levels; some are of what suits, and can be written."""
    suitable, any_element = [SUITABLE] * 4 + [RAW], [SUITABLE] * 4 + [PARSED, RAW]
    if depth < 3:
        sequences = st.builds(
            _parsed,
            st.sampled_from([0x0040A730, 0x52009230, 0x00400275, 0x00291010]),
            st.just("SQ"),
            st.builds(_items, st.lists(datasets(depth + 1), max_size=3), _CONTAINERS),
            LOOSE,
            st.just(DataElement),
            st.sampled_from([""] * 20 + ["other tag", "plain tag"]),
        )
        suitable.append(sequences)
        any_element.append(sequences)
    elements = st.one_of(st.lists(st.one_of(suitable), max_size=9), st.lists(st.one_of(any_element), max_size=7))
    return st.builds(_dataset, elements, st.sampled_from([Dataset] * 9 + [Item, FileDataset]), _READ, _KEYS)


_CONTAINERS = st.sampled_from(["Sequence"] * 5 + ["list", "tuple"])
_CHARSETS = st.sampled_from(["", "iso8859", ["iso8859"], ["utf8"], ["iso8859", "iso2022_jp_2"], None, ("utf8",), [3]])
_READ = st.one_of(
    st.none(),
    st.tuples(st.booleans(), st.booleans(), st.just(["iso8859"]), st.just(["iso8859"]), st.booleans()),
    st.tuples(LOOSE, LOOSE, _CHARSETS, _CHARSETS, LOOSE),
)
_KEYS = st.sampled_from(["tags"] * 30 + ["numbers", "text", "dict"])


class _Mapping(dict):  # type: ignore[type-arg]
    """A dictionary of a class of its own."""


def _dataset(elements: list[Make], kind: Any, read: Any, keys: str) -> Make:
    def make() -> Any:
        dataset = kind("", Dataset()) if kind is FileDataset else kind()
        for make_element in elements:
            element = make_element()
            tag = (
                element[0] if isinstance(element, RawDataElement) else element.__dict__.get("tag", BaseTag(0x00100030))
            )
            key = {"numbers": int(tag), "text": str(tag)}.get(keys, Tag(tag))
            dataset._dict[key] = element
        if keys == "dict":
            dataset._dict = _Mapping(dataset._dict)
        if read is not None:
            dataset._read_implicit, dataset._read_little, dataset._read_charset, dataset._parent_encoding = read[:4]
            dataset.is_undefined_length_sequence_item = read[4]
        return dataset

    return make


def _items(items: list[Make], kind: str) -> Make:
    def make() -> Any:
        made = [item() for item in items]
        if kind == "Sequence":
            return Sequence(made)
        return tuple(made) if kind == "tuple" else made

    return make
