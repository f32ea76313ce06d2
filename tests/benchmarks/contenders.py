"""Who writes a dataset, each in its own way: to memory, to a path."""

import io
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pydicom

import streamdcm
from tests.benchmarks import datasets
from tests.benchmarks.datasets import MIB
from tests.benchmarks.timing import Contender

try:
    import gdcm
except ImportError:
    gdcm = None
try:
    import dicomsdl
except ImportError:
    dicomsdl = None
try:
    import highdicom
except ImportError:
    highdicom = None

MakeDataset = Callable[[], pydicom.Dataset]


def in_memory(make: MakeDataset, data: bytes | None, *, is_image: bool = False) -> dict[str, Contender]:
    """Return who writes to memory.

    Parameters
    ----------
    make : callable
        Makes a dataset of pydicom.
    data : bytes or None
        The file that others read it from; `None` where there is nothing to compare, as with one that was parsed.
    is_image : bool
        Whether highdicom takes it: it has a class for images, which writes by pydicom.
    """
    contenders = {
        "pydicom": Contender(make, lambda dataset: pydicom.dcmwrite(io.BytesIO(), dataset)),
        "streamdcm": Contender(make, lambda dataset: streamdcm.dcmwrite(io.BytesIO(), dataset)),
    }
    if dicomsdl is not None and data is not None:
        contenders["dicomsdl"] = Contender(partial(dicomsdl.open_memory, data), lambda dataset: dataset.saveToMemory())
    if highdicom is not None and data is not None and is_image:
        contenders["highdicom"] = Contender(partial(_image, data), lambda image: image.save_as(io.BytesIO()))
    return contenders


def to_path(make: MakeDataset, data: bytes | None, target: Path) -> dict[str, Contender]:
    """Return who writes an image to a path at which there is no file yet; see `in_memory`."""
    contenders = {
        "pydicom": writer(pydicom.dcmwrite, make, target),
        "streamdcm": writer(streamdcm.dcmwrite, make, target),
    }
    if data is None:
        return contenders
    if gdcm is not None:
        source = target.with_name("source.dcm")
        source.write_bytes(data)
        contenders["gdcm"] = Contender(partial(_gdcm_prepare, source, target), _gdcm_write)
    if dicomsdl is not None:
        read = partial(dicomsdl.open_memory, data)
        contenders["dicomsdl"] = writer(lambda path, dataset: dataset.saveToFile(path), read, target)
    if highdicom is not None:
        contenders["highdicom"] = writer(lambda path, image: image.save_as(path), partial(_image, data), target)
    return contenders


def writer(write: Callable[[str, Any], object], make: Callable[[], Any], path: Path) -> Contender:
    """Return a contender that writes to a path at which there is no file yet."""

    def prepare() -> Any:
        clear(path)
        return make()

    return Contender(prepare, partial(write, str(path)))


def clear(path: Path) -> None:
    """Remove a file and, if it was large, let the disk settle."""
    if path.is_file():
        large = path.stat().st_size > MIB
        path.unlink()
        if large:
            os.sync()


def _image(data: bytes) -> Any:
    return highdicom.Image.from_dataset(datasets.as_read(data), copy=False)


def _gdcm_prepare(source: Path, target: Path) -> "tuple[gdcm.Reader, str]":
    """Read a file with GDCM."""
    clear(target)
    reader = gdcm.Reader()
    reader.SetFileName(str(source))
    if not reader.Read():
        raise SystemExit(f"GDCM cannot read {source}")
    return reader, str(target)


def _gdcm_write(prepared: "tuple[gdcm.Reader, str]") -> None:
    """Write what GDCM read."""
    reader, target = prepared
    gdcm_writer = gdcm.Writer()
    gdcm_writer.SetFileName(target)
    gdcm_writer.SetFile(reader.GetFile())
    if not gdcm_writer.Write():
        raise SystemExit(f"GDCM cannot write {target}")
