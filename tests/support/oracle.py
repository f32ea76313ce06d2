"""`pydicom.dcmwrite` as the judge of ours, and the list of the cases in which it is wrong."""

import datetime
import io
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from unittest.mock import patch

import pydicom
from pydicom import charset, filewriter, values
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filewriter import _correct_ambiguous_vr_element
from pydicom.filewriter import dcmwrite as pydicom_dcmwrite
from pydicom.multival import MultiValue
from pydicom.uid import DeflatedExplicitVRLittleEndian, MediaStorageDirectoryStorage
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, PersonName

from streamdcm import dcmwrite, encoded_size, iter_chunks
from streamdcm.encode.code_extensions import (
    NAME_DELIMITERS,
    TEXT_DELIMITERS,
    decode_extended,
    encode_extended,
    has_code_extensions,
)
from streamdcm.encode.tags import LUT_DESCRIPTORS
from tests.support.corpus import JPIP_DEFLATED


@dataclass
class Outcome:
    """What came of a write: bytes or an exception, and the warnings."""

    data: bytes = b""
    error: Exception | None = None
    warned: Counter[type[Warning]] = field(default_factory=Counter)
    messages: list[str] = field(default_factory=list)


def outcome(write: Callable[..., Any], dataset: Dataset, *args: Any, **options: Any) -> Outcome:
    """Write `dataset` to memory with `write`; nothing escapes."""
    result = Outcome()
    buffer = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            write(buffer, dataset, *args, **options)
        except Exception as error:
            result.error = error
    result.data = buffer.getvalue()
    result.warned = Counter(warning.category for warning in caught)
    result.messages = [str(warning.message) for warning in caught]
    return result


# --- The cases in which pydicom is wrong -------------------------------------------------------------


class Repair(NamedTuple):
    """A corner in which pydicom's output is broken: after `repair`, pydicom is the judge again."""

    reason: str
    repair: Callable[[Dataset], None]


def _elements(dataset: Dataset) -> Iterator[tuple[Dataset, DataElement]]:
    """Every parsed element of `dataset` and its items; raw ones stay raw."""
    for element in list(dataset._dict.values()):
        if isinstance(element, DataElement):
            yield dataset, element
            if element.VR == "SQ" and element.value is not None:
                for item in element.value:
                    yield from _elements(item)


def pad_buffers(dataset: Dataset) -> None:
    for _, element in _elements(dataset):
        if element.is_buffered:
            position = element.value.tell()
            value = element.value.read()
            element.value.seek(position)
            if len(value) % 2:
                element._value = io.BytesIO(value + b"\0")


def drop_undefined_lengths(dataset: Dataset) -> None:
    for _, element in _elements(dataset):
        if element.is_undefined_length and element.VR not in EXPLICIT_VR_LENGTH_32:
            element.is_undefined_length = False


def _each_value(dataset: Dataset, vrs: set[str], change: Callable[[Any], Any]) -> None:
    for _, element in _elements(dataset):
        if element.VR not in vrs:
            continue
        value = element._value
        if isinstance(value, MultiValue):
            value._list[:] = [change(x) for x in value._list]
        elif isinstance(value, list | tuple):
            element._value = type(value)(change(x) for x in value)
        else:
            element._value = change(value)


def zero_pad_years(dataset: Dataset) -> None:
    def is_early(value: Any, kind: type) -> bool:
        return isinstance(value, kind) and value.year < 1000 and not hasattr(value, "original_string")

    def date(value: Any) -> Any:
        return f"{value.year:04}{value:%m%d}" if is_early(value, datetime.date) else value

    def date_and_time(value: Any) -> Any:
        if not is_early(value, datetime.datetime):
            return value
        fraction = f"{value:.%f}" if value.microsecond else ""
        return f"{value.year:04}{value:%m%d%H%M%S}{fraction}{value:%z}"

    _each_value(dataset, {"DA"}, date)
    _each_value(dataset, {"DT"}, date_and_time)


def empty_nones(dataset: Dataset) -> None:
    for _, element in _elements(dataset):
        if element.VR in {"DS", "IS"} and isinstance(element._value, MultiValue | list | tuple):
            element._value = ["" if x is None else x for x in element._value]


