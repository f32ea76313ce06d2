"""Names of targets: fields of paths and of datasets, and that no value leads out of the folder."""

import os
from pathlib import Path

import pytest
from pydicom import Dataset

from streamdcm.batch.listing import Found
from streamdcm.batch.template import TargetTemplate, name_parts, normal
from streamdcm.errors import PlanError

FOUND = Found("/archive/a/b/1.x.dcm", "a/b/1.x.dcm")


def patient(name: str) -> Dataset:
    dataset = Dataset()
    dataset.PatientName = name
    return dataset


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/out/{relative}", "/out/a/b/1.x.dcm"),
        ("/out/{parent}/{stem}-new.dcm", "/out/a/b/1.x-new.dcm"),
        ("/out/{name}", "/out/1.x.dcm"),
        ("s3://bucket//{relative}", "s3://bucket/a/b/1.x.dcm"),
        ("/out/{{{stem}}}", "/out/{1.x}"),
    ],
)
def test_fields_of_paths(text: str, expected: str) -> None:
    template = TargetTemplate(text)
    assert not template.needs_dataset
    assert template.expanded(FOUND, {}, {}) == expected


def test_a_file_at_the_top_has_no_parent() -> None:
    assert TargetTemplate("/out/{parent}/{name}").expanded(Found("/a/x.dcm", "x.dcm"), {}, {}) == "/out/x.dcm"


def test_values_before_and_after_the_edit() -> None:
    template = TargetTemplate("/out/{source.PatientName}/{PatientName}.dcm")
    assert (template.before, template.after) == ({"PatientName"}, {"PatientName"})
    before = name_parts(patient("Doe^Jane"), template.before)
    after = name_parts(patient("Anon"), template.after)
    assert template.expanded(FOUND, after, before) == "/out/Doe_Jane/Anon.dcm"


@pytest.mark.parametrize("value", ["", ".", "..", "../..", "/etc", "a/../..", "ä", "a\0b", "x" * 10])
def test_no_value_leads_out_of_the_folder(value: str) -> None:
    part = name_parts(patient(value), ["PatientName"])["PatientName"]
    target = TargetTemplate("/out/{PatientName}/x").expanded(FOUND, {"PatientName": part}, {})
    assert Path(target).parent.parent == Path("/out")
    assert part.isascii()


def test_a_keyword_that_is_missing_or_empty() -> None:
    assert name_parts(Dataset(), ["PatientID"]) == {"PatientID": "_"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("/out/{PatientNam}", "did you mean PatientName"),
        ("/out/{stem:>4}", "with a format"),
        ("/out/{stem!r}", "with a format"),
        ("/out/{", "braces that do not fit"),
        ("/out/{}", "neither"),
        ("/out/{source.relative}", "neither"),
    ],
)
def test_wrong_fields_are_refused(text: str, problem: str) -> None:
    with pytest.raises(PlanError, match=problem):
        TargetTemplate(text)


def test_names_of_one_file_are_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    names = [tmp_path / "real/x", tmp_path / "link/x", f"{tmp_path}/real/../link//x"]
    assert len({normal(os.fspath(name)) for name in names}) == 1
    assert normal("s3://b/x") == "s3://b/x"
