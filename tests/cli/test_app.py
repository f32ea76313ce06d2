"""The program itself: what it imports for a command, its version, and arguments that no command has."""

import re
import shlex
import shutil
import subprocess
import sys

import pytest

import streamdcm
from streamdcm.cli.app import COMMANDS, main, whole_parser
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


def test_ctrl_c_while_a_command_is_imported_is_130(monkeypatch, capsys):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr("streamdcm.cli.app.import_module", interrupted)
    assert main(["copy", "a", "b"]) == 130
    assert capsys.readouterr() == ("", "streamdcm: interrupted; nothing had begun\n")


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
    said = capsys.readouterr().err
    assert re.fullmatch(r"streamdcm( copy)?: [^\n]*; try 'streamdcm( copy)? --help'\n", said)


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        (["cpoy", "a", "b"], "did you mean copy?"),
        (["copy", "--durabel", "a", "b"], "there is no option --durabel; did you mean --durable?"),
        (["copy", "--on-error", "stopp", "a", "b"], "did you mean stop?"),
        (["copy", "--set", "PatientNam=a", "a", "b"], "did you mean PatientName?"),
        (["copy", "--delete", "RequestAttributesSequenc[0].PatientID", "a", "b"], "is neither a keyword nor a tag"),
        (["clean", "a", "b"], "there is one argument too many: b"),
        (["copy", "--workers", "0", "a", "b"], "is not a number of at least 1"),
    ],
)
def test_what_was_meant_is_asked_in_one_line(arguments, question, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    said = capsys.readouterr().err
    assert question in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_each_command_has_examples_that_are_arguments(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    _, examples = capsys.readouterr().out.split("examples:\n")
    lines = [line.strip() for line in examples.splitlines()]
    assert lines
    for line in lines:
        words = shlex.split(re.split(r" [|>] ", line)[0])
        assert words[:2] == ["streamdcm", name]
        assert "run" in whole_parser().parse_args(words[1:])


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_commands_and_options(shell, capsys):
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in (*COMMANDS, "--skip-non-dicom"))
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=said, text=True, check=True)


def test_the_manual_page_is_what_help_says(capsys):
    assert main(["man"]) == 0
    page = capsys.readouterr().out
    assert all(f".SH COMMAND {name.upper()}" in page for name in COMMANDS)
    if shutil.which("groff"):
        said = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww"], input=page, text=True, capture_output=True, check=True
        )
        assert not said.stderr
        assert "--skip-non-dicom" in re.sub(r"\x1b\[[\d;]*m|.\x08", "", said.stdout).replace("\u2212", "-")


@pytest.mark.parametrize(("color", "is_red"), [("always", True), ("never", False), ("auto", False)])
def test_color_is_as_asked_for(color, is_red, monkeypatch, capsys):
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("FORCE_COLOR", "")
    assert main(["copy", "--color", color, "/nothing.dcm", "/tmp/out.dcm"]) == 1
    assert ("\x1b[31m" in capsys.readouterr().err) is is_red


def test_the_package_is_a_program():
    program = (
        "import runpy; import sys; sys.argv = ['streamdcm', '-V']; runpy.run_module('streamdcm', run_name='__main__')"
    )
    said = subprocess.run(python(program), capture_output=True, text=True, check=True)
    assert said.stdout == f"streamdcm {streamdcm.__version__}\n"
