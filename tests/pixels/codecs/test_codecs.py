"""Every library gives back what every other has encoded, and says what it cannot."""

import struct
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from threading import Thread
from typing import Any

import numpy as np
import pytest
from pydicom.uid import UID, RLELossless

from streamdcm.errors import CodecError, InvalidValueError, MissingExtraError, PlanError
from streamdcm.pixels.codecs import by_charls, table
from streamdcm.pixels.codecs.choices import TARGETS, check_image, checked_options
from streamdcm.pixels.codecs.codestream_header import jpeg2000_header, jpeg_header
from streamdcm.pixels.codecs.recode import Recoding
from streamdcm.pixels.codecs.table import CODECS, Codec, codecs, decoder_of, encoder_of
from tests.support import ROOT
from tests.support.coded import KINDS, Kind, arrays, image
from tests.support.tools import package

package("imagecodecs")

LOSSLESS = [syntax for syntax, target in TARGETS.items() if not target.is_lossy]
JPEG_2000 = [table.JPEG2000_LOSSLESS, table.JPEG2000, table.HTJ2K_LOSSLESS, table.HTJ2K_RPCL, table.HTJ2K]


def here(syntax: str, does: str) -> list[Codec]:
    return [codec for codec in CODECS if codec.syntax == syntax and codec.is_here and getattr(codec, does)]


def named(codec: Codec) -> str:
    return f"{UID(codec.syntax).keyword or codec.syntax} {codec.library}"


def refused(syntax: str, kind: Kind) -> bool:
    try:
        check_image(syntax, image(kind))
    except PlanError:
        return True
    return False


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("syntax", TARGETS, ids=lambda syntax: UID(syntax).keyword or syntax)
def test_every_decoder_gives_what_every_encoder_took(syntax: str, kind: Kind) -> None:
    if refused(syntax, kind):
        pytest.skip("cannot be held")
    seen = image(kind)
    frame = seen.pixels(arrays(kind, 1)[0].tobytes())
    options = checked_options(syntax, {})
    assert here(syntax, "encoder")
    for encoder in here(syntax, "encoder"):
        data = encoder.encode(frame, seen, options)
        for decoder in here(syntax, "decoder"):
            if decoder.library == "pydicom: gdcm" and TARGETS[syntax].is_lossy:
                continue  # it takes what says RGB for RGB, and refuses 12 bits
            for padded in (data, data + b"\0" * (len(data) % 2)):
                decoded = decoder.decode(padded, seen)
                assert decoded.dtype == np.dtype(seen.dtype)
                if not TARGETS[syntax].is_lossy:
                    assert np.array_equal(decoded, frame), (encoder.library, decoder.library)


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: UID(syntax).keyword or syntax)
@pytest.mark.parametrize("kind", [KINDS[1], KINDS[3]], ids=lambda kind: kind.name)
def test_bits_beyond_bits_stored_come_back(syntax: str, kind: Kind) -> None:
    seen = image(kind)
    frame = seen.pixels((arrays(kind, 1)[0].view("u2") ^ 0x5000).tobytes())
    for encoder in here(syntax, "encoder"):
        data = encoder.encode(frame, seen, {})
        for decoder in here(syntax, "decoder"):
            assert np.array_equal(decoder.decode(data, seen), frame), (encoder.library, decoder.library)


@pytest.mark.parametrize("stored", [1, 5, 8, 9])
@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: UID(syntax).keyword or syntax)
def test_few_bits_in_wide_words_come_back(syntax: str, stored: int) -> None:
    seen = replace(image(KINDS[1]), stored=stored)
    frame = np.random.default_rng(stored).integers(0, 1 << stored, seen.shape, seen.dtype)
    data = encoder_of(syntax, seen, {}).encode(frame, seen, {})
    for decoder in here(syntax, "decoder"):
        assert np.array_equal(decoder.decode(data, seen), frame), decoder.library


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: UID(syntax).keyword or syntax)
@pytest.mark.parametrize("kind", [KINDS[0], KINDS[2], KINDS[5]], ids=lambda kind: kind.name)
def test_noise_that_grows_when_it_is_encoded(syntax: str, kind: Kind) -> None:
    seen = image(kind)
    seen = replace(seen, form=replace(seen.form, rows=300, columns=301))
    frame = np.random.default_rng(1).integers(0, 1 << kind.stored, seen.shape, kind.dtype)
    codec = encoder_of(syntax, seen, {})
    assert np.array_equal(decoder_of(syntax).decode(codec.encode(frame, seen, {}), seen), frame)


