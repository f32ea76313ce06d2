"""Random datasets for hypothesis, as recipes: what is drawn is plain, and cooked afresh for each writer.

A writer may change what it is given and buffered values have a position, so two writers must never
share a dataset.
"""

import datetime
import functools
import io
import string
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRBigEndian, ImplicitVRLittleEndian
from pydicom.valuerep import DA, DS, DT, EXPLICIT_VR_LENGTH_32, IS, TM, DSdecimal, DSfloat, PersonName

from tests.support.corpus import FOUR_SYNTAXES


@dataclass(frozen=True)
class Call:
    """A value to be made anew each time the recipe is cooked."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"{self.function.__name__}({', '.join(map(repr, self.arguments))})"


@dataclass(frozen=True)
class Element:
    tag: int
    vr: str
    value: Any
    undefined_length: bool = False


@dataclass(frozen=True)
class Recipe:
    elements: tuple[Element, ...]
    undefined_length: bool | None = None


@dataclass(frozen=True)
class FileRecipe:
    dataset: Recipe
    syntax: UID | None
    preamble: bytes | None = None


def cook(value: Any) -> Any:
    """The value that a recipe describes."""
    match value:
        case Call(function, arguments):
            return function(*(cook(argument) for argument in arguments))
        case Recipe():
            return cook_dataset(value)
        case tuple():
            return tuple(cook(entry) for entry in value)
    return value


def cook_dataset(recipe: Recipe) -> Dataset:
    dataset = Dataset()
    for element in recipe.elements:
        value = cook(element.value)
        # pydicom takes a bytearray for a list of numbers unless told not to look
        as_it_is = element.vr in WORD_SIZES and isinstance(value, bytearray) and len(value) > 0
        cooked = DataElement(element.tag, element.vr, value, already_converted=as_it_is)
        dataset[element.tag] = cooked
        cooked.is_undefined_length = element.undefined_length
    if recipe.undefined_length is not None:
        dataset.is_undefined_length_sequence_item = recipe.undefined_length
    return dataset


def cook_file(recipe: FileRecipe) -> Dataset:
    """The dataset of a recipe, with file meta and preamble."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = cook_dataset(recipe.dataset)
        dataset.file_meta = FileMetaDataset()
        if recipe.syntax is not None:
            dataset.file_meta.TransferSyntaxUID = recipe.syntax
        dataset.preamble = recipe.preamble
    return dataset


def buffer_at(data: bytes, position: int) -> io.BytesIO:
    """A buffered value whose start is not the buffer's."""
    buffer = io.BytesIO(b"\xff" * position + data)
    buffer.seek(position)
    return buffer


def listed(*entries: Any) -> list[Any]:
    return list(entries)


def tupled(*entries: Any) -> tuple[Any, ...]:
    return entries


def parsed_name(text: str) -> PersonName:
    """A person name whose components have been looked at."""
    value = PersonName(text)
    _ = value.components
    return value


# --- Values, by VR -----------------------------------------------------------------------------------

CHARSETS: dict[Any, str] = {
    None: string.ascii_letters + string.digits + " .-_",
    "ISO_IR 6": string.ascii_letters + " ",
    "ISO_IR 100": "abcÄÖüßéñ¿ ",
    "ISO_IR 144": "abcДжЖяЁ ",
    "ISO_IR 192": "aé山田やまだ김희중Люк😀 ",
    "GB18030": "a王小东字ü€ ",
    "GBK": "a王小东字 ",
    ("", "ISO 2022 IR 87"): "abc山田太郎やまだ ",
    ("ISO 2022 IR 13", "ISO 2022 IR 87"): "abcﾔﾏﾀﾞ山田 ",
    ("", "ISO 2022 IR 149"): "abc김희중 ",
    ("ISO 2022 IR 100", "ISO 2022 IR 144", "ISO 2022 IR 126"): "abcéßЛюкΔΨλ ",
}

NUMBERS: dict[str, st.SearchStrategy[Any]] = {
    "US": st.integers(0, 2**16 - 1),
    "SS": st.integers(-(2**15), 2**15 - 1),
    "UL": st.integers(0, 2**32 - 1),
    "SL": st.integers(-(2**31), 2**31 - 1),
    "UV": st.integers(0, 2**64 - 1),
    "SV": st.integers(-(2**63), 2**63 - 1),
    "FL": st.floats(width=32),
    "FD": st.floats() | st.integers(-5, 5),
}

