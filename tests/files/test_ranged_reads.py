"""What is asked of a web server for the layout and the index of a file: each range once, and no frame."""

import io
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

import streamdcm
from streamdcm.files.index import index_file
from streamdcm.files.layout import layout_of
from tests.support.images import compressed, template
from tests.support.ranged_server import RangedServer
from tests.support.tools import package

package("fsspec")
package("aiohttp")
COUNT = 16
LOOKING = pytest.mark.parametrize("look", [layout_of, index_file])


def file_of(size: int, offset_table: str) -> bytes:
    """Return a file of 16 compressed frames."""
    target = io.BytesIO()
    frames = compressed([size] * COUNT)
    streamdcm.dcmwrite(target, template(JPEGBaseline8Bit, bits=8), frames=frames, offset_table=offset_table)
    return target.getvalue()


def twice(ranges: list[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Give the ranges of which one has bytes of the other."""
    ordered = sorted(ranges)
    return ((one, other) for one, other in pairwise(ordered) if other[0] < one[1])


@LOOKING
@pytest.mark.parametrize("offset_table", ["basic", "extended", "empty"])
def test_each_frame_costs_one_request_of_a_few_bytes(look: Callable[[Any], Any], offset_table: str) -> None:
    with RangedServer(file_of(600_000, offset_table)) as server:
        look(server.url)
    assert len(server.ranges) == COUNT + 1  # the head, which holds the header of the first item, and the delimiter
    assert not list(twice(server.ranges))
    assert sum(stop - start for start, stop in server.ranges[1:]) == 8 * COUNT


@LOOKING
def test_a_small_file_is_one_request(look: Callable[[Any], Any]) -> None:
    content = file_of(30_000, "basic")
    with RangedServer(content) as server:
        look(server.url)
    assert server.ranges == [(0, len(content))]


@LOOKING
def test_a_small_file_is_read_from_a_server_that_does_not_know_ranges(look: Callable[[Any], Any]) -> None:
    with RangedServer(file_of(30_000, "extended"), knows_ranges=False) as server:
        look(server.url)
    assert len(server.ranges) == 1


@LOOKING
def test_native_frames_are_not_asked_for(look: Callable[[Any], Any]) -> None:
    target = io.BytesIO()
    dataset = template(ExplicitVRLittleEndian)
    dataset.Rows = dataset.Columns = 1024
    streamdcm.dcmwrite(target, dataset, frames=[bytes(dataset.BitsAllocated // 8 * 1024 * 1024)] * 8)
    with RangedServer(target.getvalue()) as server:
        look(server.url)
    assert len(server.ranges) <= 2
    assert sum(stop - start for start, stop in server.ranges) < 600_000
