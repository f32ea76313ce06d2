"""What type checkers say, strictly, of programs of users: nothing of right ones, and every mistake of wrong ones."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tools import package

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow


def by_mypy(program: Path, directory: Path) -> list[tuple[int, str]]:
    package("mypy")
    (directory / "mypy.ini").write_text("[mypy]\nstrict = True\n")
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--no-error-summary", str(program)]
    said = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, text=True, check=False).stdout
    found = re.findall(rf"{re.escape(str(program))}:(\d+): error: (.*)", said)
    assert len(found) == said.count(": error: "), said
    return [(int(line), text) for line, text in found]


def by_pyright(program: Path, directory: Path) -> list[tuple[int, str]]:
    package("pyright")
    shutil.copy(program, directory)
    settings = {"typeCheckingMode": "strict", "include": [program.name]}
    (directory / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    said = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, text=True, check=False).stdout
    diagnostics = json.loads(said)["generalDiagnostics"]
    return [
        (entry["range"]["start"]["line"] + 1, entry["message"])
        for entry in diagnostics
        if entry["severity"] == "error" and not entry["rule"].startswith("reportUnknown")
    ]


checkers = pytest.mark.parametrize("check", [by_mypy, by_pyright])


@checkers
def test_a_right_program_has_no_errors(check, tmp_path):
    assert check(HERE / "right.py", tmp_path) == []


@checkers
def test_every_mistake_is_found_and_nothing_else(check, tmp_path):
    program = HERE / "wrong.py"
    wrong = {number for number, line in enumerate(program.read_text().splitlines(), 1) if line.endswith("# wrong")}
    assert wrong
    assert {line for line, _ in check(program, tmp_path)} == wrong
