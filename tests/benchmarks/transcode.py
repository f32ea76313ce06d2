"""Frames encoded and decoded: `rewrite` beside `Dataset.compress`, `Dataset.decompress`, gdcmconv and DCMTK."""

import resource
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pydicom
from pydicom.uid import ExplicitVRLittleEndian

import streamdcm
from tests.benchmarks.datasets import MIB
from tests.benchmarks.report import Report, Row
from tests.support.images import template

ROW = "{:<34} {:<26} {:>9} {:>9} {:>9}  {}"
AT_MOST = 1.15
"""How much of the processor's time of `compress` and `decompress` `rewrite` may take."""
AT_LEAST = 1.6
"""How much faster two workers have to be than one, on two cores that nobody else uses."""


class Took(NamedTuple):
    """Seconds."""

    cpu: float
    wall: float


def measure_transcode(directory: Path, rounds: int, size: int, report: Report) -> None:
    """Measure and print: frames of 512 times 512 pixels of 12 bits in 16."""
    print(ROW.format(f"transcode, {size // MIB:,} MiB", "", "CPU", "wall", "ratio", "target"))
    native, coded, target = (directory / name for name in ("native.dcm", "coded.dcm", "out.dcm"))
    _source(native, size // (512 * 512 * 2))
    for keyword in ("JPEGLSLossless", "JPEG2000Lossless", "RLELossless", "HTJ2KLossless"):
        streamdcm.rewrite(native, coded, transfer_syntax=keyword)
        for name, contenders in (
            (f"to {keyword}", _encoders(native, target, keyword)),
            (f"from {keyword}", _decoders(coded, target, keyword)),
        ):
            print(report.add(_measure(name, contenders, rounds)).lead, flush=True)


def measure_workers(directory: Path, rounds: int, size: int) -> None:
    """Measure and print how much faster two workers are than one; nothing else may run meanwhile."""
    print(ROW.format(f"codec_workers, {size // MIB:,} MiB", "", "1, wall", "2, wall", "ratio", "target"))
    native, target = directory / "native.dcm", directory / "out.dcm"
    _source(native, size // (512 * 512 * 2))
    for keyword in ("JPEGLSLossless", "JPEG2000Lossless", "HTJ2KLossless"):
        walls: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(rounds):
            for workers, took in walls.items():
                rewrite = partial(streamdcm.rewrite, native, target, transfer_syntax=keyword, codec_workers=workers)
                took.append(_time(rewrite).wall)
        one, two = (statistics.median(took) for took in walls.values())
        verdict = f">= {AT_LEAST} {'met' if one / two >= AT_LEAST else 'MISSED'}"
        print(ROW.format(f"to {keyword}", "", f"{one:.2f} s", f"{two:.2f} s", f"{one / two:.2f}", verdict), flush=True)


def _source(path: Path, count: int) -> None:
    generator = np.random.default_rng(1)
    smooth = np.add.outer(np.arange(512), np.arange(512)).astype("u2") + generator.integers(0, 40, (512, 512), "u2")
    dataset = template(ExplicitVRLittleEndian, rows=512, columns=512, BitsStored=12, HighBit=11)
    frames = (smooth + np.uint16(number % 2000) for number in range(count))
    streamdcm.dcmwrite(path, dataset, frames=frames, number_of_frames=count, enforce_file_format=True)


def _encoders(source: Path, target: Path, keyword: str) -> dict[str, Callable[[], object]]:
    syntax = getattr(pydicom.uid, keyword)

    def compress() -> None:
        dataset = pydicom.dcmread(source)
        dataset.compress(syntax)
        dataset.save_as(target)

    found: dict[str, Callable[[], object]] = {"streamdcm": partial(_rewrite, source, target, keyword)}
    if keyword != "HTJ2KLossless":
        found["Dataset.compress"] = compress
    option = {"JPEGLSLossless": "--jpegls", "JPEG2000Lossless": "--j2k", "RLELossless": "--rle"}.get(keyword)
    found |= _program("gdcmconv", option, source, target)
    return found | _program({"JPEGLSLossless": "dcmcjpls", "RLELossless": "dcmcrle"}.get(keyword), "", source, target)


def _decoders(source: Path, target: Path, keyword: str) -> dict[str, Callable[[], object]]:
    def decompress() -> None:
        dataset = pydicom.dcmread(source)
        dataset.decompress()
        dataset.save_as(target)

    found: dict[str, Callable[[], object]] = {
        "streamdcm": partial(_rewrite, source, target, "ExplicitVRLittleEndian"),
        "Dataset.decompress": decompress,
    }
    found |= _program("gdcmconv", None if keyword == "HTJ2KLossless" else "--raw", source, target)
    return found | _program({"JPEGLSLossless": "dcmdjpls", "RLELossless": "dcmdrle"}.get(keyword), "", source, target)


def _rewrite(source: Path, target: Path, keyword: str) -> None:
    streamdcm.rewrite(source, target, transfer_syntax=keyword)


def _program(name: str | None, option: str | None, source: Path, target: Path) -> dict[str, Callable[[], object]]:
    if name is None or option is None or shutil.which(name) is None:
        return {}
    command = [name, *([option] if option else []), str(source), str(target)]
    return {name: partial(subprocess.run, command, check=True, capture_output=True)}


def _measure(name: str, contenders: dict[str, Callable[[], object]], rounds: int) -> Row:
    took: dict[str, list[Took]] = {contender: [] for contender in contenders}
    for _ in range(rounds):
        for contender, run in contenders.items():
            took[contender].append(_time(run))
    for contender, times in took.items():
        cpu, wall = (statistics.median(getattr(each, field) for each in times) for field in Took._fields)
        ratio = statistics.median(ours.cpu / each.cpu for ours, each in zip(took["streamdcm"], times, strict=True))
        verdict = ""
        if contender.startswith("Dataset"):
            verdict = f"<= {AT_MOST} {'met' if ratio <= AT_MOST else 'MISSED'}"
        shown = "" if contender == "streamdcm" else f"{ratio:.2f}"
        print(ROW.format(name, contender, f"{cpu:.2f} s", f"{wall:.2f} s", shown, verdict).rstrip(), flush=True)
    seconds = {contender: statistics.median(each.cpu for each in times) for contender, times in took.items()}
    return Row("transcode", name, seconds, clock="CPU")


def _time(run: Callable[[], object]) -> Took:
    cpu, wall = _cpu(), time.perf_counter()
    run()
    return Took(_cpu() - cpu, time.perf_counter() - wall)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
