"""A plan that was made, and how it is carried out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Self

from pydicom.dataset import Dataset

from streamdcm.encode._pydicom import Element
from streamdcm.encode.body import body_size, sorted_body
from streamdcm.encode.deflate import deflate
from streamdcm.encode.file_head import encode_file_meta, preamble_and_prefix
from streamdcm.encode.groups import Inserted, inserted_at
from streamdcm.encode.late import LateElement, LateValues
from streamdcm.encode.layout import UNKNOWN_LENGTH, Layout
from streamdcm.encode.pieces import Pieces, Section
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import PADDING_GROUP, PER_FRAME_GROUPS, PIXEL_DATA
from streamdcm.engine.counted import content_size
from streamdcm.instructions import Encoder
from streamdcm.options import StreamSettings
from streamdcm.pixels.counted_frames import CountedFrames
from streamdcm.pixels.encapsulated import encapsulated_size
from streamdcm.pixels.frame_groups import FrameGroups, GroupsPlan
from streamdcm.pixels.frame_plan import PixelPlan
from streamdcm.pixels.native import native_size
from streamdcm.pixels.pixel_data import pixel_data
from streamdcm.pixels.table_plan import PixelsWritten
from streamdcm.pixels.video import bit_stream, bit_stream_size
from streamdcm.pixels.video_plan import VideoPlan


class Plan(NamedTuple):
    """What is to be written and how.

    Attributes
    ----------
    dataset : Dataset
        The dataset, which is only read.
    elements : list of (int, Element)
        Its elements as they were when the plan was made, in ascending order of tags.
    preamble : bytes or None
        The 128 bytes before the prefix.
    file_meta : Dataset or None
        The File Meta Information as it is to be written, which may be empty; `None` where the dataset is written alone.
    layout : Layout
        VR and byte order, kinds of lengths.
    deflated : bool
        Whether the dataset body is compressed.
    encapsulated : bool or None
        Whether Pixel Data has an undefined length; `None` if no transfer syntax says so.
    patchable : bool
        Whether values among the elements can be filled in later.
    settings : StreamSettings
        `chunk_size` and `hold_limit` count where the body is compressed.
    pixels : PixelPlan, VideoPlan or None
        How frames, or the bit stream of a video, are written, if there are any.
    late : tuple of LateElement
        The elements whose values become known while writing.
    groups : GroupsPlan or None
        What becomes of functional groups that come with the frames; `None` if none can.
    """

    dataset: Dataset
    elements: list[tuple[int, Element]]
    preamble: bytes | None
    file_meta: Dataset | None
    layout: Layout
    deflated: bool
    encapsulated: bool | None
    patchable: bool
    settings: StreamSettings
    pixels: PixelPlan | VideoPlan | None = None
    late: tuple[LateElement, ...] = ()
    groups: GroupsPlan | None = None

    def late_values(self) -> LateValues:
        """Return what takes the values that become known while the plan is carried out."""
        return LateValues(self.late, Scope(self.dataset, self.layout).context)

    def encode(self, late: LateValues | None = None) -> Encoder[PixelsWritten | None]:
        """Encode preamble, File Meta Information and dataset body (PS3.10 §7).

        Parameters
        ----------
        late : LateValues, optional
            What `late_values` returned, if others are to set values.

        Returns
        -------
        Encoder
            Returns what became of frames, if there are any.
        """
        pieces = Pieces()
        head = self._encode_head(pieces)
        if self.pixels is None and not self.late and not self.deflated:
            yield from self._body(pieces)
            return None
        head += yield from pieces.released()
        body: Encoder[Any]
        if self.pixels is None and not self.late:
            body = self._body(pieces)
        else:
            body = self._body_with_frames(self.late_values() if late is None else late, head)
        returned = yield from self.compressed(body)
        return returned if isinstance(returned, PixelsWritten) else None

    def head(self) -> Encoder[int]:
        """Encode what stands before the dataset; return the number of bytes."""
        pieces = Pieces()
        length = self._encode_head(pieces)
        return length + (yield from pieces.released())

    def _encode_head(self, pieces: Pieces) -> int:
        if self.file_meta is None:
            return 0
        length = 0
        if self.preamble:
            pieces.parts.append(preamble_and_prefix(self.preamble))
            length = len(self.preamble) + 4
        return length + encode_file_meta(self.file_meta, pieces)

    def _body(self, pieces: Pieces) -> Encoder[int]:
        """Encode a dataset body without frames and late values behind what `pieces` holds."""
        scope = Scope(self.dataset, self.layout)
        return sorted_body(self.elements, scope, self.encapsulated, self.patchable, pieces=pieces)

    def compressed(self, body: Encoder[Any]) -> Encoder[Any]:
        """Return the encoder of a dataset body as the transfer syntax wants it (PS3.5 §A.5)."""
        if not self.deflated:
            return body
        settings = self.settings
        return deflate(body, chunk_size=settings.chunk_size, hold_limit=settings.hold_limit, spool=settings.spool)

    def size(self) -> int | None:
        """Return the number of bytes, without reading what is large; `None` where only writing tells.

        That is so where the body is compressed, or frames or a stream have to be asked for how long they are.
        """
        if self.deflated or (self.groups is not None and self.groups.are_announced):
            return None
        inserted = self._inserted(self.late_values(), _no_pixels)
        body = body_size(self.elements, Scope(self.dataset, self.layout), self._is_encapsulated, inserted)
        return None if body is None else sum(map(content_size, self.head())) + body

    def _pixels_size(self) -> int | None:
        if not isinstance(self.pixels, PixelPlan):
            return None if self.pixels is None else bit_stream_size(self.pixels)
        if self.pixels.encapsulated:
            return encapsulated_size(self.pixels)
        return native_size(self.pixels, self.layout.encoding)

    def with_kept_items(self, kept: list[bytes]) -> Self:
        """Return the plan of a file whose functional groups are kept in a list as well, as they come."""
        assert self.groups is not None
        return self._replace(groups=self.groups._replace(kept=kept))

    def without_frames(self) -> Self:
        """Return the plan of a file that has all elements but the pixel data and those that come late."""
        return self._replace(pixels=None, late=(), groups=None)

    def _body_with_frames(self, late: LateValues, head: int) -> Encoder[PixelsWritten | None]:
        written = None
        pieces = Pieces()
        start = 0
        frames = CountedFrames(self.pixels) if isinstance(self.pixels, PixelPlan) else None
        groups: FrameGroups | None = None

        def pixels() -> Encoder[int]:
            nonlocal written, start
            start = head + pieces.position
            if not isinstance(self.pixels, PixelPlan):
                assert self.pixels is not None
                return (yield from bit_stream(self.pixels))
            assert frames is not None
            if groups is None:
                written = yield from pixel_data(self.pixels, self.layout.encoding, late, frames)
            else:
                written = yield from groups.pixel_data()
            return written.length

        def length_of_pixel_group() -> int:
            return 0 if written is None else written.length - written.padding

        inserted = self._inserted(late, pixels, length_of_pixel_group)
        if isinstance(self.pixels, PixelPlan) and self.groups is not None and frames is not None:
            groups = FrameGroups(self.groups, frames, pixel_data(self.pixels, self.layout.encoding, late, frames))
            inserted[PER_FRAME_GROUPS] = inserted_at(PER_FRAME_GROUPS, groups.begin)
        scope = Scope(self.dataset, self.layout)
        yield from sorted_body(self.elements, scope, self._is_encapsulated, self.patchable, inserted, pieces)
        yield from late.fills()
        inserted_later = 0 if groups is None else (yield from groups.finish())
        if written is not None and written.frames is not None:
            return written._replace(frames=written.frames.moved(start + inserted_later))
        return written

    def _inserted(
        self, late: LateValues, pixels: Callable[[], Encoder[int]], behind: Callable[[], int] = lambda: 0
    ) -> dict[int, Inserted]:
        """Return what is encoded in the place of elements; `pixels` encodes Pixel Data.

        A private element that stands before Pixel Data, and whose length is known when all frames came, is encoded with
        them; `behind` tells how long the rest was.
        """
        inserted = {tag: Inserted(late.section(tag, self.layout.encoding), tag >> 16) for tag in late.tags}
        if self.pixels is None:
            return inserted
        size = self._pixels_size()
        section = Section(pixels, UNKNOWN_LENGTH if size is None else size)
        tag = self.pixels.tag if isinstance(self.pixels, PixelPlan) else PIXEL_DATA
        has_padding = isinstance(self.pixels, PixelPlan) and self.pixels.table is not None and self.pixels.table.block
        inserted[tag] = Inserted(section, PADDING_GROUP, behind) if has_padding else Inserted(section, tag >> 16)
        return inserted

    @property
    def _is_encapsulated(self) -> bool | None:
        """Whether Pixel Data has an undefined length; `None` where neither frames nor the transfer syntax say so."""
        if self.pixels is None:
            return self.encapsulated
        return not isinstance(self.pixels, PixelPlan) or self.pixels.encapsulated


def _no_pixels() -> Encoder[int]:
    """Encode nothing: what is only counted is not encoded."""
    yield from ()
    return 0
