"""Every DICOM file in the pydicom wheel, and the states in which a user may hold one."""

import functools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pydicom
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

DATA = Path(pydicom.__file__).parent / "data"

#: JPIP Referenced Deflate and JPIP HTJ2K Referenced Deflate (PS3.5 §A.7, §A.12): the dataset is deflated.
JPIP_DEFLATED = (UID("1.2.840.10008.1.2.4.95"), UID("1.2.840.10008.1.2.4.205"))

FOUR_SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)


def is_dicom(path: Path) -> bool:
    """Whether `path` is a DICOM file: by its prefix or, for files without a preamble, by its name."""
    if not path.is_file() or path.suffix in {".py", ".pyc", ".json", ".txt", ".gz", ".icc", ".md", ".dump"}:
        return False
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM" or path.suffix == ".dcm"


CORPUS = sorted(path for path in DATA.rglob("*") if is_dicom(path))


def name(path: Path) -> str:
    """The name of a corpus file in test ids."""
    return path.relative_to(DATA).as_posix()


def quietly(function: Callable[..., Dataset]) -> Callable[..., Dataset]:
    """Let `function` build a dataset without the warnings of doing so."""

    @functools.wraps(function)
    def build(*args: object) -> Dataset:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args)

    return build


def items(dataset: Dataset) -> Iterator[Dataset]:
    """Every item of every sequence below `dataset`, depth first, skipping what cannot be parsed."""
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except Exception:
            continue
        if element.VR == "SQ":
            for item in element.value:
                yield item
                yield from items(item)


@quietly
def as_read(path: Path) -> Dataset:
    return dcmread(path, force=True)


@quietly
def parsed(path: Path) -> Dataset:
    dataset = as_read(path)
    for _ in items(dataset):
        pass
    return dataset


@quietly
def deferred(path: Path) -> Dataset:
    return dcmread(path, force=True, defer_size=100)


def with_syntax(uid: str, state: Callable[[Path], Dataset] = as_read) -> Callable[[Path], Dataset]:
    """The state `state` with another transfer syntax."""

    @quietly
    def build(path: Path) -> Dataset:
        dataset = state(path)
        dataset.file_meta.TransferSyntaxUID = UID(uid)
        return dataset

    return build


def with_charset(charset: str | list[str], state: Callable[[Path], Dataset] = as_read) -> Callable:
    """The state `state` with another Specific Character Set, and a name that needs it."""

    @quietly
    def build(path: Path) -> Dataset:
        dataset = state(path)
        dataset.SpecificCharacterSet = charset
        dataset.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
        return dataset

    return build


@quietly
def with_private_block(path: Path) -> Dataset:
    dataset = as_read(path)
    block = dataset.private_block(0x3243, "streamdcm test", create=True)
    block.add_new(0x01, "LO", "a private text")
    block.add_new(0x02, "UN", b"\x01\x02\x03\x04")
    block.add_new(0x03, "FD", [0.5, -1.25])
    block.add_new(0x04, "OB", b"odd")
    item = Dataset()
    item.private_block(0x3243, "streamdcm test", create=True).add_new(0x05, "US", [1, 2, 3])
    block.add_new(0x06, "SQ", [item, Dataset()])
    return dataset


@quietly
def with_nested_sequences(path: Path) -> Dataset:
    dataset = as_read(path)
    dataset.ReferencedStudySequence = [_nested(1), Dataset(), _nested(2)]
    dataset["ReferencedStudySequence"].is_undefined_length = True
    return dataset


def _nested(depth: int) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = f"1.2.3.{depth}"
    item.PatientComments = "x" * depth
    item.FrameIncrementPointer = [0x00181063, 0x00181065]
    item.DoubleFloatPixelData = b"\x00" * 8
    item.is_undefined_length_sequence_item = depth % 2 == 0
    if depth < 4:
        item.PurposeOfReferenceCodeSequence = [_nested(depth + 1) for _ in range(2)]
        item["PurposeOfReferenceCodeSequence"].is_undefined_length = depth % 2 == 1
        item.ReferencedSeriesSequence = []
    return item


@quietly
def without_file_meta(path: Path) -> Dataset:
    dataset = as_read(path)
    del dataset.file_meta
    dataset.preamble = None
    return dataset


@quietly
def with_deflated_jpip(path: Path, uid: str = JPIP_DEFLATED[0]) -> Dataset:
    dataset = as_read(path)
    dataset.pop("PixelData", None)
    dataset.PixelDataProviderURL = "https://example.org/jpip?target=1"
    dataset.file_meta.TransferSyntaxUID = UID(uid)
    return dataset


PLAIN_STATES: dict[str, Callable[[Path], Dataset]] = {
    "as_read": as_read,
    "parsed": parsed,
    "deferred": deferred,
}

MODIFIED_STATES: dict[str, Callable[[Path], Dataset]] = {
    "private_block": with_private_block,
    "nested_sequences": with_nested_sequences,
    "no_file_meta": without_file_meta,
    "utf8": with_charset("ISO_IR 192"),
    "utf8_parsed": with_charset("ISO_IR 192", parsed),
    "code_extensions": with_charset(["", "ISO 2022 IR 87", "ISO 2022 IR 13"]),
    "gb18030_deferred": with_charset("GB18030", deferred),
    "latin1": with_charset("ISO_IR 100"),
    "implicit": with_syntax(ImplicitVRLittleEndian),
    "explicit": with_syntax(ExplicitVRLittleEndian),
    "big_endian": with_syntax(ExplicitVRBigEndian),
    "big_endian_deferred": with_syntax(ExplicitVRBigEndian, deferred),
    "big_endian_parsed": with_syntax(ExplicitVRBigEndian, parsed),
    "deflated": with_syntax(DeflatedExplicitVRLittleEndian),
    "implicit_utf8": with_syntax(ImplicitVRLittleEndian, with_charset("ISO_IR 192")),
    "rle": with_syntax(RLELossless),
    "jpip_deflated": with_deflated_jpip,
}

Arguments = tuple[dict[str, bool], ...]

#: Everything that can be said of the encoding; most of these contradict the file's transfer syntax.
ALL_ARGUMENTS: Arguments = (
    {},
    {"enforce_file_format": True},
    {"implicit_vr": True},
    {"implicit_vr": False},
    {"implicit_vr": True, "little_endian": True},
    {"implicit_vr": False, "little_endian": True},
    {"implicit_vr": False, "little_endian": False},
    {"implicit_vr": True, "little_endian": False},
    {"implicit_vr": False, "little_endian": True, "enforce_file_format": True},
    {"implicit_vr": True, "little_endian": True, "force_encoding": True},
    {"implicit_vr": False, "little_endian": True, "force_encoding": True},
    {"implicit_vr": False, "little_endian": False, "force_encoding": True},
    {"implicit_vr": True, "little_endian": False, "force_encoding": True},
    {"implicit_vr": True, "force_encoding": True},
    {"implicit_vr": True, "little_endian": True, "force_encoding": True, "enforce_file_format": True},
)

#: What can be said without contradicting the transfer syntax.
SOME_ARGUMENTS: Arguments = (
    {},
    {"enforce_file_format": True},
    {"implicit_vr": True, "little_endian": True, "force_encoding": True},
    {"implicit_vr": False, "little_endian": False, "force_encoding": True},
)


def is_one_of_many(path: Path) -> bool:
    """Whether `path` is one of the many alike images that the DICOMDIRs of the corpus refer to."""
    return "dicomdirtests" in path.parts and "DICOMDIR" not in path.name
