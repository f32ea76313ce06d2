"""``transfer_syntax=`` and ``file_meta=False``: a dataset on its way into another transfer syntax, and alone."""

import io
from copy import deepcopy
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import DataElement, Dataset, Sequence, examples
from pydicom.data import get_testdata_file
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

import streamdcm
from streamdcm.errors import EncodeError, LayoutError, PlanError
from streamdcm.options import check_options
from streamdcm.plan.capabilities import Capabilities
from streamdcm.plan.plan import plan_file
from streamdcm.plan.syntaxes import syntax_named
from tests.support.images import template

NATIVE = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
PIXELS = np.arange(16 * 16, dtype="u2").reshape(16, 16)


def big_endian() -> Dataset:
    """Read a dataset in big endian byte order, with bulk values at two depths."""
    ds = template(ExplicitVRBigEndian)
    ds.Rows = ds.Columns = 16
    ds.add_new(0x7FE00010, "OW", PIXELS.astype(">u2").tobytes())
    item = Dataset()
    item.add_new(0x00283006, "OW", b"\x01\x02\x03\x04")
    item.LUTDescriptor = [2, 0, 16]
    ds.ModalityLUTSequence = Sequence([item])
    ds.add_new(0x00189073, "FD", 0.5)
    buffer = io.BytesIO()
    ds.save_as(buffer)
    return pydicom.dcmread(io.BytesIO(buffer.getvalue()))


def joined(dataset: Dataset, **options: Any) -> bytes:
    encoded = b"".join(streamdcm.iter_chunks(dataset, **options))
    assert b"".join(streamdcm.encoder_chunks(streamdcm.encoder(dataset, **options))) == encoded
    assert streamdcm.encoded_size(dataset, **options) == len(encoded)
    return encoded


