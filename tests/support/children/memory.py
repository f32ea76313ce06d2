"""The child process of ``test_memory.py``: ``python -m tests.support.children.memory VALUE SINK DIRECTORY``.

Prepares a dataset and writes it when it is told to.
"""

import mmap
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from pydicom import DataElement, Dataset, Sequence
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

import streamdcm
from tests.support.memory import run_case
from tests.support.targets import Counting

GIB = 1 << 30
ITEMS = 1_000_000
SEGMENTS = 50_000
TEXTS, TEXT = 4_000, "x" * 10_000
PIXEL_DATA, WAVEFORM_DATA = Tag(0x7FE00010), Tag(0x54001010)
FRAME_CONTENT, INDEX_VALUES = Tag(0x00209111), Tag(0x00209157)
FRAME_GROUPS = Tag(0x52009230)


class Frames(Sequence):
    """A million items of functional groups, none of which exists before it is asked for."""

    is_undefined_length = False

    def __len__(self) -> int:
        return ITEMS

    def __iter__(self) -> Iterator[Dataset]:
        return _frames()


class Segments:
    """Fifty thousand items of a kibibyte, in no class of pydicom's, each made anew when it is asked for."""

    def __len__(self) -> int:
        return SEGMENTS

    def __iter__(self) -> Iterator[Dataset]:
        for number in range(SEGMENTS):
            content = Dataset()
            content.DimensionIndexValues = [1, number + 1]
            content.FrameComments = "x" * 1000
            item = Dataset()
            item.FrameContentSequence = [content]
            yield item


def _frame_content() -> DataElement:
    value = bytes.fromhex("01000000 02000000")
    content = Dataset({INDEX_VALUES: RawDataElement(INDEX_VALUES, "UL", 8, value, 0, False, True)})
    return DataElement(FRAME_CONTENT, "SQ", [content])


def _frames() -> Iterator[Dataset]:
    content = _frame_content()  # one for all frames, because making it takes most of the time
    return (Dataset({FRAME_CONTENT: content}) for _ in range(ITEMS))


def in_memory(directory: Path) -> DataElement:
    """A gibibyte of `bytes`, all of it in memory before the write."""
    return DataElement(PIXEL_DATA, "OW", b"\x01" * GIB)


def memmap(directory: Path) -> DataElement:
    """A `numpy.memmap` (which pydicom refuses as Pixel Data, but not as another element's value)."""
    return DataElement(WAVEFORM_DATA, "OW", np.memmap(_sparse(directory), dtype="<u2", mode="r"))


def mapped(directory: Path) -> DataElement:
    """An `mmap.mmap`."""
    with _sparse(directory).open("rb") as file:
        return DataElement(PIXEL_DATA, "OW", mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def buffered(directory: Path) -> DataElement:
    """An open file."""
    return DataElement(PIXEL_DATA, "OW", _sparse(directory).open("rb"))


def lazy_items(directory: Path) -> DataElement:
    """A sequence that makes its items as it is iterated over."""
    return DataElement(FRAME_GROUPS, "SQ", Frames(), already_converted=True)


def made_items(directory: Path) -> DataElement:
    """A sequence that makes its items anew as it is iterated over."""
    return DataElement(FRAME_GROUPS, "SQ", Segments(), already_converted=True)


def texts(directory: Path) -> DataElement:
    """The last of four thousand texts of ten thousand characters, which stand in private elements (see `main`)."""
    return _text(0x0099, 0x10FF)


def long_texts(directory: Path) -> DataElement:
    """The last of ten texts of four million characters."""
    return DataElement(Tag(0x0099, 0x10FF), "UT", "x" * 4_000_000)


def _text(group: int, number: int) -> DataElement:
    return DataElement(Tag(group, number), "UT", TEXT)


def _sparse(directory: Path) -> Path:
    path = directory / "sparse"
    with path.open("wb") as file:
        file.truncate(GIB)
    return path


def to_path(dataset: Dataset, directory: Path) -> int:
    """Write to a file, which is left for `test_memory.py` to remove."""
    return streamdcm.dcmwrite(directory / "out.dcm", dataset).bytes_written


def to_write_only(dataset: Dataset, directory: Path) -> int:
    """Write to a sink without seek and tell."""
    sink = Counting()
    streamdcm.dcmwrite(sink, dataset)
    return sink.written


def to_chunks(dataset: Dataset, directory: Path) -> int:
    """Take the chunks one by one."""
    return sum(map(len, streamdcm.iter_chunks(dataset)))


def to_size(dataset: Dataset, directory: Path) -> int:
    """Only compute the size."""
    return streamdcm.encoded_size(dataset)


def to_path_with_group_lengths(dataset: Dataset, directory: Path) -> int:
    """Write to a file, each group behind its length."""
    return streamdcm.dcmwrite(directory / "out.dcm", dataset, group_lengths="write").bytes_written


def to_copy(dataset: Dataset, directory: Path) -> int:
    """Do what streamdcm must not do, to show that the measurement finds it."""
    return len(bytes(memoryview(dataset[PIXEL_DATA].value)[1:])) + 1


VALUES: dict[str, Callable[[Path], DataElement]] = {
    function.__name__: function
    for function in (in_memory, memmap, mapped, buffered, lazy_items, made_items, texts, long_texts)
}
SINKS: dict[str, Callable[[Dataset, Path], int]] = {
    function.__name__: function
    for function in (to_path, to_write_only, to_chunks, to_size, to_path_with_group_lengths, to_copy)
}


def main(value: str, sink: str, directory: str) -> None:
    """Run one case."""
    warnings.simplefilter("ignore")  # pydicom's, about values that are no bytes
    element = VALUES[value](Path(directory))
    dataset = Dataset({element.tag: element})
    if value == "texts":
        for number in range(1, TEXTS):
            text = _text(0x0099 + 2 * (number // 200), 0x1000 + number % 200)
            dataset[text.tag] = text
    if value == "long_texts":
        for number in range(9):
            dataset[Tag(0x0099, 0x1000 + number)] = DataElement(Tag(0x0099, 0x1000 + number), "UT", element.value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = CTImageStorage
    dataset.PatientName = "Example^Patient"
    _load(Path(directory))
    run_case(lambda: SINKS[sink](dataset, Path(directory)))


def _load(directory: Path) -> None:
    """Import what writing imports when it is first used: 150 modules take more than two MiB, whatever is written."""
    small = Dataset()
    small.file_meta = FileMetaDataset()
    small.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    streamdcm.dcmwrite(directory / "small.dcm", small)
    (directory / "small.dcm").unlink()


if __name__ == "__main__":
    main(*sys.argv[1:])
