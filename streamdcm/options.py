"""The options that every entry point takes, with their defaults."""

from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias, TypedDict, get_args

from pydicom.misc import size_in_bytes

from streamdcm.engine.progress import ProgressEvent
from streamdcm.errors import PlanError
from streamdcm.sources import PushedSource

SequenceLengths: TypeAlias = Literal["preserve", "defined", "undefined"]
GroupLengths: TypeAlias = Literal["omit", "write"]
LongValues: TypeAlias = Literal["UN", "refuse"]
OffsetTableChoice: TypeAlias = Literal["auto", "basic", "extended", "empty"]
ChecksumAlgorithm: TypeAlias = Literal["sha256"]


@dataclass(frozen=True, slots=True)
class FramesEach:
    """An instance is full when it has `count` frames."""

    count: int

    def __str__(self) -> str:
        return f"{self.count} frames"


@dataclass(frozen=True, slots=True)
class BytesEach:
    """An instance is full when its file would have more than `size` bytes with one more frame."""

    size: int

    def __str__(self) -> str:
        return f"{self.size} bytes"


Split: TypeAlias = FramesEach | BytesEach


class EncodingOptions(TypedDict, total=False):
    """Keyword arguments of all functions that write; those about frames are complete in `WriteOptions`.

    Attributes
    ----------
    implicit_vr, little_endian : bool, optional
        The encoding, where the Transfer Syntax UID does not give it; they must agree with it.
    enforce_file_format : bool
        Complete and check the File Meta Information, and write a preamble (PS3.10 §7).
    force_encoding : bool
        Let `implicit_vr` and `little_endian` override the Transfer Syntax UID.
    sequence_lengths : {"preserve", "defined", "undefined"}
        Whether sequences and items keep the kind of length that they have, or all get the same.
    group_lengths : {"omit", "write"}
        Whether to write the retired Group Length of each group (PS3.5 §7.2).
    long_values : {"UN", "refuse"}
        What to do with a value over 64 KiB whose VR has a 16-bit length field (PS3.5 §6.2.2).
    chunk_size : int or str
        The most bytes to read or write at a time; a number or a size such as ``"512 KiB"``.
    hold_limit : int or str
        The most bytes to hold back for a target that cannot seek.
    number_of_frames : int, optional
        How many frames there are, where they have no ``len()``.
    max_frames : int, optional
        How many there may be at most, where their number is not known; reserves an offset table.
    offset_table : {"auto", "basic", "extended", "empty"}
        The offset table of encapsulated frames (PS3.5 §A.4).
    fragments_per_frame : int
        The number of fragments of an encapsulated frame.
    fragment_size : int, optional
        The most bytes in a fragment.
    late : mapping or iterable, optional
        Keywords or tags of elements whose values are set while writing (see `open_writer`); a mapping
        gives the number of bytes to reserve.
    progress : callable, optional
        Called with a `ProgressEvent`, at most some ten times a second and once before the commit.
        Raising in it cancels the write.
    """

    implicit_vr: bool | None
    little_endian: bool | None
    enforce_file_format: bool
    force_encoding: bool
    sequence_lengths: SequenceLengths
    group_lengths: GroupLengths
    long_values: LongValues
    chunk_size: int | str
    hold_limit: int | str
    number_of_frames: int | None
    max_frames: int | None
    offset_table: OffsetTableChoice
    fragments_per_frame: int
    fragment_size: int | None
    late: Mapping[Any, int | None] | Iterable[Any]
    progress: Callable[[ProgressEvent], object] | None


class StorageOptions(TypedDict, total=False):
    """Keyword arguments about object storages, of all functions that write to a target.

    Attributes
    ----------
    storage_options : mapping
        For URLs: keyword arguments for the library that talks to the service, such as
        ``boto3.client("s3", …)``.
    client : object, optional
        For URLs: a client of that library, in place of `storage_options`; it stays open.
    part_size : int or str
        For object storages: the bytes of the first parts, at least 5 MiB; later ones are larger.
    workers : int
        For object storages: how many parts are sent at a time.
    metadata : mapping of str to str
        For object storages: stored with the object.
    content_type : str
        For object storages: stored with the object.
    checksum : {"sha256"}, optional
        The digest of what was written that the result is to have.
    resume : bool or str
        For S3: go on with an upload that was interrupted, the newest of this object or one by its id.
    """

    storage_options: Mapping[str, Any]
    client: Any
    part_size: int | str
    workers: int
    metadata: Mapping[str, str]
    content_type: str
    checksum: ChecksumAlgorithm | None
    resume: bool | str


class PlaceOptions(StorageOptions, total=False):
    """Keyword arguments about a target.

    Attributes
    ----------
    overwrite : bool
        Whether a path, or an object of a URL, may exist already.
    atomic : bool
        Whether a path appears under its name only when it is complete.
    durable : bool
        Whether a path is on the disk, and not only in its cache, when the function returns.
    seekable : bool, optional
        Overrides what was found out about the target.
    split : int or str, optional
        For frames that `dcmwrite` or `open_writer` is given: divide them over the instances of a
        concatenation (PS3.3 §C.7.6.16.2.2.4). A number is how many frames an instance has; a text
        such as ``"2 GiB"`` is how many bytes its file may have.
    """

    overwrite: bool
    atomic: bool
    durable: bool
    seekable: bool | None
    split: int | str | None


