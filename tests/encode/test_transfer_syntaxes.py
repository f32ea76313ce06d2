"""The table of transfer syntaxes says what pydicom's registry says, but for what that does not know."""

import pytest
from pydicom.uid import UID, UID_dictionary

from streamdcm.encode.transfer_syntaxes import TRANSFER_SYNTAXES, UNKNOWN_SYNTAX, transfer_syntax

REGISTERED = sorted(uid for uid, entry in UID_dictionary.items() if entry[1] == "Transfer Syntax")
DEFLATED = {"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"}


@pytest.mark.parametrize("uid", REGISTERED)
def test_a_row_agrees_with_pydicom(uid):
    row, known = TRANSFER_SYNTAXES[uid], UID(uid)
    assert (row.implicit_vr, row.little_endian, row.encapsulated) == (
        known.is_implicit_VR,
        known.is_little_endian,
        known.is_compressed,
    )
    assert row.deflated == (uid in DEFLATED)
    assert row.video == any(word in known.name for word in ("MPEG", "HEVC"))


def test_a_private_syntax_has_no_row():
    assert transfer_syntax("1.2.3") is transfer_syntax(None) is UNKNOWN_SYNTAX
