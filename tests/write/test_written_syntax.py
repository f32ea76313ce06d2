"""Files in another transfer syntax than that of their dataset: `transfer_syntax=` of what writes files."""

import asyncio
import copy
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import Dataset, Sequence
from pydicom.data import get_testdata_file
from pydicom.uid import UID

import streamdcm
from streamdcm.errors import PlanError
from tests.support.images import template
from tests.support.tools import package, run

NATIVE = ("ImplicitVRLittleEndian", "ExplicitVRBigEndian", "DeflatedExplicitVRLittleEndian")
COMPRESSED = ("RLELossless", "JPEGLSLossless")
CT_IMAGE = get_testdata_file("CT_small.dcm")
FRAMES = [np.full((4, 5), number, "u2") for number in range(4)]


def multi_frame() -> Dataset:
    dataset = template("1.2.840.10008.1.2.1", rows=4, columns=5)
    dataset.SharedFunctionalGroupsSequence = Sequence([Dataset()])
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    return dataset


def by_dcmwrite(target: Any, dataset: Dataset, **options: Any) -> None:
    streamdcm.dcmwrite(target, dataset, **options)


def by_dcmwrite_async(target: Any, dataset: Dataset, **options: Any) -> None:
    asyncio.run(streamdcm.dcmwrite_async(target, dataset, **options))


def by_open_writer(target: Any, dataset: Dataset, *, frames: Any, **options: Any) -> None:
    with streamdcm.open_writer(target, dataset, **options) as writer:
        for frame in frames:
            writer.write_frame(frame)


def by_open_writer_async(target: Any, dataset: Dataset, *, frames: Any, **options: Any) -> None:
    async def write() -> None:
        async with streamdcm.open_writer_async(target, dataset, **options) as writer:
            for frame in frames:
                await writer.write_frame(frame)

    asyncio.run(write())


def checked(path: Path, keyword: str) -> Dataset:
    """Read a file with another program, which names its transfer syntax, and with pydicom."""
    syntax: UID = getattr(pydicom.uid, keyword)
    assert syntax in run("dcmdump", "+U8", "-Un", "+P", "0002,0010", path).stdout
    dataset = pydicom.dcmread(path)
    assert dataset.file_meta.TransferSyntaxUID == syntax
    return dataset


@pytest.mark.parametrize("write", [by_dcmwrite, by_dcmwrite_async])
@pytest.mark.parametrize("keyword", NATIVE + COMPRESSED)
def test_a_dataset_is_written_in_another_transfer_syntax_and_stays_as_it_is(
    keyword: str, write: Callable[..., None], tmp_path: Path
) -> None:
    if keyword == "JPEGLSLossless":
        package("imagecodecs")
    dataset = pydicom.dcmread(CT_IMAGE)
    before = copy.deepcopy(dataset)
    write(tmp_path / "out.dcm", dataset, transfer_syntax=keyword)
    written = checked(tmp_path / "out.dcm", keyword)
    assert (written.pixel_array == before.pixel_array).all()
    assert dataset == before
    assert dataset.file_meta == before.file_meta


@pytest.mark.parametrize("write", [by_dcmwrite, by_dcmwrite_async, by_open_writer, by_open_writer_async])
@pytest.mark.parametrize("keyword", NATIVE + COMPRESSED)
def test_frames_are_written_in_another_transfer_syntax(
    keyword: str, write: Callable[..., None], tmp_path: Path
) -> None:
    if keyword == "JPEGLSLossless":
        package("imagecodecs")
    dataset = multi_frame()
    write(tmp_path / "out.dcm", dataset, frames=FRAMES, transfer_syntax=keyword)
    assert checked(tmp_path / "out.dcm", keyword).pixel_array[:, 0, 0].tolist() == [0, 1, 2, 3]
    assert dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"


@pytest.mark.parametrize("write", [by_dcmwrite, by_open_writer])
@pytest.mark.parametrize("keyword", ["ExplicitVRBigEndian", "RLELossless"])
def test_so_is_each_instance_of_a_concatenation(keyword: str, write: Callable[..., None], tmp_path: Path) -> None:
    write(tmp_path / "out.dcm", multi_frame(), frames=FRAMES, transfer_syntax=keyword, split=2)
    found = [checked(path, keyword).pixel_array[:, 0, 0].tolist() for path in sorted(tmp_path.iterdir())]
    assert found == [[0, 1], [2, 3]]


def test_the_bytes_are_those_of_iter_chunks() -> None:
    dataset, target = pydicom.dcmread(CT_IMAGE), io.BytesIO()
    streamdcm.dcmwrite(target, dataset, transfer_syntax="RLELossless", offset_table="empty")
    chunks = streamdcm.iter_chunks(dataset, transfer_syntax="RLELossless", offset_table="empty")
    assert target.getvalue() == b"".join(chunks)


def test_appended_frames_keep_the_transfer_syntax_of_the_file(tmp_path: Path) -> None:
    streamdcm.dcmwrite(tmp_path / "out.dcm", multi_frame(), frames=FRAMES)
    before = (tmp_path / "out.dcm").read_bytes()
    with (
        pytest.raises(PlanError, match="transfer_syntax"),
        streamdcm.open_writer(tmp_path / "out.dcm", append=True, transfer_syntax="RLELossless"),
    ):
        pass
    assert (tmp_path / "out.dcm").read_bytes() == before


def test_an_unknown_transfer_syntax_leaves_the_target(tmp_path: Path) -> None:
    (tmp_path / "out.dcm").write_bytes(b"precious")
    with pytest.raises(PlanError, match="JPEGLSLosless"):
        streamdcm.dcmwrite(tmp_path / "out.dcm", pydicom.dcmread(CT_IMAGE), transfer_syntax="JPEGLSLosless")
    assert (tmp_path / "out.dcm").read_bytes() == b"precious"
