"""The site of each version has a folder, and the newest one is what the page in front leads to."""

import json
import tomllib
from pathlib import Path

from tests.site.versions import VERSION, list_versions
from tests.support import ROOT


def test_the_site_is_built_into_the_folder_of_this_version() -> None:
    site = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]
    assert site["site_dir"] == f"build/site/{VERSION}"
    assert site["extra"]["version"]["provider"] == "mike"


def test_versions_are_listed_by_their_numbers(tmp_path: Path) -> None:
    for name in ("0.9", "0.10", "0.2", "pictures"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").touch()
    (tmp_path / "1.0").mkdir()  # not built
    assert list_versions(tmp_path) == ["0.10", "0.9", "0.2"]
    kept = json.loads((tmp_path / "versions.json").read_text("utf-8"))
    assert [each["version"] for each in kept] == ["0.10", "0.9", "0.2"]
    assert 'url=0.10/"' in (tmp_path / "index.html").read_text("utf-8")
