"""A file that was cut is refused, or the cut is between two elements and the result is the file up to there."""

import io
import random
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import streamdcm
from streamdcm.files.access import accessed
from streamdcm.files.scan_words import Large
from streamdcm.files.scanned import check_whole, scan_file
from tests.support.corpus import CORPUS, is_one_of_many, name
from tests.support.oracle import dataset_offset

pytestmark = pytest.mark.slow

DAMAGED = {"MR_truncated.dcm", "no_meta.dcm", "rtplan_truncated.dcm"}
WHOLE = [path for path in CORPUS if path.name not in DAMAGED and not is_one_of_many(path)]
HEADER = 1500
PLACES = 1000


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def borders(path: Path) -> set[int]:
    """The offsets behind each element of the dataset, and where it begins; a deflated one has none within."""
    with accessed(path) as access:
        scanned = scan_file(access, force=True, hold_limit=0)
    found = {row[4] for row in scanned.head.meta.rows} | {scanned.head.at, 132}
    if scanned.head.deflated:
        inflater, content = zlib.decompressobj(-zlib.MAX_WBITS), path.read_bytes()
        inflater.decompress(content[scanned.head.at :])
        return found | {len(content) - len(inflater.unused_data)}  # what is behind it pads it
    for part in scanned.parts:
        if isinstance(part, Large):
            found.add(part.end)
        else:
            found |= {part.base + row[4] + (8 if row[5] == 0xFFFFFFFF else 0) for row in part.rows}
    return found


def cuts(content: bytes, path: Path) -> list[int]:
    """Every byte of the header, and a thousand places of the rest."""
    start = 132 if content[128:132] == b"DICM" else 1
    header = range(start, min(start + HEADER, len(content)))
    rest = range(header.stop, len(content))
    return [*header, *sorted(random.Random(path.name).sample(rest, min(PLACES, len(rest))))]


@pytest.mark.parametrize("edit", [None, {"PatientName": "Doe^Jane"}], ids=["passed", "edited"])
@pytest.mark.parametrize("path", WHOLE, ids=name)
def test_a_cut_file_is_refused_or_whole_up_to_the_cut(path: Path, edit: dict[str, str] | None) -> None:
    content, between = path.read_bytes(), borders(path)
    for end in cuts(content, path):
        target = io.BytesIO()
        try:
            streamdcm.rewrite(io.BytesIO(content[:end]), target, force=True, edit=edit)
        except streamdcm.StreamdcmError:
            continue
        assert end in between, f"cut at {end}, which is within an element"
        if edit is None and end >= dataset_offset(content) and end > 140:
            whole = io.BytesIO()
            streamdcm.rewrite(io.BytesIO(content), whole, force=True)
            assert is_start_of(target.getvalue(), whole.getvalue()), f"cut at {end}"


@pytest.mark.parametrize("path", WHOLE, ids=name)
def test_what_is_passed_on_as_it_is_has_an_end(path: Path) -> None:
    content, between = path.read_bytes(), borders(path)
    check(content)
    for end in cuts(content, path):
        try:
            check(content[:end])
        except streamdcm.StreamdcmError:
            continue
        assert end in between, f"cut at {end}, which is within an element"


def check(content: bytes) -> None:
    with accessed(io.BytesIO(content)) as access:
        check_whole(access, force=True)


def is_start_of(part: bytes, whole: bytes) -> bool:
    """Whether a file has the first elements of another, and nothing else."""
    return whole[dataset_offset(whole) :].startswith(part[dataset_offset(part) :])


@pytest.mark.parametrize("path", [path for path in WHOLE if path.stat().st_size < 10_000][::4], ids=name)
def test_so_it_is_for_a_stream(path: Path) -> None:
    content, between = path.read_bytes(), borders(path)
    for end in cuts(content, path)[::7]:
        source = iter([content[start : min(start + 500, end)] for start in range(0, end, 500)])
        try:
            streamdcm.rewrite(source, io.BytesIO(), force=True)
        except streamdcm.StreamdcmError:
            continue
        assert end in between, f"cut at {end}, which is within an element"
