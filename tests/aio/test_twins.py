"""An asynchronous function takes what its synchronous twin takes, says the same, and checks as early."""

import inspect
import re

import pytest

import streamdcm
from streamdcm.errors import DatasetTypeError, PlanError
from streamdcm.options import ROWS
from streamdcm.options.twins import merged
from tests.aio.test_write import ct, multi_frame, reused

TWINS = sorted(name for name in streamdcm.__all__ if name.endswith("_async"))
ONLY_ASYNC = {"frames_on_loop"}


def taken(function: str) -> set[str]:
    return {name for name, row in ROWS.items() if function in row.functions}


def sections(name: str) -> list[str]:
    return re.findall(r"^(\w+)\n-+$", inspect.getdoc(getattr(streamdcm, name)) or "", re.MULTILINE)


@pytest.mark.parametrize("name", TWINS)
async def test_a_twin_takes_the_same_options(name):
    assert taken(name) - ONLY_ASYNC == taken(name.removesuffix("_async"))


@pytest.mark.parametrize("name", TWINS)
async def test_a_twin_has_the_same_arguments(name):
    first, second = (inspect.signature(getattr(streamdcm, each)) for each in (name.removesuffix("_async"), name))
    own = [each for each in first.parameters if "write_like" not in each]
    assert list(second.parameters) == own


@pytest.mark.parametrize("name", TWINS)
async def test_the_help_of_a_twin_has_all_sections_in_the_same_order(name):
    expected = sections(name.removesuffix("_async"))
    assert len(expected) > 1
    assert [each for each in sections(name) if each in expected] == expected


async def test_every_function_with_options_has_its_twin():
    with_options = {function for row in ROWS.values() for function in row.functions}
    sync = {function for function in with_options if not function.endswith("_async")}
    assert {f"{function}_async" for function in sync - {"encoder"}} == with_options - sync  # which waits for nothing


async def test_what_a_twin_says_itself_takes_the_place_of_what_the_other_says():
    own = "Do it later.\n\nParameters\n----------\nb : int\n    Another.\n"
    both = "Parameters\n----------\na : int\n    One.\nb : int\n    {}.\n\nReturns\n-------\nint\n    It."
    assert merged(own, "Do it.\n\n" + both.format("Two")) == "Do it later.\n\n" + both.format("Another")


@pytest.mark.parametrize("function", [streamdcm.iter_chunks, streamdcm.iter_chunks_async])
async def test_arguments_and_dataset_are_checked_at_once(function):
    with pytest.raises(PlanError, match="contradicts the transfer syntax"):
        function(ct(), implicit_vr=True)
    with pytest.raises(DatasetTypeError):
        function("dataset")
    frames = reused(3)
    next(frames)
    with pytest.raises(PlanError, match="native frames have no fragments"):
        function(multi_frame(), frames=frames, fragments_per_frame=2)
    assert next(frames, None) is None, "frames were not closed"
