"""What stands before the dataset in a file: preamble, prefix and File Meta Information (PS3.10 §7.1)."""

from pydicom.dataset import Dataset

from streamdcm.encode._pydicom import sorted_elements
from streamdcm.encode.element import encode_elements
from streamdcm.encode.layout import Encoding, Layout
from streamdcm.encode.pieces import Pieces
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import FILE_META_GROUP_LENGTH
from streamdcm.instructions import Encoder, Fill, Reserve

_EXPLICIT_LITTLE = Encoding(implicit_vr=False, little_endian=True)


def preamble(content: bytes | None) -> Encoder[int]:
    """Encode the preamble and the prefix, or nothing without a preamble.

    Parameters
    ----------
    content : bytes or None
        The 128 bytes of the preamble.

    Returns
    -------
    Encoder
        Returns the number of bytes.
    """
    if not content:
        return 0
    yield content
    yield b"DICM"
    return len(content) + 4


def file_meta(elements: Dataset) -> Encoder[int]:
    """Encode the elements of a File Meta Information group, always in Explicit VR Little Endian.

    Parameters
    ----------
    elements : Dataset
        The (0002,eeee) elements. If (0002,0000) is one of them, whatever its value, it is written with
        the length of those that follow it.

    Returns
    -------
    Encoder
        Returns the number of bytes.

    Raises
    ------
    EncodeError
        Names the element that cannot be encoded.
    """
    pairs = sorted_elements(elements)
    has_length = bool(pairs) and pairs[0][0] == FILE_META_GROUP_LENGTH
    if has_length:
        del pairs[0]
        yield _EXPLICIT_LITTLE.pack_short(0x0002, 0x0000, b"UL", 4)
        reserve = Reserve(4)
        yield reserve
    pieces = Pieces()
    length = encode_elements(iter(pairs), pieces, Scope(elements, Layout(_EXPLICIT_LITTLE)))
    yield from pieces.released()
    if not has_length:
        return length
    # PS3.10 table 7.1-1: from the end of this value to the end of the group
    yield Fill(reserve, _EXPLICIT_LITTLE.pack_length(length))
    return length + 12
