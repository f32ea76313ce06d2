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

from tests.support import ROOT

PACKAGE = ROOT / "streamdcm"

# A package or module of the top level imports what stands before it.
CHAIN = (
    "errors system cleanup instructions sources engine options encode pixels plan sinks write files aio network "
    "dicomweb dimse batch cli stages testing"
)
PLACES = [*CHAIN.split(), "__init__", "__main__"]

# Of what stands before them, these leave out:
NEVER = {
    "sinks": {"options", "encode", "pixels", "plan"},
    "testing": {"options", "encode", "pixels", "plan", "write", "files", "aio", "cli", "stages"},
    "stages": {"pixels", "plan", "sinks", "write", "files", "aio", "cli"},
}

# What only these may import from elsewhere.
ONLY_IN = {
    "anyio": "aio network sinks",
    "argparse": "cli",
    "asyncio": "",
    "azure": "sinks",
    "boto3": "sinks",
    "botocore": "sinks",
    "concurrent": "sinks write aio",
    "fcntl": "system",
    "fsspec": "sinks files batch",
    "http": "",
    "httpcore": "sinks",
    "httpcore2": "sinks",
    "httpx": "sinks",
    "httpx2": "sinks",
    "imagecodecs": "pixels",
    "mmap": "write",
    "multiprocessing": "",
    "obstore": "sinks",
    "pydicom.filebase": "sinks write",
    "pydicom.filereader": "encode",
    "pydicom.filewriter": "",
    "msvcrt": "system",
    "psutil": "cli",
    "resource": "",
    "rich": "cli",
    "selectors": "network",
    "shutil": "sinks cli",
    "socket": "system sinks write files network",
    "subprocess": "system write batch",
    "tempfile": "sinks cli files testing",
}

WITHOUT_IO = [place for place in [*PLACES[: PLACES.index("sinks")], "stages"] if place != "system"]

# Calls that reach for a file, as they are written, and where the pure part may make them all the same.
OPENS = re.compile(
    r"(io\.)?(open|FileIO|open_code)|os\.(open|read|pread|preadv|write|pwrite|writev|fstat|stat|sendfile|"
    r"copy_file_range|unlink|remove|rename|replace|link)|system\.(p?read|p?write|writev|send_.*|copy_.*|link)|pathlib\..*|Path|socket\..*|tempfile\..*|print|input|"
    r".*\.(read_bytes|read_text|write_bytes|write_text|recv|sendall|sendmsg)|dcmread|read_deferred_data_element"
)
ASKS_A_SOURCE = {
    # What a lazy value is has to be known before the first byte: is its file the one that was read, how long is it,
    # what are its first bytes.
    ("streamdcm/sources.py", "FileSource.open"): {"FileIO"},
    ("streamdcm/sources.py", "FileSource.check"): {"os.fstat", "system.pread"},
    ("streamdcm/sources.py", "describe_file"): {"os.fstat"},
    ("streamdcm/sources.py", "_length_of_items"): {"system.pread"},
    ("streamdcm/sources.py", "first_bytes"): {"system.pread"},
    # pydicom reads an element whose value it left in the file, where the value has to be parsed.
    ("streamdcm/encode/_pydicom.py", "_read_deferred"): {"read_deferred_data_element"},
}


class Module(NamedTuple):
    """A file of the package, and the entry of the top level that it belongs to."""

    path: Path
    place: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))


def modules() -> Iterator[Module]:
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        yield Module(path, place, ast.parse(path.read_bytes(), str(path)))


MODULES = list(modules())
each_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)


def imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the full names of what is imported, in functions and under TYPE_CHECKING too, and the lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            named = ast.unparse(node.args[0])
            yield re.sub(r"^f?['\"]|['\"]$|\.?\{.*", "", named), node.lineno


@each_module
def test_imports_run_along_the_chain(module: Module) -> None:
    assert module.place in PLACES, f"give {module.place} its place in CHAIN"
    before = set(PLACES[: PLACES.index(module.place) + 1]) - NEVER.get(module.place, set())
    for name, line in imports(module.tree):
        package, _, rest = name.partition(".")
        if package == "streamdcm" and rest:
            place = rest.partition(".")[0]
            assert place in before, f"{module.name}:{line}: {module.place} may not import {place}"


def test_the_chain_names_what_is_there() -> None:
    assert set(PLACES) == {module.place for module in MODULES}


@each_module
def test_what_is_outside_comes_in_by_one_door(module: Module) -> None:
    for name, line in imports(module.tree):
        for outside, places in ONLY_IN.items():
            if f"{name}.".startswith(f"{outside}."):
                assert module.place in places.split(), f"{module.name}:{line}: {module.place} imports {outside}"


def calls(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield for each call the class and function it stands in, and what is called."""

    def within(node: ast.AST, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield ".".join(names), ast.unparse(child.func)
            is_scope = isinstance(child, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef))
            yield from within(child, (*names, child.name) if is_scope else names)

    return within(tree, ())


@each_module
def test_no_file_is_touched_below_sinks_and_write(module: Module) -> None:
    if module.place not in WITHOUT_IO:
        return
    for where, called in calls(module.tree):
        if OPENS.fullmatch(called):
            allowed = ASKS_A_SOURCE.get((module.name, where), set())
            assert called in allowed, f"{module.name}: {where} calls {called}"


def test_the_exceptions_are_in_use() -> None:
    for (name, where), allowed in ASKS_A_SOURCE.items():
        tree = next(module.tree for module in MODULES if module.name == name)
        assert allowed == {called for place, called in calls(tree) if place == where and OPENS.fullmatch(called)}


# Calls in a ``finally`` that cannot fail: all else goes through `streamdcm.cleanup`, lest it hide the error before it.
CANNOT_FAIL = {
    "charls['destroy']",
    "_is_silenced.reset",
    "_once.reset",
    "self._send.close",
    "close_async",
    "ended.put",
    "os.lseek",
    "suppress",
    "thread.join",
    "signal.signal",
}


@each_module
def test_cleaning_up_hides_no_error(module: Module) -> None:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Try):
            for call in (inner for step in node.finalbody for inner in ast.walk(step) if isinstance(inner, ast.Call)):
                called = ast.unparse(call.func)
                assert called in CANNOT_FAIL, f"{module.name}:{call.lineno}: {called} in a finally; use afterwards"
    imported = {name for name, _ in imports(module.tree)}
    assert not imported & {"contextlib.closing", "contextlib.aclosing"}, f"{module.name}: use afterwards"


@each_module
def test_pydicoms_underscore_names_stay_in_one_module(module: Module) -> None:
    if module.path.stem == "_pydicom":
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


@each_module
def test_docstrings_of_named_tuples_have_attributes(module: Module) -> None:
    """Not parameters, which the site's builder looks for in a signature that a NamedTuple has not written down."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "NamedTuple" for base in node.bases):
            docstring = ast.get_docstring(node) or ""
            assert "Parameters\n----------" not in docstring, f"{module.name}:{node.lineno}: call them Attributes"


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