WORD_SIZES = {"OB": 1, "OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8, "UN": 1}

EARLY = datetime.date(999, 12, 31)
DATES = st.dates() | st.dates(max_value=EARLY)
OFFSETS = st.none() | st.integers(-12 * 60, 14 * 60).map(
    lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes))
)
DATETIMES = st.datetimes(timezones=OFFSETS) | st.datetimes(max_value=datetime.datetime(999, 12, 31))
TIMES = st.times()


def one_or_more(value: st.SearchStrategy[Any], *containers: Callable[..., Any]) -> st.SearchStrategy[Any]:
    """One value, or several in each of the containers that pydicom takes, or none."""
    several = st.lists(value, max_size=4).map(tuple)
    return st.one_of(
        value,
        st.builds(Call, st.sampled_from((listed, *containers)), several),
        st.sampled_from((None, "")),
    )


@functools.cache
def bulk(vr: str) -> st.SearchStrategy[Any]:
    """Bytes of the VR's word size, in the containers and at the positions that pydicom takes."""
    size = WORD_SIZES[vr]
    data = st.binary(max_size=6).map(lambda value: value * size)
    kinds = st.sampled_from((bytearray, memoryview) if vr != "UN" else (bytearray,))
    values = data | st.builds(Call, kinds, st.tuples(data))
    if vr != "UN":
        values |= st.builds(Call, st.just(buffer_at), st.tuples(data, st.integers(0, 3)))
    return values | st.none()


def text(alphabet: str, limit: int = 12) -> st.SearchStrategy[str]:
    return st.text(alphabet, max_size=limit)


def person_names(alphabet: str) -> st.SearchStrategy[Any]:
    group = st.lists(text(alphabet.replace(" ", ""), 4), max_size=5).map("^".join)
    names = st.lists(group, min_size=1, max_size=3).map("=".join)
    kinds = st.sampled_from((PersonName, parsed_name))
    return names | st.builds(Call, kinds, st.tuples(names))


@functools.cache
def tags() -> st.SearchStrategy[Any]:
    number = st.integers(0, 2**32 - 1)
    as_tag = number.map(lambda value: Call(Tag, (value,)))
    pair = number.map(lambda value: Call(tupled, (value >> 16, value & 0xFFFF)))
    several = st.lists(number | as_tag | pair, max_size=3).map(tuple)
    return st.one_of(number, as_tag, st.just("PatientName"), st.builds(Call, st.just(listed), several), st.none())


@functools.cache
def decimal_strings() -> st.SearchStrategy[Any]:
    number = st.decimals(-(10**6), 10**6, places=3)
    strings = number.map(str) | st.sampled_from(("1.50", "+3", "1e5", " 7", "-0.0", "0012"))
    return st.one_of(
        strings,
        st.floats(-1e6, 1e6).map(lambda value: round(value, 4)),
        st.integers(-(10**9), 10**9),
        number,
        st.builds(Call, st.sampled_from((DSfloat, DSdecimal)), st.tuples(strings)),
        number.map(lambda value: Call(DSdecimal, (value,))),
        st.builds(Call, st.just(DSfloat), st.tuples(st.floats(-1e6, 1e6), st.just(True))),
    )


def integer_strings() -> st.SearchStrategy[Any]:
    number = st.integers(-(2**31), 2**31 - 1)
    strings = number.map(str) | st.sampled_from(("+1", "007", " 5 ", "-0"))
    return st.one_of(strings, number, st.builds(Call, st.just(IS), st.tuples(strings)), st.just(Decimal(4)))


def several_with_none(number: str) -> st.SearchStrategy[Any]:
    entries = st.lists(st.sampled_from((number, None)), min_size=2, max_size=3)
    return entries.map(lambda chosen: Call(listed, tuple(chosen)))


def text_values(vr: str, alphabet: str) -> st.SearchStrategy[Any]:
    """Text, and bytes as pydicom takes them: already encoded, of the default character set."""
    encoded = st.text(string.ascii_letters, max_size=9).map(str.encode)
    if vr in {"LT", "ST", "UT"}:
        return text(alphabet + "\\\r\n", 40) | encoded | st.none()
    several = st.lists(encoded, max_size=3).map(lambda values: Call(listed, tuple(values)))
    return one_or_more(text(alphabet), tupled) | encoded | several


