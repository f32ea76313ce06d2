"""``python -m tests.benchmarks.network``: sending, beside pynetdicom, dicomweb-client, storescu and dcmsend.

Each run is a process of its own; contenders take turns, and rows are medians: seconds, seconds of CPU, and MiB of
memory above the start. Servers run on this machine, and share its processors with who sends. What is to be reached are
medians of the rounds' ratios. ``--rounds 1 --slices 200 --size 128`` takes some minutes.
"""

import argparse
import gc
import importlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from tests.support import peers, python_module
from tests.support.children.sending import image, send

MIB = 1 << 20
CHILD = "tests.benchmarks.network"
ROW = "{:<28} {:>9} {:>9} {:>9}"


class Run(NamedTuple):
    """What one run took."""

    seconds: float
    cpu: float
    mib: float


def make_slices(folder: Path, count: int) -> None:
    """Write CT slices of half a MiB, each its own instance."""
    ds = image(1)
    del ds.NumberOfFrames
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    ds.Modality = "CT"
    ds.PixelData = bytes(range(256)) * (512 * 1024 // 256)
    for number in range(count):
        ds.SOPInstanceUID = generate_uid()
        ds.InstanceNumber = number
        ds.save_as(folder / f"{number:05}.dcm", enforce_file_format=True)


def by_streamdcm(url: str, folder: Path, way: str) -> None:
    import anyio

    from streamdcm import dicomweb, dimse

    face = dimse if url.startswith("dicom") else dicomweb
    given = map(dcmread, sorted(folder.iterdir())) if "datasets" in way else folder
    options = {"batch_size": 50} if "50" in way else {}
    if "async" in way:
        result = anyio.run(lambda: face.store_async(url, given, **options))
    else:
        result = face.store(url, given, **options)
    result.raise_for_failures()


def by_pynetdicom(url: str, folder: Path, way: str) -> None:
    from pynetdicom import AE

    host, port = url.rpartition("@")[2].split(":")
    ae = AE()
    ae.maximum_pdu_size = 131072
    ae.add_requested_context(_sop_class(folder), "1.2.840.10008.1.2.1")
    association = ae.associate(host, int(port))
    assert association.is_established
    for path in sorted(folder.iterdir()):
        status = association.send_c_store(dcmread(path) if "datasets" in way else str(path))
        assert status.Status == 0
    association.release()


def _sop_class(folder: Path) -> str:
    return str(dcmread(next(folder.iterdir()), specific_tags=["SOPClassUID"]).SOPClassUID)


def by_dicomweb_client(url: str, folder: Path, way: str) -> None:
    from dicomweb_client.api import DICOMwebClient

    client = DICOMwebClient(url)
    waiting: list[Dataset] = []
    for path in sorted(folder.iterdir()):
        waiting.append(dcmread(path))
        if len(waiting) == (50 if "50" in way else 1):
            client.store_instances(waiting)
            waiting = []
    if waiting:
        client.store_instances(waiting)


def by_hand(url: str, folder: Path, way: str) -> None:
    """Send each file as it is and wait: what is left is the time that the server takes."""
    there = urlsplit(url)
    connection = HTTPConnection(there.hostname or "", there.port)
    headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=part'}
    for path in sorted(folder.iterdir()):
        body = b"--part\r\nContent-Type: application/dicom\r\n\r\n%b\r\n--part--\r\n" % path.read_bytes()
        connection.request("POST", f"{there.path}/studies", body, headers)
        assert connection.getresponse().read()
    connection.close()


def generated(url: str, _: Path, way: str) -> None:
    send("asyncio" if "async" in way else "sync", url, int(os.environ["STREAMDCM_BENCHMARK_MIB"]))


CHILDREN: dict[str, Callable[[str, Path, str], None]] = {
    "streamdcm": by_streamdcm,
    "pynetdicom": by_pynetdicom,
    "dicomweb-client": by_dicomweb_client,
    "http.client": by_hand,
    "generated": generated,
}


def as_child(name: str, way: str, url: str, folder: str) -> None:
    """Be the process that is measured: import everything, then send."""
    for module in (
        "anyio",
        "dicomweb_client.api",
        "httpcore2",
        "httpx2",
        "pynetdicom",
        "streamdcm.dicomweb",
        "streamdcm.dimse",
    ):
        importlib.import_module(module)
    gc.collect()
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins here
    start, cpu = time.perf_counter(), time.process_time()
    CHILDREN[name](url, Path(folder), way)
    seconds, used = time.perf_counter() - start, time.process_time() - cpu
    print(seconds, used, (resident("VmHWM") - before) / 1024)


def resident(name: str) -> int:
    """Return the KiB of memory that this process has, or had at most."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def measured(command: list[str], *, is_child: bool) -> Run:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    seconds = time.perf_counter() - start
    if is_child:
        return Run(*map(float, done.stdout.split()[-3:]))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(seconds, cpu, float("nan"))


def child(name: str, way: str, url: str, folder: Path) -> Callable[[], Run]:
    return lambda: measured(python_module(CHILD, "--child", name, way, url, folder), is_child=True)


def program(*command: object) -> Callable[[], Run]:
    return lambda: measured(list(map(str, command)), is_child=False)


class Runs:
    """What the runs of some contenders took."""

    def __init__(self, runs: dict[str, list[Run]]) -> None:
        self._runs = runs

    def ratio(self, what: str, one: str, other: str) -> float:
        """Return the median of the rounds' ratios."""
        pairs = zip(self._runs[one], self._runs[other], strict=True)
        return statistics.median(getattr(a, what) / max(getattr(b, what), 0.01) for a, b in pairs)

    def at_least(self, target: float, what: str, one: str, other: str) -> None:
        """Print whether the first takes so many times as much as the second."""
        self._tell(f"{one} : {other}, {what}", self.ratio(what, one, other), target, is_least=True)

    def at_most(self, target: float, what: str, one: str, other: str) -> None:
        """Print whether the first takes no more than so many times as much as the second."""
        self._tell(f"{one} : {other}, {what}", self.ratio(what, one, other), target, is_least=False)

    def stays_below(self, mib: float, one: str) -> None:
        """Print whether the peak of the memory above the start stays below so many MiB."""
        self._tell(f"{one}, MiB", statistics.median(run.mib for run in self._runs[one]), mib, is_least=False)

    @staticmethod
    def _tell(what: str, value: float, target: float, *, is_least: bool) -> None:
        reached = value >= target if is_least else value <= target
        bound = "at least" if is_least else "at most"
        print(f"  {what}: {value:.2f}, {bound} {target:g}: {'reached' if reached else 'NOT REACHED'}", flush=True)


def compare(title: str, contenders: dict[str, Callable[[], Run]], rounds: int, clean: Callable[[], None]) -> Runs:
    """Run contenders by turns, and print the medians."""
    print(f"\n{title}\n" + ROW.format("", "s", "CPU s", "MiB"))
    runs: dict[str, list[Run]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            clean()
            runs[name].append(run())
    for name, took in runs.items():
        medians = [statistics.median(each) for each in zip(*took, strict=True)]
        print(ROW.format(name, *(f"{value:.2f}" for value in medians)), flush=True)
    return Runs(runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=1000)
    parser.add_argument("--size", type=int, default=1024, metavar="MIB", help="of the large instance (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    os.environ["STREAMDCM_BENCHMARK_MIB"] = str(given.size)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        slices, large = directory / "slices", directory / "large"
        slices.mkdir()
        large.mkdir()
        make_slices(slices, given.slices)
        _large_file(large, given.size)
        with peers.storescp(directory / "received") as server:
            _c_store_of_slices(given, server, slices)
            _c_store_of_one(given, server, large)
        few, one = directory / "few", directory / "one"
        few.mkdir()
        one.mkdir()
        make_slices(few, max(1, given.slices * 3 // 10))
        _large_file(one, max(1, given.size * 3 // 10))
        with peers.orthanc(directory / "orthanc") as orthanc:
            _stow_of_slices(given, orthanc, few)
            _stow_of_one(given, orthanc, one)


def _c_store_of_slices(given: argparse.Namespace, server: peers.Storescp, slices: Path) -> None:
    host, port = server.url.rpartition("@")[2].split(":")
    runs = compare(
        f"{given.slices} CT slices, one association, storescp",
        {
            "streamdcm, paths": child("streamdcm", "paths", server.url, slices),
            "streamdcm, paths, async": child("streamdcm", "paths async", server.url, slices),
            "streamdcm, datasets": child("streamdcm", "datasets", server.url, slices),
            "pynetdicom, paths": child("pynetdicom", "paths", server.url, slices),
            "pynetdicom, datasets": child("pynetdicom", "datasets", server.url, slices),
            "storescu": program("storescu", "-xe", "+sd", host, port, slices),
            "dcmsend": program("dcmsend", "+sd", host, port, slices),
        },
        given.rounds,
        server.empty,
    )
    runs.at_least(3, "seconds", "pynetdicom, paths", "streamdcm, paths")
    runs.at_least(1.5, "seconds", "storescu", "streamdcm, paths")
    runs.at_most(0.2, "cpu", "streamdcm, paths", "pynetdicom, paths")
    runs.at_least(1.4, "seconds", "pynetdicom, datasets", "streamdcm, datasets")
    runs.at_least(2, "seconds", "pynetdicom, paths", "streamdcm, paths, async")
    runs.at_most(1, "seconds", "streamdcm, paths, async", "storescu")


def _c_store_of_one(given: argparse.Namespace, server: peers.Storescp, large: Path) -> None:
    host, port = server.url.rpartition("@")[2].split(":")
    runs = compare(
        f"{given.size} MiB, one association, storescp",
        {
            "streamdcm, generator": child("generated", "sync", server.url, large),
            "streamdcm, generator, async": child("generated", "async", server.url, large),
            "pynetdicom, a file": child("pynetdicom", "paths", server.url, large),
            "pynetdicom, a dataset": child("pynetdicom", "datasets", server.url, large),
            "storescu, a file": program("storescu", "-xe", "+sd", host, port, large),
            "dcmsend, a file": program("dcmsend", "+sd", host, port, large),
        },
        given.rounds,
        server.empty,
    )
    runs.at_most(1.2, "seconds", "streamdcm, generator", "storescu, a file")
    runs.at_most(1.5, "seconds", "streamdcm, generator, async", "storescu, a file")
    runs.stays_below(16, "streamdcm, generator")
    runs.stays_below(16, "streamdcm, generator, async")
    runs.at_least(50, "mib", "pynetdicom, a file", "streamdcm, generator")
    runs.at_least(50, "mib", "pynetdicom, a dataset", "streamdcm, generator")


def _stow_of_slices(given: argparse.Namespace, orthanc: peers.Orthanc, few: Path) -> None:
    url = orthanc.dicomweb
    runs = compare(
        f"{given.slices * 3 // 10} CT slices, STOW-RS, Orthanc",
        {
            "streamdcm": child("streamdcm", "paths", url, few),
            "streamdcm, 50 a request": child("streamdcm", "paths 50", url, few),
            "streamdcm, async": child("streamdcm", "paths async", url, few),
            "dicomweb-client": child("dicomweb-client", "", url, few),
            "dicomweb-client, 50": child("dicomweb-client", "50", url, few),
            "http.client, by hand": child("http.client", "", url, few),
        },
        given.rounds,
        orthanc.empty,
    )
    runs.at_least(1.5, "seconds", "dicomweb-client", "streamdcm")
    runs.at_least(1.5, "seconds", "dicomweb-client, 50", "streamdcm, 50 a request")


def _stow_of_one(given: argparse.Namespace, orthanc: peers.Orthanc, one: Path) -> None:
    url = orthanc.dicomweb
    os.environ["STREAMDCM_BENCHMARK_MIB"] = str(max(1, given.size * 3 // 10))
    runs = compare(
        f"{given.size * 3 // 10} MiB, STOW-RS, Orthanc",
        {
            "streamdcm, generator": child("generated", "sync", url, one),
            "streamdcm, generator, async": child("generated", "async", url, one),
            "dicomweb-client, a dataset": child("dicomweb-client", "", url, one),
        },
        given.rounds,
        orthanc.empty,
    )
    runs.stays_below(16, "streamdcm, generator")
    runs.at_least(50, "mib", "dicomweb-client, a dataset", "streamdcm, generator")


def _large_file(folder: Path, mib: int) -> None:
    import streamdcm
    from tests.support.children.sending import frames

    streamdcm.dcmwrite(folder / "large.dcm", image(2 * mib), enforce_file_format=True, frames=frames(2 * mib))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        as_child(*sys.argv[2:])
    else:
        main()
