"""Sending a gigabyte that a generator makes takes a few MiB, and what is held back where frames are counted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.memory import MIB, measure
from tests.support.space import directory_for, needs_proc

CHILD = "tests.support.children.sending"
GIB = 1024

pytestmark = [pytest.mark.memory, needs_proc]


@pytest.fixture
def directory() -> Iterator[Path]:
    with directory_for(2200 * MIB) as path:
        yield path


@pytest.mark.parametrize("way", ["sync", "asyncio"])
def test_a_gigabyte_by_c_store_adds_16_mib(way: str, directory: Path) -> None:
    with peers.storescp(directory / "received") as server:
        sent, added = measure(CHILD, way, server.url, str(GIB))
        assert GIB * MIB < sent < GIB * MIB + 2000
        assert max(path.stat().st_size for path in server.directory.iterdir()) > GIB * MIB
    assert added <= 16 * MIB, f"{added / MIB:.1f} MiB"


@pytest.mark.parametrize("way", ["sync", "asyncio"])
def test_a_gigabyte_of_frames_that_are_counted_adds_96_mib_by_c_store(way: str, directory: Path) -> None:
    with peers.storescp(directory / "received") as server:
        sent, added = measure(CHILD, way, server.url, str(GIB), "count")
        assert max(path.stat().st_size for path in server.directory.iterdir()) > GIB * MIB
    assert GIB * MIB < sent < GIB * MIB + 2000
    assert added <= 96 * MIB, f"{added / MIB:.1f} MiB"


@pytest.mark.parametrize("way", ["sync", "asyncio"])
def test_a_gigabyte_of_frames_that_are_counted_adds_96_mib_by_stow(way: str, directory: Path) -> None:
    with peers.orthanc(directory / "orthanc") as server:
        sent, added = measure(CHILD, way, server.dicomweb, str(GIB), "count")
        assert len(server.instances()) == 2
    assert GIB * MIB < sent < GIB * MIB + 2000
    assert added <= 96 * MIB, f"{added / MIB:.1f} MiB"


@pytest.mark.parametrize("way", ["sync", "asyncio"])
def test_a_gigabyte_by_stow_adds_16_mib(way: str, directory: Path) -> None:
    with peers.orthanc(directory / "orthanc") as server:
        sent, added = measure(CHILD, way, server.dicomweb, str(GIB))
        assert len(server.instances()) == 2
    assert GIB * MIB < sent < GIB * MIB + 2000
    assert added <= 16 * MIB, f"{added / MIB:.1f} MiB"
