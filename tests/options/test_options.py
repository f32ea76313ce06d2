"""An option is one row: types, run time and the docs say the same of it."""

import asyncio
import inspect
import io
import re
from dataclasses import fields
from typing import Any, get_type_hints

import numpy as np
import pytest
from pydicom import examples

import streamdcm
from streamdcm.errors import PlanError
from streamdcm.options import ROWS, Options, check_options
from tests.support import ROOT

FUNCTIONS = sorted({function for row in ROWS.values() for function in row.functions})
DEPRECATED = {"dcmwrite": {"write_like_original"}}
PAGE = (ROOT / "docs" / "reference" / "api.md").read_text("utf-8")


def typed(function: str) -> set[str]:
    """The keyword arguments that the types of a function allow."""
    signature = inspect.signature(getattr(streamdcm, function))
    [keywords] = [p for p in signature.parameters.values() if p.kind is inspect.Parameter.VAR_KEYWORD]
    name = re.fullmatch(r"Unpack\[(\w+)\]", keywords.annotation)
    assert name is not None, keywords.annotation
    return set(get_type_hints(getattr(streamdcm.options, name[1]))) - DEPRECATED.get(function, set())


def test_every_function_with_options_has_rows():
    public = {name for name in streamdcm.__all__ if inspect.isfunction(getattr(streamdcm, name))}
    with_options = {name for name in public if "kwargs" in inspect.signature(getattr(streamdcm, name)).parameters}
    assert set(FUNCTIONS) == with_options


@pytest.mark.parametrize("function", FUNCTIONS)
def test_types_allow_what_run_time_takes(function):
    assert typed(function) == {name for name, row in ROWS.items() if function in row.functions}


@pytest.mark.parametrize("option", fields(Options), ids=lambda option: option.name)
def test_the_page_has_a_row_with_the_default(option):
    found = re.search(rf"^\| `{option.name}` \| (.+?) \|", PAGE, re.MULTILINE)
    assert found is not None
    default = getattr(Options(), option.name)
    mebibytes = f"{default // 2**20} MiB" if isinstance(default, int) and not default % 2**20 and default else ""
    shown = {f"`{default!r}`", str(default), mebibytes, f'`"{default}"`'}
    assert found[1] in shown


@pytest.mark.parametrize(
    ("function", "option"),
    [
        ("iter_chunks", "overwrite"),
        ("iter_chunks", "resume"),
        ("iter_chunks", "client"),
        ("write_encoder", "frames"),
        ("write_encoder", "late"),
        ("write_encoder", "split"),
        ("open_writer", "frames"),
        ("iter_chunks_async", "split"),
        ("encoded_size", "progress"),
        ("dcmwrite", "file_meta"),
        ("rewrite", "implicit_vr"),
    ],
)
def test_what_a_function_does_not_take_is_refused_with_those_that_do(function, option):
    with pytest.raises(TypeError, match=rf"{function}\(\) does not take {option}=, which is for \w+\(\)"):
        check_options({option: None}, function)


def test_an_unknown_name_is_refused_with_the_nearest_one():
    with pytest.raises(TypeError, match="did you mean 'chunk_size'"):
        streamdcm.dcmwrite("never.dcm", examples.ct, chunksize=5)
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'xyz'$"):
        streamdcm.dcmwrite("never.dcm", examples.ct, xyz=5)


WRONG: list[tuple[str, Any]] = [
    ("chunk_size", 1.5),
    ("chunk_size", True),
    ("chunk_size", "much"),
    ("chunk_size", 0),
    ("workers", True),
    ("workers", 0),
    ("progress", 5),
    ("late", "PatientID"),
    ("late", 5),
    ("late", {"ImageComments": 2.5}),
    ("number_of_frames", 2.0),
    ("split", 1.5),
    ("split", True),
    ("metadata", "study=1"),
    ("storage_options", [1]),
    ("content_type", 5),
    ("resume", ""),
    ("checksum", "md5"),
    ("offset_table", None),
    ("sequence_lengths", ["defined"]),
    ("check_frames", "no"),
]


@pytest.mark.parametrize(("option", "value"), WRONG, ids=str)
def test_a_value_that_an_option_cannot_have_is_refused(option, value):
    with pytest.raises(PlanError, match=f"^{option}"):
        check_options({option: value}, "dcmwrite")


def test_whole_numbers_of_numpy_are_taken():
    options = check_options(
        {"chunk_size": np.int64(4096), "number_of_frames": np.uint8(7), "split": np.int32(2)}, "dcmwrite"
    )
    assert (options.chunk_size, options.number_of_frames) == (4096, 7)
    assert type(options.chunk_size) is type(options.number_of_frames) is int
    assert options.split == streamdcm.options.FramesEach(2)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("offset_table", "extended"),
        ("max_frames", 5),
        ("fragments_per_frame", 2),
        ("number_of_frames", 1),
        ("fragment_size", 100),
        ("check_frames", False),
    ],
)
def test_options_about_frames_without_frames_are_refused(option, value, tmp_path):
    with pytest.raises(PlanError, match=f"^{option}= is about the frames that frames= gives"):
        streamdcm.dcmwrite(tmp_path / "out.dcm", examples.jpeg2k, **{option: value})
    default = getattr(Options(), option)
    streamdcm.dcmwrite(tmp_path / "out.dcm", examples.jpeg2k, **{option: default})


@pytest.mark.parametrize(
    ("target", "option", "value"),
    [
        ("object", "durable", True),
        ("object", "atomic", False),
        ("object", "workers", 2),
        ("path", "resume", True),
        ("path", "metadata", {"study": "1"}),
        ("path", "part_size", "16 MiB"),
        ("path", "client", object()),
        ("memory://out.dcm", "durable", True),
    ],
)
def test_an_option_that_this_target_has_no_use_for_is_refused(target, option, value, tmp_path):
    given = {"object": io.BytesIO(), "path": tmp_path / "out.dcm"}.get(target, target)
    with pytest.raises(PlanError, match=f"^{option}= .*; leave it out"):
        streamdcm.dcmwrite(given, examples.ct, **{option: value})
    with pytest.raises(PlanError, match=f"^{option}= .*; leave it out"):
        asyncio.run(streamdcm.dcmwrite_async(given, examples.ct, **{option: value}))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("overwrite", [True, False])
def test_overwrite_and_defaults_pass_everywhere(overwrite):
    defaults = {option.name: getattr(Options(), option.name) for option in fields(Options)}
    taken = {name: value for name, value in defaults.items() if "dcmwrite" in ROWS[name].functions}
    streamdcm.dcmwrite(io.BytesIO(), examples.ct, **{**taken, "overwrite": overwrite})