@functools.cache
def values(vr: str, alphabet: str) -> st.SearchStrategy[Any]:
    """Values of `vr`, of every type that pydicom writes."""
    ascii_text = text(CHARSETS[None])
    match vr:
        case _ if vr in NUMBERS:
            return one_or_more(NUMBERS[vr], tupled)
        case _ if vr in WORD_SIZES:
            return bulk(vr)
        case "SH" | "LO" | "LT" | "ST" | "UT" | "UC":
            return text_values(vr, alphabet)
        case "PN":
            return one_or_more(person_names(alphabet))
        case "AE" | "CS":
            return one_or_more(ascii_text, tupled) | ascii_text.map(str.encode)
        case "UR":
            return text(string.ascii_letters + ":/?\\&") | st.none()
        case "AS":
            return one_or_more(st.sampled_from(("018Y", "003M", "1W")))
        case "UI":
            return one_or_more(st.sampled_from(("1.2.3", "1.2.34", UID("1.2.840.10008.1.1"))))
        case "AT":
            return tags()
        case "DS":
            return one_or_more(decimal_strings()) | several_with_none("1.5")
        case "IS":
            return one_or_more(integer_strings()) | several_with_none("3")
        case "DA":
            strings = st.sampled_from(("20200101", "2020.01.01", "19991231-20200101"))
            objects = DATES | DATES.map(lambda value: Call(DA, (value,)))
            return one_or_more(strings | objects | st.just(Call(DA, ("20200229",))), tupled)
        case "DT":
            strings = st.sampled_from(("20200101", "20200101120000.123456+0100", "2020"))
            objects = DATETIMES | DATETIMES.map(lambda value: Call(DT, (value,)))
            return one_or_more(strings | objects | st.just(Call(DT, ("2020010112",))), tupled)
        case "TM":
            strings = st.sampled_from(("12", "120000", "120000.5"))
            objects = TIMES | TIMES.map(lambda value: Call(TM, (value,)))
            return one_or_more(strings | objects | st.just(Call(TM, ("1200",))), tupled)
    raise NotImplementedError(vr)


# --- Elements and datasets ---------------------------------------------------------------------------

_AVOIDED = {0x00080005, 0x00080016, 0x00080018, 0x00280103, 0x7FE00010}


