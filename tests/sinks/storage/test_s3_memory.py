"""Peak memory of an upload does not grow with what is uploaded (a gigabyte, in a process of its own)."""

import pytest

from tests.sinks.storage.conftest import Bucket
from tests.support.memory import MIB, measure
from tests.support.services import ENVIRONMENT
from tests.support.space import needs_proc

pytestmark = [pytest.mark.memory, needs_proc]


def test_a_gigabyte_adds_the_parts_that_are_open_or_on_their_way(seaweed: Bucket, monkeypatch: pytest.MonkeyPatch):
    for name, value in seaweed.options.items():
        monkeypatch.setenv(ENVIRONMENT[name], value)
    written, added = measure("tests.support.children.uploads", "1024", seaweed.url())
    assert written == seaweed.head()["ContentLength"] > 1024 * MIB
    open_parts, on_their_way, slack = 2, 8, 32  # boto3 and the allocator keep some for eight threads
    assert added <= (open_parts + on_their_way) * 8 * MIB + slack * MIB, f"{added / MIB:.1f} MiB"
