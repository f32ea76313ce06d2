"""The site in headless Chromium: its pages, their links, their console, its search."""

import shutil
from pathlib import Path
from typing import Self
from urllib.parse import urldefrag, urljoin

from playwright.sync_api import ConsoleMessage, Page, TimeoutError, sync_playwright

# Debian's Chromium asks its maker's servers at every start, which a machine without internet answers by errors.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Browser:
    """Visits the pages below *root* and remembers what is wrong with them."""

    def __init__(self, root: str) -> None:
        self._root = root
        self.problems: list[str] = []
        self.links = 0

    def __enter__(self) -> Self:
        executable = shutil.which("chromium")
        if executable is None:
            raise SystemExit("Chromium is not installed: apt-get install chromium")
        self._playwright = sync_playwright().start()
        self._chromium = self._playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        self._page = self._chromium.new_page()
        self._page.on("console", self._on_console)
        self._page.on("pageerror", lambda error: self._report(str(error)))
        return self

    def __exit__(self, *_: object) -> None:
        self._chromium.close()
        self._playwright.stop()

    def open(self, url: str) -> Page:
        """Open a page, whose errors are remembered too."""
        page = self._chromium.new_page(viewport={"width": 1280, "height": 1000})
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._report(str(error)))
        page.goto(url)
        return page

    def visit_all(self) -> list[str]:
        """Visit every page that links lead to, beginning at the root; return their URLs."""
        anchors: dict[str, set[str]] = {}
        wanted: dict[str, list[tuple[str, str]]] = {}
        waiting = [urljoin(self._root, "index.html")]
        while waiting:
            url = waiting.pop()
            if url in anchors:
                continue
            anchors[url] = self._visit(url)
            for link in _links(self._page):
                self.links += 1
                target, anchor = urldefrag(link)
                if target.startswith(self._root):
                    target = urljoin(target, "index.html") if target.endswith("/") else target
                    waiting.append(target)
                    wanted.setdefault(target, []).append((url, anchor))
        for target, places in wanted.items():
            for place, anchor in places:
                if anchor and anchor not in anchors[target]:
                    self.problems.append(f"{place}: {target} has no anchor {anchor!r}")
        return sorted(anchors)

    def search(self, words: str) -> str | None:
        """Type *words* into the search and return the address of the first page that it finds."""
        self._page.goto(self._root)
        self._page.get_by_role("button", name="Search").first.click()
        self._page.get_by_role("combobox").fill(words)
        first = self._page.get_by_role("option").first
        try:
            first.wait_for(timeout=10_000)
        except TimeoutError:
            return None
        return first.get_attribute("href")

    def version_shown(self) -> str | None:
        """Return what the menu of versions shows."""
        self._page.goto(self._root)
        current = self._page.locator(".md-version__current").first
        try:
            current.wait_for(timeout=10_000)
        except TimeoutError:
            return None
        return current.text_content()

    def photograph(self, pages: list[str], directory: Path) -> None:
        """Keep a picture of each page in *directory*, in light and in dark."""
        directory.mkdir(parents=True, exist_ok=True)
        for scheme in ("light", "dark"):
            page = self._chromium.new_page(color_scheme=scheme, viewport={"width": 1400, "height": 1000})
            for url in pages:
                page.goto(url)
                name = urldefrag(url)[0].removeprefix(self._root).removesuffix(".html").rpartition("//")[2]
                name = name.strip("/").replace("/", "-")
                page.screenshot(path=directory / f"{name}-{scheme}.png")
            page.close()

    def _visit(self, url: str) -> set[str]:
        answer = self._page.goto(url)
        if answer is None or not answer.ok:
            self.problems.append(f"{url}: {answer.status if answer else 'no answer'}")
            return set()
        return set(self._page.eval_on_selector_all("[id]", "found => found.map(each => each.id)"))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._report(message.text)

    def _report(self, text: str) -> None:
        self.problems.append(f"{self._page.url}: {text}")


def _links(page: Page) -> list[str]:
    return list(page.eval_on_selector_all("a[href]", "found => found.map(each => each.href)"))
