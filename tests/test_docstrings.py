"""The docstring of each public name has an example that runs; that of the writing functions names their options."""

import ast
import doctest
import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydicom import config, examples
from pydicom.data import get_testdata_file
from pydicom.uid import MultiFrameGrayscaleWordSecondaryCaptureImageStorage

import streamdcm
from streamdcm.network.settings import AssociationSettings, WebSettings
from streamdcm.options.settings import ROWS, Options
from streamdcm.options.sizes import bytes_in
from tests.support.peers import Talk, answer_http, read_http, scripted, stored_json
from tests.support.services import BUCKET, ENVIRONMENT, moto
from tests.support.tools import package

FACES = (
    "streamdcm",
    *(
        f"streamdcm.{name}"
        for name in ("batch", "dicomweb", "dimse", "errors", "instructions", "network", "sinks", "stages", "testing")
    ),
)
"""The modules whose `__all__` is public (docs/reference/stability.md)."""

NO_DOCSTRING = {
    "streamdcm.Encoder": "a type alias",
    "streamdcm.END": "a sentinel",
    "streamdcm.errors": "a module, whose names are looked at one by one",
    "streamdcm.instructions": "a module",
    "streamdcm.stages": "a module",
    "streamdcm.instructions.Chunk": "a type alias",
    "streamdcm.instructions.Content": "a type alias",
    "streamdcm.instructions.Encoder": "a type alias",
    "streamdcm.instructions.END": "a sentinel",
    "streamdcm.instructions.Instruction": "a type alias",
}
"""Public names that Python gives no docstring of their own, and why."""

BETWEEN_PACKAGES = {
    *("Checksummed", "Delivery", "Performer", "ReadableOutput", "SpoolFile", "TakesSize", "Uploading"),
    *("is_discardable", "is_remote_path", "policy_of", "printable", "printable_text", "resolve_async", "scheme_of"),
    *("takes_size", "url_reader", "wants_size"),
}
"""What `streamdcm.sinks` gives to the other packages alone: no page tells users of it."""


def public_names() -> Iterator[Any]:
    """Each public name with its module, once; those that start processes are slow."""
    found = [(f"{face}.{name}", name, face) for face in FACES for name in importlib.import_module(face).__all__]
    left_out = {f"streamdcm.sinks.{name}" for name in BETWEEN_PACKAGES} | NO_DOCSTRING.keys()
    assert left_out <= {name for name, _, _ in found}
    seen = list[Any]()
    for name, attribute, face in found:
        named = getattr(importlib.import_module(face), attribute)
        if name not in left_out and not any(named is each for each in seen):
            seen.append(named)
            starts_processes = "Batch(" in (named.__doc__ or "")
            yield pytest.param(docstring_of(named), id=name, marks=[pytest.mark.slow] if starts_processes else [])


def docstring_of(named: Any) -> str:
    return inspect.getdoc(named) or ""


@pytest.fixture
def namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the examples of docstrings find: a slice `ds` and its file, and a `camera` that plays its frames."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config.settings, "_writing_validation_mode", config.settings.writing_validation_mode)
    slice_ = examples.ct
    slice_.SOPClassUID = slice_.file_meta.MediaStorageSOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    Path("slice.dcm").write_bytes(Path(get_testdata_file("CT_small.dcm")).read_bytes())

    def camera() -> Iterator[bytes]:
        for _ in range(3):
            yield bytes(slice_.PixelData)

    with streamdcm.open_writer("live.dcm", slice_, recover=True, sync_every=1) as writer:
        for frame in camera():
            writer.write_frame(frame)
        (capture,) = tmp_path.glob(".live.dcm.*.capture")
        for ending in ("", ".log"):
            copy = tmp_path / f".live.dcm.1f0c9a3b.capture{ending}"
            copy.write_bytes(Path(f"{capture}{ending}").read_bytes())
    return {"streamdcm": streamdcm, "ds": slice_, "camera": camera}