class RewriteChunksOptions(TypedDict, total=False):
    """Keyword arguments of `rewrite_chunks`: those of `WriteOptions` that are not about encoding and frames."""

    enforce_file_format: bool
    sequence_lengths: SequenceLengths
    group_lengths: GroupLengths
    long_values: LongValues
    chunk_size: int | str
    hold_limit: int | str
    progress: Callable[[ProgressEvent], object] | None


class RewriteOptions(StorageOptions, RewriteChunksOptions, total=False):
    """Keyword arguments of `rewrite`: those of `TargetOptions` that are not about encoding and frames."""

    overwrite: bool
    atomic: bool
    durable: bool
    seekable: bool | None


class WriteOptions(EncodingOptions, total=False):
    """Keyword arguments of all functions that write, beside those of `EncodingOptions`.

    Attributes
    ----------
    frames : iterable of array or bytes-like, optional
        The frames of the pixel data, asked for one by one; what the dataset has of them is left out.
    """

    frames: Iterable[Any] | None


class TargetOptions(WriteOptions, PlaceOptions, total=False):
    """Keyword arguments of the functions that write to a target: see `WriteOptions` and `PlaceOptions`."""


class AsyncWriteOptions(EncodingOptions, total=False):
    """Keyword arguments of all asynchronous functions that write, beside those of `EncodingOptions`.

    Attributes
    ----------
    frames : iterable or async iterable of array or bytes-like, optional
        The frames of the pixel data, asked for one by one; what the dataset has of them is left out. A synchronous
        iterable is used by one thread from its first frame to its end.
    frames_on_loop : bool
        Whether a synchronous iterable is used by the thread of the event loop instead.
    """

    frames: Iterable[Any] | AsyncIterable[Any] | None
    frames_on_loop: bool


class AsyncTargetOptions(AsyncWriteOptions, PlaceOptions, total=False):
    """Keyword arguments of the asynchronous functions that write to a target: see `AsyncWriteOptions`."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one write, checked."""

    implicit_vr: bool | None = None
    little_endian: bool | None = None
    enforce_file_format: bool = False
    force_encoding: bool = False
    sequence_lengths: SequenceLengths = "preserve"
    group_lengths: GroupLengths = "omit"
    long_values: LongValues = "UN"
    chunk_size: int = 1024 * 1024
    hold_limit: int = 64 * 1024 * 1024
    frames: Iterable[Any] | AsyncIterable[Any] | PushedSource | None = None
    number_of_frames: int | None = None
    max_frames: int | None = None
    offset_table: OffsetTableChoice = "auto"
    fragments_per_frame: int = 1
    fragment_size: int | None = None
    late: Mapping[Any, int | None] | Iterable[Any] = ()
    progress: Callable[[ProgressEvent], object] | None = None
    overwrite: bool = True
    atomic: bool = True
    durable: bool = False
    seekable: bool | None = None
    split: Split | None = None
    storage_options: Mapping[str, Any] = field(default_factory=dict)
    client: Any = None
    part_size: int = 8 * 1024 * 1024
    workers: int = 8
    metadata: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/dicom"
    checksum: ChecksumAlgorithm | None = None
    resume: bool | str = False


_CHOICES = {
    "sequence_lengths": get_args(SequenceLengths),
    "group_lengths": get_args(GroupLengths),
    "long_values": get_args(LongValues),
    "offset_table": get_args(OffsetTableChoice),
    "checksum": (None, *get_args(ChecksumAlgorithm)),
}
_SMALLEST_PART = 5 * 1024 * 1024  # S3 takes smaller ones only as the last
_SPLITTING = frozenset({"dcmwrite", "open_writer"})
_NAMES = frozenset(field.name for field in fields(Options))


def check_options(given: dict[str, Any], function: str) -> Options:
    """Return the options that a caller gave, checked.

    Raises
    ------
    TypeError
        For an argument that `function` does not have.
    PlanError
        For a value that an option cannot have.
    """
    unknown = sorted(given.keys() - _NAMES)
    if unknown:
        raise TypeError(f"{function}() got unexpected keyword argument(s): {', '.join(unknown)}")
    checked = dict(given)
    for name, choices in _CHOICES.items():
        if name in given and given[name] not in choices:
            raise PlanError(f"{name} must be one of {', '.join(map(repr, choices))}, not {given[name]!r}")
    for name, least in (("chunk_size", 1), ("hold_limit", 0), ("part_size", _SMALLEST_PART)):
        if name in given:
            checked[name] = _size(name, given[name], least)
    for name in ("number_of_frames", "max_frames", "fragments_per_frame", "fragment_size", "workers"):
        count = given.get(name)
        if count is not None and (not isinstance(count, int) or count < 1):
            raise PlanError(f"{name} must be a whole number above 0, not {count!r}")
    if given.get("split") is not None:
        if function not in _SPLITTING:
            raise PlanError(f"split= writes several instances, and {function}() makes one; use dcmwrite()")
        checked["split"] = _split(given["split"])
    return Options(**checked)


def _split(given: Any) -> Split:
    if isinstance(given, str):
        return BytesEach(_size("split", given, 1))
    if isinstance(given, int) and not isinstance(given, bool) and given > 0:
        return FramesEach(given)
    raise PlanError(
        f"split must be a number of frames above 0, or a size in bytes as a text like '2 GiB', not {given!r}"
    )


def _size(name: str, given: Any, least: int) -> int:
    try:
        size = size_in_bytes(given)
    except (ValueError, TypeError):
        size = None
    if size is None or isinstance(given, bool) or size < least:
        raise PlanError(f"{name} must be at least {least} byte(s), a number or a size like '512 KiB', not {given!r}")
    return int(size)
