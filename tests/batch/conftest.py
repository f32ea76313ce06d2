"""Workers of batches import edits from the tests; a cluster of them is shared."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.tools import package

if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # last, so that streamdcm is the one that is installed


@pytest.fixture(scope="package")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the edits of a cluster say."""
    path = tmp_path_factory.mktemp("cluster") / "edits.log"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BATCH_LOG", str(path))
        patch.setenv("PYTHONPATH", str(ROOT))
        yield path


@pytest.fixture(scope="package")
def cluster(log: Path) -> Iterator[Any]:
    """Two processes that are workers of dask.distributed."""
    distributed = package("distributed")
    dask = package("dask")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0, "distributed.deploy.lost-worker-timeout": "10m"}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
    ):
        yield cluster
