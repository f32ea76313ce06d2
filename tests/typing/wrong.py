"""A user's program full of mistakes: type checkers must find one in each line that says so. It is checked, not run."""

import io
from collections.abc import AsyncIterator

from pydicom import Dataset

import streamdcm
from streamdcm import TargetOptions, WriteOptions


async def remote() -> AsyncIterator[bytes]:
    yield b"frame"


def write(ds: Dataset) -> None:
    streamdcm.dcmwrite("out.dcm", ds, frames=["a.png"])  # wrong
    streamdcm.dcmwrite("out.dcm", ds, frames=remote())  # wrong
    streamdcm.dcmwrite("out.dcm", ds, frames=7)  # wrong
    streamdcm.dcmwrite("out.dcm", ds, offset_table="long")  # wrong
    streamdcm.dcmwrite("out.dcm", ds, chunksize=5)  # wrong
    streamdcm.dcmwrite("out.dcm", ds, overwrite="no")  # wrong
    streamdcm.dcmwrite("out.dcm", ds, progress=5)  # wrong
    streamdcm.dcmwrite("out.dcm", ds, checksum="md5")  # wrong
    streamdcm.dcmwrite(5, ds)  # wrong
    streamdcm.dcmwrite(dataset=ds, filename="out.dcm")  # wrong
    streamdcm.iter_chunks(ds, overwrite=True)  # wrong
    streamdcm.iter_chunks(ds, resume=True)  # wrong
    streamdcm.encoded_size(ds, progress=print)  # wrong
    streamdcm.encoded_size(ds, frames=["x"])  # wrong
    streamdcm.write_encoder(iter(()), io.BytesIO())  # wrong
    streamdcm.rewrite("in.dcm", "out.dcm", implicit_vr=True)  # wrong
    streamdcm.open_writer("out.dcm", ds, frames=[b""])  # wrong
    with streamdcm.open_writer("out.dcm", ds) as writer:
        writer.write_frame("x")  # wrong
        writer.write("x")  # wrong
    options: WriteOptions = {"durable": True}  # wrong
    places: TargetOptions = {"frames_on_loop": True}  # wrong
    print(options, places)


async def write_async(ds: Dataset) -> None:
    streamdcm.dcmwrite_async("out.dcm", ds, frames=[b""]).bytes_written  # wrong
    await streamdcm.dcmwrite_async("out.dcm", ds, split=5.0)  # wrong
    async with streamdcm.open_writer_async("out.dcm", ds) as writer:
        await writer.write_frame(["x"])  # wrong