def list_numbers(dataset: Dataset) -> None:
    for _, element in _elements(dataset):
        if isinstance(element._value, tuple) and element.VR in {
            "US", "SS", "UL", "SL", "UV", "SV", "FL", "FD",
        }:  # fmt: skip
            element._value = list(element._value)


@contextmanager
def following_the_standard() -> Iterator[None]:
    """Let pydicom do right what no change of the dataset makes it do."""
    with ExitStack() as patches:
        for module, name in (
            (filewriter, "_correct_ambiguous_vr_element"),
            (filewriter, "encode_string"),
            (charset, "encode_string"),
            (values, "convert_PN"),
        ):
            patches.enter_context(patch.object(module, name, _STANDARD[name]))
        patches.enter_context(patch.dict(values.converters, PN=_STANDARD["convert_PN"]))
        yield


def _decide_vr(
    element: DataElement, datasets: list[Dataset], is_little_endian: bool, decide: Any = _correct_ambiguous_vr_element
) -> DataElement:
    """PS3.3 §C.11.1: what nothing decides is OW or US; the first value of a descriptor is unsigned."""
    if element.tag == 0x00283006 and not datasets[0].get("LUTDescriptor"):
        element.VR = "OW"
        return element
    stated = [each.get("PixelRepresentation") for each in datasets]
    stated += [each.__dict__.get("_pixel_rep") for each in datasets]
    if element.VR == "US or SS" and all(each is None for each in stated):
        datasets = [Dataset()]
    if element.tag in LUT_DESCRIPTORS and isinstance(element.value, bytes) and len(element.value) == 6:
        signed = next((each for each in stated if each is not None), 0) != 0
        first, *others = values.convert_numbers(element.value, is_little_endian, "h" if signed else "H")
        element.value = [first & 0xFFFF, *others]
    decided: DataElement = decide(element, datasets, is_little_endian)
    return decided


def _encode_text(value: str, encodings: list[str], encode: Any = charset.encode_string) -> bytes:
    """PS3.5 §6.1.2.5: the first character set is the one in force behind a delimiter, and all others are invoked.

    What is right of that `dcmconv` says, in tests/encode/test_charset.py.
    """
    theirs: bytes = encode(value, encodings)
    if value.isascii() or not has_code_extensions(encodings):
        return theirs
    try:
        ours = encode_extended(value, encodings, TEXT_DELIMITERS)
        return theirs if decode_extended(theirs, encodings, TEXT_DELIMITERS) == value else ours
    except UnicodeError:
        return theirs


def _read_names(value: bytes, encodings: list[str] | None = None, convert: Any = values.convert_PN) -> Any:
    """PS3.5 §6.1.2.5.3: ``^`` and ``=`` are delimiters of a name."""
    if encodings and b"\x1b" in value and has_code_extensions(encodings):
        with suppress(UnicodeError):
            names = decode_extended(value.rstrip(b"\0 "), encodings, NAME_DELIMITERS).split("\\")
            return MultiValue(PersonName, names) if len(names) > 1 else PersonName(names[0])
    return convert(value, encodings)


_STANDARD = {
    "_correct_ambiguous_vr_element": _decide_vr,
    "encode_string": _encode_text,
    "convert_PN": _read_names,
}


def drop_none_file_meta(dataset: Dataset) -> None:
    if getattr(dataset, "file_meta", "") is None:
        del dataset.file_meta


#: Where pydicom's output is broken and streamdcm is right instead; everything else must be equal.
REPAIRS = (
    Repair("an odd buffered value gets a pad byte that pydicom does not count in the length", pad_buffers),
    Repair("PS3.5 §7.1.2: VRs with a 16-bit length have no undefined length", drop_undefined_lengths),
    Repair("PS3.5 §6.2: a year has four digits; strftime('%Y') does not pad it", zero_pad_years),
    Repair("None among several DS or IS values is an empty value, not the text 'None'", empty_nones),
    Repair("a tuple of numbers is as good as a list", list_numbers),
    Repair("file_meta = None is the same as an empty one", drop_none_file_meta),
)


class Refusal(NamedTuple):
    """A corner in which pydicom writes something wrong without a word, and streamdcm raises."""

    reason: str
    applies: Callable[[Dataset, dict[str, Any]], bool]
    error: Exception


