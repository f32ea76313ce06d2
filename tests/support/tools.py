"""The programs that judge what we wrote: DCMTK, GDCM."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

REQUIRED = os.environ.get("STREAMDCM_REQUIRE_TOOLS") == "1"


def need(program: str) -> str:
    """The path of a program; without it the test is skipped, or fails where all programs are required."""
    path = shutil.which(program)
    if path is None and REQUIRED:
        pytest.fail(f"{program} is not installed, and STREAMDCM_REQUIRE_TOOLS=1 asks for it")
    if path is None:
        pytest.skip(f"{program} is not installed (Debian packages dcmtk, libgdcm-tools)")
    return path


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [need(program), *map(str, arguments)]
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=120
    )
