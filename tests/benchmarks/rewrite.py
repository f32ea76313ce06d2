"""Files to files: the processor's time of `rewrite` beside others that read a file, edit two elements and write it."""

import os
import resource
import shutil
import statistics
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pydicom
from pydicom.data import get_testdata_file

import streamdcm
from tests.benchmarks import datasets
from tests.benchmarks.report import Report, Row

try:
    import gdcm
except ImportError:
    gdcm = None
try:
    import dicomsdl
except ImportError:
    dicomsdl = None

ROW = "{:<28} {:<24} {:>10} {:>10}  {}"
EDIT = {"PatientName": "Doe^Jane", "PatientID": "edited"}


class Target(NamedTuple):
    """How much of a contender's time `rewrite` may take."""

    contender: str
    at_most: float


def measure_rewrite(directory: Path, rounds: int, size: int, report: Report) -> None:
    """Measure and print: a CT slice a thousand times, functional groups, an RT plan, and bulk."""
    print(ROW.format("rewrite, CPU time", "", "median", "ratio", "target"))
    ct, plan = Path(str(get_testdata_file("CT_small.dcm"))), Path(str(get_testdata_file("rtplan.dcm")))
    enhanced, bulk = directory / "enhanced.dcm", directory / "bulk.dcm"
    enhanced.write_bytes(datasets.functional_groups_encoded(1000, undefined=True))
    pydicom.dcmwrite(bulk, datasets.bulk(size)())
    targets = [Target("pydicom", 1 / 6), Target("dcmread and dcmwrite", 1 / 2), Target("python-gdcm", 1)]
    out = directory / "out.dcm"
    for row in (
        _measure("CT slice", ct, out, rounds, 1000 // rounds, targets),
        _measure("functional groups", enhanced, out, rounds, 1, []),
        _measure("RT plan", plan, out, rounds, 50, []),
        _measure(f"{size >> 20:,} MiB", bulk, out, min(rounds, 5), 1, []),
    ):
        print(f"{row.name}: {report.add(row).lead}", flush=True)


def _measure(name: str, source: Path, target: Path, rounds: int, batch: int, targets: list[Target]) -> Row:
    seconds: dict[str, list[float]] = {}
    for _ in range(rounds):
        for contender, run in _contenders(source, target).items():
            times = 3 if contender.endswith("conv") else batch
            seconds.setdefault(contender, []).append(_cpu(run, times))
    for contender, all_seconds in seconds.items():
        median = statistics.median(all_seconds)
        ratio = statistics.median(theirs / own for theirs, own in zip(all_seconds, seconds["rewrite"], strict=True))
        limit = next((target.at_most for target in targets if target.contender == contender), None)
        verdict = "" if limit is None else f">= {1 / limit:.0f} {'met' if ratio >= 1 / limit else 'MISSED'}"
        print(ROW.format(name, contender, f"{median * 1e3:.3g} ms", f"{ratio:.2f} x", verdict).rstrip(), flush=True)
    medians = {contender: statistics.median(took) for contender, took in seconds.items()}
    return Row("rewrite", name, medians, clock="CPU")


def _contenders(source: Path, target: Path) -> dict[str, Callable[[], object]]:
    """Return what reads, edits and writes; command-line tools start a process each time, which counts."""

    def with_pydicom() -> None:
        dataset = pydicom.dcmread(source)
        dataset.PatientName, dataset.PatientID = EDIT["PatientName"], EDIT["PatientID"]
        dataset.save_as(target)

    def with_dcmwrite() -> None:
        dataset = pydicom.dcmread(source)
        dataset.PatientName, dataset.PatientID = EDIT["PatientName"], EDIT["PatientID"]
        streamdcm.dcmwrite(target, dataset)

    def with_gdcm() -> None:
        reader = gdcm.Reader()
        reader.SetFileName(os.fspath(source))
        assert reader.Read()
        anonymizer = gdcm.Anonymizer()
        anonymizer.SetFile(reader.GetFile())
        anonymizer.Replace(gdcm.Tag(0x10, 0x10), EDIT["PatientName"])
        anonymizer.Replace(gdcm.Tag(0x10, 0x20), EDIT["PatientID"])
        writer = gdcm.Writer()
        writer.SetFileName(os.fspath(target))
        writer.SetFile(reader.GetFile())
        assert writer.Write()

    def with_dicomsdl() -> None:
        dataset = dicomsdl.open(os.fspath(source))
        dataset.PatientName, dataset.PatientID = EDIT["PatientName"], EDIT["PatientID"]
        dataset.save(os.fspath(target))

    contenders: dict[str, Callable[[], object]] = {
        "rewrite": lambda: streamdcm.rewrite(source, target, edit=EDIT),
        "pydicom": with_pydicom,
        "dcmread and dcmwrite": with_dcmwrite,
    }
    if gdcm is not None:
        contenders["python-gdcm"] = with_gdcm
    if dicomsdl is not None:
        contenders["dicomsdl"] = with_dicomsdl
    for tool in ("dcmconv", "gdcmconv"):
        if shutil.which(tool):
            command = [tool, os.fspath(source), os.fspath(target)]
            contenders[tool] = partial(subprocess.run, command, check=True, capture_output=True)
    return contenders


def _cpu(run: Callable[[], object], times: int) -> float:
    """Return the processor's seconds of a call, those of its children and of the system for it included."""
    run()
    before = _used()
    for _ in range(times):
        run()
    return (_used() - before) / times


def _used() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