def _tags_by_vr() -> dict[str, list[int]]:
    result: dict[str, list[int]] = {}
    for tag, (vr, *_) in DicomDictionary.items():
        group, element = tag >> 16, tag & 0xFFFF
        if group in {0x0002, 0x0000, 0xFFFE} or element == 0 or tag in _AVOIDED:
            continue
        if vr == "SQ" and group < 0x0008:
            continue  # comes before the character set, and then what pydicom reads depends on its length
        result.setdefault(vr, []).append(tag)
    return {vr: tags[:: max(1, len(tags) // 12)] for vr, tags in result.items()}


TAGS = _tags_by_vr()
VRS = sorted({vr for vr in TAGS if len(vr) == 2} - {"SQ"} | {"UN"})

#: Elements whose VR depends on others in the dataset, with values as a user or a reader leaves them.
AMBIGUOUS = (
    Element(0x00280106, "US or SS", 7),
    Element(0x00280107, "US or SS", b"\x07\x00"),
    Element(0x00280120, "US or SS", None),
    Element(0x00281101, "US or SS", Call(listed, (65535, 0, 16))),
    Element(0x00281102, "SS", Call(listed, (40000, -3, 16))),
    Element(0x00283002, "US or SS", Call(listed, (1, 0, 16))),
    Element(0x00283006, "US or OW", b"\x01\x00"),
    Element(0x00283006, "US or OW", b"\x01\x00\x02\x00"),
    Element(0x60003000, "OB or OW", b"\x01\x00"),
    Element(0x54001010, "OB or OW", b"\x01\x02"),
    Element(0x5400100A, "OB or OW", b"\x01\x02"),
    Element(0x003A021A, "US", 8),
    Element(0x54001004, "US", 16),
    Element(0x00280100, "US", 16),
    Element(0x7FE00010, "OB or OW", b"\x01\x02"),
)


@functools.cache
def elements(alphabet: str) -> st.SearchStrategy[Element]:
    """One element of any VR but SQ, with a tag that has this VR."""

    def of(vr: str) -> st.SearchStrategy[Element]:
        tag = st.sampled_from(TAGS[vr]) if vr in TAGS else st.integers(0x00090000 | 0x1001, 0x00090000 | 0x1008)
        if vr == "UN":
            tag = st.integers(0x00291001, 0x00291006)
        # as a careless change of VR leaves it; those of 32 bits may have it, and would have to hold items
        flag = st.just(False) if vr in EXPLICIT_VR_LENGTH_32 else st.sampled_from((False,) * 9 + (True,))
        return st.builds(Element, tag, st.just(vr), values(vr, alphabet), flag)

    by_vr = {vr: of(vr) for vr in VRS}
    return st.sampled_from(VRS).flatmap(by_vr.__getitem__)


@functools.cache
def private_blocks(alphabet: str) -> st.SearchStrategy[tuple[Element, ...]]:
    """A private creator and a few elements of its block."""

    def of(number: int) -> st.SearchStrategy[tuple[Element, ...]]:
        creator = Element(0x000B0000 | number, "LO", "STREAMDCM")
        vrs = st.sampled_from(("LO", "UN", "FD", "OB", "DS", "SH"))
        inner = vrs.flatmap(
            lambda vr: st.builds(
                Element,
                st.integers(0, 4).map(lambda index: 0x000B0000 | number << 8 | index),
                st.just(vr),
                values(vr, alphabet),
            )
        )
        return st.lists(inner, max_size=3).map(lambda chosen: (creator, *chosen))

    return st.sampled_from((0x10, 0x42)).flatmap(of)


def _unique(chosen: list[Element]) -> tuple[Element, ...]:
    return tuple({element.tag: element for element in chosen}.values())


def charset_element(charset: Any) -> Element:
    value = Call(listed, charset) if isinstance(charset, tuple) else charset
    return Element(0x00080005, "CS", value)


@st.composite
def datasets(draw: st.DrawFn, depth: int = 4, charset: Any = None, size: int = 6) -> Recipe:
    """A dataset of all VRs, with private blocks, ambiguous VRs, sequences and character sets."""
    chosen: list[Element] = []
    if draw(st.integers(0, 3)) == 0:
        charset = draw(st.sampled_from(list(CHARSETS)))
        if charset is not None:
            chosen.append(charset_element(charset))
        else:
            charset = None
            chosen.append(Element(0x00080005, "CS", None))
    alphabet = CHARSETS[charset]
    chosen += draw(st.lists(elements(alphabet), max_size=size))
    if draw(st.integers(0, 3)) == 0:
        chosen += draw(private_blocks(alphabet))
    if draw(st.integers(0, 4)) == 0:
        chosen += draw(st.lists(st.sampled_from(AMBIGUOUS), max_size=5))
    if draw(st.integers(0, 4)) == 0:
        chosen.append(Element(0x00280103, "US", draw(st.sampled_from((0, 1)))))
    if draw(st.integers(0, 6)) == 0:
        chosen.append(Element(draw(st.sampled_from((0x00080000, 0x00040000, 0x00100000))), "UL", 12))
    if depth:
        for _ in range(draw(st.integers(0, 2 if depth > 3 else 1))):
            inner = datasets(depth=depth - 1, charset=charset, size=2)
            nested = Call(listed, tuple(draw(st.lists(inner, max_size=2))))
            tag = draw(st.sampled_from((*TAGS["SQ"], 0x000B1007)))
            chosen.append(Element(tag, "SQ", nested, draw(st.booleans())))
    return Recipe(_unique(chosen), draw(st.sampled_from((None, True, False))))


@st.composite
def files(draw: st.DrawFn, content: st.SearchStrategy[Recipe] | None = None) -> FileRecipe:
    """A dataset in one of the four syntaxes, with or without a preamble."""
    return FileRecipe(
        draw(datasets() if content is None else content),
        draw(st.sampled_from(FOUR_SYNTAXES)),
        draw(st.sampled_from((None, b"\0" * 128, bytes(range(128))))),
    )


ENCODINGS: dict[UID, tuple[bool, bool]] = {
    uid: (uid == ImplicitVRLittleEndian, uid != ExplicitVRBigEndian) for uid in FOUR_SYNTAXES
}


# --- Values that cannot be written -------------------------------------------------------------------

JUNK = (
    5, -1, 2**70, 1.5, 1j, float("nan"), float("inf"), True, Decimal("1.5"), None, object(),
    "secret text", "secret, odd", "é", "山田", b"secret bytes", b"secret, odd", b"\xff\xfe", Call(bytearray, (b"ab",)),
    (), (1, 2), Call(listed, ()), Call(listed, (1, "a")), Call(listed, (None,)), Call(listed, ("a", None)),
    Call(listed, (b"a", "b")), Call(listed, ("a", b"b")), Call(listed, (1.5, 2)), Call(buffer_at, (b"abc", 1)),
    datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), datetime.time(1, 2), EARLY, datetime.datetime(99, 1, 1),
    Call(DS, ("1.5",)), Call(IS, ("3",)), Call(PersonName, ("a^b",)), Call(Tag, (0x00100010,)),
)  # fmt: skip
