"""Upload and download DICOM over HTTP: FOLDER=/archive uvicorn web_service:app. Neither is ever whole in memory.

FastAPI is Starlette with more: `app = FastAPI()` and `app.add_route("/{name}", ...)` take the same two functions.
"""

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

import streamdcm

FOLDER = Path(os.environ["FOLDER"])
EDIT = {"PatientName": "Doe^Jane"}


async def upload(request):
    try:
        target = FOLDER / Path(request.path_params["name"]).name
        result = await streamdcm.rewrite_async(request.stream(), target, edit=EDIT)
    except (streamdcm.errors.SourceError, streamdcm.errors.NotDicomError) as error:
        return JSONResponse({"error": str(error)}, status_code=400)
    return JSONResponse({"bytes": result.bytes_written})


async def download(request):
    path = FOLDER / Path(request.path_params["name"]).name
    if not path.is_file():
        return JSONResponse({"error": "there is no such instance"}, status_code=404)
    chunks = await streamdcm.rewrite_chunks_async(path, edit={"PatientName": "anonymous"})
    return StreamingResponse(chunks, media_type="application/dicom")


app = Starlette(routes=[Route("/{name}", upload, methods=["PUT"]), Route("/{name}", download)])