def read(encoded: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(encoded))


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize("stated", [ExplicitVRBigEndian, ExplicitVRLittleEndian], ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize("parsed", [False, True])
def test_words_follow_the_byte_order_and_meta_follows_the_syntax(syntax, stated, parsed):
    ds = big_endian()
    ds.file_meta.TransferSyntaxUID = stated
    if parsed:
        assert ds.ModalityLUTSequence[0].LUTData, ds.PixelData
    before = deepcopy(ds)
    again = read(joined(ds, transfer_syntax=syntax))
    assert again.file_meta.TransferSyntaxUID == syntax
    assert (again.pixel_array == PIXELS).all()
    word = again.ModalityLUTSequence[0].LUTData
    assert word == (b"\x01\x02\x03\x04" if syntax == ExplicitVRBigEndian else b"\x02\x01\x04\x03")
    assert again[0x00189073].value == 0.5
    assert ds == before
    assert ds.file_meta == before.file_meta


def test_the_byte_order_of_a_dataset_that_was_not_read_is_that_of_its_transfer_syntax():
    ds = template(ExplicitVRBigEndian)
    ds.Rows = ds.Columns = 16
    ds.add_new(0x7FE00010, "OW", PIXELS.astype(">u2").tobytes())
    assert (read(joined(ds, transfer_syntax=ExplicitVRLittleEndian)).pixel_array == PIXELS).all()
    assert read(joined(ds)).PixelData == ds.PixelData


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_bigendian.dcm", "rtplan.dcm", "SC_rgb_small_odd.dcm"])
@pytest.mark.parametrize("syntax", NATIVE, ids=lambda syntax: syntax.keyword)
def test_what_rewrite_writes_is_what_iter_chunks_gives(name, syntax, tmp_path):
    path = get_testdata_file(name)
    streamdcm.rewrite(path, tmp_path / "out.dcm", transfer_syntax=syntax)
    rewritten = pydicom.dcmread(tmp_path / "out.dcm")
    again = read(joined(pydicom.dcmread(path), transfer_syntax=syntax.keyword))
    assert again == rewritten
    assert "PixelData" not in again or again.PixelData == rewritten.PixelData


def test_without_transfer_syntax_bytes_are_those_of_pydicom():
    ds = big_endian()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    expected = io.BytesIO()
    pydicom.dcmwrite(expected, ds)
    assert joined(ds) == expected.getvalue()


@pytest.mark.parametrize("syntax", [None, *NATIVE], ids=lambda syntax: syntax and syntax.keyword)
def test_a_dataset_alone_is_the_end_of_the_file(syntax):
    ds = examples.ct
    whole = joined(ds, transfer_syntax=syntax)
    alone = joined(ds, transfer_syntax=syntax, file_meta=False)
    assert whole.endswith(alone)
    header = streamdcm.read_header(io.BytesIO(whole))
    assert len(whole) - len(alone) == header.dataset_offset


def test_a_dataset_alone_has_frames_and_late_values():
    ds = template(ExplicitVRBigEndian)
    ds.Rows = ds.Columns = 16
    options: dict[str, Any] = {
        "frames": [PIXELS, PIXELS],
        "late": {"ImageComments": 10},
        "transfer_syntax": ExplicitVRLittleEndian,
        "file_meta": False,
    }
    ds.ImageComments = "none"
    alone = joined(ds, **options)
    again = pydicom.dcmread(io.BytesIO(alone), force=True)
    assert again.PixelData == PIXELS.astype("<u2").tobytes() * 2
    assert (again.NumberOfFrames, again.ImageComments) == (2, "none")


def test_frames_may_be_in_another_transfer_syntax_than_the_pixels_that_they_replace():
    frames = [bytes.fromhex("ff4f ff51"), bytes.fromhex("ff4f ff51")]
    ds = examples.ct
    ds.pop("NumberOfFrames", None)
    del ds.SOPClassUID
    encoded = b"".join(streamdcm.iter_chunks(ds, frames=frames, transfer_syntax=JPEG2000Lossless))
    again = read(encoded)
    assert again.file_meta.TransferSyntaxUID == JPEG2000Lossless
    assert list(pydicom.encaps.generate_frames(again.PixelData, number_of_frames=2)) == frames


def test_enforcing_completes_the_meta_information_with_the_new_syntax():
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    again = read(joined(ds, transfer_syntax=ImplicitVRLittleEndian, enforce_file_format=True))
    assert again.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    with pytest.raises(PlanError, match="file_meta=False"):
        streamdcm.iter_chunks(ds, file_meta=False, enforce_file_format=True)


def with_icon() -> Dataset:
    ds = deepcopy(examples.jpeg2k)
    item = Dataset()
    element = DataElement(0x7FE00010, "OB", pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"]))
    element.is_undefined_length = True
    item[0x7FE00010] = element
    ds.IconImageSequence = Sequence([item])
    return ds


@pytest.mark.parametrize(
    ("dataset", "options", "error", "text"),
    [
        (examples.ct, {"transfer_syntax": "CTImageStorage"}, PlanError, "is no transfer syntax"),
        (examples.ct, {"transfer_syntax": "jpegls"}, PlanError, "did you mean 'JPEGLSLossless'"),
        (examples.ct, {"transfer_syntax": "JPEG2000Losless"}, PlanError, "did you mean 'JPEG2000Lossless'"),
        (examples.ct, {"transfer_syntax": ""}, PlanError, "^transfer_syntax must be"),
        (examples.ct, {"transfer_syntax": RLELossless, "frames": []}, PlanError, "no frames"),
        (examples.ct, {"transfer_syntax": "ImplicitVRLittleEndian", "implicit_vr": False}, PlanError, "contradicts"),
        (
            examples.ct,
            {
                "transfer_syntax": "ImplicitVRLittleEndian",
                "force_encoding": True,
                "implicit_vr": False,
                "little_endian": True,
            },
            PlanError,
            "force_encoding",
        ),
        (with_icon(), {"transfer_syntax": JPEGBaseline8Bit, "frames": [b"\xff\xd8"]}, PlanError, "IconImageSequence"),
    ],
)
def test_what_cannot_be_converted_is_refused_at_once(dataset, options, error, text):
    for function in (streamdcm.iter_chunks, streamdcm.encoder, streamdcm.encoded_size):
        with pytest.raises(error, match=text):
            function(dataset, **options)


def test_a_directory_stays_a_file():
    directory = pydicom.dcmread(get_testdata_file("DICOMDIR"))
    with pytest.raises(LayoutError, match="file_meta"):
        streamdcm.iter_chunks(directory, file_meta=False)


def test_sizes_with_frames_are_known_without_asking_for_one():
    def never():
        raise AssertionError
        yield

    ds = template(ExplicitVRLittleEndian)
    ds.Rows = ds.Columns = 16
    frames = [PIXELS] * 3
    expected = len(b"".join(streamdcm.iter_chunks(ds, frames=frames)))
    assert streamdcm.encoded_size(ds, frames=never(), number_of_frames=3) == expected
    with pytest.raises(PlanError, match="before the frames have come"):
        streamdcm.encoded_size(ds, frames=never())


def test_an_encoder_closes_frames_that_it_cannot_use():
    closed = []

    def frames():
        try:
            yield PIXELS
        finally:
            closed.append(True)

    given = frames()
    next(given)
    with pytest.raises(PlanError):
        streamdcm.encoder(Dataset(), frames=given)
    assert closed


class TestTargetsThatTakeSome:
    """What a target takes is asked before the plan, which chooses among it."""

    def syntax(self, dataset: Dataset, *accepted: str, **options: Any) -> str:
        capabilities = Capabilities(patchable=False, framing="file", transfer_syntaxes=accepted)
        plan = plan_file(dataset, check_options(options, "iter_chunks"), capabilities)
        assert plan.file_meta is not None
        syntax: str = plan.file_meta.TransferSyntaxUID
        return syntax

    def test_the_syntax_of_the_dataset_is_kept_if_it_is_taken(self):
        assert self.syntax(examples.ct, ImplicitVRLittleEndian, ExplicitVRLittleEndian) == ExplicitVRLittleEndian
        assert self.syntax(examples.jpeg2k, JPEG2000Lossless, examples.jpeg2k.file_meta.TransferSyntaxUID)

    def test_native_data_take_the_first_that_is_taken(self):
        assert self.syntax(examples.ct, RLELossless, ImplicitVRLittleEndian) == ImplicitVRLittleEndian

    def test_others_are_refused(self):
        with pytest.raises(PlanError, match="does not take"):
            self.syntax(examples.jpeg2k, ExplicitVRLittleEndian)
        with pytest.raises(PlanError, match="does not take"):
            self.syntax(examples.ct, ExplicitVRLittleEndian, transfer_syntax=ImplicitVRLittleEndian)


def test_a_bad_value_is_still_an_error_of_encoding():
    ds = deepcopy(examples.ct)
    ds.add_new(0x00100010, "XX", b"")
    with pytest.raises(EncodeError):
        streamdcm.encoded_size(ds, transfer_syntax=ExplicitVRLittleEndian)


def test_keywords_that_are_newer_than_the_dictionary_are_taken():
    assert syntax_named("JPEGXLLossless") == "1.2.840.10008.1.2.4.110"
    assert syntax_named("DeflatedImageFrameCompression") == "1.2.840.10008.1.2.8.1"
    assert all(syntax_named(codec.keyword) == codec.uid for codec in streamdcm.codecs())
