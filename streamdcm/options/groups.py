"""What an option is to type checkers: a line for each, in groups that functions have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from typing import Any, Literal, TypeAlias, TypedDict

from streamdcm.engine.progress import ProgressEvent

SequenceLengths: TypeAlias = Literal["preserve", "defined", "undefined"]
GroupLengths: TypeAlias = Literal["omit", "write"]
LongValues: TypeAlias = Literal["UN", "refuse"]
OnVrConflict: TypeAlias = Literal["refuse", "drop"]
Overflow: TypeAlias = Literal["rewrite", "refuse"]
NumberOfFrames: TypeAlias = int | Literal["count"] | None
OffsetTableChoice: TypeAlias = Literal["auto", "basic", "extended", "empty"]
ChecksumAlgorithm: TypeAlias = Literal["sha256"]
LateNames: TypeAlias = Mapping[Any, int | None] | Iterable[Any]
ProgressCallback: TypeAlias = Callable[[ProgressEvent], object]
TraceChoice: TypeAlias = str | PathLike[str] | Callable[[dict[str, Any]], object] | None
SpoolChoice: TypeAlias = str | bytes | PathLike[str] | PathLike[bytes]


class LayoutOptions(TypedDict, total=False):
    """Keyword arguments about how elements are laid out.

    Attributes
    ----------
    enforce_file_format : bool
        Complete and check the File Meta Information, and write a preamble (PS3.10 §7).
    sequence_lengths : {"preserve", "defined", "undefined"}
        Whether sequences and items keep the kind of length that they have, or all get the same.
    group_lengths : {"omit", "write"}
        Whether to write the retired Group Length of each group (PS3.5 §7.2).
    long_values : {"UN", "refuse"}
        What to do with a value over 64 KiB whose VR has a 16-bit length field (PS3.5 §6.2.2).
    on_vr_conflict : {"refuse", "drop"}
        What to do in Implicit VR with a value that the VR of the dictionary cannot hold (PS3.5 §7.1.3): refuse it,
        or write its bytes, which mean something else to whoever reads them.
    """

    enforce_file_format: bool
    sequence_lengths: SequenceLengths
    group_lengths: GroupLengths
    long_values: LongValues
    on_vr_conflict: OnVrConflict


class EncodingOptions(LayoutOptions, total=False):
    """Keyword arguments about the encoding of a dataset, beside those of `LayoutOptions`.

    Attributes
    ----------
    implicit_vr, little_endian : bool, optional
        The encoding, where the Transfer Syntax UID does not give it; they must agree with it.
    force_encoding : bool
        Let `implicit_vr` and `little_endian` override the Transfer Syntax UID.
    """

    implicit_vr: bool | None
    little_endian: bool | None
    force_encoding: bool


class ReadingOptions(TypedDict, total=False):
    """Keyword arguments about how bytes pass.

    Attributes
    ----------
    chunk_size : int or str
        The most bytes to read or write at a time; a number or a size such as ``"512 KiB"``.
    hold_limit : int or str
        The most bytes to hold back in memory for a target that cannot seek.
    spool : {"auto", "never"} or path
        What becomes of more: a temporary file, in this directory if it is one; or `HoldLimitError`.
    """

    chunk_size: int | str
    hold_limit: int | str
    spool: SpoolChoice


class StreamOptions(ReadingOptions, total=False):
    """Keyword arguments of all functions that give bytes, or write them.

    Attributes
    ----------
    progress : callable, optional
        Called with a `ProgressEvent`, at most some ten times a second and once before the commit.
        Raising in it cancels the write.
    """

    progress: ProgressCallback | None


class TableOptions(TypedDict, total=False):
    """The keyword argument about the offset table.

    Attributes
    ----------
    offset_table : {"auto", "basic", "extended", "empty"}
        The offset table of encapsulated frames (PS3.5 §A.4).
    """

    offset_table: OffsetTableChoice


class CodecOptions(TypedDict, total=False):
    """Keyword arguments about frames that are encoded, or decoded, while they are written.

    Attributes
    ----------
    codec_workers : int, optional
        How many frames are coded at a time; if not given, as many as this process may use cores, at most 8.
    codec_options : mapping, optional
        What is said to the codec, such as ``{"near": 3}``; see `streamdcm.codecs`.
    """

    codec_workers: int | None
    codec_options: Mapping[str, Any] | None


class FrameOptions(TableOptions, total=False):
    """Keyword arguments about frames that come one by one, and values that come late.

    Attributes
    ----------
    number_of_frames : int or "count", optional
        How many frames there are, where they have no ``len()``. If it is not given, what the dataset says in its
        NumberOfFrames holds, but not for `open_writer`; ``"count"`` counts the frames.
    max_frames : int, optional
        How many there may be at most, where they are to be counted; reserves an offset table.
    fragments_per_frame : int
        The number of fragments of an encapsulated frame.
    fragment_size : int, optional
        The most bytes in a fragment.
    check_frames : bool
        Whether a compressed frame that does not begin as the transfer syntax has it is refused.
    frame_groups : int or str, optional
        How many bytes an item of functional groups takes that comes with its frame, on average; if it is not given, as
        many as the first one, and a quarter more.
    overflow : {"rewrite", "refuse"}
        What becomes of such items that take more than was reserved: what is written moves, once, or they are an error.
    late : mapping or iterable, optional
        Keywords or tags of elements whose values are set while writing (see `open_writer`); a mapping
        gives the number of bytes to reserve.
    """

    number_of_frames: NumberOfFrames
    max_frames: int | None
    fragments_per_frame: int
    fragment_size: int | None
    check_frames: bool
    frame_groups: int | str | None
    overflow: Overflow
    late: LateNames


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
    trace : path or callable, optional
        Where to record what the write does: sizes and places, no values. A path gets a JSON object a line, for
        ``streamdcm layout --trace``; a function is called with each `dict`.
    """

    overwrite: bool
    atomic: bool
    durable: bool
    seekable: bool | None
    trace: TraceChoice


