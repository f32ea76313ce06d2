"""Files are rewritten on event loops as they are without one, into streams and files."""

import io
import os
import shutil
import threading

import anyio
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

import streamdcm
from tests.aio.test_write import what
from tests.support.async_targets import KINDS

SOURCES = [get_testdata_file(name) for name in ("MR_small.dcm", "SC_rgb_rle_2frame.dcm", "image_dfl.dcm")]


def edit(dataset):
    dataset.PatientName = "Doe^Jane"
    dataset.remove_private_tags()


def rewritten(source, **options):
    buffer = io.BytesIO()
    streamdcm.rewrite(source, buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("source", SOURCES, ids=os.path.basename)
@pytest.mark.parametrize("kind", KINDS)
async def test_every_target_gets_what_rewrite_writes(kind, source):
    async with KINDS[kind]() as (target, arrived):
        await streamdcm.rewrite_async(source, target, edit=edit)
        assert await what(arrived) == rewritten(source, edit=edit)


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
async def test_another_transfer_syntax_is_converted_on_the_way(syntax):
    async with KINDS["byte_stream"]() as (target, arrived):
        await streamdcm.rewrite_async(SOURCES[0], target, transfer_syntax=syntax)
        assert await what(arrived) == rewritten(SOURCES[0], transfer_syntax=syntax)


async def test_the_edit_is_made_on_a_thread():
    threads = []
    await streamdcm.rewrite_async(SOURCES[0], io.BytesIO(), edit=lambda dataset: threads.append(threading.get_ident()))
    assert threads != [threading.get_ident()]


async def test_source_and_target_may_be_one_path_but_not_one_open_file(tmp_path):
    path = shutil.copy(SOURCES[0], tmp_path / "one.dcm")
    await streamdcm.rewrite_async(path, path, edit={"PatientID": "new"})
    assert pydicom.dcmread(path).PatientID == "new"
    with open(path, "r+b") as file, pytest.raises(streamdcm.errors.PlanError, match="one file"):
        await streamdcm.rewrite_async(file, file)


@pytest.mark.parametrize("to_stream", [True, False])
async def test_an_edit_that_fails_leaves_what_was_there(tmp_path, to_stream):
    def fail(dataset):
        raise ZeroDivisionError

    (tmp_path / "old.dcm").write_bytes(b"old")
    sending, receiving = anyio.create_memory_object_stream(10)
    with sending, receiving, pytest.raises(ZeroDivisionError):
        await streamdcm.rewrite_async(SOURCES[0], sending if to_stream else tmp_path / "old.dcm", edit=fail)
    assert receiving.statistics().current_buffer_used == 0
    assert (tmp_path / "old.dcm").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["old.dcm"]


async def test_unknown_arguments_are_named():
    with pytest.raises(TypeError, match=r"rewrite_async\(\) does not take frames="):
        await streamdcm.rewrite_async(SOURCES[0], io.BytesIO(), frames=[])
