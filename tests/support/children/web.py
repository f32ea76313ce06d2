"""The child process of ``test_web_app.py``: the web application of docs/how-to/web-responses.md, for a large file.

``python -m tests.support.children.web PATH`` prints its port, and serves until it is killed.
"""

import sys

import pydicom
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

import streamdcm


class Announcing(uvicorn.Server):
    """Says on which port it listens."""

    async def startup(self, sockets: list[object] | None = None) -> None:
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)


def main(path: str) -> None:
    """Serve a file under ``/instance``."""

    async def instance(request: Request) -> Response:
        dataset = pydicom.dcmread(path, defer_size="1 MiB")
        size = await streamdcm.encoded_size_async(dataset)
        return StreamingResponse(
            streamdcm.iter_chunks_async(dataset),
            media_type="application/dicom",
            headers={"Content-Length": str(size)},
        )

    app = Starlette(routes=[Route("/instance", instance)])
    Announcing(uvicorn.Config(app, port=0, log_level="error")).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