class SplitOptions(TypedDict, total=False):
    """The keyword argument that divides frames over several instances.

    Attributes
    ----------
    split : int or str, optional
        Divide the frames over the instances of a concatenation (PS3.3 §C.7.6.16.2.2.4). A number is how many frames an
        instance has; a text such as ``"2 GiB"`` is how many bytes its file may have.
    """

    split: int | str | None


class IndexOptions(TypedDict, total=False):
    """The keyword argument about what the result tells of frames.

    Attributes
    ----------
    frame_index : bool
        Whether the result is to say where each frame is (`WriteResult.frames`).
    """

    frame_index: bool


class SyntaxOptions(TypedDict, total=False):
    """The keyword argument that gives a dataset another transfer syntax on its way.

    Attributes
    ----------
    transfer_syntax : str, optional
        The UID or keyword of the transfer syntax to write; that of the dataset if not given. The dataset stays as it
        is, File Meta Information follows, and the words of bulk values change their byte order where that is another
        (PS3.5 §7.3). Frames are decoded and encoded as it takes.
    """

    transfer_syntax: str | None


class ConversionOptions(SyntaxOptions, total=False):
    """Keyword arguments about what becomes of a dataset on its way to others: see `SyntaxOptions`.

    Attributes
    ----------
    file_meta : bool
        Whether preamble and File Meta Information are written; without them it is the dataset alone, as in a message
        of the network.
    """

    file_meta: bool


class SourceOptions(TypedDict, total=False):
    """Keyword arguments about the URL of a source.

    Attributes
    ----------
    source_options : mapping
        Keyword arguments for the library that talks to the service of the source; those of the target if it is in the
        same service and this is not given.
    source_client : object, optional
        A client of that library, in place of `source_options`; it stays open.
    """

    source_options: Mapping[str, Any]
    source_client: Any


class PushOptions(EncodingOptions, FrameOptions, CodecOptions, StreamOptions, total=False):
    """What the functions have in common that frames are given to, or whose frames are asked for."""
