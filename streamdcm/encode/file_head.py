"""What stands before the dataset in a file: preamble, prefix and File Meta Information (PS3.10 §7.1)."""

from pydicom.dataset import Dataset

from streamdcm.encode._pydicom import sorted_elements
from streamdcm.encode.items import encode_elements
from streamdcm.encode.layout import MAX_LENGTH, Encoding, Layout
from streamdcm.encode.pieces import Pieces
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import FILE_META_GROUP_LENGTH
from streamdcm.errors import LengthOverflowError
from streamdcm.errors.translation import element_name
from streamdcm.instructions import Encoder

_EXPLICIT_LITTLE = Encoding(implicit_vr=False, little_endian=True)
_LAYOUT = Layout(_EXPLICIT_LITTLE)


def preamble(content: bytes | None) -> Encoder[int]:
    r"""Encode the preamble and the prefix, or nothing without a preamble.

    Parameters
    ----------
    content : bytes or None
        The 128 bytes of the preamble.

    Returns
    -------
    Encoder
        Returns the number of bytes.

    Examples
    --------
    >>> from streamdcm.stages import preamble
    >>> b"".join(streamdcm.encoder_chunks(preamble(bytes(128))))[124:]
    b'\x00\x00\x00\x00DICM'
    """
    if not content:
        return 0
    yield preamble_and_prefix(content)
    return len(content) + 4


def preamble_and_prefix(content: bytes) -> bytes:
    """Return what a file begins with (PS3.10 §7.1)."""
    return b"".join((content, b"DICM"))


def file_meta(elements: Dataset) -> Encoder[int]:
    r"""Encode the elements of a File Meta Information group, always in Explicit VR Little Endian.

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

    Examples
    --------
    >>> from streamdcm.stages import file_meta
    >>> meta = b"".join(streamdcm.encoder_chunks(file_meta(ds.file_meta)))
    >>> meta[:8]  # the group length (0002,0000), VR UL, 4 bytes
    b'\x02\x00\x00\x00UL\x04\x00'
    """
    pieces = Pieces()
    length = encode_file_meta(elements, pieces)
    return length + (yield from pieces.released())


def encode_file_meta(elements: Dataset, pieces: Pieces) -> int:
    """Encode File Meta Information behind what `pieces` holds, as `file_meta` does; return the number of bytes."""
    pairs = sorted_elements(elements)
    has_length = bool(pairs) and pairs[0][0] == FILE_META_GROUP_LENGTH
    at = len(pieces.parts)
    if has_length:
        del pairs[0]
        pieces.parts.append(b"")
    length = encode_elements(iter(pairs), pieces, Scope(elements, _LAYOUT))
    if has_length:
        pieces.parts[at] = _group_length(length)
        length += 12
    return length


def _group_length(length: int) -> bytes:
    """Return the element with the bytes from the end of its value to the end of the group (PS3.10 table 7.1-1)."""
    if length > MAX_LENGTH:
        raise LengthOverflowError(
            "the elements behind it have more bytes than it can tell, or a ByteStream that does not tell its length; "
            "give the ByteStream its length",
            element_name(FILE_META_GROUP_LENGTH),
        )
    return _EXPLICIT_LITTLE.pack_short(0x0002, 0x0000, b"UL", 4) + _EXPLICIT_LITTLE.pack_length(length)
