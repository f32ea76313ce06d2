"""Functional groups that come with their frames: an item of (5200,9230) for each (PS3.3 §C.7.6.16)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, Protocol

from streamdcm.cleanup import afterwards
from streamdcm.encode.header import sequence_header
from streamdcm.encode.layout import MAX_LENGTH, UNDEFINED_LENGTH
from streamdcm.encode.padding import padding_headers
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import PER_FRAME_GROUPS
from streamdcm.engine.aside import Aside
from streamdcm.engine.fields import FieldsInTurn, fields_of
from streamdcm.engine.spool import spool_for
from streamdcm.errors import InvalidValueError, LengthOverflowError
from streamdcm.errors.translation import element_name
from streamdcm.instructions import END, Encoder, Fill, Insert, Instruction, Reserve
from streamdcm.pixels.counted_frames import CountedFrames
from streamdcm.pixels.given_frames import apart
from streamdcm.pixels.group_items import GroupItems
from streamdcm.pixels.table_plan import PixelsWritten

_LABEL: Final = element_name(PER_FRAME_GROUPS)
_LEAST_INSERTED: Final = 4 * 1024 * 1024
"""What is written moves in pieces of this size, at least: by as many bytes as are inserted."""

_IN_MEMORY: Final = 16 * 1024 * 1024
"""The most bytes of items, and of frames, that are put aside in memory."""


class GroupsPlan(NamedTuple):
    """What was decided about functional groups, should they come with the frames.

    Attributes
    ----------
    scope : Scope
        The dataset, and how items are laid out: with defined lengths (PS3.5 §7.5.1).
    most : int or None
        For how many items a field is reserved; `None`: frames are put aside until all items have come.
    item_size : int or None
        How many bytes of it each item gets on average; `None`: those of the first item, and a quarter more.
    padding_group : int
        The odd group behind (5200,9230) for the private block that takes up what is left.
    dimensions : int
        The number of items in Dimension Index Sequence.
    spool : str
        Where the frames go that are put aside: the option.
    hold_limit : int
        The most bytes to put aside in memory.
    are_announced : bool
        Whether they are sure to come, so that the number of bytes is not known ahead.
    can_grow : bool
        Whether the sink can move what was written, so that more items get in than there is space reserved for.
    kept : list of bytes, optional
        Is given the items as they come, too.
    """

    scope: Scope
    most: int | None
    item_size: int | None
    padding_group: int
    dimensions: int
    spool: str
    hold_limit: int
    are_announced: bool
    can_grow: bool
    kept: list[bytes] | None = None

    def aside(self) -> Aside:
        """Return what takes frames, or items, until all have come."""
        return set_aside(self.spool, self.hold_limit, f"{_LABEL}, which comes with the frames")


def set_aside(spool: str, hold_limit: int, label: str) -> Aside:
    """Return what takes frames, or items, until all have come, as the options of these names say."""
    directory = spool_for(spool)
    return Aside(directory, hold_limit if directory is None else min(hold_limit, _IN_MEMORY), label)


class TakesItems(Protocol):
    """Where items go."""

    def add(self, item: bytes) -> Iterable[Instruction]:
        """Take the next item; what there is to be done for it is yielded."""


class FrameGroups:
    """Takes the functional groups from the frames that they come with, and makes the sequence of them.

    Parameters
    ----------
    plan : GroupsPlan
        What was decided ahead.
    frames : CountedFrames
        Asks for the frames.
    pixels : Encoder
        That of the pixel data.
    """

    def __init__(self, plan: GroupsPlan, frames: CountedFrames, pixels: Encoder[PixelsWritten]) -> None:
        self._plan = plan
        self._frames = frames
        self._pixels = pixels
        self._items = GroupItems(plan.scope, plan.dimensions, kept=plan.kept)
        self._field: _GroupsField | None = None

    def begin(self) -> Encoder[int]:
        """Ask for the first frame; if it comes with functional groups, encode their sequence, or reserve a field.

        Returns the number of bytes.
        """
        item = yield from self._frames.ask_ahead()
        if item is None:
            return 0
        first = self._items.encode(item)
        if self._plan.most is None:
            return (yield from self._put_aside(first))
        self._field = _GroupsField(self._plan, self._plan.most * (self._plan.item_size or len(first) * 5 // 4))
        length = yield from self._field.reserve()
        yield from self._field.add(first)
        self._pixels = taking_items(self._pixels, self._frames, self._items, self._field)
        return length

    def pixel_data(self) -> Encoder[PixelsWritten]:
        """Encode the pixel data, or release what was put aside of it."""
        return self._pixels

    def finish(self) -> Encoder[int]:
        """Complete the sequence when all frames have come; return by how many bytes these have moved for it."""
        return 0 if self._field is None else (yield from self._field.finish())

    def _put_aside(self, first: bytes) -> Encoder[int]:
        """Put all frames aside, and then encode the sequence of the items that came with them."""
        items, frames = self._plan.aside(), self._plan.aside()
        yield from items.add(first)
        written = yield from frames.run(taking_items(self._pixels, self._frames, self._items, items))
        self._pixels = _released(frames, written)
        encoding = self._plan.scope.layout.encoding
        is_defined = items.size <= MAX_LENGTH
        header = sequence_header(PER_FRAME_GROUPS, items.size if is_defined else UNDEFINED_LENGTH, encoding)
        yield header
        yield from items.released()
        if is_defined:
            return len(header) + items.size
        yield encoding.sequence_end
        return len(header) + items.size + len(encoding.sequence_end)


def taking_items(
    pixels: Encoder[PixelsWritten], frames: CountedFrames, encoded: GroupItems, items: TakesItems
) -> Encoder[PixelsWritten]:
    """Run the encoder of the pixel data on the frames without what they came with.

    Parameters
    ----------
    pixels : Encoder
        That of the pixel data.
    frames : CountedFrames
        Asks for the frames.
    encoded : GroupItems
        Encodes the items that come with them.
    items : TakesItems
        Is given the items.
    """
    step: Callable[[Any], Instruction] = pixels.send
    argument: Any = None
    need = frames.need
    with afterwards(pixels.close):
        while True:
            try:
                instruction = step(argument)
            except StopIteration as stop:
                result: PixelsWritten = stop.value
                return result
            step, argument = pixels.send, None
            if instruction is not need:
                yield instruction
                continue
            try:
                answer = yield need
            except Exception as error:
                step, argument = pixels.throw, error
                continue
            if answer is not END:
                answer, item = apart(answer)
                if item is None:
                    raise InvalidValueError(
                        "comes without functional groups, and the frames before it came with theirs; give each frame "
                        "its item",
                        frames.label_of_next,
                    )
                yield from items.add(encoded.encode(item))
            argument = answer


def _released(frames: Aside, written: PixelsWritten) -> Encoder[PixelsWritten]:
    yield from frames.released()
    return written


class _GroupsField:
    """The field where the sequence will be, and behind it a private block of what is left.

    Parameters
    ----------
    plan : GroupsPlan
        What was decided ahead.
    size : int
        How many bytes all items get.
    """

    def __init__(self, plan: GroupsPlan, size: int) -> None:
        self._plan = plan
        self._group = plan.padding_group
        self._encoding = plan.scope.layout.encoding
        self._most = min(size + size % 2, MAX_LENGTH)
        self._size = self._most + len(padding_headers(self._group, 0, self._encoding))
        self._used = 0
        self._end = Reserve(0)
        self._beyond: Aside | None = None
        self._length = Reserve(4, label=f"the length of {_LABEL}")
        self._fields: FieldsInTurn

    def reserve(self) -> Encoder[int]:
        """Reserve the field; return the number of bytes."""
        header = sequence_header(PER_FRAME_GROUPS, 0, self._encoding)
        yield header[:-4]
        yield self._length
        fields = fields_of(self._size, _LABEL)
        yield from fields
        yield self._end
        self._fields = FieldsInTurn(fields)
        return len(header) + self._size

    def add(self, item: bytes) -> Iterable[Instruction]:
        """Fill in the next item."""
        self._used += len(item)
        if self._beyond is None and self._used <= self._most:
            return self._fields.add(item)
        return self._add_beyond(item)

    def _add_beyond(self, item: bytes) -> Encoder[None]:
        """Take an item that the field does not have space for, or not as a whole."""
        if self._beyond is None:
            self._refuse_more()
            self._beyond = self._plan.aside()
            fits = self._size - (self._used - len(item))
            yield from self._fields.add(item[:fits])
            item = item[fits:]
        yield from self._beyond.add(item)

    def finish(self) -> Encoder[int]:
        """Fill in the private block and the length of the sequence; return how many bytes were inserted."""
        inserted = 0
        if self._beyond is None:
            yield from self._fields.add(padding_headers(self._group, self._most - self._used, self._encoding))
            yield from self._fields.finish()
            yield Fill(self._end, b"")
        else:
            inserted = yield from self._insert(self._beyond)
        is_defined = self._used <= MAX_LENGTH
        yield Fill(self._length, self._encoding.pack_length(self._used if is_defined else UNDEFINED_LENGTH))
        return inserted

    def _insert(self, beyond: Aside) -> Encoder[int]:
        """Insert the items that the field has no space for, and a private block that makes it worth while."""
        if self._used > MAX_LENGTH:
            yield from beyond.add(self._encoding.sequence_end)
        yield from self._fields.finish()
        unused = max(0, _LEAST_INSERTED - beyond.size)
        yield from beyond.add(padding_headers(self._group, unused, self._encoding))
        yield from beyond.add(bytes(unused))
        size = beyond.size
        yield Insert(self._end, (yield from beyond.pieces()), size)
        return size

    def _refuse_more(self) -> None:
        if not self._plan.can_grow:
            raise LengthOverflowError(
                f"{self._used:,} bytes of items do not fit the {self._most:,} that were reserved, and nothing that was "
                "written can be moved; give frame_groups= the size of an item, a larger one than this time",
                _LABEL,
            )
