"""Servers that the tests of senders share; each test finds them empty."""

from collections.abc import Iterator

import pytest

from tests.support import peers


@pytest.fixture(scope="package")
def running_storescp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[peers.Storescp]:
    with peers.storescp(tmp_path_factory.mktemp("storescp")) as server:
        yield server


@pytest.fixture
def storescp(running_storescp: peers.Storescp) -> peers.Storescp:
    running_storescp.empty()
    return running_storescp


@pytest.fixture(scope="package")
def running_orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[peers.Orthanc]:
    with peers.orthanc(tmp_path_factory.mktemp("orthanc")) as server:
        yield server


@pytest.fixture
def orthanc(running_orthanc: peers.Orthanc) -> peers.Orthanc:
    running_orthanc.empty()
    return running_orthanc
