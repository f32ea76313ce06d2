"""The page of ``streamdcm layout --trace --html`` in headless Chromium: slider, keys, rows, play."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page
from pydicom.uid import JPEGBaseline8Bit

import streamdcm
from streamdcm.cli.app import main
from tests.site.browser import Browser
from tests.support.images import compressed, template


class _Stream:
    """What can only be written to, in order."""

    def write(self, data: Any) -> int:
        return len(data)


def check_trace_pages(browser: Browser, directory: Path, pictures: Path | None) -> int:
    """Make pages, use them, and report to the browser what does not work; return how many there are."""
    names = []
    for name, log in _traces(directory):
        target = directory / f"trace-{name}.html"
        if main(["layout", "--trace", str(log), "--html", str(target)]):
            browser.problems.append(f"trace of {name}: it is not written")
            continue
        page = browser.open(target.as_uri())
        browser.problems.extend(f"trace of {name}: {problem}" for problem in _problems(page))
        page.close()
        names.append(target.as_uri())
    if pictures is not None:
        browser.photograph(names, pictures)
    return len(names)


def _traces(directory: Path) -> Iterator[tuple[str, Path]]:
    dataset = template(JPEGBaseline8Bit, bits=8)
    for name, target in (("patch", directory / "traced.dcm"), ("in-order", _Stream())):
        log = directory / f"{name}.jsonl"
        frames = (frame for frame in compressed([50_000] * 60))
        streamdcm.dcmwrite(
            target, dataset, frames=frames, number_of_frames="count", max_frames=80, hold_limit=1_000_000, trace=log
        )
        yield name, log


def _problems(page: Page) -> Iterator[str]:
    """Use a page as people do; give what does not work."""
    said = page.locator("#said")
    place = page.locator("#place")
    slider = page.locator("#time")
    if "step 1 of" not in place.inner_text() or "open" not in said.inner_text():
        yield "it does not begin at the first step"
    slider.focus()
    page.keyboard.press("End")
    if "the end" not in said.inner_text() or "0 B wait" not in said.inner_text():
        yield "the slider does not go to the end by the keyboard"
    if "step" not in (slider.get_attribute("aria-valuetext") or ""):
        yield "the slider has no text"
    page.locator("h1").click()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    if "step 2 of" not in place.inner_text():
        yield "the arrow key does not go on"
    page.keyboard.press("n")
    if "step 2 of" in place.inner_text():
        yield "n does not go to the next late value"
    page.locator("#steps tr").nth(9).click()
    if "step 10 of" not in place.inner_text():
        yield "a row does not go to its step"
    painted = page.evaluate("cells.filter(cell => cell !== 0).length")
    page.get_by_role("button", name="first").click()
    if not 0 < page.evaluate("cells.filter(cell => cell !== 0).length") < painted:
        yield "going back does not take bytes away"
    page.get_by_role("button", name="play").click()
    page.wait_for_timeout(500)
    if "step 1 of" in place.inner_text():
        yield "it does not play"
    page.get_by_role("button", name="pause").click()
    if "memory" not in (page.locator("#memory").get_attribute("aria-label") or ""):
        yield "the curve of the memory has no text"
