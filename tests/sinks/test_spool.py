"""Spooling in front of a target that cannot seek."""

import errno
import gzip
import io
import os
import stat

import pytest

import streamdcm
from streamdcm import Fill, Reserve
from streamdcm.errors import SpoolError
from streamdcm.sinks import SpoolFile
from tests.support.targets import WriteOnly


def late_length():
    reserve = Reserve(4)
    yield reserve
    yield bytes(100_000)
    yield Fill(reserve, b"size")


def test_too_much_to_hold_back_is_an_error_that_names_the_way_out():
    with pytest.raises(streamdcm.errors.HoldLimitError, match=r"leave out spool='never'"):
        streamdcm.write_encoder(late_length(), WriteOnly(), hold_limit=1000, spool="never")


def test_a_file_that_cannot_be_made_names_its_directory(tmp_path):
    with pytest.raises(SpoolError, match=f"{tmp_path}/gone.*spool=") as caught:
        SpoolFile(f"{tmp_path}/gone")
    assert caught.value.errno == errno.ENOENT


def test_nobody_else_may_read_the_file_which_has_no_name(tmp_path):
    spool = SpoolFile(str(tmp_path))
    spool.write(0, [b"secret"])
    found = os.fstat(spool.file.fileno())
    assert (stat.S_IMODE(found.st_mode), found.st_nlink, found.st_size) == (0o600, 0, 6)
    assert list(tmp_path.iterdir()) == []
    spool.close()


def test_a_spooled_target_takes_what_would_have_to_be_held_back():
    target = WriteOnly()
    with streamdcm.spooled(target) as spool:
        result = streamdcm.write_encoder(late_length(), spool, hold_limit=1000)
    assert bytes(target.data) == b"size" + bytes(100_000)
    assert result.patches == 1


def test_nothing_reaches_the_target_if_the_block_fails():
    target = io.BytesIO()
    with gzip.GzipFile(fileobj=target, mode="wb") as compressed:
        with pytest.raises(ZeroDivisionError), streamdcm.spooled(compressed) as spool:
            spool.write(b"half")
            raise ZeroDivisionError
        compressed.flush()
    assert gzip.decompress(target.getvalue()) == b""


def test_a_path_behind_a_spool_is_as_it_was_before_when_the_block_fails(tmp_path):
    path = tmp_path / "kept.dcm"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), streamdcm.spooled(path) as spool:
        spool.write(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.dcm"]
