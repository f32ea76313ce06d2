"""Arrays as frames of a compressed transfer syntax: whether they are, and how they are encoded."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from pydicom.dataset import Dataset
from pydicom.uid import UID

from streamdcm.encode._pydicom import view_of
from streamdcm.encode.discreet import value_of
from streamdcm.encode.tags import LOSSY_RATIO, PIXEL_DATA
from streamdcm.encode.transfer_syntaxes import transfer_syntax
from streamdcm.errors import InvalidValueError, PlanError, ValueTypeError
from streamdcm.errors.translation import element_name, encode_error
from streamdcm.instructions import END
from streamdcm.options import CodecOptions, Options, refuse_in_vain
from streamdcm.pixels.arrays import as_array
from streamdcm.pixels.codecs.choices import TARGETS, check_image, checked_options
from streamdcm.pixels.codecs.image import image_of
from streamdcm.pixels.codecs.recode import Recoding
from streamdcm.pixels.codecs.table import encoder_of
from streamdcm.pixels.given_frames import apart
from streamdcm.plan.coded_header import decoded_image, describe_coded, is_lossy, late_ratio, refuse_other_header
from streamdcm.plan.file_meta import copy_of_file_meta
from streamdcm.plan.syntaxes import syntax_named

_LABEL: Final = element_name(PIXEL_DATA)
_AXES_OF_A_FRAME: Final = 2


def coded_syntax(dataset: Dataset, options: Options) -> str | None:
    """Return the transfer syntax, if arrays would be encoded for it."""
    if options.frames is None or not isinstance(dataset, Dataset):
        return None
    stated = value_of(copy_of_file_meta(dataset), "TransferSyntaxUID")
    syntax = syntax_named(options.transfer_syntax) if options.transfer_syntax else stated
    row = transfer_syntax(syntax)
    return str(syntax) if syntax in TARGETS and row.encapsulated and not row.native_frames else None


def is_pixels(given: Any) -> bool:
    """Whether a frame is an array of two or more dimensions, and not a codestream."""
    frame, _ = apart(given)
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


def refuse_coding(options: Options) -> None:
    """Refuse what is said about arrays that are encoded, where there are frames that are not."""
    if options.frames is not None:
        names = CodecOptions.__annotations__
        refuse_in_vain(options, names, "is about arrays that are encoded, and these frames are written as they are")


@dataclass(frozen=True, slots=True)
class ArrayCoding:
    """How arrays are encoded.

    Parameters
    ----------
    syntax : str
        The transfer syntax.
    recoding : Recoding
        What becomes of each, as the bytes of a native frame.
    """

    syntax: str
    recoding: Recoding

    @classmethod
    def of(cls, dataset: Dataset, options: Options, syntax: str) -> Self:
        """Decide how arrays are encoded, or refuse them.

        Raises
        ------
        PlanError
            If the transfer syntax cannot hold them, or nothing encodes it.
        MissingExtraError
            If a library is missing.
        """
        image = image_of(view_of(dataset), "OB", little_endian=True)
        form = replace(image.form, subsampled=False)
        between = decoded_image(replace(image, form=form), syntax)
        said = checked_options(syntax, options.codec_options)
        check_image(syntax, between)
        if is_lossy(syntax) and options.split is not None:
            raise PlanError(
                f"the ratio of '{UID(syntax).name}' is not known when an instance begins: with split= give frames that "
                "are encoded already"
            )
        source = replace(between, form=replace(form, photometric=between.photometric))
        return cls(syntax, Recoding(source, between, None, encoder_of(syntax, between, said), said))

    def header(self, dataset: Dataset, options: Options) -> tuple[Dataset, Options, list[str] | None]:
        """Return what says what the frames are: a view, options, and the ratios of earlier lossy compressions.

        Where they follow those of a file, that is what the file says.
        """
        if options.append:
            refuse_other_header(dataset, self.recoding.target, self.syntax)
            return dataset, options, None
        view = view_of(dataset)
        describe_coded(view, self.recoding.target, self.syntax)
        if not is_lossy(self.syntax):
            return view, options, None
        late = options.late
        late = dict(late) if isinstance(late, Mapping) else dict.fromkeys(late)
        earlier, size = late_ratio(view)
        late.setdefault(LOSSY_RATIO, size)
        return view, replace(options, late=late), earlier

    def native(self, given: Any, number: int) -> Any:
        """Return an array as a native frame, with the functional groups that it came with.

        Both stay what they are when the memory of the array, or the dataset, is used again.

        Raises
        ------
        EncodeError
            Names the frame that is no array, or another one than the header says.
        """
        frame, item = apart(given)
        try:
            if not is_pixels(frame):
                raise InvalidValueError("is no array of pixels, and the first frame was; give all as arrays, or none")
            native = bytes(self.recoding.source.form.encode(frame))
        except Exception as error:
            raise encode_error(error, f"{_LABEL}, frame {number:,}") from None
        return native if item is None else (native, deepcopy(item))