def test_bits_beyond_twelve_are_refused_where_no_more_fit() -> None:
    seen = image(KINDS[1])
    frame = (arrays(KINDS[1], 1)[0] | 0x4000).tobytes()
    recoding = Recoding(seen, seen, None, encoder_of(table.JPEG_EXTENDED, seen, {}), {"quality": 90})
    with pytest.raises(CodecError, match="beyond Bits Stored") as caught:
        recoding.code(frame, 7)
    assert caught.value.frame == 7


@pytest.mark.parametrize("syntax", JPEG_2000)
def test_the_codestream_says_the_precision_and_the_transform(syntax: str) -> None:
    for kind in KINDS:
        seen = image(kind)
        frame = seen.pixels(arrays(kind, 1)[0].tobytes())
        header = jpeg2000_header(encoder_of(syntax, seen, {}).encode(frame, seen, checked_options(syntax, {})))
        has_precision = syntax in (table.JPEG2000_LOSSLESS, table.JPEG2000)
        assert header.precision == (kind.stored if has_precision else kind.allocated)
        assert header.is_signed == kind.signed
        assert header.transform == int(kind.samples == 3)
        assert (header.rows, header.columns, header.samples) == (*seen.shape[:2], kind.samples)


def test_colours_that_are_no_rgb_are_not_transformed() -> None:
    seen = image(KINDS[5])
    seen = replace(seen, form=replace(seen.form, photometric="YBR_FULL"))
    frame = arrays(KINDS[5], 1)[0]
    for syntax in (table.JPEG2000_LOSSLESS, table.HTJ2K_LOSSLESS):
        data = encoder_of(syntax, seen, {}).encode(frame, seen, {})
        assert jpeg2000_header(data).transform == 0
        assert np.array_equal(decoder_of(syntax).decode(data, seen), frame)


def test_jpeg_ls_says_twelve_bits() -> None:
    package("jpeg_ls")
    seen = image(KINDS[1])
    data = encoder_of(table.JPEG_LS, seen, {}).encode(arrays(KINDS[1], 1)[0], seen, {})
    assert jpeg_header(data).precision == 12


def test_charls_writes_what_pyjpegls_does() -> None:
    package("imagecodecs")
    package("jpeg_ls")
    by_library = {codec.library: codec for codec in CODECS if codec.syntax == table.JPEG_LS_NEAR}
    for kind in KINDS[:3]:
        seen, frame = image(kind), arrays(kind, 1)[0]
        for near in (0, 3):
            ours = by_library["CharLS"].encode(frame, seen, {"near": near})
            assert ours == by_library["pydicom: pyjpegls"].encode(frame, seen, {"near": near})


def test_noise_takes_more_bytes_than_its_pixels() -> None:
    package("imagecodecs")
    seen = image(KINDS[1])
    frame = np.random.default_rng(1).integers(0, 65535, (*seen.shape, 1), "u2", endpoint=True)[..., 0]
    info = by_charls._FrameInfo(seen.form.columns, seen.form.rows, 16, 1)
    assert by_charls._encoded(frame, info, 0, frame.nbytes) is None
    data = by_charls.encode_jpeg_ls(frame, seen, {})
    assert len(data) > frame.nbytes
    assert np.array_equal(decoder_of(table.JPEG_LS).decode(data, seen), frame)


def test_a_library_that_hides_its_functions_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_charls, "_functions", lambda: None)
    assert "CharLS" not in [library for row in codecs() for library, _ in row.encode]
    assert encoder_of(table.JPEG_LS, image(KINDS[1]), {}).library != "CharLS"


def test_htj2k_is_in_order_of_resolutions() -> None:
    seen = image(KINDS[2])
    data = encoder_of(table.HTJ2K_RPCL, seen, {}).encode(arrays(KINDS[2], 1)[0], seen, {})
    cod = data.index(b"\xff\x52")
    assert data[cod + 5] == 2  # ITU-T T.800 table A.16: RPCL
    assert b"\xff\x55" in data[: data.index(b"\xff\x90")]  # TLM