@pytest.fixture
def addresses() -> Iterator[dict[str, str]]:
    """Servers on this machine, in the place of those that docstrings name."""
    with scripted(*[_store] * 2) as pacs, scripted(*[_store_web] * 2) as web, scripted(_refuse) as files:
        yield {
            "pacs.example:4242": _host(pacs.url),
            "https://pacs.example": f"http://{_host(web.url)}",
            "https://files.example": f"http://{_host(files.url)}",
        }


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket on this machine, which boto3 finds by itself."""
    package("boto3"), package("moto")
    with moto() as options:
        for name, value in options.items():
            monkeypatch.setenv(ENVIRONMENT[name], value)
        yield BUCKET


def _host(url: str) -> str:
    return url.rpartition("@")[2]


def _store(talk: Talk) -> None:
    talk.accept()
    talk.store_all()


def _store_web(talk: Talk) -> None:
    _, body = read_http(talk)
    uids = re.findall(rb"\x08\x00\x18\x00UI..([0-9.]+)", body, re.DOTALL)
    # a connection that was kept might be closed just when the next request begins, whose frames cannot be sent again
    headers = {"Content_Type": "application/dicom+json", "Connection": "close"}
    answer_http(talk, 200, stored_json(*(uid.decode() for uid in uids)), **headers)


STATUSES = {"full": 507, "login": 401, "read-only": 403, "no-folder": 404}


def _refuse(talk: Talk) -> None:
    head, _ = read_http(talk)
    answer_http(talk, STATUSES[head.split()[1].split("/")[1]])


@pytest.mark.parametrize("docstring", list(public_names()))
def test_its_example_runs(docstring: str, namespace: dict[str, Any], request: pytest.FixtureRequest) -> None:
    if "http://" in docstring or "https://" in docstring:
        package("httpx2")
    if "memory://" in docstring:
        package("fsspec")
    if "s3://" in docstring:
        docstring = docstring.replace("s3://bucket", f"s3://{request.getfixturevalue('bucket')}")
    if ".example" in docstring:
        for given, there in request.getfixturevalue("addresses").items():
            docstring = docstring.replace(given, there)
    parsed = doctest.DocTestParser().get_doctest(docstring, namespace, "docstring", None, 0)
    assert parsed.examples, "no example after >>>"
    said: list[str] = []
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    doctest.DocTestRunner(optionflags=flags).run(parsed, out=said.append)
    assert not said, "".join(said)


MOST = 10
"""How many options a docstring tells of where a function takes so many; all are in its TypedDict."""

SENDERS = {"streamdcm.dimse": AssociationSettings(), "streamdcm.dicomweb": WebSettings()}
"""Modules with options of their own, and the defaults of these."""


def functions_with_options() -> Iterator[Any]:
    """Each public function that takes options, with the defaults of all that it takes."""
    for face in ("streamdcm", *SENDERS):
        module = importlib.import_module(face)
        for name in module.__all__:
            function = getattr(module, name)
            if inspect.isfunction(function) and "kwargs" in inspect.signature(function).parameters:
                settings = SENDERS.get(face) or Options()
                defaults = {each.name: getattr(settings, each.name) for each in fields(settings)}
                if face not in SENDERS:
                    defaults = {option: defaults[option] for option in defaults if name in ROWS[option].functions}
                yield pytest.param(function, defaults, id=f"{face}.{name}")


@pytest.mark.parametrize(("function", "defaults"), list(functions_with_options()))
def test_help_shows_the_options_that_are_used_most(function: Any, defaults: dict[str, Any]) -> None:
    told = dict(re.findall(r"^ *- `(\w+)` \((.*?)\):", docstring_of(function), re.MULTILINE))
    assert told.keys() <= defaults.keys()
    assert len(told) == min(MOST, len(defaults))
    for name, default in told.items():
        assert value_told(default) == defaults[name], name


def value_told(default: str) -> Any:
    """The value that a docstring means."""
    if default == "nothing":
        return AnyEmpty()
    if default.endswith("iB"):
        return bytes_in(default)
    return ast.literal_eval(default)


class AnyEmpty:
    """Equal to every empty container."""

    def __eq__(self, other: object) -> bool:
        return other in ({}, ())
