"""The page of ``streamdcm layout --html`` in headless Chromium: hover, click, zoom, keys, no error in the console."""

import contextlib
import io
import re
from pathlib import Path

from playwright.sync_api import Page
from pydicom.data import get_testdata_file
from pydicom.uid import JPEGBaseline8Bit

import streamdcm
from streamdcm.cli.app import main
from tests.site.browser import Browser
from tests.support.images import compressed, template

MANY = 170_000
TIMED = """() => {
    const began = performance.now();
    for (let i = 0; i < 20; i++) { drawStrip(); drawWhole(); }
    return (performance.now() - began) / 20;
}"""


def check_layout_pages(browser: Browser, directory: Path, pictures: Path | None) -> int:
    """Make pages, use them, and report to the browser what does not work; return how many there are."""
    sources = {"many": _many(directory), "wrong": _wrong(directory), "deep": Path(str(get_testdata_file("rtplan.dcm")))}
    for name, source in sources.items():
        target = directory / f"{name}.html"
        with contextlib.redirect_stderr(io.StringIO()):
            status = main(["layout", str(source), "--depth", "2", "--html", str(target)])
        if status != (name == "wrong"):
            browser.problems.append(f"layout of {name}: exit status {status}")
        page = browser.open(target.as_uri())
        for problem in _problems(page, name):
            browser.problems.append(f"layout of {name}: {problem}")
        page.close()
    if pictures is not None:
        browser.photograph([(directory / f"{name}.html").as_uri() for name in sources], pictures)
    return len(sources)


def _many(directory: Path) -> Path:
    path = directory / "many.dcm"
    frames = (b"\xff\xd8\xff\xdb" + bytes(40 + number * 7919 % 2000) + b"\xff\xd9" for number in range(MANY))
    dataset = template(JPEGBaseline8Bit, bits=8)
    streamdcm.dcmwrite(path, dataset, frames=frames, number_of_frames=MANY, enforce_file_format=True)
    return path


def _wrong(directory: Path) -> Path:
    path = directory / "wrong.dcm"
    dataset = template(JPEGBaseline8Bit, bits=8)
    streamdcm.dcmwrite(path, dataset, frames=compressed([40, 60, 80, 100]), enforce_file_format=True)
    data = bytearray(path.read_bytes())
    data[data.index(b"\xfe\xff\x00\xe0") + 8 + 4] ^= 8
    path.write_bytes(data)
    return path


def _problems(page: Page, name: str) -> list[str]:
    """Use a page as people do; return what does not work."""
    strip, problems = page.locator("#strip"), []
    box = strip.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] * 0.5, box["y"] + box["height"] - 50

    def expect(what: str, holds: bool) -> None:
        if not holds:
            problems.append(what)

    def length() -> int:
        found = re.search(r"\(([\d,]+)\)", page.locator("#view").inner_text())
        return int(found[1].replace(",", "")) if found else 0

    whole = length()
    expect("the verdict", ("1 problem" if name == "wrong" else "Nothing") in page.locator("#verdict").inner_text())
    page.mouse.move(x, y)
    expect("no tooltip", page.locator("#tip").is_visible() and "offset" in page.locator("#tip").inner_text())
    page.mouse.click(x, y)
    expect("a click says nothing", "bytes" in page.locator("#said").inner_text())
    for _ in range(25):
        page.mouse.wheel(0, -100)
    page.wait_for_timeout(100)
    zoomed = length()
    expect("the wheel does not zoom", zoomed < whole)
    strip.focus()
    before = page.locator("#view").inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(100)
    expect("the arrow does not move", page.locator("#view").inner_text() != before)
    page.keyboard.press("Home")
    page.wait_for_timeout(100)
    expect("Home does not show all", length() == whole)
    said = page.locator("#said").inner_text()
    page.keyboard.press("]")
    expect("the bracket does not move on", page.locator("#said").inner_text() != said)
    page.locator("#pieces tr").nth(2).click()
    page.wait_for_timeout(100)
    expect("a row does not zoom", length() < whole)
    if name == "many":
        page.get_by_role("button", name="whole file").click()
        expect("no histogram", page.locator("#sizes").is_visible())
        expect("no text for the histogram", "170,000" in (page.locator("#sizes").get_attribute("aria-label") or ""))
        print(f"layout of {MANY:,} frames: {page.evaluate(TIMED):.1f} ms for a picture")
    return problems
