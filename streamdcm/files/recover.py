"""What was captured before a process or a machine died, completed as a file."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from typing import Any, Unpack

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from streamdcm.encode._pydicom import elements_of
from streamdcm.encode.discreet import value_of
from streamdcm.encode.tags import LOSSY_RATIO, NUMBER_OF_FRAMES, PER_FRAME_GROUPS
from streamdcm.encode.transfer_syntaxes import transfer_syntax
from streamdcm.engine.result import WriteResult
from streamdcm.errors import NotDicomError, PlanError, SourceError
from streamdcm.errors.translation import element_name
from streamdcm.files.access import Access, accessed
from streamdcm.files.assembled import assembled
from streamdcm.files.capture_log import Log, Synced, read_log
from streamdcm.files.dataset import dataset_of
from streamdcm.files.present_frames import drop_padding
from streamdcm.files.rewrite import refuse_overwriting
from streamdcm.files.scanned import scan_file
from streamdcm.instructions import Copy, Encoder
from streamdcm.options import Options, RecoverOptions, check_options
from streamdcm.pixels.frame_plan import Fragments, PixelPlan
from streamdcm.pixels.pixel_data import ratio_of
from streamdcm.pixels.stored_frames import StoredFrames
from streamdcm.pixels.table_plan import PixelsWritten
from streamdcm.plan.capabilities import Capabilities
from streamdcm.plan.plan import plan_file
from streamdcm.sinks import Delivery, printable
from streamdcm.sinks.path_capture import LOG_SUFFIX, SUFFIX, is_being_written
from streamdcm.sources import PushedSource
from streamdcm.write.driver import write
from streamdcm.write.instance import with_frames
from streamdcm.write.targets import Path, Target, is_path, resolve_target
from streamdcm.write.trace import is_one_file


def recover(capture: Path, target: Target, /, **kwargs: Unpack[RecoverOptions]) -> WriteResult:
    """Complete what was captured before the process or the machine died, as a file.

    Parameters
    ----------
    capture : str, bytes or PathLike
        The capture, ``.NAME.xxxxxxxx.capture``, beside which its log is. Both stay as they are.
    target : str, bytes, PathLike, file-like, socket or writeable buffer
        Where to write: all frames that had reached the disk by the last sync, with their functional groups.
    **kwargs
        All are in `RecoverOptions`. Those that are used most, each with its default:

        - `overwrite` (True): whether what is there may be replaced.
        - `atomic` (True): for paths: whether the file appears under its name only when it is complete.
        - `durable` (False): for paths: whether to wait until file and name are on the disk.
        - `offset_table` ("auto"): ``"basic"``, ``"extended"`` or ``"empty"``, for compressed frames (PS3.5 §A.4).
        - `checksum` (None): ``"sha256"`` gives the digest of what was written, in the result.
        - `progress` (None): called with a `ProgressEvent` after about every chunk.
        - `chunk_size` (1 MiB): the most bytes that are read or written at a time.
        - `hold_limit` (64 MiB): bytes kept in memory behind a value that is known late, where the target cannot seek.
        - `storage_options` (nothing): for URLs: arguments for the library that talks to the service, such as boto3.
        - `part_size` (8 MiB): for object storages: the bytes of the first parts; later ones are larger.

    Returns
    -------
    WriteResult
        What was written where.

    Raises
    ------
    PlanError
        If the capture is still being written.
    SourceError
        If it has no frame that had reached the disk.

    Examples
    --------
    >>> streamdcm.recover(".live.dcm.1f0c9a3b.capture", "live.dcm").bytes_written > 3 * 32_768
    True
    """
    return counted_recovery(capture, target, kwargs)[0]


def counted_recovery(capture: Path, target: Target, given: RecoverOptions) -> tuple[WriteResult, int]:
    """Do what `recover` does; return also how many frames there are."""
    with Delivery(target) as delivery:
        options = check_options(dict(given), "recover")
        recovered = opened_capture(capture, target, options)
        resolve_target(delivery, options)
        result, written = write(recovered.encode(), delivery, options, None)
    return with_frames(result, written), recovered.count


def opened_capture(capture: Path, target: Any, options: Options) -> Recovered:
    """Find what there is of a capture, and refuse to write over it.

    Raises
    ------
    PlanError, SourceError
        See `recover`.
    """
    path = os.fsdecode(capture)
    if not path.endswith(SUFFIX):
        raise PlanError(f"{printable(path)}: the name of a capture ends in {SUFFIX}; give that of the hidden file")
    log_path = f"{path[: -len(SUFFIX)]}{LOG_SUFFIX}"
    for source in (path, log_path):
        refuse_overwriting(source, target, options)
        if is_path(target) and is_one_file(source, os.fsdecode(target)):
            raise PlanError(f"{printable(source)} is what is recovered from, and is to stay; name another target")
    if is_being_written(path):
        raise PlanError(f"{path} is still being written; wait until that is over")
    with accessed(log_path) as log_access, accessed(path) as frames_access:
        return Recovered(read_log(log_access), log_access, frames_access, options)


class Recovered:
    """What there is of a capture."""

    def __init__(self, log: Log, log_access: Access, frames: Access, options: Options) -> None:
        self._log = log
        self._options = options
        dataset = _dataset_of(log, log_access.name, options)
        self._fragments = Fragments(log.form.per_frame, log.form.most)
        self._lengths: list[tuple[int, int]] = []
        self._items: list[bytes | Copy] = []
        self._last_padding = size = 0
        for record in log.records:
            whole = 0
            for length in record.lengths:
                encoded = self._encoded(length)
                if record.start + size + encoded > (frames.size or 0):
                    break  # torn: what stands behind is not there
                self._last_padding = length % 2
                self._lengths.append((length + self._last_padding, encoded))
                size += encoded
                whole += 1
            if record.items_size and whole:
                items_size = _first_items(log_access, record, whole, dataset.original_encoding[1] is not False)
                self._items.append(log_access.range_of(record.items_at, items_size, element_name(PER_FRAME_GROUPS)))
            _set_values(dataset, record.values)
            if whole < len(record.lengths):
                break
        if not self._lengths:
            raise SourceError(f"{frames.name} has no frame that had reached the disk")
        start = log.records[0].start
        pieces: list[bytes | Copy] = [frames.range_of(start, size, "frames")]
        self._frames = StoredFrames(pieces, size, self._lengths, self._fragments.is_one)
        elements_of(dataset).pop(BaseTag(NUMBER_OF_FRAMES), None)
        drop_padding(elements_of(dataset))
        self._dataset = dataset

    @property
    def count(self) -> int:
        """How many frames there are."""
        return len(self._lengths)

    def encode(self) -> Encoder[PixelsWritten]:
        """Encode the file."""
        options = replace(self._options, frames=PushedSource(), offset_table="auto")
        plan = plan_file(self._dataset, options, Capabilities(patchable=False))
        assert isinstance(plan.pixels, PixelPlan)
        if (ratio := self._ratio(plan.pixels)) is not None:
            elements_of(plan.dataset)[BaseTag(LOSSY_RATIO)] = DataElement(LOSSY_RATIO, "DS", ratio)
        items = self._items or None
        return assembled(plan, plan.pixels, self.count, [self._frames], items, self._options.offset_table)

    def _ratio(self, pixels: PixelPlan) -> str | None:
        """Return the ratio of a lossy compression, if that was to be computed when all frames had come."""
        if not self._log.form.encapsulated:
            return None
        size = sum(length for length, _ in self._lengths) - self._last_padding
        row = transfer_syntax(value_of(self._dataset.file_meta, "TransferSyntaxUID"))
        return ratio_of(pixels, self._dataset, row, self.count, size)

    def _encoded(self, length: int) -> int:
        return self._fragments.encoded_length(length) if self._log.form.encapsulated else length


def _dataset_of(log: Log, name: str, options: Options) -> Dataset:
    """Return the file without its frames that a log begins with, as a dataset."""
    try:
        with accessed(io.BytesIO(log.file)) as access:
            return dataset_of(scan_file(access, force=False, hold_limit=options.hold_limit))
    except NotDicomError as error:
        raise SourceError(f"{name} has no DICOM file where that of the capture should be; it is damaged") from error


def _first_items(access: Access, record: Synced, count: int, little_endian: bool) -> int:
    """Return how many bytes the first items of a record have; all have defined lengths (PS3.5 §7.5.1)."""
    if count == len(record.lengths):
        return record.items_size
    size = 0
    for _ in range(count):
        length = access.read(record.items_at + size + 4, 4)
        size += 8 + int.from_bytes(length, "little" if little_endian else "big")
    return size


def _set_values(dataset: Dataset, values: list[tuple[int, str, bytes]]) -> None:
    """Set values that came late, as they were written."""
    implicit_vr, little_endian = dataset.original_encoding
    for tag, vr, value in values:
        raw = RawDataElement(BaseTag(tag), vr, len(value), value, 0, bool(implicit_vr), little_endian is not False)
        elements_of(dataset)[BaseTag(tag)] = raw