def test_each_row_of_rle_is_coded_by_itself() -> None:
    seen = image(KINDS[0])
    data = encoder_of(RLELossless, seen, {}).encode(np.zeros(seen.shape, "u1"), seen, {})
    assert len(data) == 64 + 2 * seen.form.rows


def test_a_lossy_codec_stays_near() -> None:
    seen = image(KINDS[0])
    frame = arrays(KINDS[0], 1)[0]
    for near in (1, 3, 10):
        data = encoder_of(table.JPEG_LS_NEAR, seen, {}).encode(frame, seen, {"near": near})
        decoded = decoder_of(table.JPEG_LS_NEAR).decode(data, seen)
        error = np.abs(decoded.astype(int) - frame)
        assert 0 < error.max() <= near


def damages(data: bytes) -> dict[str, bytes]:
    return {"empty": b"", "cut": data[: len(data) // 2], "a few bytes": data[:20], "no end": data[:-3]}


@pytest.mark.parametrize("codec", [codec for codec in CODECS if codec.is_here and codec.decoder], ids=named)
def test_a_damaged_frame_is_refused_by_name(codec: Codec) -> None:
    kind = KINDS[0]
    seen = image(kind)
    if codec.syntax == table.JPEG_XL_JPEG:
        pytest.skip("nothing writes it")
    frame = seen.pixels(arrays(kind, 1)[0].tobytes())
    data = encoder_of(codec.syntax, seen, {}).encode(frame, seen, checked_options(codec.syntax, {}))
    recoding = Recoding(seen, seen, codec, None)
    for name in ("empty", "a few bytes"):
        with pytest.raises(CodecError) as caught:
            recoding.code(damages(data)[name], 3)
        assert caught.value.frame == 3


@pytest.mark.parametrize("syntax", [*LOSSLESS, table.JPEG2000, table.HTJ2K])
@pytest.mark.parametrize("damage", ["empty", "cut", "a few bytes"])
def test_half_a_frame_is_no_frame(syntax: str, damage: str) -> None:
    seen = image(KINDS[1])
    frame = seen.pixels(arrays(KINDS[1], 1)[0].tobytes())
    data = encoder_of(syntax, seen, {}).encode(frame, seen, checked_options(syntax, {}))
    with pytest.raises(CodecError):
        Recoding(seen, seen, decoder_of(syntax), None).code(damages(data)[damage], 1)


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_another_size_than_the_header_says(syntax: str) -> None:
    seen, other = image(KINDS[0]), image(KINDS[5])
    data = encoder_of(syntax, other, {}).encode(arrays(KINDS[5], 1)[0], other, {})
    with pytest.raises(CodecError):
        Recoding(seen, seen, decoder_of(syntax), None).code(data, 1)


@pytest.mark.parametrize(
    ("syntax", "given", "why"),
    [
        (table.JPEG_LS_NEAR, {"near": 0}, "from 1 to 255"),
        (table.JPEG_LS_NEAR, {"near": 2.5}, "whole number"),
        (table.JPEG_LS_NEAR, {"near": True}, "whole number"),
        (table.JPEG_LS, {"near": 2}, "it takes none"),
        (table.JPEG2000, {"psnr": 50, "ratio": 10}, "exclude each other"),
        (table.JPEG_BASELINE, {"quality": 101}, "from 1 to 100"),
    ],
)
def test_codec_options_are_checked(syntax: str, given: dict[str, Any], why: str) -> None:
    with pytest.raises(PlanError, match=why):
        checked_options(syntax, given)


def test_a_ratio_needs_the_library_that_has_it() -> None:
    package("openjpeg")
    assert encoder_of(table.JPEG2000, image(KINDS[0]), {"ratio": 10}).library == "pydicom: pylibjpeg"


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_is_installed", lambda package: package == "numpy")
    with pytest.raises(MissingExtraError, match=r"streamdcm\[codecs\]"):
        decoder_of(table.JPEG2000)
    assert decoder_of(table.RLE).library == "pydicom: pydicom"
    assert {row.uid for row in codecs() if row.decode} == {table.RLE, table.DEFLATED_FRAMES, table.UNCOMPRESSED_FRAMES}


def test_what_cannot_be_coded_has_no_codec() -> None:
    with pytest.raises(PlanError, match="no library"):
        decoder_of("1.2.840.10008.1.2.4.100")
    with pytest.raises(PlanError, match="no library"):
        encoder_of(table.JPEG_XL_JPEG, image(KINDS[0]), {})


def test_nothing_is_imported_before_a_frame_is_coded() -> None:
    # pydicom imports what plugins it finds
    code = "import sys, streamdcm.pixels.codecs.table as table; table.codecs(); print('imagecodecs' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False\n"


def test_headers_of_nothing() -> None:
    for data in (
        b"",
        b"\xff",
        b"\xff\xd8",
        b"\xff\xd8\xff\xe0\0",
        b"\xff\x4f\xff\x51\0",
        b"\xff\xd8\xff\xc0\0\x0b\x08",
    ):
        with pytest.raises(InvalidValueError):
            jpeg_header(data)
        with pytest.raises(InvalidValueError):
            jpeg2000_header(data)


def test_a_bomb_is_not_inflated() -> None:
    seen = image(KINDS[0])
    deflater = zlib.compressobj(9, wbits=-15)
    bomb = b"".join(deflater.compress(bytes(1 << 20)) for _ in range(64)) + deflater.flush()
    with pytest.raises(CodecError, match="bytes of pixels"):
        Recoding(seen, seen, decoder_of(table.DEFLATED_FRAMES), None).code(bomb, 1)


def test_rle_segments_outside_of_the_frame() -> None:
    seen = image(KINDS[0])
    for header in (struct.pack("<16L", 1, 64, *[0] * 14), struct.pack("<16L", 1, 999, *[0] * 14), bytes(64)):
        with pytest.raises(CodecError):
            Recoding(seen, seen, decoder_of(table.RLE), None).code(header, 1)


def longest_pause(work: Any) -> tuple[float, float]:
    """The longest time for which this thread did not run while another did some work, and how long that took."""
    took: list[float] = []

    def timed() -> None:
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)

    thread = Thread(target=timed)
    longest = 0.0
    last = time.perf_counter()
    thread.start()
    while thread.is_alive():
        now = time.perf_counter()
        longest = max(longest, now - last)
        last = now
        time.sleep(0)
    return longest, took[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "codec",
    [codec for codec in CODECS if codec.is_here and codec.encoder and codec.library != "pydicom: pydicom"],
    ids=named,
)
def test_the_table_says_who_keeps_the_interpreters_lock(codec: Codec) -> None:
    form = replace(image(KINDS[2]).form, rows=900, columns=900)
    if codec.syntax in (table.JPEG_BASELINE, table.JPEG_EXTENDED):
        pytest.skip("16 bits do not fit")
    seen = replace(image(KINDS[2]), form=form)
    frame = np.random.default_rng(1).integers(0, 65535, seen.shape, "u2")
    options = checked_options(codec.syntax, {"ratio": 5} if codec.options else {})
    codec.encode(frame[:64, :64].copy(), replace(seen, form=replace(form, rows=64, columns=64)), options)
    pauses = [longest_pause(lambda: codec.encode(frame, seen, options)) for _ in range(3)]
    share = min(pause / took for pause, took in pauses)
    assert share < 0.5 if codec.runs_in == "threads" else share > 0.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (4, 5)])
@pytest.mark.parametrize("value", [0x8000, 0x0080, 0x8080])
def test_run_length_may_end_in_what_begins_no_run(value: int, shape: tuple[int, int]) -> None:
    seen = image(KINDS[2])
    seen = replace(seen, form=replace(seen.form, rows=shape[0], columns=shape[1]))
    frame = np.full(seen.shape, value, "<u2")
    for encoder in here(RLELossless, "encoder"):
        data = encoder.encode(frame, seen, {})
        for decoder in here(RLELossless, "decoder"):
            assert np.array_equal(decoder.decode(data, seen), frame), (encoder.library, decoder.library)
