"""What the header of a dataset says when its frames are decoded or encoded (PS3.3 §C.7.6.1.1.5, §C.7.6.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NoReturn, TypeAlias
from uuid import NAMESPACE_OID, uuid5

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from streamdcm.encode._pydicom import elements_of, view_of
from streamdcm.encode.discreet import discreet, value_of
from streamdcm.encode.tags import (
    EXTENDED_OFFSET_TABLE,
    EXTENDED_OFFSET_TABLE_LENGTHS,
    IMAGE_TYPE,
    LOSSY_COMPRESSION,
    LOSSY_METHOD,
    LOSSY_RATIO,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    SOP_INSTANCE_UID,
)
from streamdcm.errors import PlanError
from streamdcm.errors.translation import element_name
from streamdcm.pixels.codecs.choices import TARGETS
from streamdcm.pixels.codecs.image import YBR_TRANSFORMED, Image
from streamdcm.pixels.codecs.table import (
    HTJ2K,
    HTJ2K_LOSSLESS,
    HTJ2K_RPCL,
    JPEG2000,
    JPEG2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_XL,
    RLE,
)

NewUid: TypeAlias = Callable[[str, str], str]
"""Takes the SOP Instance UID of a source, and how its frames are coded, and returns that of what is written."""

_RATIO_LENGTH: Final = 12
_WRITTEN_RGB: Final = {
    JPEG2000_LOSSLESS: "YBR_RCT",
    HTJ2K_LOSSLESS: "YBR_RCT",
    HTJ2K_RPCL: "YBR_RCT",
    JPEG2000: "YBR_ICT",
    HTJ2K: "YBR_ICT",
    JPEG_BASELINE: "YBR_FULL_422",
    JPEG_EXTENDED: "YBR_FULL_422",
    JPEG_XL: "XYB",
}
"""What RGB becomes in the codestream."""


def decoded_image(image: Image, syntax: str) -> Image:
    """Return what frames are when they are decoded: samples of all pixels, together.

    Parameters
    ----------
    image : Image
        What the header says of them.
    syntax : str
        The transfer syntax that they are in.
    """
    photometric = image.photometric
    is_jpeg = syntax in (JPEG_BASELINE, JPEG_EXTENDED)
    if photometric in YBR_TRANSFORMED or photometric == "XYB" or (is_jpeg and photometric.startswith("YBR_FULL")):
        photometric = "RGB"
    elif photometric == "YBR_FULL_422":
        photometric = "YBR_FULL"
    return replace(image, form=replace(image.form, photometric=photometric, subsampled=False, planar=False))


def written_photometric(image: Image, syntax: str) -> str:
    """Return the Photometric Interpretation of frames that are encoded."""
    if image.form.samples == 3 and (image.photometric == "RGB" or syntax in (JPEG_BASELINE, JPEG_EXTENDED)):
        return _WRITTEN_RGB.get(syntax, image.photometric)
    return image.photometric


def describe_coded(view: Dataset, image: Image, syntax: str) -> None:
    """Let a view say what its frames are when they have been coded.

    Parameters
    ----------
    view : Dataset
        The view; elements in it are replaced, not changed.
    image : Image
        The frames as they are between decoding and encoding.
    syntax : str
        The transfer syntax that is written.
    """
    elements = elements_of(view)
    for tag in (EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS):
        elements.pop(tag, None)
    if image.form.samples > 1:
        _put(view, PLANAR_CONFIGURATION, "US", int(syntax == RLE))
    photometric = written_photometric(image, syntax)
    if photometric != value_of(view, "PhotometricInterpretation", ""):
        _put(view, PHOTOMETRIC_INTERPRETATION, "CS", photometric)
    target = TARGETS.get(syntax)
    if target is not None and target.is_lossy:
        _put(view, LOSSY_COMPRESSION, "CS", "01")
        _put(view, LOSSY_METHOD, "CS", [*values(view, LOSSY_METHOD), target.method])


def refuse_other_header(dataset: Dataset, image: Image, syntax: str) -> None:
    """Refuse frames of which a header would say something else when they have been encoded.

    Parameters
    ----------
    dataset : Dataset
        What says it.
    image : Image
        The frames as they are before they are encoded.
    syntax : str
        The transfer syntax that they are encoded for.

    Raises
    ------
    PlanError
        Names the element.
    """
    view = view_of(dataset)
    describe_coded(view, image, syntax)
    for tag in (PHOTOMETRIC_INTERPRETATION, PLANAR_CONFIGURATION, LOSSY_COMPRESSION):
        if values(view, tag) != values(dataset, tag):
            _refuse_other(tag)
    if is_lossy(syntax) and values(dataset, LOSSY_METHOD)[-1:] != [TARGETS[syntax].method]:
        _refuse_other(LOSSY_METHOD)


def _refuse_other(tag: int) -> NoReturn:
    raise PlanError(
        f"{element_name(tag)} does not say of the frames that are there what arrays would be encoded as; give frames "
        "that are encoded as those are"
    )


def any_uid(uid: str, how: str) -> str:
    """Return a SOP Instance UID that no other instance has."""
    return generate_uid(None)


def derived_uid(uid: str, how: str) -> str:
    """Return the SOP Instance UID of what is made of an instance in one way: each time the same (PS3.5 §B.2).

    An instance that has none gets any, since nothing tells it from others.
    """
    if not uid:
        return any_uid(uid, how)
    return f"2.25.{uuid5(NAMESPACE_OID, f'{uid} {how}').int}"


def derive(view: Dataset, syntax: str, codec_options: Mapping[str, Any], new_uid: NewUid | None) -> None:
    """Let a view say that it is another instance than the one that it was made of (PS3.3 §C.7.6.1.1.2, PS3.4 §C.6).

    Parameters
    ----------
    view : Dataset
        The view.
    syntax : str
        The transfer syntax that is written.
    codec_options : mapping
        What was said to the codec.
    new_uid : callable or None
        Gives the new SOP Instance UID; `None` if it has one already.
    """
    image_type = values(view, IMAGE_TYPE)
    if image_type:
        _put(view, IMAGE_TYPE, "CS", ["DERIVED", *image_type[1:]])
    if new_uid is not None:
        how = f"{syntax} {sorted(codec_options.items())}"
        _put(view, SOP_INSTANCE_UID, "UI", new_uid(str(value_of(view, "SOPInstanceUID", "")), how))


def late_ratio(view: Dataset) -> tuple[list[str], int]:
    """Take the ratios of earlier compressions out of a view; return them, and the bytes to reserve for one more."""
    earlier = [str(value) for value in values(view, LOSSY_RATIO)]
    elements_of(view).pop(LOSSY_RATIO, None)
    length = sum(len(value) + 1 for value in earlier) + _RATIO_LENGTH
    return earlier, length + length % 2


def values(view: Dataset, tag: int) -> Sequence[Any]:
    """Return the values of an element, which may have none."""
    if tag not in view:
        return []
    with discreet(element_name(tag)):
        element = view[tag]
        if element.is_empty:
            return []
        return list(element.value) if element.VM > 1 else [element.value]


def is_lossy(syntax: str) -> bool:
    """Whether what is encoded in a transfer syntax loses something here."""
    return syntax in TARGETS and TARGETS[syntax].is_lossy


def _put(view: Dataset, tag: int, vr: str, value: Any) -> None:
    view[tag] = DataElement(tag, vr, value)
