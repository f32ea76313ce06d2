"""The child of ``test_rewrite_memory.py``: ``python -m tests.support.children.rewrite SOURCE CHANGE DIRECTORY WAY``.

Makes a file with a gibibyte of pixel data, most of it a hole, and rewrites it.
"""

import sys
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from struct import pack
from typing import Any, BinaryIO

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

import streamdcm
from tests.support.children.memory import GIB
from tests.support.memory import run_case
from tests.support.targets import Counting

ITEM, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"
FRAGMENT = 1 << 20


def native(path: Path) -> None:
    """One value of a gibibyte."""
    with path.open("wb") as file:
        _header(file, ExplicitVRLittleEndian)
        file.write(pack("<HH2s2xL", 0x7FE0, 0x0010, b"OW", GIB))
        file.seek(GIB, 1)
        _trailer(file)


def encapsulated(path: Path) -> None:
    """A thousand fragments."""
    with path.open("wb") as file:
        _header(file, JPEGBaseline8Bit)
        file.write(pack("<HH2s2xL", 0x7FE0, 0x0010, b"OB", 0xFFFFFFFF) + ITEM + bytes(4))
        for _ in range(GIB // FRAGMENT):
            file.write(ITEM + FRAGMENT.to_bytes(4, "little"))
            file.seek(FRAGMENT, 1)
        file.write(SEQUENCE_END)
        _trailer(file)


def deflated(path: Path) -> None:
    """A gibibyte that takes a megabyte."""
    native(path)
    streamdcm.rewrite(path, path, transfer_syntax=DeflatedExplicitVRLittleEndian)


def _header(file: BinaryIO, syntax: str) -> None:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, "1.2.3"
    dataset.PatientName = "Example^Patient"
    dataset.BitsAllocated = 16
    streamdcm.dcmwrite(file, dataset, enforce_file_format=True)


def _trailer(file: BinaryIO) -> None:
    file.write(pack("<HH2s2xL", 0xFFFC, 0xFFFC, b"OB", 2) + b"\0\0")


def _edit(dataset: Dataset) -> None:
    """Touch all elements, as those who anonymize do."""
    for element in dataset:
        if element.VR == "PN":
            element.value = "Another^Patient"
    dataset.remove_private_tags()


SOURCES: dict[str, Callable[[Path], None]] = {
    function.__name__: function for function in (native, encapsulated, deflated)
}
CHANGES: dict[str, dict[str, Any]] = {
    "edited": {"edit": _edit},
    "mapped": {"edit": {"PatientName": "Another^Patient"}},
    "implicit": {"transfer_syntax": ImplicitVRLittleEndian},
    "deflated": {"transfer_syntax": DeflatedExplicitVRLittleEndian},
    "loaded": {"edit": lambda dataset: dataset.PixelData and None},
}


def pieces(file: FileIO) -> Iterator[bytes]:
    """Read a file, 100,000 bytes at a time."""
    while piece := file.read(100_000):
        yield piece


def main(source: str, change: str, directory: str, way: str) -> None:
    """Run one case, from a file that can seek or from a stream of its bytes."""
    path = Path(directory) / "source.dcm"
    SOURCES[source](path)
    sink = Counting()

    def run() -> int:
        with path.open("rb", buffering=0) as file:
            streamdcm.rewrite(path if way == "file" else pieces(file), sink, **CHANGES[change])
        return sink.written

    run_case(run)


if __name__ == "__main__":
    main(*sys.argv[1:])
