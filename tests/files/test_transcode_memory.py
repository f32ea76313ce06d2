"""Coding frames takes no more memory for more of them, all processes counted."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import ExplicitVRLittleEndian

import streamdcm
from tests.support.images import template
from tests.support.memory import MIB, measure, of_all
from tests.support.space import directory_for, needs_proc
from tests.support.tools import package

package("imagecodecs")

CHILD = "tests.support.children.transcode"

pytestmark = [pytest.mark.memory, needs_proc]


@pytest.fixture
def directory() -> Iterator[Path]:
    with directory_for(1600 * MIB) as path:
        yield path


def source(path: Path, count: int) -> Path:
    """A file of frames of 512 times 512 pixels of 16 bits."""
    generator = np.random.default_rng(1)
    base = np.add.outer(np.arange(512), np.arange(512)).astype("u2") + generator.integers(0, 40, (512, 512), "u2")
    dataset = template(ExplicitVRLittleEndian, rows=512, columns=512)
    streamdcm.dcmwrite(
        path, dataset, frames=(base + np.uint16(number) for number in range(count)), number_of_frames=count
    )
    return path


def test_a_gibibyte_to_htj2k_and_back(directory: Path) -> None:
    frames = source(directory / "in.dcm", 2048)
    written, there = measure(CHILD, frames, "HTJ2KLossless", "2")
    assert 100 * MIB < written < 1024 * MIB
    streamdcm.rewrite(frames, directory / "coded.dcm", transfer_syntax="HTJ2KLossless")
    frames.unlink()
    written, back = measure(CHILD, directory / "coded.dcm", "ExplicitVRLittleEndian", "2")
    assert written > 1024 * MIB
    assert max(there, back) <= 64 * MIB, f"{there / MIB:.1f} and {back / MIB:.1f} MiB"


def test_four_times_as_many_frames_take_no_more(directory: Path) -> None:
    few, many = source(directory / "few.dcm", 128), source(directory / "many.dcm", 512)
    for syntax in ("HTJ2KLossless", "JPEG2000Lossless", "JPEGLSLossless"):
        (_, small), (_, large) = (measure(CHILD, path, syntax, "2") for path in (few, many))
        assert large <= small + 8 * MIB, f"{syntax}: {small / MIB:.1f} and {large / MIB:.1f} MiB"


def test_processes_are_counted(directory: Path) -> None:
    package("openjpeg")
    frames = source(directory / "in.dcm", 256)
    _, taken = measure(CHILD, frames, "JPEG2000", "2", "10", memory_of=of_all)
    assert 60 * MIB < taken <= 150 * MIB, f"{taken / MIB:.1f} MiB"
