"""Imports run one way, and a few things are done in one place only (docs/explanation/architecture.md)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from pydicom import DataElement, Dataset, Sequence, config
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.valuerep import DSfloat, PersonName

PACKAGE = Path(__file__).parents[1] / "streamdcm"

# A room is a module or a package of streamdcm. It may import itself and the rooms named behind it.
VALUES = "errors instructions context"
DATASETS = f"{VALUES} sources _pydicom charset ambiguous scope"
ELEMENTS = f"{DATASETS} vr header pieces element"
MAY_IMPORT = {
    # values
    "errors": "",
    "instructions": "",
    "context": "errors instructions",
    "progress": "",
    "result": "",
    "options": "errors context progress sources",
    # pure: what is asked of sources, and what becomes of instructions
    "sources": "errors instructions",
    "release": "errors instructions",
    "parts": "errors instructions release",
    # pure: what is known of a dataset
    "_pydicom": "errors instructions sources",
    "charset": "errors context _pydicom",
    "ambiguous": "errors context _pydicom",
    "scope": f"{VALUES} sources _pydicom charset ambiguous",
    "frames": "errors instructions",
    "tables": "errors",
    "pixels": f"{VALUES} sources frames tables",
    "video": f"{VALUES} sources pixels",
    # pure: from elements to bytes
    "vr": f"{VALUES} _pydicom",
    "header": f"{DATASETS} vr",
    "pieces": VALUES,
    "late": f"{VALUES} vr header",
    "bulk": f"{VALUES} sources",
    "element": f"{DATASETS} vr header pieces bulk",
    "stages": f"{ELEMENTS} release frames tables pixels video late",
    "syntax": "errors context _pydicom options",
    "meta": "errors _pydicom",
    "plan": f"{ELEMENTS} bulk release stages options frames tables pixels video late meta syntax",
    "concatenation": f"{ELEMENTS} stages options frames tables pixels video meta",
    "steps": "instructions release",
    # input and output
    "sinks": "errors instructions release parts result",
    "readers": "errors instructions sources",
    "driver": "errors instructions sources release parts options progress result stages steps sinks readers",
    "targets": "errors _pydicom options sinks",
    "instance": "instructions options tables pixels video progress result plan sinks driver",
    "split": "errors _pydicom sources options frames pixels video stages progress result plan concatenation "
    "sinks driver targets instance",
    "writer": "errors instructions sources options frames pixels progress result driver instance split targets",
    "sync": "errors instructions _pydicom options result plan tables driver targets instance writer",
    "inflate": "errors instructions sources readers",
    "deferred": "instructions _pydicom readers",
    "source_file": f"{DATASETS} pixels syntax readers inflate deferred",
    "edits": "errors ambiguous",
    "remote": "errors sinks",
    "rewrite": "errors _pydicom options result syntax meta plan driver targets sync deferred source_file edits remote",
    "aio": f"{VALUES} _pydicom options progress result sources frames release syntax tables pixels plan steps "
    "readers sinks driver targets instance sync writer edits source_file remote rewrite",
    "testing": "errors instructions release sinks",
    "cli": "errors sinks options progress result sync writer rewrite edits",
    # public names
    "__init__": "aio errors instructions options progress result rewrite sinks sources stages sync writer",
}

# What only these rooms may import from elsewhere.
ONLY_IN = {
    "anyio": "aio",
    "asyncio": "",
    "boto3": "sinks",
    "botocore": "sinks",
    "concurrent": "sinks",
    "azure": "sinks",
    "fsspec": "sinks remote",
    "http": "sinks",
    "obstore": "sinks",
    "fcntl": "sinks readers sync",
    "mmap": "readers",
    "multiprocessing": "",
    "pydicom.filebase": "sinks targets",
    "pydicom.filereader": "_pydicom source_file",
    "pydicom.filewriter": "",
    "selectors": "sinks",
    "shutil": "sinks cli",
    "socket": "sinks readers sync",
    "subprocess": "",
    "tempfile": "sinks cli",
    "argparse": "cli",
    "resource": "cli",
    "rich": "cli",
}


class Module(NamedTuple):
    """A file of the package."""

    path: Path
    room: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return str(self.path.relative_to(PACKAGE.parent))


def modules() -> Iterator[Module]:
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        yield Module(path, room, ast.parse(path.read_bytes(), str(path)))


MODULES = list(modules())
each_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)


def imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the full names of what is imported, and the lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


@each_module
def test_imports_run_one_way(module: Module) -> None:
    assert module.room in MAY_IMPORT, f"give {module.room} a row in MAY_IMPORT"
    allowed = {module.room, *MAY_IMPORT[module.room].split()}
    for name, line in imports(module.tree):
        package, _, rest = name.partition(".")
        if package == "streamdcm":
            room = rest.partition(".")[0]
            assert room in allowed, f"{module.name}:{line}: {module.room} may not import {room}"


def test_the_table_has_no_circle() -> None:
    done: set[str] = set()
    rooms = {room: set(allowed.split()) for room, allowed in MAY_IMPORT.items()}
    while rooms:
        free = {room for room, allowed in rooms.items() if allowed <= done}
        assert free, f"a circle, or a name without a row, in {sorted(rooms)}"
        done |= free
        rooms = {room: allowed for room, allowed in rooms.items() if room not in free}


@each_module
def test_what_is_outside_comes_in_by_one_door(module: Module) -> None:
    for name, line in imports(module.tree):
        for outside, rooms in ONLY_IN.items():
            if f"{name}.".startswith(f"{outside}."):
                assert module.room in rooms.split(), f"{module.name}:{line}: {module.room} imports {outside}"


@each_module
def test_no_file_is_opened_below_drivers_and_sinks(module: Module) -> None:
    if module.room in {"sinks", "readers", "sync", "cli", "testing"}:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input"}, f"{module.name}:{node.lineno}"


@each_module
def test_pydicoms_underscore_names_stay_in_one_module(module: Module) -> None:
    if module.room == "_pydicom":
        return
    private = _underscore_names()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and not (
            isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
        ):
            assert node.attr not in private, f"{module.name}:{node.lineno}: {node.attr} is pydicom's"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert node.value not in private, f"{module.name}:{node.lineno}: {node.value} is pydicom's"
    for name, line in imports(module.tree):
        if name.startswith("pydicom."):
            assert not re.search(r"\._(?!_)", name), f"{module.name}:{line}: {name} is pydicom's own"


def _underscore_names() -> set[str]:
    things = (
        config,
        Dataset(),
        FileDataset("", Dataset()),
        FileMetaDataset(),
        DataElement(0x00100010, "PN", "A"),
        Sequence(),
        MultiValue(str, []),
        PersonName("A"),
        DSfloat(1.0),
    )
    names = {name for thing in things for name in (*dir(thing), *getattr(thing, "__slots__", ()))}
    return {name for name in names if name.startswith("_") and not name.endswith("__") and len(name) > 1}


def test_the_underscore_names_are_found() -> None:
    assert {"_dict", "_value", "_read_implicit", "_read_little", "_is_implicit_VR"} <= _underscore_names()
