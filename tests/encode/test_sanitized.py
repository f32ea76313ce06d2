"""The C module under the sanitizers of addresses and of undefined behaviour, which end it at the first error."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support import ROOT, python

SANITIZERS = ("address", "undefined")
TESTED = ("test_hot.py", "test_empty_values.py", "test_sequence.py", "test_charset.py", "test_implied.py")

# The module is put where the package looks for it before anything of the encoder is imported.
PROGRAM = """
import importlib.util, sys, pytest, streamdcm.encode
spec = importlib.util.spec_from_file_location("streamdcm.encode._hot", sys.argv[1])
streamdcm.encode._hot = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(streamdcm.encode._hot)
from streamdcm.encode.hot import HOT
assert HOT is streamdcm.encode._hot
sys.exit(pytest.main(["-q", "-x", "-m", "quick", "-p", "no:cacheprovider", *sys.argv[2:]]))
"""


def library(compiler: str, name: str) -> str:
    """The path of a sanitizer's library; without it the test is skipped."""
    said = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    path = said.stdout.strip()
    if not Path(path).is_absolute():
        pytest.skip(f"{compiler} has no {name}")
    return path


def built(compiler: str, directory: Path) -> Path:
    """Build the module with the sanitizers."""
    module = directory / f"_hot{sysconfig.get_config_var('EXT_SUFFIX')}"
    flags = ["-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fno-omit-frame-pointer"]
    # how modules of Python are declared makes these warnings in any of them
    flags += ["-Wno-missing-field-initializers", "-Wno-cast-function-type", "-fno-sanitize-recover=all"]
    include = f"-I{sysconfig.get_paths()['include']}"
    source = ROOT / "streamdcm/encode/_hot.c"
    command = [compiler, *flags, f"-fsanitize={','.join(SANITIZERS)}", include, str(source), "-o", str(module)]
    subprocess.run(command, check=True)
    return module


@pytest.mark.slow
def test_the_sanitizers_find_nothing(tmp_path: Path) -> None:
    compiler = shutil.which("gcc")
    if compiler is None or sys.platform != "linux" or not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        pytest.skip("needs gcc, and the headers of Python, on Linux")
    module = built(compiler, tmp_path)
    environment = {
        **os.environ,
        "LD_PRELOAD": f"{library(compiler, 'libasan.so')}:{library(compiler, 'libubsan.so')}",
        "ASAN_OPTIONS": "detect_leaks=0",  # Python itself keeps what it has allocated
        "PYTHONMALLOC": "malloc",
        "STREAMDCM_PURE": "0",
    }
    environment.pop("PYTEST_XDIST_WORKER", None)
    tests = [str(ROOT / "tests/encode" / name) for name in TESTED]
    command = python(PROGRAM, module, "--rootdir", ROOT, *tests)
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, f"{ended.stdout[-5000:]}\n{ended.stderr[-5000:]}"
