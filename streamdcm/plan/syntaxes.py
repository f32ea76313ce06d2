"""From transfer syntax and arguments to VR and byte order (PS3.5 §A)."""

from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from pydicom.config import IGNORE
from pydicom.dataset import Dataset
from pydicom.uid import UID

from streamdcm.encode._pydicom import encoding_as_read, encoding_as_set
from streamdcm.encode.layout import Encoding
from streamdcm.encode.transfer_syntaxes import TRANSFER_SYNTAXES
from streamdcm.errors import PlanError
from streamdcm.options import PlanSettings


def is_compressed(syntax: UID) -> bool:
    """Whether pixel data in a transfer syntax are not native, or may not be, where it is a private one."""
    row = TRANSFER_SYNTAXES.get(syntax)
    return row is None or row.encapsulated


@lru_cache
def encoding_of(implicit_vr: bool, little_endian: bool) -> Encoding:
    """Return the encoding, one object for each of the few that there are."""
    return Encoding(implicit_vr, little_endian)


def syntax_named(name: str) -> UID:
    """Return the transfer syntax with a UID, a keyword or a name of PS3.6 table A-1.

    Raises
    ------
    PlanError
        If there is none.
    """
    named = _by_name().get(name)
    if named is not None:
        return named
    uid = UID(name, validation_mode=IGNORE)  # or pydicom warns of what is refused here
    if uid.is_valid and (uid.is_private or uid.is_transfer_syntax or uid in TRANSFER_SYNTAXES):
        return uid
    longer = [known for known in _by_name() if name and known.lower().startswith(name.lower())]
    close = longer or get_close_matches(name, _by_name(), 1)
    hint = f"did you mean {close[0]!r}" if close else "give a UID or a keyword such as 'ExplicitVRLittleEndian'"
    raise PlanError(f"{name!r} is no transfer syntax; {hint}{'?' if close else ''}")


@lru_cache
def _by_name() -> dict[str, UID]:
    """Return the transfer syntaxes by keyword and by name; pydicom's dictionary may be too old to have all of them."""
    keywords = {row.keyword or UID(uid).keyword: UID(uid) for uid, row in TRANSFER_SYNTAXES.items()}
    return keywords | {uid.name: uid for uid in keywords.values()}


def decide_encoding(dataset: Dataset, syntax: UID | None, options: PlanSettings) -> tuple[bool, bool]:
    """Decide VR and byte order: transfer syntax, then arguments, then how the dataset was set or read."""
    implicit_vr, little_endian = options.implicit_vr, options.little_endian
    known = TRANSFER_SYNTAXES.get(syntax or "")
    if known is not None and implicit_vr is None and little_endian is None and not options.force_encoding:
        return known.implicit_vr, known.little_endian
    if options.force_encoding:
        if implicit_vr is None or little_endian is None:
            raise PlanError("'force_encoding' needs both 'implicit_vr' and 'little_endian'")
        return _real_bools(implicit_vr, little_endian)
    if syntax is not None and not (syntax.is_private and not syntax.is_transfer_syntax):
        return _encoding_of_syntax(syntax, implicit_vr, little_endian)
    if implicit_vr is not None and little_endian is None:
        little_endian = True
    for candidate in ((implicit_vr, little_endian), encoding_as_set(dataset), encoding_as_read(dataset)):
        if candidate[0] is not None and candidate[1] is not None:
            return _real_bools(candidate[0], candidate[1])
    if syntax is None:
        raise PlanError(
            "nothing says which encoding to use: set the Transfer Syntax UID in the dataset's file_meta, or give "
            "the 'implicit_vr' and 'little_endian' arguments"
        )
    raise PlanError("a private transfer syntax needs the 'implicit_vr' and 'little_endian' arguments")


def _encoding_of_syntax(syntax: UID, implicit_vr: bool | None, little_endian: bool | None) -> tuple[bool, bool]:
    row = TRANSFER_SYNTAXES.get(syntax)
    if row is None and not syntax.is_transfer_syntax:
        raise PlanError(
            f"(0002,0010) TransferSyntaxUID is '{syntax.name}', which is no transfer syntax; set one of PS3.6 table A-1"
        )
    if row is None:  # a private one that was registered with pydicom
        needed_vr, needed_order = syntax.is_implicit_VR, syntax.is_little_endian
    else:
        needed_vr, needed_order = row.implicit_vr, row.little_endian
    for name, given, needed in (
        ("implicit_vr", implicit_vr, needed_vr),
        ("little_endian", little_endian, needed_order),
    ):
        if given is not None and given != needed:
            raise PlanError(
                f"{name}={given} contradicts the transfer syntax '{syntax.name}'; leave the argument out, or change "
                "the Transfer Syntax UID"
            )
    return needed_vr, needed_order


def _real_bools(implicit_vr: Any, little_endian: Any) -> tuple[bool, bool]:
    for name, given in (("implicit_vr", implicit_vr), ("little_endian", little_endian)):
        if not isinstance(given, bool):
            raise TypeError(f"'{name}' must be True or False, not {type(given).__name__}")
    return implicit_vr, little_endian
