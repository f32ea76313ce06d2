"""What stands before the dataset of a file, and how that dataset is laid out (PS3.10 §7, PS3.5 §A)."""

from __future__ import annotations

from typing import Final, NamedTuple

from pydicom.config import IGNORE
from pydicom.uid import UID, ExplicitVRBigEndian, ImplicitVRLittleEndian

from streamdcm.encode.tags import FILE_META_GROUP_LENGTH, TRANSFER_SYNTAX_UID
from streamdcm.encode.transfer_syntaxes import transfer_syntax
from streamdcm.errors import NotDicomError
from streamdcm.errors.telling import warn
from streamdcm.files.scan_words import ENCODINGS, LONG, Ask, Encoding, Run, Scan, Where

_FIRST: Final = 256 * 1024


class Head(NamedTuple):
    """What stands before a dataset.

    Attributes
    ----------
    preamble : bytes or None
        The 128 bytes before the prefix; `None` if there is neither.
    meta : Run
        The elements of the File Meta Information.
    meta_encoding : Encoding
        How they are laid out: Explicit VR Little Endian but for broken writers.
    syntax : UID or None
        The transfer syntax that they state.
    at : int
        The offset of the dataset.
    data : bytes
        Bytes of the source that are at hand, from `base` on.
    base : int
        Their offset.
    """

    preamble: bytes | None
    meta: Run
    meta_encoding: Encoding
    syntax: UID | None
    at: int
    data: bytes
    base: int

    @property
    def deflated(self) -> bool:
        """Whether the dataset is one deflated stream (PS3.5 §A.5)."""
        return transfer_syntax(self.syntax).deflated


def scan_head(where: Where, *, force: bool) -> Scan[Head]:
    """Scan the preamble, the prefix and the File Meta Information.

    Parameters
    ----------
    where : Where
        The source.
    force : bool
        Whether the prefix may be missing.

    Raises
    ------
    NotDicomError
        If it is missing and may not be.
    SourceError
        If the source ends within the File Meta Information.
    """
    data = yield Ask(0, _FIRST)
    has_prefix = data[128:132] == b"DICM"
    if not has_prefix and not force:
        raise NotDicomError(
            f"{where.name} lacks the prefix DICM of a DICOM file (PS3.10 §7.1); leave it out if it is not DICOM; "
            "force=True, where that is an option, reads DICOM that was written without the prefix"
        )
    start = 132 if has_prefix else 0
    preamble = data[:128] if has_prefix else None
    vr = data[start + 4 : start + 6]
    is_explicit = (vr.isalpha() and vr.isupper()) or data[start : start + 2] != b"\2\0"
    encoding = ENCODINGS[not is_explicit, True]
    meta = _scan_meta(where, data, start, encoding)
    end = meta.rows[-1][4] if meta.rows else start
    _check_end(where, meta, end, len(data))
    return Head(preamble, meta, encoding, _syntax_of(meta), end, data, 0)


def _scan_meta(where: Where, data: bytes, at: int, encoding: Encoding) -> Run:
    """Scan the elements of group 0002, which are short: what is at hand has them all."""
    run = Run(data, 0)
    while data[at : at + 2] == b"\2\0":
        if at + 8 > len(data):
            raise where.ends_early(at)
        _, number, length = encoding.implicit_header.unpack_from(data, at)
        vr, value_at = None, at + 8
        if not encoding.implicit_vr:
            _, _, vr, length = encoding.header.unpack_from(data, at)
            if vr in LONG:
                if at + 12 > len(data):
                    raise where.ends_early(at)
                value_at, (length,) = at + 12, encoding.long_length.unpack_from(data, at + 8)
        tag = FILE_META_GROUP_LENGTH | number
        if value_at + length > len(data):
            raise where.ends_early(at, tag)
        if length & 1:
            run.odd.append(len(run.rows))
        if run.rows and tag <= run.rows[-1][0]:
            run.is_sorted = False
        run.rows.append((tag, vr, at, value_at, value_at + length, length))
        at = value_at + length
    return run


def _check_end(where: Where, meta: Run, end: int, at_hand: int) -> None:
    """Refuse a source that ends before its File Meta Information does, by what its Group Length says."""
    if not meta.rows or end < at_hand:
        return
    tag, _, _, value_at, stop, _ = meta.rows[0]
    if tag == FILE_META_GROUP_LENGTH and stop + int.from_bytes(meta.data[value_at:stop], "little") > end:
        raise where.ends_early(end)


def _syntax_of(meta: Run) -> UID | None:
    for tag, _, _, value_at, stop, _ in meta.rows:
        if tag == TRANSFER_SYNTAX_UID:
            text = meta.data[value_at:stop].decode("latin-1").rstrip("\0 ")
            return UID(text, validation_mode=IGNORE) if text else None
    return None


def encoding_of_dataset(syntax: UID | None, first: bytes) -> Encoding:
    """Return how a dataset is laid out: as its transfer syntax says, or as its first element shows.

    Parameters
    ----------
    syntax : UID or None
        The transfer syntax that the file states.
    first : bytes
        The first bytes of the dataset.

    Warns
    -----
    UserWarning
        If the first element is in Implicit VR and should be in Explicit VR, or the other way round.
    """
    vr = first[4:6]
    looks_explicit = vr.isalpha() and vr.isupper()
    if syntax is None:
        # the group of a first element in big endian byte order, read as little endian, is a large number
        little_endian = not looks_explicit or int.from_bytes(first[:2], "little") < 1024
        return ENCODINGS[not looks_explicit, little_endian]
    implicit_vr, little_endian = _encoding_of(syntax)
    if len(vr) < 2 or first[:8] == bytes(8) or looks_explicit != implicit_vr or vr in (b"\0\0", b"  "):
        return ENCODINGS[implicit_vr, little_endian]
    expected, found = ("implicit", "explicit") if implicit_vr else ("explicit", "implicit")
    warn(f"Expected {expected} VR, but found {found} VR - using {found} VR for reading")
    return ENCODINGS[not implicit_vr, little_endian]


def _encoding_of(syntax: UID) -> tuple[bool, bool]:
    if syntax == ImplicitVRLittleEndian:
        return True, True
    if syntax == ExplicitVRBigEndian:
        return False, False
    if syntax.is_private and syntax.is_transfer_syntax:
        return syntax.is_implicit_VR, syntax.is_little_endian
    return False, True
