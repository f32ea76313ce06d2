"""Arrays that are given as frames of a compressed transfer syntax: they are pixels, and are encoded as they come."""

from __future__ import annotations

from collections.abc import AsyncIterable, Generator, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, Final

from pydicom.dataset import Dataset

from streamdcm.cleanup import afterwards, on_error
from streamdcm.encode.tags import PIXEL_DATA
from streamdcm.errors import PlanError, StreamdcmError
from streamdcm.errors.translation import element_name, refuse_running_generator
from streamdcm.instructions import END
from streamdcm.options import Options
from streamdcm.pixels.given_frames import check_series, each_frame, gives_frames, number_given
from streamdcm.sources import ByteStream, PushedSource
from streamdcm.write.answers import close_frames
from streamdcm.write.array_coding import ArrayCoding, coded_syntax, is_pixels, refuse_coding
from streamdcm.write.coded_frames import CodedFrames
from streamdcm.write.own_pixels import coded_syntaxes, with_transcoded_pixels

_LABEL: Final = element_name(PIXEL_DATA)
_AXES_OF_A_FRAME: Final = 2


def with_coded_frames(dataset: Dataset, options: Options) -> tuple[Dataset, Options]:
    """Return what is written in the place of a dataset and frames that are to be coded; all else as it is.

    Those are arrays that are given for a compressed transfer syntax, and the dataset's own pixel data where another
    transfer syntax is asked for. The first array is asked for here: what it is decides what the header says.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    options : Options
        What the caller asked for.

    Raises
    ------
    PlanError
        If the transfer syntax cannot hold the arrays, or nothing encodes it.
    MissingExtraError
        If a library is missing.
    """
    frames = options.frames
    if frames is None and options.transfer_syntax is None:
        return dataset, options
    if frames is None:
        return with_transcoded_pixels(dataset, options)
    syntax = coded_syntax(dataset, options)
    if syntax is None or isinstance(frames, (PushedSource, ByteStream, AsyncIterable)) or not gives_frames(frames):
        refuse_coding(options)
        return dataset, options
    given = _Given(frames)
    if not is_pixels(given.first):
        return dataset, _uncoded(options, given)
    with on_error(given.close):
        return _coded(dataset, options, syntax, given)


def refuse_arrays_to_encode(dataset: Dataset, options: Options) -> None:
    """Refuse to say how many bytes there will be of arrays that have to be encoded for that; no frame is used up.

    Raises
    ------
    PlanError
        If there are such.
    """
    frames = options.frames
    if coded_syntaxes(dataset, options) is not None:
        raise PlanError("the size is not known before the pixel data have been decoded or encoded; write them")
    first = frames[0] if isinstance(frames, (list, tuple)) and frames else None
    is_series = len(getattr(frames, "shape", ())) > _AXES_OF_A_FRAME
    if coded_syntax(dataset, options) is not None and (is_series or is_pixels(first)):
        raise PlanError(
            "the size is not known before the frames have been encoded; write them, or give frames that are encoded"
        )


class _Given:
    """What was given as frames, of which the first has been asked for, where that uses nothing up."""

    def __init__(self, frames: Any) -> None:
        self.frames = frames
        self.count = number_given(frames)
        self.is_stored = hasattr(type(frames), "__getitem__")
        self._pieces = each_frame(frames)
        try:
            self.first = next(self._pieces, END)
        except Exception as error:
            if isinstance(error, ValueError):
                refuse_running_generator(error)
            if not isinstance(error, StreamdcmError):
                error.add_note(f"when frame 1 of {_LABEL} was asked for")
            raise

    def all(self) -> Generator[Any, None, None]:
        """Give all frames, the first one again."""
        with afterwards(self.close):
            if self.first is not END:
                yield from chain([self.first], self._pieces)

    def close(self) -> None:
        """Close what gives them."""
        with afterwards(partial(close_frames, self.frames)):
            self.close_pieces()

    def close_pieces(self) -> None:
        """Close what asks for them."""
        close_frames(self._pieces)


class _Counted(Iterator[Any]):
    """Frames of which the number is known.

    Parameters
    ----------
    frames : generator
        The frames.
    count : int
        Their number.
    """

    def __init__(self, frames: Generator[Any, None, None], count: int) -> None:
        self._frames = frames
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __next__(self) -> Any:
        return next(self._frames)

    def close(self) -> None:
        """Close what gives them."""
        self._frames.close()


def _uncoded(options: Options, given: _Given) -> Options:
    """Return the options for codestreams, which are given as they are."""
    refuse_coding(options)
    if given.is_stored:  # asking for one uses nothing up
        given.close_pieces()
        return options
    return replace(options, frames=given.all() if given.count is None else _Counted(given.all(), given.count))


def _coded(dataset: Dataset, options: Options, syntax: str, given: _Given) -> tuple[Dataset, Options]:
    coding = ArrayCoding.of(dataset, options, syntax)
    check_series(given.frames, coding.recoding.source.form)
    view, options, earlier = coding.header(dataset, options)
    kind = CodedFrames if given.count is None else SizedCodedFrames
    frames = _native(given.all(), coding)
    coded = kind(frames, coding.recoding, options.codec_workers, count=given.count, earlier=earlier)
    return view, replace(options, frames=coded)


class SizedCodedFrames(CodedFrames):
    """Coded frames of which the number is known."""

    def __len__(self) -> int:
        assert self._count is not None
        return self._count


def _native(frames: Generator[Any, None, None], coding: ArrayCoding) -> Generator[Any, None, None]:
    with afterwards(frames.close):
        for number, frame in enumerate(frames, start=1):
            yield coding.native(frame, number)
