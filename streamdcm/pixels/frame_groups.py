"""Functional groups that come with their frames: an item of (5200,9230) for each (PS3.3 §C.7.6.16)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from streamdcm.cleanup import afterwards
from streamdcm.encode.header import sequence_header
from streamdcm.encode.layout import MAX_LENGTH
from streamdcm.encode.padding import padding_headers
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import PER_FRAME_GROUPS
from streamdcm.engine.fields import FieldsInTurn, fields_of
from streamdcm.errors import InvalidValueError, LengthOverflowError, element_name
from streamdcm.instructions import END, Encoder, Fill, Instruction, Reserve
from streamdcm.pixels.counted_frames import CountedFrames
from streamdcm.pixels.given_frames import apart
from streamdcm.pixels.group_items import GroupItems

T = TypeVar("T")


class GroupsPlan(NamedTuple):
    """What was decided about functional groups, should they come with the frames.

    Parameters
    ----------
    scope : Scope
        The dataset, and how items are laid out: with defined lengths (PS3.5 §7.5.1).
    most : int
        For how many items a field is reserved.
    item_size : int or None
        How many bytes of it each item gets on average; `None`: those of the first item, and a quarter more.
    padding_group : int
        The odd group behind (5200,9230) for the private block that takes up what is left.
    dimensions : int
        The number of items in Dimension Index Sequence.
    """

    scope: Scope
    most: int
    item_size: int | None
    padding_group: int
    dimensions: int


class FrameGroups:
    """Takes the functional groups from the frames that they come with, and makes the sequence of them.

    Parameters
    ----------
    plan : GroupsPlan
        What was decided ahead.
    frames : CountedFrames
        Asks for the frames.
    """

    def __init__(self, plan: GroupsPlan, frames: CountedFrames) -> None:
        self._plan = plan
        self._frames = frames
        self._items = GroupItems(plan.scope, plan.dimensions)
        self._field: _GroupsField | None = None

    def begin(self) -> Encoder[int]:
        """Ask for the first frame; if it comes with functional groups, reserve the field where the sequence will be."""
        item = yield from self._frames.ask_ahead()
        if item is None:
            return 0
        first = self._items.encode(item)
        self._field = _GroupsField(self._plan, self._plan.item_size or len(first) * 5 // 4)
        length = yield from self._field.reserve()
        yield from self._field.add(first)
        return length

    def taken_from(self, pixels: Encoder[T]) -> Encoder[T]:
        """Return the encoder of the pixel data, which is given the frames without what they came with."""
        return pixels if self._field is None else self._taken_from(pixels, self._field)

    def finish(self) -> Encoder[None]:
        """Complete the sequence when all frames have come."""
        if self._field is not None:
            yield from self._field.finish()

    def _taken_from(self, pixels: Encoder[T], field: _GroupsField) -> Encoder[T]:
        step: Callable[[Any], Instruction] = pixels.send
        argument: Any = None
        need = self._frames.need
        with afterwards(pixels.close):
            while True:
                try:
                    instruction = step(argument)
                except StopIteration as stop:
                    result: T = stop.value
                    return result
                step, argument = pixels.send, None
                if instruction is not need:
                    yield instruction
                    continue
                try:
                    answer = yield need
                except Exception as error:
                    step, argument = pixels.throw, error
                else:
                    argument = answer if answer is END else (yield from self._frame_of(answer, field))

    def _frame_of(self, given: Any, field: _GroupsField) -> Encoder[Any]:
        """Put the item into the field that came with a frame, and return the frame."""
        frame, item = apart(given)
        if item is None:
            raise InvalidValueError(
                "comes without functional groups, and the frames before it came with theirs; give each frame its item",
                self._frames.label_of_next,
            )
        yield from field.add(self._items.encode(item))
        return frame


class _GroupsField:
    """The field where the sequence will be, and behind it a private block of what is left.

    Parameters
    ----------
    plan : GroupsPlan
        What was decided ahead.
    item_size : int
        How many bytes each item gets on average.
    """

    def __init__(self, plan: GroupsPlan, item_size: int) -> None:
        self._group = plan.padding_group
        self._encoding = plan.scope.layout.encoding
        size = plan.most * item_size
        self._most = min(size + size % 2, MAX_LENGTH)
        self._used = 0
        self._length = Reserve(4, label="the length of the functional groups of the frames")
        self._fields: FieldsInTurn

    def reserve(self) -> Encoder[int]:
        """Reserve the field; return the number of bytes."""
        header = sequence_header(PER_FRAME_GROUPS, 0, self._encoding)
        yield header[:-4]
        yield self._length
        size = self._most + len(padding_headers(self._group, 0, self._encoding))
        fields = fields_of(size, "the functional groups of the frames")
        yield from fields
        self._fields = FieldsInTurn(fields)
        return len(header) + size

    def add(self, item: bytes) -> Encoder[None]:
        """Fill in the next item."""
        if self._used + len(item) > self._most:
            raise LengthOverflowError(
                f"{self._used + len(item):,} bytes of items do not fit the {self._most:,} that were reserved; give "
                "frame_groups= the size of an item, a larger one than this time",
                element_name(PER_FRAME_GROUPS),
            )
        self._used += len(item)
        yield from self._fields.add(item)

    def finish(self) -> Encoder[None]:
        """Fill in the private block and the length of the sequence."""
        yield from self._fields.add(padding_headers(self._group, self._most - self._used, self._encoding))
        yield from self._fields.finish()
        yield Fill(self._length, self._encoding.pack_length(self._used))
