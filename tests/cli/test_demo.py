"""``streamdcm demo`` writes what it says, finds what is not right, and leaves nothing behind."""

import mmap
import os
import re
import subprocess
import tempfile
from collections import namedtuple

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames

from streamdcm.cli import demo, memory
from streamdcm.cli.app import main
from streamdcm.cli.camera import Camera, loop_of
from streamdcm.cli.memory import MemoryMeter, anonymous_memory
from streamdcm.write.functions import dcmwrite
from tests.support import python, tools

LOOP = get_testdata_file("examples_ybr_color.dcm")
ALL_COMPARED = "400 KB"
"""So few frames that each of them is compared."""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


@pytest.fixture
def camera():
    return Camera(loop_of(pydicom.dcmread(LOOP)), 400_000)


def table(text):
    return dict(re.findall(r"^  (\S.*?) {2,}(.+)$", text, re.MULTILINE))


def test_the_table_says_what_is_in_the_file(tmp_path, capsys):
    path = tmp_path / "demo.dcm"
    assert main(["demo", "--size", "2 MiB", "--out", str(path)]) == 0
    said = table(capsys.readouterr().out)
    dataset = pydicom.dcmread(path)
    assert said["file"] == str(path)
    assert said["bytes"].startswith(f"{path.stat().st_size:,} (")
    assert said["frames"].startswith(f"{dataset.NumberOfFrames:,},")
    assert said["patches"] == "2"
    assert said["offset table"].startswith("basic; a table was reserved for ")
    assert said["read back"].startswith("100 of 100 frames")
    assert "MiB/s" in said["throughput"]
    assert "above the start" in said["peak memory"]


def test_the_frames_in_the_file_are_those_that_were_played(tmp_path):
    path = tmp_path / "demo.dcm"
    assert main(["demo", "--size", "2 MiB", "--out", str(path), "--quiet"]) == 0
    dataset, source = pydicom.dcmread(path), pydicom.dcmread(LOOP)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=dataset.NumberOfFrames))
    images = list(generate_frames(source.PixelData, number_of_frames=source.NumberOfFrames))
    assert len(frames) == dataset.NumberOfFrames
    assert sum(map(len, frames[:-1])) < 2 * 2**20 <= sum(map(len, frames))
    for index, frame in enumerate(frames):
        comment = b"\xff\xfe\0\x14frame %012d" % (index + 1)
        assert comment in frame
        assert frame.replace(comment, b"") == images[index % 30]
    assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID != source.SOPInstanceUID


def test_decoders_take_the_frames(tmp_path):
    path, decoded = tmp_path / "demo.dcm", tmp_path / "decoded.dcm"
    main(["demo", "--size", ALL_COMPARED, "--out", str(path), "--quiet"])
    assert tools.run("dcmdjpeg", path, decoded).returncode == 0
    assert tools.run("gdcmconv", "--raw", path, tmp_path / "raw.dcm").returncode == 0
    dataset = pydicom.dcmread(decoded)
    assert len(dataset.PixelData) == dataset.NumberOfFrames * 240 * 320 * 3


def test_the_file_is_removed(temporary, capsys):
    assert main(["demo", "--size", ALL_COMPARED]) == 0
    assert "(removed now)" in table(capsys.readouterr().out)["file"]
    assert os.listdir(temporary) == []


def test_the_file_can_be_kept(temporary, capsys):
    assert main(["demo", "--size", ALL_COMPARED, "--keep"]) == 0
    kept = table(capsys.readouterr().out)["file"]
    assert kept.startswith(str(temporary))
    assert pydicom.dcmread(kept).NumberOfFrames > 30


