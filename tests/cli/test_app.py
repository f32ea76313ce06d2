"""The program itself: what it imports for a command, its version, and arguments that no command has."""

import re
import subprocess
import sys

import pytest

import streamdcm
from streamdcm.cli.app import COMMANDS, main
from streamdcm.encode.hot import HOT
from tests.support import python


def imported(*arguments: str) -> set[str]:
    """The modules that the program has imported at its end."""
    program = f"import sys; from streamdcm.cli.app import main; main({list(arguments)!r}); print(); print(*sys.modules)"
    said = subprocess.run(python(program), capture_output=True, text=True, check=True)
    return set(said.stdout.splitlines()[-1].split())


def test_the_version_is_one_line_and_takes_nothing_but_argparse(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"streamdcm {streamdcm.__version__}\n"
    heavy = {"pydicom", "numpy", "anyio", "importlib.metadata", "streamdcm.errors", "streamdcm.sinks"}
    assert not imported("--version") & heavy
    assert "argparse" in imported("--version")


def test_the_verbose_version_tells_those_of_others(capsys):
    assert main(["-V", "--verbose"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"streamdcm {streamdcm.__version__}", f"Python {sys.version.split()[0]}"]
    assert any(re.fullmatch(r"pydicom \d.*", line) for line in lines)
    assert lines[-1] == f"hot path: {'pure Python' if HOT is None else 'C'}"


def test_a_command_is_imported_when_it_is_chosen(tmp_path):
    source = tmp_path / "in.dcm"
    source.write_bytes(bytes(128) + b"DICM")
    others = {f"streamdcm.cli.{name}" for name in COMMANDS} - {"streamdcm.cli.copy"}
    heavy = {"anyio", "asyncio", "boto3", "fsspec", "obstore", "rich", "sqlite3", "streamdcm.aio", "streamdcm.batch"}
    found = imported("copy", str(source), str(tmp_path / "out.dcm"))
    assert "streamdcm.cli.copy" in found
    assert not found & (others | heavy)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    assert f"streamdcm {name}" in capsys.readouterr().out


def test_the_help_names_the_commands(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert all(f"{name} {summary}" in said for name, summary in COMMANDS.items())


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["--nonsense"], ["copy"], ["copy", "--nonsense", "a", "b"]])
def test_wrong_arguments_are_2(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: streamdcm" in capsys.readouterr().err


def test_the_package_is_a_program():
    program = (
        "import runpy; import sys; sys.argv = ['streamdcm', '-V']; runpy.run_module('streamdcm', run_name='__main__')"
    )
    said = subprocess.run(python(program), capture_output=True, text=True, check=True)
    assert said.stdout == f"streamdcm {streamdcm.__version__}\n"
