"""The child process of ``test_web.py``: a web server for the file ``python -m tests.aio.web_child FILE``.

Prints its port, and ends with its standard input.
"""

import os
import sys
import threading
from typing import Any

import pydicom
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

import streamdcm

FILE = sys.argv[1]


async def instance(request: Request) -> StreamingResponse:
    """Send the dataset."""
    dataset = pydicom.dcmread(FILE, defer_size="1 MiB")
    size = await streamdcm.encoded_size_async(dataset)
    chunks = streamdcm.iter_chunks_async(dataset)
    return StreamingResponse(chunks, media_type="application/dicom", headers={"Content-Length": str(size)})


async def open_files(request: Request) -> PlainTextResponse:
    """Tell how often the file is open."""
    links = (f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd"))
    return PlainTextResponse(str(sum(os.path.realpath(link) == os.path.realpath(FILE) for link in links)))


class Server(uvicorn.Server):
    """A server that says where it is."""

    async def startup(self, *arguments: Any, **options: Any) -> None:
        """Start and print the port."""
        await super().startup(*arguments, **options)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)


def main() -> None:
    """Serve until standard input ends."""
    app = Starlette(routes=[Route("/instance", instance), Route("/open", open_files)])
    server = Server(uvicorn.Config(app, port=0, log_level="warning"))
    serving = threading.Thread(target=server.run)
    serving.start()
    sys.stdin.read()
    server.should_exit = True
    serving.join()


if __name__ == "__main__":
    main()
