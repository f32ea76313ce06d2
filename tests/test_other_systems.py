"""Windows and macOS, as far as a child process can pretend to run on them (tests/support/other_system.py).

What is simulated is said on the page about systems (docs/reference/systems.md); none of those systems is here.
"""

import os
import re
import subprocess
import sys

import pytest

from tests.support import ROOT

pytestmark = pytest.mark.slow

WHAT_ASKS_THE_SYSTEM = [
    "tests/other_system_cases.py",
    *(f"tests/sinks/test_{name}.py" for name in ("path", "take", "own_outputs", "objects", "resolve", "descriptor")),
    *("tests/sinks/test_hashed.py", "tests/sinks/test_spool.py"),
    *(f"tests/files/test_{name}.py" for name in ("rewrite", "frames_of_a_file", "recover", "append")),
    *("tests/batch/test_listing.py", "tests/batch/test_template.py"),
    *("tests/network/test_dicomweb.py", "tests/aio/test_write.py"),
]


@pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that pretends")
@pytest.mark.parametrize(("system", "least"), [("windows", 1200), ("macos", 1200)])
def test_the_quick_tests_of_what_asks_the_system_pass(system: str, least: int) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.support.other_system", "-p", "no:cacheprovider"]
    child = subprocess.run(
        [*command, "-m", "quick", *WHAT_ASKS_THE_SYSTEM],
        cwd=ROOT,
        env={**os.environ, "STREAMDCM_TESTS_SYSTEM": system},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert child.returncode == 0, child.stdout[-5000:] + child.stderr[-2000:]
    passed = re.search(r"(\d+) passed", child.stdout)
    assert passed is not None
    assert int(passed[1]) >= least


@pytest.mark.parametrize("system", ["windows", "macos"])
def test_every_module_can_be_imported(system: str) -> None:
    code = (
        "import tests.support.other_system, importlib, pkgutil, streamdcm\n"
        "for module in pkgutil.walk_packages(streamdcm.__path__, 'streamdcm.'):\n"
        "    if not module.name.endswith('__main__'):\n"
        "        try:\n"
        "            importlib.import_module(module.name)\n"
        "        except streamdcm.MissingExtraError:\n"
        "            pass\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "STREAMDCM_TESTS_SYSTEM": system},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert child.returncode == 0, child.stderr
