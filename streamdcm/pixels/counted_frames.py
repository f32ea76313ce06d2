"""Frames that are counted as they come, so that an error names the one that is wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from pydicom.dataset import Dataset

from streamdcm.encode.tags import PER_FRAME_GROUPS
from streamdcm.errors import EncodeError, InvalidValueError, StreamdcmError
from streamdcm.errors.translation import element_name, encode_error
from streamdcm.instructions import Chunk, Encoder, Need
from streamdcm.pixels.frame_count import one_too_many, too_few
from streamdcm.pixels.frame_plan import PixelPlan
from streamdcm.pixels.given_frames import apart, comes_with_groups
from streamdcm.sources import is_pushed

_NOT_ASKED: Final = object()


class CountedFrames:
    """Counts frames and puts their number into errors.

    Parameters
    ----------
    plan : PixelPlan
        Says how many there may be.
    """

    def __init__(self, plan: PixelPlan) -> None:
        self.need = Need(plan.source)
        self.count = 0
        self._ahead: Any = _NOT_ASKED
        self._plan = plan
        self._most = sys.maxsize if plan.number.most is None else plan.number.most

    def ask_ahead(self) -> Encoder[Dataset | None]:
        """Ask for the first frame before it is its turn; return the item of the functional groups that came with it."""
        try:
            given = yield self.need
        except Exception as error:
            self.add_place(error)
            raise
        self._ahead, item = apart(given)
        return item

    def first(self) -> Encoder[Any]:
        """Return the first frame; asks for it, unless that has been done."""
        if self._ahead is _NOT_ASKED:
            return (yield self.need)
        return self._ahead

    def checked(self, encode: Callable[[Any], Chunk], frame: Any) -> Chunk:
        """Return the bytes of the next frame."""
        self.count += 1
        if self.count > self._most:
            raise self.error(one_too_many(self._plan.number))
        try:
            return encode(frame)
        except Exception as error:
            raise self.error(_groups_in_vain() if comes_with_groups(frame) else error) from None

    def add_place(self, error: Exception) -> None:
        """Add to an exception of the source which frame it was asked for."""
        if not isinstance(error, StreamdcmError):
            error.add_note(f"when frame {self.count + 1:,} of {self._plan.label} was asked for")

    def check_count(self) -> None:
        """Refuse fewer frames than were announced."""
        count = self._plan.count
        if self.count == 0 or (count is not None and self.count < count):
            is_used = self.count == 0 and not is_pushed(self._plan.source)
            hint = "; an iterator gives its frames once, so it may have been used before" if is_used else ""
            raise EncodeError(too_few(self._plan.number, self.count) + hint, self._plan.label)

    def error(self, error: Exception) -> Exception:
        """Return the error to raise for the frame that came last."""
        return encode_error(error, self.label)

    @property
    def label(self) -> str:
        """The element and the number of the frame that came last."""
        return self._label(self.count)

    @property
    def label_of_next(self) -> str:
        """The element and the number of the frame that is next."""
        return self._label(self.count + 1)

    def _label(self, count: int) -> str:
        return f"{self._plan.label}, frame {self._plan.first + count:,}"


def _groups_in_vain() -> InvalidValueError:
    return InvalidValueError(
        f"comes with functional groups, which cannot be written: the dataset has {element_name(PER_FRAME_GROUPS)}, the "
        "SOP Class is one of single-frame instances, the frames before it came without, or nothing announced "
        "them, as frame_groups= does, and the target cannot seek or groups begin with their lengths"
    )
