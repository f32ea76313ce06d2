"""The digest of what was written is that of the bytes that lie there in the end."""

import gzip
import hashlib
import io
from pathlib import Path

import pytest

import streamdcm
from streamdcm import Fill, Reserve
from streamdcm.errors import TargetTypeError

MIB = 1024 * 1024


def late():
    """An encoder whose first bytes are known last."""
    field = Reserve(4)
    yield field
    yield bytes(3 * MIB)
    yield Fill(field, b"late")


def early():
    yield b"here" + bytes(3 * MIB)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("encoder", [early, late])
def test_a_path_has_the_digest_of_its_bytes(tmp_path: Path, encoder, atomic):
    result = streamdcm.write_encoder(encoder(), tmp_path / "out", checksum="sha256", atomic=atomic)
    assert result.patches == (encoder is late)
    assert result.checksum.digest == digest((tmp_path / "out").read_bytes())
    assert result.checksum.parts is None


@pytest.mark.parametrize("encoder", [early, late])
def test_objects_begin_at_their_position_and_are_left_at_their_end(tmp_path: Path, encoder):
    with open(tmp_path / "raw", "w+b", buffering=0) as raw, open(tmp_path / "file", "w+b") as file:
        for target in (raw, file, io.BytesIO()):
            target.write(b"before")
            result = streamdcm.write_encoder(encoder(), target, checksum="sha256")
            target.write(b"after")
            target.seek(0)
            content = target.read()
            assert content.startswith(b"before")
            assert content.endswith(b"after")
            assert result.checksum.digest == digest(content[6:-5])


def test_what_is_written_in_order_is_hashed_as_it_passes(tmp_path: Path):
    with gzip.open(tmp_path / "out.gz", "wb") as file:
        result = streamdcm.write_encoder(late(), file, checksum="sha256")
    assert result.checksum.digest == digest(gzip.decompress((tmp_path / "out.gz").read_bytes()))


def test_what_is_copied_from_file_to_file_is_hashed_too(tmp_path: Path):
    from streamdcm.sources import BufferSource

    (tmp_path / "in").write_bytes(b"content" * 100_000)
    with open(tmp_path / "in", "rb") as file:
        copy = streamdcm.Copy(BufferSource(file, ""), 7, 7 * 99_999)
        result = streamdcm.write_encoder((each for each in [copy]), tmp_path / "out", checksum="sha256")
    assert result.checksum.digest == digest(b"content" * 99_999)


def test_a_target_that_is_patched_and_cannot_be_read_is_refused_with_the_remedies(tmp_path: Path):
    with open(tmp_path / "out", "wb") as file:
        with pytest.raises(TargetTypeError, match=r"w\+b.*seekable=False"):
            streamdcm.write_encoder(late(), file, checksum="sha256")
        result = streamdcm.write_encoder(late(), file, checksum="sha256", seekable=False)
    assert result.checksum.digest == digest((tmp_path / "out").read_bytes())


def test_no_digest_comes_without_being_asked_for(tmp_path: Path):
    assert streamdcm.write_encoder(early(), tmp_path / "out").checksum is None
