"""Upload and download DICOM over HTTP: FOLDER=/archive uvicorn web_service:app. Neither is ever whole in memory.

It needs fastapi and uvicorn. Whoever may write here is for `Depends` to say.
"""

import os
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse

import streamdcm

FOLDER = Path(os.environ["FOLDER"])
EDIT = {"PatientName": "Doe^Jane"}

app = FastAPI()


@app.put("/{name}")
async def upload(name: str, request: Request) -> dict[str, int]:
    try:
        result = await streamdcm.rewrite_async(request.stream(), FOLDER / Path(name).name, edit=EDIT)
    except (streamdcm.errors.SourceError, streamdcm.errors.NotDicomError) as error:
        raise HTTPException(400, str(error)) from error
    return {"bytes": result.bytes_written}


@app.get("/{name}")
async def download(name: str) -> StreamingResponse:
    path = FOLDER / Path(name).name
    if not path.is_file():
        raise HTTPException(404, "there is no such instance")
    chunks = await streamdcm.rewrite_chunks_async(path, edit={"PatientName": "anonymous"})
    return StreamingResponse(chunks, media_type="application/dicom")
