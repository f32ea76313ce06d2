"""From the transfer syntax that a dataset is in to the one that it is written in, where that is another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from streamdcm.encode._pydicom import Element, elements_of, encoding_as_read, encoding_as_set
from streamdcm.encode.discreet import value_of
from streamdcm.encode.tags import PIXEL_TAGS
from streamdcm.encode.transfer_syntaxes import transfer_syntax
from streamdcm.errors import PlanError
from streamdcm.errors.translation import element_name
from streamdcm.options import Options
from streamdcm.plan.capabilities import Capabilities
from streamdcm.plan.nested_pixels import is_encapsulated, refuse_nested_pixels
from streamdcm.plan.syntaxes import is_compressed, syntax_named

_UNCOMPRESSED: Final = {
    (True, True): ImplicitVRLittleEndian,
    (False, True): ExplicitVRLittleEndian,
    (False, False): ExplicitVRBigEndian,
}


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a dataset is converted.

    Parameters
    ----------
    syntax : UID
        The transfer syntax that it is written in.
    bulk_little_endian : bool or None
        The byte order that bulk values are in, if the dataset was not read; `None` if nothing tells.
    """

    syntax: UID
    bulk_little_endian: bool | None


def converted(dataset: Dataset, meta: Dataset, options: Options, capabilities: Capabilities) -> Conversion | None:
    """Decide whether a dataset is converted to another transfer syntax, and to which.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    meta : Dataset
        Its File Meta Information.
    options : Options
        `transfer_syntax` counts, and whether there are frames: pixel data of the dataset make way for them.
    capabilities : Capabilities
        The transfer syntaxes that the target takes count.

    Raises
    ------
    PlanError
        If pixel data would have to be compressed or decompressed for it, or the target takes no such transfer syntax.
    """
    accepted = capabilities.transfer_syntaxes
    if options.transfer_syntax is None and accepted is None:
        return None
    if options.force_encoding:
        raise PlanError("'force_encoding' cannot be used with a transfer syntax that is asked for; leave it out")
    old = own_syntax(dataset, meta)
    new = _accepted(old, accepted or ()) if options.transfer_syntax is None else syntax_named(options.transfer_syntax)
    if accepted is not None and new not in accepted:
        raise PlanError(f"the target does not take the transfer syntax '{new.name}'; convert the dataset before")
    if options.frames is None:
        elements = elements_of(dataset)
        pixels = [elements[tag] for tag in PIXEL_TAGS if tag in elements]
        refuse_compression(pixels, old, new, "give the frames with frames=, or convert the dataset before")
    refuse_nested_pixels(dataset, old, new, edited=False)
    row = transfer_syntax(old)
    return Conversion(new, row.little_endian if row.uid else encoding_as_set(dataset)[1])


def own_syntax(dataset: Dataset, meta: Dataset) -> UID | None:
    """Return the transfer syntax that a dataset says, or was read or set to have; `None` if nothing tells."""
    stated: UID | None = value_of(meta, "TransferSyntaxUID")
    if stated:
        return stated
    elements = elements_of(dataset)
    if any(is_encapsulated(elements[tag]) for tag in PIXEL_TAGS if tag in elements):
        return None
    for implicit_vr, little_endian in (encoding_as_set(dataset), encoding_as_read(dataset)):
        if implicit_vr is not None and little_endian is not None:
            return _UNCOMPRESSED.get((implicit_vr, little_endian))
    return None


def refuse_compression(pixels: Iterable[Element], old: UID | None, new: UID, remedy: str) -> None:
    """Refuse a transfer syntax that would need pixel data to be compressed or decompressed.

    Parameters
    ----------
    pixels : iterable of Element
        The elements with pixel data.
    old : UID or None
        The transfer syntax that they are in; `None` if nothing tells.
    new : UID
        The one to write.
    remedy : str
        What the caller can do, at the end of a sentence.

    Raises
    ------
    PlanError
        Names the element.
    """
    for element in pixels:
        name = element_name(element.tag)
        if is_encapsulated(element) and not is_compressed(new):
            raise PlanError(
                f"{name} cannot be copied to '{new.name}', in which pixel data are not encapsulated (PS3.5 §A.4); name "
                f"the transfer syntax that they are in, or {remedy}"
            )
        if old is not None and old != new and (is_compressed(old) or is_compressed(new)):
            raise PlanError(
                f"{name} cannot be copied from '{old.name}' to '{new.name}': pixel data are neither compressed nor "
                f"decompressed; leave transfer_syntax out, or {remedy}"
            )


def _accepted(old: UID | None, accepted: tuple[str, ...]) -> UID:
    """Return the transfer syntax to write for a target that takes only some."""
    if old is not None and old in accepted:
        return old
    native = [syntax for syntax in accepted if not is_compressed(UID(syntax))]
    if native and (old is None or not is_compressed(old)):
        return UID(native[0])
    raise PlanError(
        f"the target does not take the transfer syntax '{old.name if old else 'of the dataset'}', and pixel data are "
        "not decompressed; convert the dataset before"
    )
