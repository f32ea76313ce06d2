"""The child process of ``test_upload_service.py``: the service of docs/how-to/upload-service.md.

``python -m tests.support.children.upload_service BUCKET`` prints its port, and serves until it is killed. ``PUT /NAME``
edits an upload on its way into the bucket; ``POST /SOURCE/TARGET`` edits an object on its way to another.
"""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import streamdcm
from tests.support.children.web import Announcing

EDIT = {"PatientName": "Doe^Jane", "PatientBirthDate": None, "InstitutionName": "Somewhere"}
PARTS = {"part_size": "5 MiB", "workers": 4}


def main(bucket: str) -> None:
    """Serve."""

    async def upload(request: Request) -> Response:
        target = f"{bucket}/{request.path_params['name']}"
        result = await streamdcm.rewrite_async(request.stream(), target, edit=EDIT, **PARTS)
        return JSONResponse({"location": result.location, "bytes": result.bytes_written})

    async def copy(request: Request) -> Response:
        source, target = (f"{bucket}/{request.path_params[name]}" for name in ("source", "target"))
        result = await streamdcm.rewrite_async(source, target, edit=EDIT, **PARTS)
        return JSONResponse({"location": result.location, "bytes": result.bytes_written})

    routes = [Route("/{name}", upload, methods=["PUT"]), Route("/{source}/{target}", copy, methods=["POST"])]
    Announcing(uvicorn.Config(Starlette(routes=routes), port=0, log_level="critical")).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
