"""What the tests of frames share: ways to give them, what is to become of their table, and how to find them again."""

from collections.abc import Callable
from typing import Any

from pydicom import Dataset
from pydicom.encaps import generate_frames

COUNTED: dict[str, Callable[[list[Any]], dict[str, Any]]] = {
    "list": lambda frames: {"frames": frames},
    "announced": lambda frames: {"frames": iter(frames), "number_of_frames": len(frames)},
    "bounded": lambda frames: {"frames": iter(frames), "max_frames": len(frames) + 5},
    "unknown": lambda frames: {"frames": iter(frames)},
}
SINKS = ("seekable", "write-only")
TABLES = ("auto", "basic", "extended", "empty")

# What is in the file, by what is known of the number of frames, the sink and the table asked for
KNOWN = {"auto": "basic", "basic": "basic", "extended": "extended", "empty": "empty"}
UNKNOWN = {"auto": "empty", "basic": "refused", "extended": "refused", "empty": "empty"}
EXPECTED = {
    ("list", "seekable"): KNOWN,
    ("list", "write-only"): KNOWN,
    ("announced", "seekable"): KNOWN,
    ("announced", "write-only"): {**KNOWN, "auto": "empty"},
    ("bounded", "seekable"): KNOWN,
    ("bounded", "write-only"): UNKNOWN,
    ("unknown", "seekable"): UNKNOWN,
    ("unknown", "write-only"): UNKNOWN,
}


def table_in(dataset: Dataset) -> str:
    if "ExtendedOffsetTable" in dataset:
        assert dataset.PixelData[4:8] == bytes(4), "the tables exclude each other"
        return "extended"
    return "basic" if dataset.PixelData[4:8] != bytes(4) else "empty"


def frames_in(dataset: Dataset) -> list[bytes]:
    """The frames that pydicom finds by the extended table, else by the basic one, else by the items."""
    tables = None
    if "ExtendedOffsetTable" in dataset:
        tables = dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths
    return list(generate_frames(dataset.PixelData, number_of_frames=dataset.NumberOfFrames, extended_offsets=tables))


def padded(frame: bytes) -> bytes:
    return frame + b"\0" * (len(frame) % 2)
