"""The public names are there, and `import streamdcm` imports nothing that is not used yet."""

import ast
import subprocess
from importlib.metadata import version

import pytest

import streamdcm
from tests.support import ROOT, python

SOURCE = ast.parse((ROOT / "streamdcm" / "__init__.py").read_text("utf-8"))


def imported_for_types() -> dict[str, str]:
    """The names that type checkers know, and the modules that they are from."""
    [block] = [node for node in SOURCE.body if isinstance(node, ast.If)]
    return {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_types_and_run_time_know_the_same_names():
    known = imported_for_types()
    assert known.keys() == set(streamdcm.__all__)
    submodules = {name for name, module in known.items() if module == "streamdcm"}
    assert {name: module for name, module in known.items() if name not in submodules} == streamdcm._PLACES
    assert submodules <= streamdcm._SUBMODULES


@pytest.mark.parametrize("name", [*streamdcm.__all__, *sorted(streamdcm._SUBMODULES)])
def test_a_name_is_there(name):
    assert name in dir(streamdcm)
    assert getattr(streamdcm, name) is getattr(streamdcm, name)


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        streamdcm.nonsense


def test_the_version_is_that_of_the_package():
    assert streamdcm.__version__ == version("streamdcm")


@pytest.mark.parametrize(
    ("program", "heavy"),
    [
        ("import streamdcm", {"pydicom", "numpy", "anyio", "asyncio", "importlib.metadata"}),
        (
            "import streamdcm; streamdcm.dcmwrite, streamdcm.open_writer",
            {"anyio", "asyncio", "boto3", "fsspec", "obstore"},
        ),
    ],
)
def test_nothing_is_imported_before_it_is_used(program, heavy):
    ask = f"{program}; import sys; print(*(name for name in {sorted(heavy)} if name in sys.modules))"
    assert subprocess.run(python(ask), stdout=subprocess.PIPE, text=True, check=True).stdout.split() == []
