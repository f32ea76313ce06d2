"""What the sources of a batch name: directories, globs, manifests, URLs of fsspec."""

import io
import os
from pathlib import Path

import pytest

from streamdcm.batch.listing import divided, found_in
from streamdcm.errors import PlanError
from tests.support.tools import package

NAMES = ["a/1.dcm", "a/b/2.dcm", "a/b/.hidden.dcm", "a/note.txt", "c.dcm"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in NAMES:
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "tree"


def relatives(*sources: object) -> list[str]:
    return [found.relative for found in found_in(list(map(str, sources)), {})]


def test_a_directory_is_taken_with_all_below_it_in_order(tree: Path) -> None:
    assert relatives(tree) == ["a/1.dcm", "a/b/.hidden.dcm", "a/b/2.dcm", "a/note.txt", "c.dcm"]


def test_directories_behind_links_are_not_followed_and_files_are(tree: Path) -> None:
    (tree / "loop").symlink_to(tree)
    (tree / "z.dcm").symlink_to(tree / "c.dcm")
    assert relatives(tree)[-2:] == ["c.dcm", "z.dcm"]


def test_a_link_that_leads_nowhere_is_a_source_that_will_fail(tree: Path) -> None:
    (tree / "b-circle").symlink_to("b-circle")
    (tree / "b-nowhere").symlink_to("nowhere")
    assert relatives(tree)[-3:] == ["b-circle", "b-nowhere", "c.dcm"]


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("**/*.dcm", ["a/1.dcm", "a/b/.hidden.dcm", "a/b/2.dcm", "c.dcm"]),
        ("*.dcm", ["c.dcm"]),
        ("*/[0-9].dcm", ["a/1.dcm"]),
        ("a/**", ["1.dcm", "b/.hidden.dcm", "b/2.dcm", "note.txt"]),
        ("a/*/?.dcm", ["b/2.dcm"]),
    ],
)
def test_globs(tree: Path, glob: str, expected: list[str]) -> None:
    assert relatives(tree / glob) == expected


def test_a_name_that_is_there_is_no_glob(tree: Path) -> None:
    (tree / "[1].dcm").write_bytes(b"")
    assert relatives(tree / "[1].dcm") == ["[1].dcm"]


def test_what_is_not_there_is_a_source_that_will_fail(tmp_path: Path) -> None:
    assert relatives(tmp_path / "missing.dcm") == ["missing.dcm"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root lists every directory")
def test_a_directory_that_cannot_be_listed_stands_for_itself(tree: Path) -> None:
    (tree / "a").chmod(0)
    assert relatives(tree) == ["a", "c.dcm"]


def test_a_manifest_names_sources_and_targets(tree: Path) -> None:
    manifest = tree.parent / "list.txt"
    manifest.write_text(f"{tree}/c.dcm\n\n{tree}/a/1.dcm\t/out/one.dcm\n")
    found = list(found_in([f"@{manifest}"], {}))
    assert [(each.source, each.relative, each.target) for each in found] == [
        (f"{tree}/c.dcm", "c.dcm", None),
        (f"{tree}/a/1.dcm", "1.dcm", "/out/one.dcm"),
    ]


def test_a_manifest_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("/x/1.dcm\n/x/2.dcm\n"))
    assert relatives("@-") == ["1.dcm", "2.dcm"]


def test_a_manifest_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"manifest .*missing\.txt cannot be read"):
        list(found_in([f"@{tmp_path}/missing.txt"], {}))


def test_sources_are_found_one_at_a_time(tree: Path) -> None:
    found = found_in([str(tree)], {})
    next(found)
    (tree / "d.dcm").write_bytes(b"")  # listed before it was there
    (tree / "a" / "b" / "3.dcm").write_bytes(b"")  # listed afterwards
    assert [each.relative for each in found] == ["a/b/.hidden.dcm", "a/b/2.dcm", "a/b/3.dcm", "a/note.txt", "c.dcm"]


def test_urls_are_listed_by_fsspec_with_a_stamp() -> None:
    package("fsspec")
    import fsspec

    system = fsspec.filesystem("memory")
    for name in ("studies/2/b.dcm", "studies/1/a.dcm", "studies/1/a.txt", "studies/0.dcm"):
        system.pipe(f"/batch/{name}", b"12345")
    found = list(found_in(["memory://batch/studies/**/*.dcm"], {}))
    assert [each.relative for each in found] == ["0.dcm", "1/a.dcm", "2/b.dcm"]
    assert all(each.stamp and each.stamp.startswith("5:") for each in found)


def test_the_fixed_part_of_a_glob() -> None:
    assert divided("/a/b/*.dcm")[0] == "/a/b"
    assert divided("*.dcm")[0] == ""
    assert divided("/*.dcm")[0] == "/"
    assert divided("s3://bucket/x/**/y")[0] == "s3://bucket/x"
    assert divided("/a/b.dcm") == ("/a/b.dcm", None)