def moves_directory_records(dataset: Dataset, options: dict[str, Any]) -> bool:
    meta = getattr(dataset, "file_meta", None) or {}
    if meta.get("MediaStorageSOPClassUID") != MediaStorageDirectoryStorage:
        return False
    if options.get("sequence_lengths", "preserve") != "preserve" or options.get("group_lengths", "omit") != "omit":
        return True
    if None in dataset.original_encoding:
        return False
    syntax = meta.get("TransferSyntaxUID")
    if syntax in {DeflatedExplicitVRLittleEndian, *JPIP_DEFLATED}:
        return True
    if options.get("force_encoding"):
        wanted = (options.get("implicit_vr"), options.get("little_endian"))
    elif syntax:
        wanted = (syntax.is_implicit_VR, syntax.is_little_endian)
    elif options.get("implicit_vr") is not None:
        wanted = (options["implicit_vr"], options.get("little_endian", True))
    else:
        return False
    return None not in wanted and wanted != dataset.original_encoding


def has_a_time_as_date(dataset: Dataset, options: dict[str, Any]) -> bool:
    return any(
        element.VR in {"DA", "DT"} and isinstance(element._value, datetime.time) for _, element in _elements(dataset)
    )


REFUSALS = (
    Refusal(
        "PS3.3 §F.3: a DICOMDIR's offsets are absolute, and would point anywhere once its records move",
        moves_directory_records,
        ValueError(),
    ),
    Refusal("a time of day is no date; pydicom writes 1 January 1900", has_a_time_as_date, TypeError()),
)


def is_jpip_deflated(dataset: Dataset) -> bool:
    meta = getattr(dataset, "file_meta", None) or {}
    return meta.get("TransferSyntaxUID") in JPIP_DEFLATED


def inflated(data: bytes) -> bytes:
    """Our file of a deflated syntax as pydicom would write it without deflating."""
    start = dataset_offset(data)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    plain = inflater.decompress(data[start:]) + inflater.flush()
    assert len(data) % 2 == 0, "PS3.5 §A.5: a deflated stream of odd length is padded"
    assert inflater.unused_data in (b"", b"\0")
    return data[:start] + plain


def dataset_offset(data: bytes) -> int:
    """Where the dataset starts in a file: after preamble, prefix and file meta group."""
    position = 132 if data[128:132] == b"DICM" else 0
    while data[position : position + 2] == b"\x02\x00":
        short = data[position + 4 : position + 6].decode() not in EXPLICIT_VR_LENGTH_32
        width, offset = (2, 6) if short else (4, 8)
        length = int.from_bytes(data[position + offset : position + offset + width], "little")
        position += offset + width + length
    return position


# --- Comparison --------------------------------------------------------------------------------------


_OURS_ALONE = {"chunk_size", "hold_limit", "seekable"}


def expected(dataset: Dataset, **options: Any) -> Outcome:
    """What pydicom makes of `dataset` after the repairs. `dataset` is not usable afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for repair in REPAIRS:
            repair.repair(dataset)
        refused = [refusal.error for refusal in REFUSALS if refusal.applies(dataset, options)]
    known = {name: value for name, value in options.items() if name not in _OURS_ALONE}
    with following_the_standard():
        result = outcome(pydicom_dcmwrite, dataset, **known)
    if refused and result.error is None:
        result.error = refused[0]
    return result


def assert_drop_in(build: Callable[[], Dataset], *argument_sets: dict[str, Any]) -> None:
    """Our write of `build()` is pydicom's, for each of `argument_sets`, through each way to get bytes."""
    dataset = build()
    before = snapshot(dataset)
    for index, options in enumerate(argument_sets or ({},)):
        ours = outcome(dcmwrite, dataset, **options)
        theirs = expected(build(), **options)
        assert_same_outcome(ours, theirs, options, deflated_here=is_jpip_deflated(dataset))
        if index < 2 or ours.error is not None:
            assert_same_bytes_elsewhere(dataset, ours, options)
        assert_unchanged(before, snapshot(dataset))


