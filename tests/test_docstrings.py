"""The docstring of each public name has an example that runs; that of the writing functions names their options."""

import doctest
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydicom import examples
from pydicom.data import get_testdata_file
from pydicom.uid import MultiFrameGrayscaleWordSecondaryCaptureImageStorage

import streamdcm
from streamdcm.options.settings import Options

MODULES = {"errors", "instructions", "stages"}
WITHOUT = {"END", "Encoder"}
"""What has no docstring of its own: a sentinel and a type alias."""

NAMES = sorted(set(streamdcm.__all__) - MODULES - WITHOUT)


@pytest.fixture
def namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the examples of docstrings find: a slice `ds` and its file, and a `camera` that plays its frames."""
    monkeypatch.chdir(tmp_path)
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


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_its_docstring_runs(name: str, namespace: dict[str, Any]) -> None:
    docstring = inspect.getdoc(getattr(streamdcm, name)) or ""
    parsed = doctest.DocTestParser().get_doctest(docstring, namespace, name, None, 0)
    assert parsed.examples, f"{name} has no example after >>>"
    said: list[str] = []
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    doctest.DocTestRunner(optionflags=flags).run(parsed, out=said.append)
    assert not said, "".join(said)


MOST_USED = [
    *("enforce_file_format", "frames", "number_of_frames", "split", "overwrite", "atomic", "durable", "progress"),
    *("hold_limit", "checksum"),
]
"""The options of `dcmwrite` that a docstring tells of; the others are in the TypedDicts."""


def test_help_shows_the_options_that_are_used_most_and_their_defaults() -> None:
    docstring = inspect.getdoc(streamdcm.dcmwrite) or ""
    rows = {row.name: row.default for row in fields(Options)}
    told = dict(re.findall(r"^ *- `(\w+)` \((.*?)\)", docstring, re.MULTILINE))
    assert list(told) == MOST_USED
    for name, default in told.items():
        given = rows[name]
        assert default == ("64 MiB" if name == "hold_limit" else str(given)), name
