"""What was captured can be had after the process has died: all frames up to the last sync, and a file that is valid."""

import errno
import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

import streamdcm
from streamdcm.cli.app import main
from streamdcm.errors import EncodeError, PlanError, SourceError
from streamdcm.files import capture_log
from streamdcm.sinks.path_capture import LOG_SUFFIX, SUFFIX
from tests.support import python_module
from tests.support.children.capturing import COLUMNS, LINES, encoded, jpeg
from tests.support.frames import frames_in, padded
from tests.support.functional_groups import check, enhanced, frames, groups_of
from tests.support.images import compressed, template
from tests.support.tools import package, run

EVERY = 7


class StopError(Exception):
    """What ends a capture."""


def capture_in(folder: Path) -> tuple[Path, Path]:
    [capture] = folder.glob(f".*{SUFFIX}")
    return capture, capture.with_name(capture.name.removesuffix(SUFFIX) + LOG_SUFFIX)


def stopped(folder: Path, count: int, ds: Dataset | None = None, **options: Any) -> tuple[Path, Path]:
    """Capture some frames and give up."""
    ds = enhanced() if ds is None else ds
    path = folder / "live.dcm"
    with (
        pytest.raises(StopError) as caught,
        streamdcm.open_writer(path, ds, max_frames=1000, recover=True, **options) as writer,
    ):
        for pixels, item in frames(count):
            writer.write_frame(pixels, groups=item)
        raise StopError
    assert any("streamdcm recover" in note for note in caught.value.__notes__)
    assert not path.exists()
    return capture_in(folder)


def killed(folder: Path, kind: str, after: int, every: int = EVERY) -> int:
    """Kill a capture when it has written so many frames; return how many it said that it had."""
    command = python_module("tests.support.children.capturing", folder, str(every), kind)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = 0
        for line in process.stdout:
            said = int(line)
            if said >= after:
                process.kill()
                break
        return max([said, *(int(line) for line in process.stdout if line.endswith("\n"))])


def check_recovered(path: Path, encapsulated: bool) -> int:
    ds = dcmread(path)
    count = int(ds.get("NumberOfFrames", 1))
    if not encapsulated:
        check(path, count)
        return count
    assert list(ds.PerFrameFunctionalGroupsSequence) == [groups_of(number) for number in range(count)]
    assert [frame.rstrip(b"\0") for frame in frames_in(ds)] == [jpeg(number) for number in range(count)]
    return count


