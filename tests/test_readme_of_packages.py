"""What a package index shows of the README has no link that leads nowhere there."""

from runpy import run_path

import pytest

from tests.support import ROOT
from tests.support.tools import package

package("hatchling")
for_an_index = run_path(str(ROOT / "hatch_readme.py"))["for_an_index"]

TEXT = "[a page](docs/a.md#b), ![a picture](docs/p.svg), [elsewhere](https://example.org), [here](#top)"


def test_without_a_repository_links_are_their_words() -> None:
    assert for_an_index(TEXT, "") == "a page, , [elsewhere](https://example.org), [here](#top)"


def test_with_a_repository_they_lead_there() -> None:
    shown = for_an_index(TEXT, "https://example.org/owner/name/")
    assert "[a page](https://example.org/owner/name/blob/HEAD/docs/a.md#b)" in shown
    assert "![a picture](https://example.org/owner/name/raw/HEAD/docs/p.svg)" in shown


@pytest.mark.parametrize("repository", ["", "https://example.org/owner/name"])
def test_nothing_of_the_readme_is_relative(repository: str) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "](docs/" in readme
    shown = for_an_index(readme, repository)
    assert "](docs/" not in shown
    assert "](CHANGELOG.md)" not in shown
    assert ("docs/pictures/memory.svg" in shown) == bool(repository)
