"""A user's program, in which type checkers find nothing to complain of. It is checked, not run."""

import io
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

import streamdcm
from streamdcm import ByteStream, ProgressEvent, TargetOptions, WriteResult, dicomweb, dimse
from streamdcm.errors import StreamdcmError
from streamdcm.network import Instance, InstanceResult, StoreResult
from streamdcm.stages import Encoding, Layout, dataset_body, deflate


def camera() -> Iterator[npt.NDArray[np.uint16]]:
    while True:
        yield np.zeros((480, 640), np.uint16)


async def remote() -> AsyncIterator[bytes]:
    yield b"frame"


def show(event: ProgressEvent) -> None:
    print(event.bytes_written, event.total)


def write(ds: Dataset, sock: socket.socket) -> int:
    result: WriteResult = streamdcm.dcmwrite("out.dcm", ds, frames=camera(), max_frames=500, progress=show)
    streamdcm.dcmwrite(Path("out.dcm"), ds, enforce_file_format=True, overwrite=False)
    streamdcm.dcmwrite(io.BytesIO(), ds, frames=[b"a", bytearray(b"b"), memoryview(b"c")], split="2 GiB")
    streamdcm.dcmwrite(sock, ds, frames=ByteStream([b"bit stream"], length=10), hold_limit="1 GiB")
    streamdcm.dcmwrite("out.dcm", ds, write_like_original=False)
    with streamdcm.open_writer("out.dcm", ds, late={"ImageComments": 64}) as writer:
        writer.write_frame(np.zeros((2, 2), "u1"))
        writer.write_frame(b"frame")
        writer.set("ImageComments", "late")
    options: TargetOptions = {"durable": True, "chunk_size": "4 MiB"}
    streamdcm.dcmwrite("out.dcm", ds, **options)
    try:
        streamdcm.rewrite("in.dcm", "s3://bucket/out.dcm", edit={"PatientName": "Doe^Jane"}, workers=4)
    except StreamdcmError as error:
        print(error)
    body = deflate(dataset_body(ds, Layout(Encoding(implicit_vr=False, little_endian=True))))
    streamdcm.write_encoder(body, io.BytesIO(), chunk_size=4096)
    streamdcm.write_encoder(streamdcm.encoder(ds, transfer_syntax="ImplicitVRLittleEndian", file_meta=False), "out")
    return result.bytes_written + sum(map(len, streamdcm.iter_chunks(ds))) + streamdcm.encoded_size(ds)


async def write_async(ds: Dataset, stream: Any) -> None:
    await streamdcm.dcmwrite_async(stream, ds, frames=remote(), frames_on_loop=True)
    async with streamdcm.open_writer_async("out.dcm", ds) as writer:
        await writer.write_frame(b"frame")
    async for chunk in streamdcm.iter_chunks_async(ds, frames=camera(), number_of_frames=3):
        print(len(chunk))
    async with streamdcm.open_chunks_async(ds) as chunks:
        async for chunk in chunks:
            print(len(chunk))


def failure(item: InstanceResult) -> None:
    print(item.path, item.sop_instance_uid, item.code, item.reason)


async def sent(ds: Dataset, paths: list[Path]) -> StoreResult:
    anew = Instance(ds, lambda: camera(), number_of_frames=500, offset_table="empty")
    first = dicomweb.store("https://host/dicom-web", [*paths, "folder", ds, (ds, camera()), anew], on_result=failure)
    first.raise_for_failures()
    return await dimse.store_async("dicom://A@host", (each for each in paths), workers=4, on_error="continue")
