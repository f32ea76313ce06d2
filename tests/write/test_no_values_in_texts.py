"""A patient's values, thrown at every entry in every VR, place and shape, come out in the file alone."""

from __future__ import annotations

import asyncio
import datetime
import io
import logging
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import Dataset, Sequence, config
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSNearLossless,
)
from pydicom.valuerep import PersonName

import streamdcm
from streamdcm.cli.app import main
from streamdcm.encode.vr import AMBIGUOUS_VRS, VRS
from tests.support.recipes import TAGS

SECRET = "SECRET"
NUMBER = 987654321
TOLD = ("secret", "987654321", "53454352", "0x53", "83, 69, 67")

SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)


# What comes out


class Heard:
    """All texts that came out while something was done."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add_error(self, error: BaseException) -> None:
        """Add what is told of an error: itself, and those that are shown with it, but no cause (see errors.md)."""
        shown: BaseException | None = error
        while shown is not None:
            self.texts += [str(shown), repr(shown), *map(repr, shown.args), *getattr(shown, "__notes__", ())]
            self.texts += [str(value) for name, value in vars(shown).items()]
            self.texts += traceback.format_exception_only(shown)
            shown = None if shown.__suppress_context__ else shown.__context__

    def tells(self) -> list[str]:
        """The texts with a value in them."""
        return [text for text in self.texts if any(told in text.lower() for told in TOLD)]


class _Keeper(logging.Handler):
    def __init__(self, texts: list[str]) -> None:
        super().__init__(0)
        self._texts = texts

    def emit(self, record: logging.LogRecord) -> None:
        self._texts.append(self.format(record))


@contextmanager
def heard(filters: str = "always") -> Iterator[Heard]:
    """Listen to warnings, logs and errors in a block; nothing escapes."""
    result = Heard()
    keeper = _Keeper(result.texts)
    loggers = [logging.getLogger(name) for name in ("", "pydicom", "streamdcm")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(0 if logger.name != "root" else 1)
    loggers[0].addHandler(keeper)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter(filters)  # type: ignore[arg-type]
            try:
                yield result
            except Exception as error:
                result.add_error(error)
            finally:
                result.texts += [str(each.message) for each in caught]
    finally:
        loggers[0].removeHandler(keeper)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


# Where values go in


def chunks(dataset: Dataset, **options: Any) -> None:
    for _ in streamdcm.iter_chunks(dataset, **options):
        pass


def pushed(dataset: Dataset, **options: Any) -> None:
    with streamdcm.open_writer(io.BytesIO(), dataset, **options) as writer:
        writer.write_frame(bytes(4))


def with_frames(dataset: Dataset, **options: Any) -> None:
    streamdcm.dcmwrite(io.BytesIO(), dataset, frames=[bytes(4)], **options)


def split(dataset: Dataset, **options: Any) -> None:
    streamdcm.dcmwrite("/dev/null/{number}.dcm", dataset, frames=[bytes(4)] * 2, split=1, **options)


WRITES: dict[str, Callable[..., Any]] = {
    "dcmwrite": lambda dataset, **options: streamdcm.dcmwrite(io.BytesIO(), dataset, **options),
    "enforced": lambda dataset, **options: streamdcm.dcmwrite(
        io.BytesIO(), dataset, enforce_file_format=True, **options
    ),
    "iter_chunks": chunks,
    "encoded_size": streamdcm.encoded_size,
    "group_lengths": lambda dataset, **options: streamdcm.dcmwrite(
        io.BytesIO(), dataset, group_lengths="write", sequence_lengths="undefined", **options
    ),
    "dropped": lambda dataset, **options: streamdcm.dcmwrite(io.BytesIO(), dataset, on_vr_conflict="drop", **options),
    "open_writer": pushed,
    "frames": with_frames,
    "split": split,
    "dcmwrite_async": lambda dataset, **options: asyncio.run(
        streamdcm.dcmwrite_async(io.BytesIO(), dataset, **options)
    ),
}


# Values


class Rude:
    """An object that tells its value in every way."""

    def __str__(self) -> str:
        return SECRET

    def __repr__(self) -> str:
        return SECRET


class Failing:
    """An object that fails at whatever is asked of it, and tells why."""

    def fail(self, *args: Any) -> Any:
        raise ValueError(SECRET)

    __len__ = __iter__ = __float__ = __int__ = __index__ = __bytes__ = __bool__ = __getitem__ = __format__ = fail

    def __str__(self) -> str:
        raise RuntimeError(SECRET)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(SECRET) if not name.startswith("__") else AttributeError(name)


class BrokenBuffer(io.BytesIO):
    """A buffer whose reading fails."""

    def read(self, *args: Any) -> bytes:
        raise OSError(5, SECRET, SECRET)

    readinto = seek = read  # type: ignore[assignment]


def closed_buffer() -> io.BytesIO:
    buffer = io.BytesIO(SECRET.encode())
    buffer.close()
    return buffer


def broken_pieces() -> Iterator[bytes]:
    yield SECRET.encode()
    raise OSError("what a source raises itself is passed on")


def values() -> list[Any]:
    """Values of every type, which no VR takes all of."""
    name = f"{SECRET}^{SECRET}"
    return [
        name, f"{SECRET} \u5c71\u00e9", f"{SECRET}\\x", SECRET * 12_000, SECRET.encode(), bytearray(b"SECRETS"),
        memoryview(SECRET.encode()), [SECRET, 1], [1, SECRET], [SECRET.encode(), SECRET], (SECRET,), {SECRET: SECRET},
        {SECRET}, MultiValue(str, [SECRET, SECRET]), PersonName(name), PersonName(name.encode(), ["iso_ir_58"]),
        NUMBER * 10**20, -NUMBER, NUMBER + 0.5, [NUMBER * 10**20], NUMBER * 1j, float(NUMBER) ** 30, Rude(), Failing(),
        [Rude()], [Failing()], UID(SECRET, validation_mode=config.IGNORE), Tag(0x53454352),
        datetime.date(1987, 6, 5), [datetime.date(1987, 6, 5), SECRET], BrokenBuffer(SECRET.encode()), closed_buffer(),
        io.BytesIO(b"SECRETS"), [Dataset()], Dataset(), [SECRET, Dataset()], ValueError(SECRET), ValueError,
        streamdcm.ByteStream(broken_pieces()), streamdcm.ByteStream([SECRET]),
        streamdcm.ByteStream([SECRET.encode()], 7),
    ]  # fmt: skip


COUNT = len(values())


def tag_of(vr: str) -> int:
    return 0x00291001 if vr == "UN" else TAGS.get(vr, [0x00291001])[0]


def base(syntax: str) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.SOPClassUID, dataset.SOPInstanceUID = UID("1.2.840.10008.5.1.4.1.1.7.4"), UID("1.2.3")
    dataset.Rows = dataset.Columns = 2
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 7, 0, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    return dataset


def nest(dataset: Dataset, element: DataElement | RawDataElement, place: str) -> None:
    """Put an element at a place in a dataset."""
    target = dataset
    if place == "item":
        target = Dataset()
        dataset.ReferencedImageSequence = Sequence([target])
    elif place == "inner item":
        target, outer = Dataset(), Dataset()
        outer.add_new(0x00081115, "SQ", [target])
        dataset.add_new(0x00081115, "SQ", [Dataset(), outer])
    elif place == "file_meta":
        target = dataset.file_meta
    target._dict[element.tag] = element


SLOW = pytest.mark.slow
PLACES = ["item", pytest.param("dataset", marks=SLOW), pytest.param("inner item", marks=SLOW)]


def quick(*names: str) -> list[Any]:
    """All ways to write, those without these names slow."""
    return [name if name in names else pytest.param(name, marks=SLOW) for name in WRITES]


@pytest.mark.parametrize("name", quick("dcmwrite"))
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("vr", [*VRS, *AMBIGUOUS_VRS, "ZZ", ""])
def test_values_of_every_type(vr: str, place: str, name: str) -> None:
    told = []
    for index in range(COUNT):
        for syntax in SYNTAXES[:2]:
            dataset = base(syntax)
            nest(dataset, DataElement(tag_of(vr), vr, values()[index], already_converted=True), place)
            with heard() as result:
                WRITES[name](dataset)
            told += [(index, syntax.name, text) for text in result.tells()]
    assert not told, "\n".join(map(repr, told[:400]))


DECIDING = (
    0x00080005, 0x00080016, 0x00080018, 0x00280002, 0x00280004, 0x00280006, 0x00280008, 0x00280010, 0x00280100,
    0x00280103, 0x00282110, 0x00282112, 0x52009230, 0x00209161, 0x7FE00010, 0x7FE00001, 0x00020002, 0x00020010,
    0x00020012, 0x00020013, 0x00020000, 0x00020001, 0x00080000, 0x00041220, 0x00041130,
)  # fmt: skip


@pytest.mark.parametrize("name", quick("open_writer"))
@pytest.mark.parametrize("tag", DECIDING, ids=hex)
def test_values_of_elements_that_decide_something(tag: int, name: str) -> None:
    told = []
    vr = pydicom.datadict.dictionary_VR(tag) if tag & 0xFFFF else "UL"
    for index in range(COUNT):
        for syntax in SYNTAXES[:2]:
            dataset = base(syntax)
            element = DataElement(tag, vr, values()[index], already_converted=True)
            nest(dataset, element, "file_meta" if tag >> 16 == 2 else "dataset")
            with heard() as result:
                WRITES[name](dataset)
            told += [(index, syntax.name, text) for text in result.tells()]
    assert not told, "\n".join(map(repr, told[:400]))


# Bytes that were read


RAW = (
    b"SECRET", b"SECRETS", b"SECRET\\SECRET", b"987654321.5e99 ", b"987654321" * 3, b"nan SECRET", b"\xff\xfeSECRET",
    b"\x1b$BSECRET\x1b", b"\xfe\xff\x00\xe0\xff\xff\x00\x00SECRET", b"\xfe\xff\x00\xe0\x06\x00\x00\x00SECRET",
    b"\xfe\xff\x00\xe0\x10\x00\x00\x00\x08\x00\x05\x00CS\x06\x00SECRET\x00\x00",
    b"\xfe\xff\x00\xe0\x10\x00\x00\x00\x08\x00\x18\x00UI\x06\x00SECRET\x00\x00", b"SECRET" * 12_000,
)  # fmt: skip


CONVERSIONS = ((True, ImplicitVRLittleEndian), (True, ExplicitVRBigEndian), (False, ExplicitVRLittleEndian))


def raw(tag: int, vr: str | None, value: bytes, little_endian: bool = True, undefined: bool = False) -> RawDataElement:
    length = 0xFFFFFFFF if undefined else len(value)
    return RawDataElement(Tag(tag), vr, length, value, 0, vr is None, little_endian)  # type: ignore[arg-type]


@pytest.fixture(params=[config.WARN, config.RAISE, config.IGNORE], ids=["warn", "raise", "ignore"])
def reading_mode(request: pytest.FixtureRequest) -> Iterator[int]:
    before = config.settings._reading_validation_mode
    config.settings.reading_validation_mode = request.param
    yield request.param
    config.settings._reading_validation_mode = before


@pytest.mark.slow
@pytest.mark.usefixtures("reading_mode")
@pytest.mark.parametrize("charset", [None, "SECRET", ["", "ISO 2022 IR 87"], "ISO-IR SECRET"])
@pytest.mark.parametrize("vr", [*VRS, "ZZ", "\0S"])
def test_broken_bytes_of_every_vr(vr: str, charset: Any) -> None:
    told = []
    for value in RAW:
        for place in ("dataset", "item"):
            for is_stated, syntax in CONVERSIONS:
                stated = vr if is_stated else None
                for name in ("dcmwrite", "encoded_size", "group_lengths"):
                    dataset = base(syntax)
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        nest(dataset, raw(tag_of(vr), stated, value), place)
                        dataset.set_original_encoding(stated is None, True, ["latin_1"])
                        if charset:
                            dataset._dict[Tag(0x00080005)] = DataElement(
                                0x00080005, "CS", charset, already_converted=True
                            )
                    with heard() as result:
                        WRITES[name](dataset)
                    told += [(value[:20], place, syntax.name, name, text) for text in result.tells()]
    assert not told, "\n".join(map(repr, told[:400]))


@pytest.mark.usefixtures("reading_mode")
@pytest.mark.slow
@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("tag", DECIDING, ids=hex)
def test_broken_bytes_of_elements_that_decide_something(tag: int, name: str) -> None:
    told = []
    vr = pydicom.datadict.dictionary_VR(tag).split(" or ")[0] if tag & 0xFFFF else "UL"
    for value in RAW:
        for syntax in (ImplicitVRLittleEndian, ExplicitVRLittleEndian):
            dataset = base(syntax)
            dataset.set_original_encoding(False, True, ["iso8859"])
            nest(dataset, raw(tag, vr, value), "file_meta" if tag >> 16 == 2 else "dataset")
            with heard() as result:
                WRITES[name](dataset)
            told += [(value[:20], syntax.name, text) for text in result.tells()]
    assert not told, "\n".join(map(repr, told[:400]))


# Files


def file_with(element: bytes, syntax: bytes = b"1.2.840.10008.1.2.1\0") -> bytes:
    """A file with an element in it, whatever that is."""
    meta = b"\2\0\x10\0UI" + len(syntax).to_bytes(2, "little") + syntax
    head = bytes(128) + b"DICM\2\0\0\0UL\4\0" + len(meta).to_bytes(4, "little") + meta
    return head + b"\x08\0\x16\0UI\x04\x001.2\0\x08\0\x18\0UI\x06\x001.2.3\0" + element


def encoded(tag: int, vr: str, value: bytes, longer: int = 0) -> bytes:
    start = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little") + vr.encode("latin-1")
    length = len(value) + longer
    if vr not in VRS or VRS[vr].long_length:
        return start + b"\0\0" + length.to_bytes(4, "little") + value
    return start + (length & 0xFFFF).to_bytes(2, "little") + value


REWRITES: dict[str, Callable[[bytes, Path], Any]] = {
    "rewrite": lambda data, _: streamdcm.rewrite(io.BytesIO(data), io.BytesIO()),
    "implicit": lambda data, _: streamdcm.rewrite(
        io.BytesIO(data), io.BytesIO(), transfer_syntax=ImplicitVRLittleEndian
    ),
    "deflated": lambda data, _: streamdcm.rewrite(
        io.BytesIO(data), io.BytesIO(), transfer_syntax=DeflatedExplicitVRLittleEndian
    ),
    "big endian": lambda data, _: streamdcm.rewrite(
        io.BytesIO(data), io.BytesIO(), transfer_syntax=ExplicitVRBigEndian
    ),
    "edited": lambda data, _: streamdcm.rewrite(
        io.BytesIO(data), io.BytesIO(), edit={"PatientID": "x", "SpecificCharacterSet": "ISO_IR 192"}
    ),
    "edit function": lambda data, _: streamdcm.rewrite(io.BytesIO(data), io.BytesIO(), edit=lambda dataset: None),
    "forward": lambda data, _: streamdcm.rewrite(iter([data]), io.BytesIO(), edit={"PatientID": None}),
    "header": lambda data, _: streamdcm.read_header(io.BytesIO(data)),
    "chunks": lambda data, _: [bytes(chunk) for chunk in streamdcm.rewrite_chunks(io.BytesIO(data))],
}


@pytest.mark.slow
@pytest.mark.usefixtures("reading_mode")
@pytest.mark.parametrize("name", REWRITES)
@pytest.mark.parametrize("vr", [*VRS, "ZZ", "\0\0"])
def test_files_with_broken_elements(vr: str, name: str, tmp_path: Path) -> None:
    told = []
    tags = [tag_of(vr), *(tag for tag in DECIDING if tag >> 16 not in (2, 4) and tag > 0x00080018)]
    for tag in tags[: 3 if vr not in ("UI", "US", "CS", "IS", "SQ") else None]:
        for value in RAW[:-1]:
            for longer in (0, 1, 60_000):
                with heard() as result:
                    REWRITES[name](file_with(encoded(tag, vr, value, longer)), tmp_path)
                told += [(hex(tag), value[:20], longer, text) for text in result.tells()]
    assert not told, "\n".join(map(repr, told[:400]))


def more_frames(path: Path, _: Dataset) -> None:
    streamdcm.append(path, [bytes(4)])


def compressed(path: Path, _: Dataset) -> None:
    streamdcm.rewrite(path, io.BytesIO(), transfer_syntax=JPEGLSNearLossless)


def encoded_arrays(_: Path, dataset: Dataset) -> None:
    dataset.file_meta.TransferSyntaxUID = JPEG2000
    streamdcm.dcmwrite(io.BytesIO(), dataset, frames=[np.zeros((2, 2), "u1")])


def edited_in_block(path: Path, _: Dataset) -> None:
    streamdcm.rewrite(path, io.BytesIO(), edit={0x00091001: b"x"})


@pytest.mark.parametrize("write", [more_frames, compressed, encoded_arrays, edited_in_block])
@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (0x00080005, "CS", b"SECRET"),
        (0x00080008, "US", b"SECRETS"),
        (0x00090010, "SQ", b"\xfe\xff\x00\xe0\x0e\x00\x00\x00\x10\x00\x10\x00PN\x06\x00SECRET"),
        (0x00282110, "US", b"SECRETS"),
        (0x00282112, "US", b"SECRETS"),
        (0x00282112, "DS", b"SECRET"),
        (0x00282114, "UL", b"SECRETS"),
        (0x7FE00001, "UL", b"SECRETS"),
    ],
)
def test_files_of_frames_with_broken_elements(
    tag: int, vr: str, value: bytes, write: Callable[[Path, Dataset], Any], tmp_path: Path
) -> None:
    path = tmp_path / "a.dcm"
    dataset = base(ExplicitVRLittleEndian)
    dataset.LossyImageCompression = "01"
    dataset.add_new(0x00091001, "UN", b"ab")
    streamdcm.dcmwrite(path, dataset, frames=[bytes(4)], enforce_file_format=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = pydicom.dcmread(path)
        again._dict[Tag(tag)] = raw(tag, vr, value)
        streamdcm.dcmwrite(path, again)
        again = pydicom.dcmread(path)
    with heard() as result:
        try:
            write(path, again)
        except streamdcm.StreamdcmError as error:
            result.add_error(error)
        except Exception as error:
            pytest.fail(f"not an error of ours: {type(error).__name__}")
    assert not result.tells()


@pytest.mark.parametrize(
    "edit",
    [
        {"PatientID": Rude()}, {"Rows": SECRET}, {"PatientName": Failing()}, {"StudyDate": SECRET},
        {"SOPInstanceUID": SECRET}, {"ReferencedImageSequence": SECRET}, {"ReferencedImageSequence[0].Rows": SECRET},
        {"PixelRepresentation": SECRET}, {"SpecificCharacterSet": SECRET}, {"PatientWeight": SECRET},
    ],
    ids=lambda edit: next(iter(edit)),
)  # fmt: skip
def test_edits(edit: dict[str, Any]) -> None:
    item = b"\xfe\xff\x00\xe0\x0a\x00\x00\x00\x28\x00\x10\x00US\x02\x00\x01\x00"
    data = file_with(encoded(0x00081140, "SQ", item))
    with heard() as result:
        streamdcm.rewrite(io.BytesIO(data), io.BytesIO(), edit=edit)
    assert not result.tells()


@pytest.mark.parametrize(
    "options",
    [
        ["--transfer-syntax", "ImplicitVRLittleEndian"],
        pytest.param(["--set", "Rows=1"], marks=SLOW),
        pytest.param([], marks=SLOW),
    ],
    ids=len,
)
@pytest.mark.parametrize("vr", [*VRS, "ZZ"])
def test_the_command_line(vr: str, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.dcm"
    told = []
    for value in RAW[:-1]:
        for longer in (0, 2):
            source.write_bytes(file_with(encoded(tag_of(vr), vr, value, longer)))
            with heard() as result:
                main(["copy", *options, str(source), str(tmp_path / "out.dcm")])
            shown = capsys.readouterr()
            result.texts += [shown.out, shown.err]
            told += [(value[:20], longer, text) for text in result.tells()]
    assert not told, "\n".join(map(repr, told[:400]))