def torn(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


@pytest.mark.parametrize("encapsulated", [False, True])
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_no_frame_is_lost_that_was_there_at_the_last_sync(encapsulated: bool, seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    for attempt in range(2 if seed == 1 else 100):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        said = killed(folder, "encapsulated" if encapsulated else "native", chance.randrange(EVERY, 150))
        capture, log = capture_in(folder)
        result = streamdcm.recover(capture, folder / "out.dcm")
        count = check_recovered(folder / "out.dcm", encapsulated)
        assert count >= said // EVERY * EVERY
        assert result.bytes_written == (folder / "out.dcm").stat().st_size
        assert run("dcmftest", folder / "out.dcm").stdout.startswith("yes: ")
        # what is written when the power goes is torn anywhere
        torn(log, chance.randrange(log.stat().st_size))
        torn(capture, capture.stat().st_size - chance.randrange(1000))
        try:
            streamdcm.recover(capture, folder / "torn.dcm")
        except SourceError:
            assert not (folder / "torn.dcm").exists()
        else:
            assert check_recovered(folder / "torn.dcm", encapsulated) <= count


def test_wsidicom_reads_the_tiles_of_a_capture_that_was_killed(tmp_path: Path) -> None:
    wsidicom = package("wsidicom")
    count = COLUMNS * LINES
    assert killed(tmp_path, "tiles", count, every=1) == count
    streamdcm.recover(capture_in(tmp_path)[0], tmp_path / "out.dcm")
    with wsidicom.WsiDicom.open(tmp_path / "out.dcm") as read:
        found = [read.read_encoded_tile(0, (tile % COLUMNS, tile // COLUMNS)) for tile in range(count)]
    assert found == [padded(encoded(tile)) for tile in range(count)]


def test_a_capture_becomes_the_file_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "live.dcm"
    path.write_bytes(b"old")
    with streamdcm.open_writer(path, enhanced(), max_frames=100, recover=True, sync_every=EVERY) as writer:
        for pixels, item in frames(20):
            writer.write_frame(pixels, groups=item)
        capture, log = capture_in(tmp_path)
        assert log.exists()
        assert path.read_bytes() == b"old"
        with pytest.raises(PlanError, match="still being written"):
            streamdcm.recover(capture, tmp_path / "out.dcm")
    check(path, 20)
    assert os.listdir(tmp_path) == ["live.dcm"]
    with streamdcm.open_writer(tmp_path / "plain.dcm", enhanced(), max_frames=100) as writer:
        for pixels, item in frames(20):
            writer.write_frame(pixels, groups=item)
    assert path.read_bytes() == (tmp_path / "plain.dcm").read_bytes()


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("sync_every", [1, 1000, 0.0, 100.0])
def test_a_capture_that_is_given_up_has_all_frames(syntax: Any, sync_every: Any, tmp_path: Path) -> None:
    capture, log = stopped(tmp_path, 20, enhanced(syntax), sync_every=sync_every)
    for _ in range(2):  # it stays
        streamdcm.recover(capture, tmp_path / "out.dcm")
        check(tmp_path / "out.dcm", 20)
    assert capture.exists()
    assert log.exists()


def test_more_groups_than_were_reserved_are_not_lost(tmp_path: Path) -> None:
    options: dict[str, Any] = {"max_frames": 600, "frame_groups": 16}
    for name, more in (("live.dcm", {"recover": True, "sync_every": EVERY}), ("plain.dcm", {})):
        with streamdcm.open_writer(tmp_path / name, enhanced(), **options, **more) as writer:
            for pixels, item in frames(500):
                writer.write_frame(pixels, groups=item)
    check(tmp_path / "live.dcm", 500)
    assert (tmp_path / "live.dcm").read_bytes() == (tmp_path / "plain.dcm").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["live.dcm", "plain.dcm"]
    assert (tmp_path / "live.dcm").stat().st_mode == (tmp_path / "plain.dcm").stat().st_mode


@pytest.mark.parametrize("broken", ["move_tail", "copy_all"])
def test_what_was_captured_stays_when_it_cannot_be_moved(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "the disk is full")

    monkeypatch.setattr(f"streamdcm.sinks.path_capture.{broken}", full)
    with (
        pytest.raises(OSError, match="the disk is full"),
        streamdcm.open_writer(tmp_path / "a.dcm", enhanced(), max_frames=30, frame_groups=16, recover=True) as writer,
    ):
        for pixels, item in frames(20):
            writer.write_frame(pixels, groups=item)
    capture, log = capture_in(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([capture.name, log.name])
    streamdcm.recover(capture, tmp_path / "out.dcm")
    check(tmp_path / "out.dcm", 20)


@pytest.mark.parametrize("options", [{}, {"frame_groups": 300, "overflow": "refuse"}])
def test_the_item_of_a_frame_that_is_refused_is_not_recovered(options: dict[str, Any], tmp_path: Path) -> None:
    with (
        pytest.raises(EncodeError),
        streamdcm.open_writer(tmp_path / "a.dcm", enhanced(), max_frames=12, recover=True, **options) as writer,
    ):
        for pixels, item in frames(9):
            writer.write_frame(pixels, groups=item)
        writer.write_frame(bytes(7), groups=groups_of(9, comment=4000))
    streamdcm.recover(capture_in(tmp_path)[0], tmp_path / "out.dcm")
    check(tmp_path / "out.dcm", 9)


def test_the_command_recovers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture, _ = stopped(tmp_path, 9)
    assert main(["recover", str(capture), str(tmp_path / "out.dcm")]) == 0
    check(tmp_path / "out.dcm", 9)
    assert "out.dcm: 9 frames, " in capsys.readouterr().out
    assert main(["recover", "--json", str(capture), str(tmp_path / "out.dcm")]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["source"], said["status"], said["frames"]) == (str(capture), "recovered", 9)
    assert main(["recover", "--quiet", str(capture), str(tmp_path / "out.dcm")]) == 0
    assert capsys.readouterr().out == ""
    assert main(["recover", str(capture), str(tmp_path / "out.dcm"), "--no-overwrite"]) == 1


def test_values_that_came_late_are_recovered(tmp_path: Path) -> None:
    path = tmp_path / "live.dcm"
    ds = enhanced()
    ds.ImageComments = "default"
    late = {"ImageComments": 20, "PatientComments": 20}
    with (
        pytest.raises(StopError),
        streamdcm.open_writer(path, ds, max_frames=9, recover=True, late=late, sync_every=1) as writer,
    ):
        writer.set("PatientComments", "late")
        for pixels, item in frames(3):
            writer.write_frame(pixels, groups=item)
        raise StopError
    streamdcm.recover(capture_in(tmp_path)[0], tmp_path / "out.dcm")
    again = check(tmp_path / "out.dcm", 3)
    assert (again.ImageComments, again.PatientComments) == ("default", "late")


def test_arrays_that_are_encoded_are_recovered(tmp_path: Path) -> None:
    ds = enhanced(RLELossless, dimensions=0)
    del ds.SharedFunctionalGroupsSequence
    pixels = [each for each, _ in frames(30)]
    with (
        pytest.raises(StopError),
        streamdcm.open_writer(tmp_path / "live.dcm", ds, recover=True, sync_every=1, codec_workers=2) as writer,
    ):
        for each in pixels:
            writer.write_frame(each)
        raise StopError
    streamdcm.recover(capture_in(tmp_path)[0], tmp_path / "out.dcm")
    arrays = dcmread(tmp_path / "out.dcm").pixel_array
    assert len(arrays) > 20
    assert (arrays == np.stack(pixels)[: len(arrays)]).all()


def test_the_ratio_of_a_lossy_compression_is_recovered(tmp_path: Path) -> None:
    ds = template(JPEGBaseline8Bit, bits=8)
    path, sizes = tmp_path / "live.dcm", [21, 34, 12, 33]
    with pytest.raises(StopError), streamdcm.open_writer(path, ds, recover=True) as writer:
        for frame in compressed(sizes):
            writer.write_frame(frame)
        raise StopError
    streamdcm.recover(capture_in(tmp_path)[0], tmp_path / "out.dcm")
    streamdcm.dcmwrite(path, ds, frames=compressed(sizes))
    assert dcmread(tmp_path / "out.dcm").LossyImageCompressionRatio == dcmread(path).LossyImageCompressionRatio


def test_nothing_stays_of_a_capture_without_frames(tmp_path: Path) -> None:
    with (
        pytest.raises(StopError),
        streamdcm.open_writer(tmp_path / "live.dcm", enhanced(), max_frames=9, recover=True),
    ):
        raise StopError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options", [{"split": 3}, {"atomic": False}, {"checksum": "sha256"}, {"append": True}, {"sync_every": 0}]
)
def test_what_cannot_be_recovered_is_refused(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(PlanError):
        streamdcm.open_writer(tmp_path / "a.dcm", enhanced(), recover=True, **options)
    assert not list(tmp_path.iterdir())


def test_other_targets_and_deflated_datasets_are_refused(tmp_path: Path) -> None:
    with open(tmp_path / "a.dcm", "wb") as file, pytest.raises(PlanError, match="at a path"):
        streamdcm.open_writer(file, enhanced(), recover=True)
    with pytest.raises(PlanError, match="deflated"):
        streamdcm.open_writer(tmp_path / "b.dcm", enhanced(DeflatedExplicitVRLittleEndian), recover=True)


@pytest.mark.parametrize("target", ["s3://bucket/a.dcm", "https://example.org/a.dcm", "file:///tmp/a.dcm"])
def test_a_url_is_refused(target: str) -> None:
    with pytest.raises(PlanError, match="at a path"):
        streamdcm.open_writer(target, enhanced(), recover=True)


def test_groups_without_a_field_are_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(EncodeError, match="give max_frames="),
        streamdcm.open_writer(tmp_path / "a.dcm", enhanced(), recover=True) as writer,
    ):
        for pixels, item in frames(3):
            writer.write_frame(pixels, groups=item)


def test_what_is_no_capture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="ends in"):
        streamdcm.recover(tmp_path / "a.dcm", tmp_path / "b.dcm")
    (tmp_path / f".a.dcm.00000000{SUFFIX}").write_bytes(b"x")
    (tmp_path / f".a.dcm.00000000{LOG_SUFFIX}").write_bytes(b"y")
    with pytest.raises(SourceError, match="nothing was captured"):
        streamdcm.recover(tmp_path / f".a.dcm.00000000{SUFFIX}", tmp_path / "b.dcm")


@pytest.mark.anyio
async def test_on_an_event_loop(tmp_path: Path) -> None:
    path = tmp_path / "live.dcm"
    async with streamdcm.open_writer_async(path, enhanced(), max_frames=50, recover=True, sync_every=3) as writer:
        for pixels, item in frames(10):
            await writer.write_frame(pixels, groups=item)
    check(path, 10)
    assert writer.result is not None
    path.unlink()
    with pytest.raises(StopError):
        async with streamdcm.open_writer_async(path, enhanced(), max_frames=50, recover=True, sync_every=3) as writer:
            for pixels, item in frames(10):
                await writer.write_frame(pixels, groups=item)
            raise StopError
    await streamdcm.recover_async(capture_in(tmp_path)[0], tmp_path / "out.dcm")
    check(tmp_path / "out.dcm", 10)
    with pytest.raises(PlanError):
        async with streamdcm.open_writer_async(path, enhanced(), recover=True, split=3):
            pass


def test_a_value_that_is_set_after_the_last_frame_is_not_lost(tmp_path: Path) -> None:
    writer = streamdcm.open_writer(
        tmp_path / "a.dcm", enhanced(), max_frames=9, recover=True, sync_every=1, late={"ImageComments": 16}
    )
    with pytest.raises(StopError), writer:
        writer.set("ImageComments", "first")
        for pixels, item in frames(2):
            writer.write_frame(pixels, groups=item)
        writer.set("ImageComments", "second")
        raise StopError
    streamdcm.recover(capture_in(tmp_path)[0], tmp_path / "out.dcm")
    assert dcmread(tmp_path / "out.dcm").ImageComments == "second"


def test_a_capture_is_not_written_over_while_it_is_read(tmp_path: Path) -> None:
    capture, log = stopped(tmp_path, 5)
    for path in (capture, log):
        old = path.read_bytes()
        with pytest.raises(PlanError, match="one file"):
            streamdcm.recover(capture, path, atomic=False)
        with path.open("r+b") as file, pytest.raises(PlanError, match="one file"):
            streamdcm.recover(capture, file)
        assert path.read_bytes() == old


def test_a_log_that_somebody_removed_does_no_harm(tmp_path: Path) -> None:
    with streamdcm.open_writer(tmp_path / "a.dcm", enhanced(), max_frames=9, recover=True) as writer:
        for pixels, item in frames(2):
            writer.write_frame(pixels, groups=item)
        capture_in(tmp_path)[1].unlink()
    check(tmp_path / "a.dcm", 2)


def test_a_long_name_is_cut_in_that_of_the_capture(tmp_path: Path) -> None:
    path = tmp_path / ("ä" * 125 + ".dcm")
    with streamdcm.open_writer(path, enhanced(), max_frames=9, recover=True) as writer:
        for pixels, item in frames(2):
            writer.write_frame(pixels, groups=item)
        assert capture_in(tmp_path)[1].exists()
    check(path, 2)


@pytest.mark.parametrize("options", [{"seekable": False}, {"part_size": 2**24}, {"content_type": "a/b"}])
def test_what_has_no_effect_on_a_capture_is_refused(options: Any, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="leave it out"):
        streamdcm.open_writer(tmp_path / "a.dcm", enhanced(), recover=True, **options)
    with pytest.raises(PlanError, match="at a path of this machine"):
        streamdcm.open_writer("s3://bucket/a.dcm", enhanced(), recover=True)
    with pytest.raises(PlanError, match="sync_every= is about what can be recovered"):
        streamdcm.open_writer(tmp_path / "a.dcm", enhanced(), sync_every=3)


@pytest.mark.parametrize("which", [0, 1], ids=["capture", "log"])
@pytest.mark.parametrize("is_link", [False, True])
def test_neither_a_capture_nor_its_log_is_replaced(which: int, is_link: bool, tmp_path: Path) -> None:
    places = stopped(tmp_path, 3)
    before = [place.read_bytes() for place in places]
    target = places[which]
    if is_link:
        target = tmp_path / "link"
        target.symlink_to(places[which])
    with pytest.raises(PlanError, match="is what is recovered from, and is to stay; name another target"):
        streamdcm.recover(places[0], target)
    assert [place.read_bytes() for place in places] == before


def log_of(*records: tuple[bytes, bytes]) -> bytes:
    return capture_log.MAGIC + b"".join(capture_log._record(kind, payload) for kind, payload in records)


INFO = b'{"encapsulated": false, "frame_length": 8, "per_frame": 1, "most": null}'


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([(b"INFO", b"no JSON"), (b"FILE", b"")], "has a record that no capture writes"),
        ([(b"INFO", b"[]"), (b"FILE", b"")], "has a record that no capture writes"),
        ([(b"INFO", b'{"unknown": 1}'), (b"FILE", b"")], "has a record that no capture writes"),
        ([(b"INFO", INFO), (b"FILE", b""), (b"SYNC", b"short")], "has a record that no capture writes"),
        (
            [(b"INFO", INFO), (b"FILE", b""), (b"SYNC", capture_log._SYNC.pack(10, 0, 0, 5) + b"short")],
            "has a record that no capture writes",
        ),
        ([(b"INFO", INFO), (b"FILE", b"no DICOM")], "has no DICOM file where that of the capture should be"),
    ],
    ids=str,
)
def test_a_log_whose_check_sums_are_right_and_whose_records_are_not(
    records: list[tuple[bytes, bytes]], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture, log = stopped(tmp_path, 3)
    log.write_bytes(log_of(*records))
    with pytest.raises(SourceError, match=message):
        streamdcm.recover(capture, tmp_path / "out.dcm")
    assert main(["recover", str(capture), str(tmp_path / "out.dcm")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.dcm").exists()