def test_quiet_says_nothing(capsys):
    assert main(["demo", "--size", ALL_COMPARED, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_numpy_is_not_needed():
    program = "import sys; sys.modules['numpy'] = None; from streamdcm.cli.app import main; sys.exit(main())"
    subprocess.run(python(program, "demo", "--size", ALL_COMPARED, "--quiet"), check=True)


def change_last_frame(data):
    at = data.rindex(b"frame 0") + 100
    data[at] ^= 1


def change_offset_table(data):
    at = data.rindex(b"\xe0\x7f\x10\0OB") + 12 + 8
    data[at : at + 4] = data[at + 4 : at + 8]  # the first frame begins where the second does


def break_item(data):
    at = data.rindex(b"\xfe\xff\0\xe0")
    data[at] = 0


def cut_off(data):
    del data[-1000:]


def change_number_of_frames(data):
    at = data.index(b"\x28\0\x08\0IS") + 8
    data[at : at + 1] = b"9"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change_last_frame, r"1 of (\d\d) frames did not .*; the first is frame \1$"),
        (change_offset_table, r"1 of \d\d frames did not .*; the first is frame 1$"),
        (break_item, r"1 of (\d\d) frames did not .*; the first is frame \1$"),
        (cut_off, r"1 of (\d\d) frames did not .*; the first is frame \1$"),
        (change_number_of_frames, r"\(0028,0008\) NumberOfFrames"),
    ],
)
def test_damage_between_writing_and_reading_is_found(tmp_path, monkeypatch, capsys, damage, message):
    record, path = demo.record, tmp_path / "demo.dcm"

    def record_and_damage(*arguments):
        recording = record(*arguments)
        data = bytearray(path.read_bytes())
        damage(data)
        path.write_bytes(data)
        return recording

    monkeypatch.setattr(demo, "record", record_and_damage)
    assert main(["demo", "--size", ALL_COMPARED, "--out", str(path)]) == 1
    assert re.search(message, capsys.readouterr().err.strip())


def test_an_extended_offset_table_is_read_too(tmp_path, camera):
    path = tmp_path / "demo.dcm"
    dataset = pydicom.dcmread(LOOP)
    dcmwrite(path, dataset, frames=camera, max_frames=camera.most, offset_table="extended")
    comparison = demo.compare(camera, path)
    assert (comparison.table, comparison.wrong) == ("extended", [])
    assert comparison.frames == list(range(camera.played))


def test_the_most_frames_are_never_too_few(camera):
    for camera.size in (1, 6_000, 400_000):
        camera.played = 0
        assert len(list(camera)) == camera.played <= camera.most


def test_a_full_disk_is_found_before_the_first_byte(monkeypatch, temporary, capsys):
    monkeypatch.setattr(demo.shutil, "disk_usage", lambda path: namedtuple("usage", "free")(2**20))
    assert main(["demo", "--size", ALL_COMPARED]) == 1
    assert "has 1.0 MiB free, but 1.4 MiB are needed; ask for less with --size" in capsys.readouterr().err
    assert os.listdir(temporary) == []


def test_what_cannot_be_read_back_is_refused(tmp_path, capsys):
    assert main(["demo", "--size", ALL_COMPARED, "--out", str(tmp_path)]) == 1
    assert f"{tmp_path} is not a file" in capsys.readouterr().err


@pytest.mark.parametrize("size", ["0", "-1", "much", "nan", "inf"])
def test_a_size_that_is_none_is_exit_status_2(size, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["demo", f"--size={size}"])
    assert "is not a size such as" in capsys.readouterr().err


def test_the_memory_meter_notes_the_most():
    meter = MemoryMeter()
    # of the system itself: what the allocator has kept for another test would not be seen
    with mmap.mmap(-1, 2**26, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as room:
        for start in range(0, 2**26, mmap.PAGESIZE):
            room[start] = 1
        meter.read()
    assert meter.most - meter.start > 2**25


def test_memory_is_known_without_proc(monkeypatch):
    def missing(*arguments):
        raise FileNotFoundError

    tools.package("psutil")
    known = anonymous_memory()
    with monkeypatch.context() as without_proc:
        without_proc.setattr(memory, "open", missing, raising=False)
        assert known / 2 < anonymous_memory() < 2 * known


def test_memory_is_known_without_psutil_and_unknown_without_both(monkeypatch):
    known = anonymous_memory()
    monkeypatch.setattr(memory, "psutil", None)
    assert known / 2 < anonymous_memory() < 2 * known

    def missing(*arguments):
        raise FileNotFoundError

    monkeypatch.setattr(memory, "open", missing, raising=False)
    meter = MemoryMeter()
    assert (meter.read(), meter.most) == (None, None)
