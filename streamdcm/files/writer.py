"""Frames that are pushed: into a new file, or behind those of one that is there."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

from pydicom.dataset import Dataset

from streamdcm.engine.progress import Progress
from streamdcm.errors import PlanError
from streamdcm.files.append import APPENDED, Appending, frames_in
from streamdcm.files.capture import Capture
from streamdcm.options import CaptureOptions, Options, WriterOptions, refuse_in_vain
from streamdcm.sinks import Delivery
from streamdcm.sinks.path import capture_output
from streamdcm.write.instance import Instance
from streamdcm.write.pushed_arrays import PushedArrays
from streamdcm.write.targets import Targets, is_local_path, refuse_options_in_vain, refuse_remote_frames
from streamdcm.write.writer import FrameWriter, pushed_options


def open_writer(target: Targets, dataset: Dataset | None = None, /, **kwargs: Unpack[CaptureOptions]) -> FrameWriter:
    """Open a writer that frames are given to one by one.

    Parameters
    ----------
    target : str, bytes, PathLike, file-like, socket or writeable buffer
        Where to write. With ``split=`` a path gets the number of each instance in front of its suffix;
        or a function that takes that number, from 1, and returns a target.
    dataset : Dataset
        All but the pixel data; only read. With ``append=True`` it is that of the file, and none is given.
    **kwargs
        All are in `CaptureOptions`. Those that are used most, each with its default:

        - `enforce_file_format` (False): complete the preamble and the File Meta Information (PS3.10 §7.1), or fail.
        - `number_of_frames` (None): how many frames there will be, if that is known (PS3.3 §C.7.6.6).
        - `max_frames` (None): how many there may be at most: an offset table is reserved for so many.
        - `offset_table` ("auto"): ``"basic"``, ``"extended"`` or ``"empty"``, for compressed frames (PS3.5 §A.4).
        - `late` (nothing): elements whose values are set while writing; a mapping gives the bytes to reserve for each.
        - `split` (None): frames for each file, or the bytes of a file, as ``"2 GiB"`` (PS3.3 §C.7.6.16.2.2.4).
        - `overwrite` (True): whether what is there may be replaced.
        - `recover` (False): whether what was captured can be had after a crash; see `recover`.
        - `sync_every` (1.0): with ``recover=True``: all is on the disk after so many seconds (float) or frames (int).
        - `progress` (None): called with a `ProgressEvent` after about every chunk.

    Returns
    -------
    FrameWriter
        For use in a ``with`` block.

    Raises
    ------
    PlanError
        If arguments, File Meta Information or encoding are wrong or do not agree; nothing was written.

    Examples
    --------
    >>> with streamdcm.open_writer("cine.dcm", ds) as writer:
    ...     for frame in camera():
    ...         writer.write_frame(frame)
    >>> writer.result.bytes_written > 3 * 32_768
    True
    """
    with Delivery(target) as delivery:
        options = pushed_options(dict(kwargs), "open_writer")
        if options.recover:
            return opened_for_capture(target, given_dataset(dataset), options)
        if not options.append:
            return FrameWriter(delivery, given_dataset(dataset), options)
        appending = opened_appending(target, dataset, options)
        return FrameWriter(delivery, appending.plan.dataset, options, partial(_appended, appending))


def given_dataset(dataset: Dataset | None) -> Dataset:
    """Return the dataset of a new file.

    Raises
    ------
    TypeError
        If none was given.
    """
    if dataset is None:
        raise TypeError("open_writer() needs the dataset of a new file; append=True takes that of the file")
    return dataset


def opened_appending(target: Any, dataset: Dataset | None, options: Options) -> Appending:
    """Decide how the frames that will be given follow those of a file.

    Raises
    ------
    PlanError
        If it is no path, or something is said that the file says already.
    """
    if dataset is not None:
        raise PlanError("append=True takes the dataset of the file; leave the dataset out")
    refuse_remote_frames(target)
    in_vain = WriterOptions.__annotations__.keys() - APPENDED - {"append"}
    refuse_in_vain(options, sorted(in_vain), "is about a new file, and append=True is about one that is there")
    return Appending(frames_in(target, options), options)


def _appended(
    appending: Appending,
    delivery: Delivery,
    dataset: Dataset,
    options: Options,
    progress: Progress,
    arrays: PushedArrays | None = None,
) -> Instance:
    return Instance(delivery, dataset, options, progress, planned=lambda _: appending)


def opened_for_capture(target: Any, dataset: Dataset, options: Options) -> FrameWriter:
    """Open a writer whose file can be recovered."""
    output = None
    refuse_options_in_vain(target, options)
    is_plain = options.atomic and options.seekable is not False
    if is_local_path(target) and is_plain and not (options.append or options.split or options.checksum):
        output = capture_output(os.fsdecode(target), overwrite=options.overwrite, durable=options.durable)
    if output is None:
        raise PlanError(
            "recover=True is for a new file at a path of this machine; leave it out with other targets, and with "
            "append=, split=, checksum=, seekable=False and atomic=False"
        )
    options = replace(options, overwrite=True, durable=False)
    return FrameWriter(Delivery(output), dataset, options, Capture)
