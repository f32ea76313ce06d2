"""Pixel data whose frames are decoded, encoded, or both, on their way: the header to write, and the frames."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from struct import iter_unpack
from typing import Any, Final

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import UID

from streamdcm.encode._pydicom import elements_of, encoding_as_read
from streamdcm.encode.discreet import discreet, value_of
from streamdcm.encode.layout import MAX_LENGTH, Layout
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import LOSSY_RATIO, PIXEL_DATA
from streamdcm.encode.transfer_syntaxes import transfer_syntax
from streamdcm.errors import CodecError, MissingExtraError, PlanError
from streamdcm.errors.translation import element_name
from streamdcm.instructions import Copy
from streamdcm.options import Options
from streamdcm.options.checks import whole_number
from streamdcm.pixels.codecs.choices import check_image, checked_options
from streamdcm.pixels.codecs.image import Image, image_of
from streamdcm.pixels.codecs.recode import Recoding
from streamdcm.pixels.codecs.table import decoder_of, encoder_of
from streamdcm.plan.coded_header import NewUid, decoded_image, derive, describe_coded, is_lossy, late_ratio
from streamdcm.plan.nested_pixels import encapsulated_in_items, is_encapsulated
from streamdcm.plan.syntaxes import encoding_of, is_compressed
from streamdcm.write.coded_frames import CodedFrames
from streamdcm.write.stored_frames import EncapsulatedFrames, NativeFrames

_LABEL: Final = element_name(PIXEL_DATA)


def transcoded(
    view: Dataset, element: DataElement, old: UID, new: UID, options: Options, *, new_uid: NewUid | None
) -> Options:
    """Let a view say what is to be written, and return the options that give its frames.

    Parameters
    ----------
    view : Dataset
        The dataset, edited already; elements in it are replaced.
    element : DataElement
        Its pixel data, whose value is a `Copy`: it is read frame by frame.
    old, new : UID
        The transfer syntaxes.
    options : Options
        What the caller asked for.
    new_uid : callable or None
        Gives it a new SOP Instance UID if the compression loses something; `None` if an edit has given it one.

    Raises
    ------
    PlanError
        If one of the transfer syntaxes cannot be coded, or cannot hold the frames.
    MissingExtraError
        If a library is missing.
    EncodeError
        If nothing tells where frames begin; `SourceError` if there are fewer than the header says.
    """
    copy: Copy = element.value
    count = frame_count_of(view)
    decoder = decoder_of(old) if is_compressed(old) else None
    source, between, frames = _frames(view, element, copy, old, count)
    target = _target(between, new, count)
    given = checked_options(new, options.codec_options)
    encoder = None
    if is_compressed(new):
        check_image(new, between)
        encoder = encoder_of(new, between, given)
    recoding = Recoding(source, target, decoder, encoder, given)
    _decode_icons(view, old)
    describe_coded(view, between, new)
    late, earlier = {}, None
    if is_lossy(new):
        derive(view, new, given, new_uid)
        earlier, late[LOSSY_RATIO] = late_ratio(view)
    elements_of(view).pop(PIXEL_DATA)
    coded = CodedFrames(frames, recoding, options.codec_workers, count=count, earlier=earlier)
    return replace(options, frames=coded, number_of_frames=count, late=late)


def _frames(
    view: Dataset, element: DataElement, copy: Copy, old: UID, count: int
) -> tuple[Image, Image, NativeFrames | EncapsulatedFrames]:
    """Return what frames are as they come and when they are decoded, and the frames."""
    if is_encapsulated(element) != is_compressed(old):
        raise PlanError(
            f"{_LABEL} is {'' if is_encapsulated(element) else 'not '}encapsulated, which does not agree with the "
            f"transfer syntax '{old.name}'; correct it"
        )
    if is_compressed(old):
        image = image_of(view, "OB", little_endian=True)
        source = replace(image, form=replace(image.form, planar=False, subsampled=False))
        return source, decoded_image(image, old), EncapsulatedFrames(copy, old, count, extended_table(view))
    source = image_of(view, element.VR, little_endian=transfer_syntax(old).little_endian)
    between = replace(source, form=replace(source.form, planar=False, little_endian=True))
    return source, between, NativeFrames(copy, source.form, count)


def _target(between: Image, new: UID, count: int) -> Image:
    """Return what frames are as they are written."""
    if is_compressed(new):
        return between
    row = transfer_syntax(new)
    length = (between.form.length_in_bits * count + 7) // 8
    if length > MAX_LENGTH:
        raise PlanError(
            f"the frames take {length:,} bytes when they are decoded, which do not fit the 32-bit length field of "
            f"'{new.name}'; choose a transfer syntax whose frames are encapsulated"
        )
    word = 2 if row.implicit_vr or between.form.bits > 8 else 1  # PS3.5 §A.1, §A.2: OW or OB
    return replace(between, form=replace(between.form, little_endian=row.little_endian, word=word))


def frame_count_of(view: Dataset) -> int:
    """Return Number of Frames, or 1 for an image without it.

    Raises
    ------
    PlanError
        If it is no number above 0.
    """
    stated = value_of(view, "NumberOfFrames")
    count = 1 if stated is None else whole_number(stated)
    if count is None or count < 1:
        raise PlanError("NumberOfFrames is not a whole number above 0; correct it")
    return count


def extended_table(view: Dataset) -> tuple[int, ...] | None:
    """Return the Extended Offset Table (PS3.3 §C.7.6.3.1.8), if there is one that can be true."""
    value: Any = value_of(view, "ExtendedOffsetTable")
    if not isinstance(value, bytes) or len(value) % 8:
        return None
    return tuple(offset for (offset,) in iter_unpack("<Q", value))


def _decode_icons(view: Dataset, old: UID) -> None:
    """Replace the sequences whose items have encapsulated Pixel Data by such with native ones."""
    if not is_compressed(old):
        return
    implicit_vr, little_endian = encoding_as_read(view)
    layout = Layout(encoding_of(bool(implicit_vr), little_endian is not False))
    scope = Scope(view, layout)
    paths = [path for path, _ in encapsulated_in_items(scope)]
    if not paths:
        return
    for tag in [int(tag) for tag in elements_of(view)]:
        if not any(path.startswith(element_name(tag)) for path in paths):
            continue
        with discreet(element_name(tag)):
            sequence = deepcopy(view[tag])
            for item in sequence.value:
                _decode_items(item, old)
        view[tag] = sequence


def _decode_items(item: Dataset, old: UID) -> None:
    for element in item:
        if element.VR == "SQ":
            for inner in element.value:
                _decode_items(inner, old)
    element = item.get(PIXEL_DATA)
    if element is None or not is_encapsulated(element):
        return
    try:
        image = image_of(item, "OB", little_endian=True)
        source = replace(image, form=replace(image.form, planar=False, subsampled=False))
        decoder = decoder_of(old)
        [frame] = generate_frames(element.value, number_of_frames=1)
        pixels = Recoding(source, source, decoder, None).code(bytes(frame), 0)
    except MissingExtraError:
        raise
    except CodecError as error:
        raise CodecError(f"an icon, or another image in a sequence, {error.problem}", _LABEL) from error
    except Exception as error:
        raise CodecError(
            f"an icon or other image in a sequence cannot be decoded ({type(error).__name__}); delete it in edit",
            _LABEL,
        ) from error
    describe_coded(item, decoded_image(image, old), "")
    item[PIXEL_DATA] = DataElement(PIXEL_DATA, "OW", pixels + b"\0" * (len(pixels) % 2))
