"""Frames on their way into the instances of a concatenation, and only as many of them as there have to be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from pydicom.dataset import Dataset

from streamdcm.cleanup import take_all
from streamdcm.encode._pydicom import elements_of
from streamdcm.encode.discreet import value_of
from streamdcm.encode.groups import GROUP_LENGTH
from streamdcm.encode.tags import PADDING_GROUP, PER_FRAME_GROUPS
from streamdcm.encode.transfer_syntaxes import transfer_syntax
from streamdcm.engine.progress import Progress, ProgressShare
from streamdcm.engine.result import WriteResult
from streamdcm.errors import EncodeError, InPlaceError, PlanError
from streamdcm.errors.translation import element_name, encode_error
from streamdcm.options import BytesEach, FramesEach, Options, Split
from streamdcm.pixels.codestream import compressed_frames
from streamdcm.pixels.frame_count import FrameCount, frame_count, one_too_many, too_few, warn_if_stale
from streamdcm.pixels.frame_plan import PixelPlan, known_lengths
from streamdcm.pixels.given_frames import apart, comes_with_groups
from streamdcm.plan.capabilities import Capabilities
from streamdcm.plan.checks import check_dataset
from streamdcm.plan.concatenation import (
    Division,
    Part,
    Sizes,
    divide_by_frames,
    frame_too_large,
    group_lengths,
    instance_dataset,
    source_of_concatenation,
)
from streamdcm.plan.execution import Plan
from streamdcm.plan.file_meta import copy_of_file_meta
from streamdcm.plan.plan import plan_file
from streamdcm.sinks import Delivery
from streamdcm.sources import PushedSource
from streamdcm.write.instance import Instance, Resolve
from streamdcm.write.pushed_arrays import PushedArrays
from streamdcm.write.targets import refuse_own_source, resolve_target, target_of_each, target_of_one
from streamdcm.write.trace import log_of

_LONGEST_HEADER = 12
# A sequence header and a delimiter, and a private block behind them with its creator
_AROUND_GROUPS = 12 + 8 + 8 + 18 + 12


def open_instances(
    delivery: Delivery,
    dataset: Dataset,
    options: Options,
    progress: Progress,
    resolve: Resolve = resolve_target,
    arrays: PushedArrays | None = None,
) -> Instance | Concatenation:
    """Return what takes frames: an instance, or, where ``split=`` wants it, a concatenation.

    If it is known ahead that all frames fit into one instance, that is an ordinary one.
    """
    split = options.split
    if split is None:
        return Instance(delivery, dataset, options, progress, resolve, arrays)
    check_dataset(dataset)
    if transfer_syntax(value_of(copy_of_file_meta(dataset), "TransferSyntaxUID")).video:
        raise PlanError("the bit stream of a video cannot be divided at frames; leave split out")
    targets = target_of_each(delivery.target)
    options = replace(options, trace=log_of(options.trace))
    late = options.late if isinstance(options.late, Mapping) else tuple(options.late)
    options = replace(options, late=late)
    source = source_of_concatenation(dataset, late)
    number = frame_count(options.frames, source, options.number_of_frames, options.max_frames)
    division = _division(source, options, split, number)
    if division.counts is not None and len(division.counts) == 1:
        options = replace(options, split=None)
        only = OnlyInstance(Delivery(target_of_one(delivery.target)), dataset, options, progress, resolve, arrays)
        only.split = split
        return only
    warn_if_stale(number, number.count)
    return Concatenation(targets, source, options, split, division, progress, resolve, number, arrays)


class Concatenation:
    """Takes frames one by one and begins a new instance for the frame that no longer fits the last one.

    No instance gets its name before all are complete.

    Parameters
    ----------
    targets : callable
        Gives the target of each instance by its number.
    source : Dataset
        What `source_of_concatenation` returned.
    options : Options
        Those of the write.
    split : FramesEach or BytesEach
        How the caller wants it divided.
    division : Division
        What was made of that.
    progress : Progress
        Counts the bytes of all instances.
    resolve : callable
        Finds out how to write to the target of an instance.
    number : FrameCount
        How many frames there are.
    arrays : PushedArrays, optional
        What encodes arrays that are given as frames of a compressed transfer syntax.
    """

    takes_frames = True

    def __init__(
        self,
        targets: Callable[[int], Any],
        source: Dataset,
        options: Options,
        split: Split,
        division: Division,
        progress: Progress,
        resolve: Resolve,
        number: FrameCount,
        arrays: PushedArrays | None = None,
    ) -> None:
        self.number = number
        self._arrays = arrays
        self._targets = targets
        self._resolve = resolve
        self._source = source
        self._options = options
        self._split = split
        self._division = division
        self._progress = progress
        self._late: dict[str | int, Any] = {}
        self._frames = 0
        self._bytes = 0
        self._part = division.part(1, 0)
        self._last = self._instance(self._part)
        self._open = [self._last]
        self._complete: list[tuple[Delivery, WriteResult]] = []

    @property
    def _pixels(self) -> PixelPlan:
        assert isinstance(self._last.pixels, PixelPlan)
        return self._last.pixels

    def open(self) -> None:
        """Write what comes before the first frame of the first instance."""
        self._last.open()

    def write(self, frame: Any) -> None:
        """Write the next frame, into a new instance if it does not fit the last one."""
        pixels = self._pixels
        bound = self._division.bound
        if bound is not None and self._frames == bound:
            raise encode_error(one_too_many(self.number), f"{pixels.label}, frame {self._frames + 1:,}")
        _check_item(frame, self._split, self._options)
        size = 0 if self._division.space is None else _encoded_length(frame, pixels)
        if not self._fits(size) and self._frames > self._part.offset:
            self._begin_next()
        if not self._fits(size):
            raise frame_too_large(pixels.label, self._frames + 1)
        try:
            self._last.write(frame)
        except Exception as error:
            _note_instance(error, self._part.number)
            raise
        self._frames += 1
        self._bytes += size

    def set(self, name: str | int, value: Any) -> None:
        """Set the value of a late element, which is the same in all instances."""
        for instance in self._open:
            instance.set(name, value)
        self._late[name] = value

    def finish(self) -> WriteResult:
        """Write what comes after the last frame; only `commit` is left to do."""
        expected = self._division.frames
        if expected is not None and self._frames < expected:
            raise EncodeError(too_few(self.number, self._frames), self._pixels.label)
        while self._open:
            self._complete_first()
        results = tuple(result for _, result in self._complete)
        return WriteResult(
            bytes_written=sum(result.bytes_written for result in results),
            patches=sum(result.patches for result in results),
            location=None,
            instances=results,
        )

    def commit(self) -> None:
        """Give all instances their names."""
        for done, (delivery, _) in enumerate(self._complete):
            try:
                delivery.commit()
            except BaseException as error:
                named = done + isinstance(error, InPlaceError)
                error.add_note(f"{named:,} of {len(self._complete):,} instances have their names already")
                raise

    def abort(self, error: BaseException | None) -> None:
        """Leave what was there before; what goes wrong is told with the error that led to it, if there is one."""
        instances = (instance.abort for instance in self._open)
        deliveries = (delivery.give_up for delivery, _ in self._complete)
        take_all(*(partial(leave, error) for leave in (*instances, *deliveries)))

    def interrupt(self, error: BaseException) -> None:
        """Have a write of an instance raise an error that waits on another thread for others."""
        for delivery in self.deliveries:
            delivery.interrupt(error)

    @property
    def deliveries(self) -> list[Delivery]:
        """The targets of the instances that there are."""
        return [*(delivery for delivery, _ in list(self._complete)), *(each.delivery for each in list(self._open))]

    def _fits(self, size: int) -> bool:
        most, space = self._part.most, self._division.space
        if most is not None and self._frames - self._part.offset == most:
            return False
        return space is None or self._bytes + size <= space

    def _begin_next(self) -> None:
        """Begin an instance; with late values the last one waits for them, else it is complete."""
        if not self._options.late:
            self._complete_first()
        self._part = self._division.part(self._part.number + 1, self._frames)
        self._bytes = 0
        try:
            self._last = self._instance(self._part)
            self._open.append(self._last)
            for name, value in self._late.items():
                self._last.set(name, value)
            self._last.open()
        except Exception as error:
            _note_instance(error, self._part.number)
            raise

    def _complete_first(self) -> None:
        instance = self._open[0]
        try:
            result = instance.finish()
        except Exception as error:
            _note_instance(error, len(self._complete) + 1)
            raise
        instance.end_trace("complete")
        self._complete.append((instance.delivery, result))
        del self._open[0]

    def _instance(self, part: Part) -> Instance:
        options = replace(
            self._options,
            split=None,
            frames=self._frames_of(part),
            number_of_frames=part.count,
            max_frames=part.most if part.count is None else None,
            overflow="refuse" if isinstance(self._split, BytesEach) else self._options.overflow,
        )
        target = self._targets(part.number)
        dataset = instance_dataset(self._source, part, self._split)
        if not options.atomic:
            refuse_own_source(target, self._source)
        progress = ProgressShare(self._progress)
        return Instance(Delivery(target), dataset, options, progress, self._resolve, self._arrays, first=part.offset)

    def _frames_of(self, part: Part) -> Iterable[Any] | PushedSource:
        """Return what is known of the frames of an instance ahead, which is all if they are in a list."""
        frames = self._options.frames
        if part.count is None or not isinstance(frames, (list, tuple)):
            return PushedSource()
        return frames[part.offset : part.offset + part.count]


class OnlyInstance(Instance):
    """The instance of all frames, where it is known ahead that they need no other."""

    split: Split

    def write(self, frame: Any) -> None:
        """Write the next frame."""
        _check_item(frame, self.split, self._options)
        super().write(frame)

    def finish(self) -> WriteResult:
        """Write what comes after the last frame; only `commit` is left to do."""
        result = super().finish()
        return replace(result, instances=(result,))


def _check_item(frame: Any, split: Split, options: Options) -> None:
    """Refuse functional groups that come with a frame where files have a limit, and nobody says what an item takes."""
    if isinstance(split, BytesEach) and options.frame_groups is None and comes_with_groups(frame):
        raise EncodeError(
            "what items of functional groups take that come with their frames is not known ahead; give frame_groups=, "
            "or split= a number of frames",
            element_name(PER_FRAME_GROUPS),
        )


def _note_instance(error: Exception, number: int) -> None:
    error.add_note(f"in instance {number:,} of the concatenation")


def _division(source: Dataset, options: Options, split: Split, number: FrameCount) -> Division:
    """Decide where instances end, as far as that can be known before the first frame."""
    frames, bound = number.count, number.most
    if isinstance(split, FramesEach):
        _check_given(source, options)
        return divide_by_frames(split.count, frames, bound)
    plan = _plan_without_frames(source, options, split)
    assert isinstance(plan.pixels, PixelPlan)
    items = group_lengths(source, plan.layout)
    sizes = Sizes(split.size, _header(plan), plan.pixels, options.offset_table, options.frame_groups or 0)
    if plan.pixels.format is not None:
        return sizes.by_format(frames, bound, items)
    lengths = known_lengths(options.frames, frames, None, plan.pixels.encoder)
    if lengths is not None:
        return sizes.by_length(lengths, items)
    if items:
        raise PlanError(
            f"{element_name(PER_FRAME_GROUPS)} stands before the frames and is divided with them, so the lengths of "
            "the frames have to be known ahead: give frames as a list, or split= a number of frames"
        )
    return sizes.by_need(frames, bound)


def _check_given(source: Dataset, options: Options) -> None:
    """Refuse compressed frames that are there already and wrong, by their numbers among all frames."""
    syntax = transfer_syntax(value_of(copy_of_file_meta(source), "TransferSyntaxUID"))
    if syntax.encapsulated and not syntax.native_frames:
        encoder = compressed_frames(syntax, check=options.check_frames)
        for _ in known_lengths(options.frames, None, None, encoder) or ():
            pass  # asking for a length checks the frame


def _plan_without_frames(source: Dataset, options: Options, split: Split) -> Plan:
    """Plan an instance as if it had neither frames nor functional groups of frames."""
    dataset = instance_dataset(source, Part(1, 1, 0, None, None), split)
    elements_of(dataset).pop(PER_FRAME_GROUPS, None)
    unknown = replace(
        options, split=None, frames=PushedSource(), number_of_frames=None, max_frames=None, offset_table="auto"
    )
    plan = plan_file(dataset, unknown, Capabilities(patchable=True))
    if plan.deflated:
        raise PlanError(
            "how many bytes a deflated dataset takes is known only when it is compressed; split= a number of frames"
        )
    return plan


def _header(plan: Plan) -> int:
    """Return the most bytes that an instance takes without pixel data and the items of functional groups."""
    size = plan.without_frames().size()
    if size is None:
        raise PlanError("the size of a ByteStream without a length is not known; give it one, or split= by frames")
    late = sum(_LONGEST_HEADER + element.size for element in plan.late)
    return size + late + _AROUND_GROUPS + _more_group_lengths(plan)


def _more_group_lengths(plan: Plan) -> int:
    """Return the most bytes that lengths of groups take in which nothing is but pixel data and what comes late."""
    if plan.layout.group_lengths == "omit":
        return 0
    assert isinstance(plan.pixels, PixelPlan)
    tags = (PER_FRAME_GROUPS, PADDING_GROUP << 16, plan.pixels.tag, *(element.tag for element in plan.late))
    return GROUP_LENGTH * len({tag >> 16 for tag in tags} - {tag >> 16 for tag, _ in plan.elements})


def _encoded_length(frame: Any, pixels: PixelPlan) -> int:
    """Return how many bytes a frame takes; what is not a frame takes none, and its instance will refuse it."""
    try:
        return pixels.fragments.encoded_length(len(pixels.encoder.encode(apart(frame)[0])))
    except EncodeError:
        return 0
