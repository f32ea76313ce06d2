"""The programs that judge what we wrote, such as those of DCMTK and GDCM, and libraries that not every test needs."""

import importlib
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

from streamdcm.errors import MissingExtraError

HEAVY = frozenset(
    {
        "PIL",
        "aioboto3",
        "aiobotocore",
        "aiofiles",
        "aiohttp",
        "av",
        "azure",
        "blockbuster",
        "boto3",
        "botocore",
        "cv2",
        "dask",
        "distributed",
        "fastapi",
        "flask",
        "fsspec",
        "h5py",
        "hatchling",
        "highdicom",
    }
    | {
        "httpx",
        "httpx2",
        "requests",
        "imagecodecs",
        "jpeg_ls",
        "moto",
        "obstore",
        "pynetdicom",
        "openjpeg",
        "psutil",
        "pylibjpeg",
        "rich",
        "smart_open",
        "starlette",
        "trustme",
        "upath",
        "uvicorn",
        "wsidicom",
        "zarr",
    }
)
"""What the extra ``test-all`` brings and ``test`` does not."""
REQUIRED = os.environ.get("STREAMDCM_REQUIRE_TOOLS") == "1"


def need(program: str) -> str:
    """The path of a program; without it the test is skipped, or fails where all programs are required."""
    path = shutil.which(program)
    if path is None and REQUIRED:
        pytest.fail(f"{program} is not installed, and STREAMDCM_REQUIRE_TOOLS=1 asks for it")
    if path is None:
        pytest.skip(f"{program} is not installed (Debian packages dcmtk, libgdcm-tools, orthanc)")
    return path


def package(name: str) -> ModuleType:
    """A library that not every test needs; see `skip_without`."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        skip_without(error)


def skip_without(missing: ImportError) -> NoReturn:
    """Skip a test or module for a library that the extra ``test`` does not bring; fail where all are required."""
    name = (missing.name or "").partition(".")[0]
    if REQUIRED or (name not in HEAVY and not isinstance(missing, MissingExtraError)):
        raise missing
    if isinstance(missing, MissingExtraError):
        pytest.skip(str(missing))
    pytest.skip(f"{name} is not installed: pip install '.[test-all]'", allow_module_level=True)


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [need(program), *map(str, arguments)]
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=120
    )
