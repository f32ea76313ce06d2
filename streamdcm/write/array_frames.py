"""Arrays that are given as frames of a compressed transfer syntax: they are pixels, and are encoded as they come."""

from __future__ import annotations

from collections.abc import AsyncIterable, Generator, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.uid import UID

from streamdcm.encode._pydicom import view_of
from streamdcm.encode.discreet import value_of
from streamdcm.encode.tags import LOSSY_RATIO, PIXEL_DATA
from streamdcm.encode.transfer_syntaxes import transfer_syntax
from streamdcm.errors import (
    InvalidValueError,
    PlanError,
    StreamdcmError,
    ValueTypeError,
    element_name,
    encode_error,
    refuse_running_generator,
)
from streamdcm.instructions import END
from streamdcm.options import CodecOptions, Options, refuse_in_vain
from streamdcm.pixels.arrays import as_array
from streamdcm.pixels.codecs.choices import TARGETS, check_image, checked_options
from streamdcm.pixels.codecs.image import Image, image_of
from streamdcm.pixels.codecs.recode import Recoding
from streamdcm.pixels.codecs.table import encoder_of
from streamdcm.pixels.given_frames import check_series, each_frame, gives_frames, number_given
from streamdcm.plan.coded_header import decoded_image, describe_coded, is_lossy, late_ratio
from streamdcm.plan.file_meta import copy_of_file_meta
from streamdcm.plan.syntaxes import syntax_named
from streamdcm.sources import ByteStream, PushedSource
from streamdcm.write.answers import close_frames
from streamdcm.write.coded_frames import CodedFrames

_LABEL: Final = element_name(PIXEL_DATA)
_AXES_OF_A_FRAME: Final = 2


def with_coded_arrays(dataset: Dataset, options: Options) -> tuple[Dataset, Options]:
    """Return what is written in the place of a dataset and arrays that are to be encoded; all else as it is.

    The first frame is asked for here: what it is decides what the header says.

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
    syntax = _coded_syntax(dataset, options)
    if syntax is None or isinstance(frames, (PushedSource, ByteStream, AsyncIterable)) or not gives_frames(frames):
        _refuse_coding(options)
        return dataset, options
    given = _Given(frames)
    if not is_pixels(given.first):
        return dataset, _uncoded(options, given)
    try:
        return _coded(dataset, options, syntax, given)
    except BaseException:
        given.close()
        raise


def _refuse_coding(options: Options) -> None:
    """Refuse what is said about arrays that are encoded, where there are frames that are not."""
    if options.frames is not None:
        names = CodecOptions.__annotations__
        refuse_in_vain(options, names, "is about arrays that are encoded, and these frames are written as they are")


def refuse_arrays_to_encode(dataset: Dataset, options: Options) -> None:
    """Refuse to say how many bytes there will be of arrays that have to be encoded for that; no frame is used up.

    Raises
    ------
    PlanError
        If there are such.
    """
    frames = options.frames
    first = frames[0] if isinstance(frames, (list, tuple)) and frames else None
    is_series = len(getattr(frames, "shape", ())) > _AXES_OF_A_FRAME
    if _coded_syntax(dataset, options) is not None and (is_series or is_pixels(first)):
        raise PlanError(
            "the size is not known before the frames have been encoded; write them, or give frames that are encoded"
        )


def _coded_syntax(dataset: Dataset, options: Options) -> str | None:
    """Return the transfer syntax, if arrays would be encoded for it."""
    if options.frames is None or not isinstance(dataset, Dataset):
        return None
    stated = value_of(copy_of_file_meta(dataset), "TransferSyntaxUID")
    syntax = syntax_named(options.transfer_syntax) if options.transfer_syntax else stated
    row = transfer_syntax(syntax)
    return str(syntax) if syntax in TARGETS and row.encapsulated and not row.native_frames else None


def is_pixels(frame: Any) -> bool:
    """Whether a frame is an array of two or more dimensions, and not a codestream."""
    if frame is END or isinstance(frame, (bytes, bytearray)):
        return False
    shape = getattr(frame, "shape", None)
    if isinstance(shape, tuple):
        return len(shape) >= _AXES_OF_A_FRAME
    if hasattr(frame, "nbytes") or hasattr(type(frame), "__len__"):
        return False  # a codestream that tells its length, and is not read before its turn
    try:
        array = as_array(frame)
    except ValueTypeError:
        return False  # which whoever encodes it refuses, by its number
    return array is not None and array.ndim >= _AXES_OF_A_FRAME


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
        try:
            if self.first is not END:
                yield from chain([self.first], self._pieces)
        finally:
            self.close()

    def close(self) -> None:
        """Close what gives them."""
        self.close_pieces()
        close_frames(self.frames)

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
    _refuse_coding(options)
    if given.is_stored:  # asking for one uses nothing up
        given.close_pieces()
        return options
    return replace(options, frames=given.all() if given.count is None else _Counted(given.all(), given.count))


def _coded(dataset: Dataset, options: Options, syntax: str, given: _Given) -> tuple[Dataset, Options]:
    view = view_of(dataset)
    image = image_of(view, "OB", little_endian=True)
    form = replace(image.form, subsampled=False)
    image = replace(image, form=form)
    check_series(given.frames, form)
    between = decoded_image(image, syntax)
    said = checked_options(syntax, options.codec_options)
    check_image(syntax, between)
    source = replace(between, form=replace(form, photometric=between.photometric))
    recoding = Recoding(source, between, None, encoder_of(syntax, between, said), said)
    describe_coded(view, between, syntax)
    late, earlier = options.late, None
    if is_lossy(syntax):
        if options.split is not None:
            raise PlanError(
                f"the ratio of '{UID(syntax).name}' is not known when an instance begins: with split= give frames that "
                "are encoded already"
            )
        late = dict(late) if isinstance(late, Mapping) else dict.fromkeys(late)
        earlier, size = late_ratio(view)
        late.setdefault(LOSSY_RATIO, size)
    kind = CodedFrames if given.count is None else SizedCodedFrames
    frames = _native(given.all(), source)
    coded = kind(frames, recoding, options.codec_workers, count=given.count, earlier=earlier)
    return view, replace(options, frames=coded, late=late)


class SizedCodedFrames(CodedFrames):
    """Coded frames of which the number is known."""

    def __len__(self) -> int:
        assert self._count is not None
        return self._count


def _native(frames: Generator[Any, None, None], image: Image) -> Generator[bytes, None, None]:
    """Give arrays as native frames, which stay what they are when their memory is used again."""
    try:
        for number, frame in enumerate(frames, start=1):
            try:
                if not is_pixels(frame):
                    raise InvalidValueError(
                        "is no array of pixels, and the first frame was; give all as arrays, or none"
                    )
                data = bytes(image.form.encode(frame))
            except Exception as error:
                raise encode_error(error, f"{_LABEL}, frame {number:,}") from None
            yield data
    finally:
        frames.close()
