"""Every Python block in README.md and docs/ runs, and every link inside the project leads somewhere.

The blocks of a page run in order, in one namespace and an empty directory. A block right below
``<!-- no-run -->`` is left out.
"""

import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

import streamdcm
from streamdcm.errors import MissingExtraError
from tests.support import ROOT
from tests.support.tools import package, skip_without

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"(?P<fence>`{3,})(?P<language>\w*)")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


class Block(NamedTuple):
    """A fenced block: its language, its text, the line on which it starts, and the line above it."""

    language: str
    text: str
    line: int
    above: str


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    above, fence, language, start, inside = "", "", "", 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if fence:
            if stripped == fence:
                yield Block(language, "\n".join(inside), start, above)
                above = fence = ""
            else:
                inside.append(line)
        elif opening := FENCE.match(stripped):
            fence, language, start, inside = opening["fence"], opening["language"], number, []
        elif stripped:
            above = stripped
    assert not fence, f"line {start}: this block has no end"


@each_page
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page.read_text("utf-8")):
        if block.language == "python" and block.above != "<!-- no-run -->":
            source = "\n" * block.line + block.text  # so that a traceback gives the page's own lines
            try:
                exec(compile(source, str(page), "exec"), namespace)
            except ImportError as missing:
                skip_without(missing)
            except MissingExtraError:  # of a codec
                package("imagecodecs")
                raise


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        if not re.match(r"\w+:", target):
            assert (page.parent / path).exists(), target
            linked = page.parent / path if path else page
            if anchor and linked.suffix == ".md":
                assert anchor in anchors(linked.read_text("utf-8")), target


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    site = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]
    listed = re.findall(r"[\w/-]+\.md", str(site["nav"]))
    docs = ROOT / site["docs_dir"]
    assert sorted(listed) == sorted(str(page.relative_to(docs)) for page in docs.rglob("*.md"))


def test_blocks_are_found() -> None:
    page = "text\n\n```python\na = 1\n```\n<!-- no-run -->\n\n```python\nb = 2\n```\n````sh\n```\n````\n"
    found = list(blocks(page))
    assert [block.text for block in found] == ["a = 1", "b = 2", "```"]
    assert [block.above for block in found] == ["text", "<!-- no-run -->", ""]
    assert found[0].line == 3


def test_ci_takes_its_commands_from_the_readme() -> None:
    if not (run := ROOT / ".ci" / "run").exists():
        pytest.skip("a source distribution has no .ci")
    readme = (ROOT / "README.md").read_text("utf-8")
    above = {block.above: block for block in blocks(readme)}
    script = run.read_text("utf-8")
    for name in ("demo", "test"):
        assert f"run_readme {name}" in script
        block = above[f"<!-- ci:{name} -->"]
        assert block.language == "sh"
        assert len(block.text.splitlines()) == 1
        assert "venv" in block.text


def test_every_public_name_is_on_the_page_of_the_python_api() -> None:
    page = (ROOT / "docs" / "reference" / "python.md").read_text("utf-8")
    told = set(re.findall(r"^::: streamdcm\.(\w+)$", page, re.MULTILINE))
    modules = [find_spec(f"streamdcm.{name}") and import_module(f"streamdcm.{name}") for name in told]
    of_modules = {name for module in modules if module for name in module.__all__}
    assert set(streamdcm.__all__) <= told | of_modules
