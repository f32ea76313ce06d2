"""The pictures of the documentation are those that the code draws, and have a text for whoever does not see them."""

import re
from xml.etree import ElementTree

import pytest

from tests.drawings.__main__ import DRAWINGS, PICTURES
from tests.support import ROOT


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_picture_is_as_it_is_drawn(name: str) -> None:
    kept = (PICTURES / f"{name}.svg").read_text("utf-8")
    assert kept == DRAWINGS[name](), "draw it anew: python -m tests.drawings"


@pytest.mark.parametrize("path", sorted(PICTURES.glob("*.svg")), ids=lambda path: path.stem)
def test_a_picture_is_shown_on_a_page_with_a_text_in_its_place(path) -> None:
    ElementTree.parse(path)
    pages = "".join(page.read_text("utf-8") for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    assert re.search(rf"!\[[^\]]{{20,}}\]\([\w/.]*{path.name}\)", pages)