def assert_same_outcome(ours: Outcome, theirs: Outcome, options: Any, deflated_here: bool = False) -> None:
    if theirs.error is not None:
        assert isinstance(ours.error, type(theirs.error)), (
            f"{options}: pydicom raises {theirs.error!r:.300}, we {ours.error!r:.300}"
        )
        return
    if ours.error is not None:
        raise AssertionError(f"{options}: pydicom writes this, we raise {ours.error!r}") from ours.error
    data = inflated(ours.data) if deflated_here else ours.data
    assert data == theirs.data, f"{options}: {first_difference(data, theirs.data)}"
    assert ours.warned == theirs.warned, f"{options}: pydicom warns {theirs.messages}, we warn {ours.messages}"


def assert_same_bytes_elsewhere(dataset: Dataset, ours: Outcome, options: Any) -> None:
    """`iter_chunks` and `encoded_size` tell the same story as `dcmwrite`."""

    def collect(buffer: io.BytesIO, dataset: Dataset, **options: Any) -> None:
        for chunk in iter_chunks(dataset, **options):
            assert isinstance(chunk, bytes), type(chunk)
            buffer.write(chunk)

    def measure(buffer: io.BytesIO, dataset: Dataset, **options: Any) -> None:
        buffer.write(str(encoded_size(dataset, **options)).encode())

    chunks = outcome(collect, dataset, **options)
    size = outcome(measure, dataset, **options)
    assert type(chunks.error) is type(ours.error), f"{options}: iter_chunks: {chunks.error!r}"
    assert type(size.error) is type(ours.error), f"{options}: encoded_size: {size.error!r}"
    if ours.error is None:
        assert chunks.data == ours.data, f"{options}: {first_difference(chunks.data, ours.data)}"
        assert int(size.data) == len(ours.data), options
        assert chunks.warned == ours.warned, options


def first_difference(ours: bytes, theirs: bytes) -> str:
    """Where two files part, for a failure's message."""
    common = zip(ours, theirs, strict=False)
    at = next((i for i, (a, b) in enumerate(common) if a != b), min(len(ours), len(theirs)))
    window = slice(max(0, at - 24), at + 24)
    return f"{len(ours)} and {len(theirs)} bytes, at {at}:\n  ours   {ours[window]!r}\n  theirs {theirs[window]!r}"


# --- Is the dataset as it was? -----------------------------------------------------------------------

Snapshot = list[tuple[str, Any]]


def snapshot(dataset: Dataset) -> Snapshot:
    """Every object that makes up `dataset`, by identity, and every position of a buffered value."""
    return list(_walk("", dataset, set()))


def _walk(path: str, value: Any, seen: set[int]) -> Iterator[tuple[str, Any]]:
    yield path, value
    if id(value) in seen:
        return
    if isinstance(value, Dataset):
        seen.add(id(value))
        for name, attribute in value.__dict__.items():
            if name in {"_dict", "file_meta"}:
                continue
            yield f"{path}.{name}", attribute
        for tag, element in value._dict.items():
            yield from _walk(f"{path}[{tag:08X}]", element, seen)
        if "file_meta" in value.__dict__:
            yield from _walk(f"{path}.file_meta", value.file_meta, seen)
    elif isinstance(value, RawDataElement):
        return
    elif isinstance(value, DataElement | PersonName):
        seen.add(id(value))
        for name, attribute in value.__dict__.items():
            yield from _walk(f"{path}.{name}", attribute, seen)
    elif isinstance(value, MultiValue):
        seen.add(id(value))
        yield from _walk(f"{path}.list", value._list, seen)
    elif isinstance(value, list | tuple):
        for index, entry in enumerate(value):
            yield from _walk(f"{path}[{index}]", entry, seen)
    elif isinstance(value, io.BufferedIOBase):
        yield f"{path}.closed", value.closed
        if not value.closed:
            yield f"{path}.tell()", value.tell()


def assert_unchanged(before: Snapshot, after: Snapshot) -> None:
    places = [path for path, _ in before], [path for path, _ in after]
    assert places[0] == places[1], f"the dataset changed: {set(places[0]) ^ set(places[1])}"
    changed = [path for (path, a), (_, b) in zip(before, after, strict=True) if a is not b and not _equal(a, b)]
    assert not changed, f"the dataset changed at {changed}"


def _equal(a: Any, b: Any) -> bool:
    return isinstance(a, bool | int | str) and type(a) is type(b) and a == b


assert pydicom.__version__.startswith("3.0."), "the oracle is pydicom 3.0"
