"""Build the documentation site, open every page in Chromium, and follow every link.

``python -m tests.site`` needs the extra ``docs`` and Debian's ``chromium``; ``--pictures DIR`` keeps a picture of
each page, in light and in dark. It ends with status 1 if a page is missing, an anchor leads nowhere, the console has
an error or search does not find ``dcmwrite``.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.site.browser import Browser
from tests.site.layout_page import check_layout_pages
from tests.site.server import serving
from tests.site.trace_page import check_trace_pages
from tests.site.versions import VERSION, list_versions
from tests.support import ROOT

SITES = ROOT / "build" / "site"
BUILT = SITES / VERSION


def build() -> None:
    """Build the site; a warning is an error."""
    shutil.rmtree(BUILT, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "zensical", "build", "--clean", "--strict"], cwd=ROOT, check=True)
    list_versions(SITES)


def main() -> int:
    """Build, visit and search the site; return the exit status."""
    arguments = argparse.ArgumentParser(prog="python -m tests.site", description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--pictures", type=Path, metavar="DIR", help="keep pictures of the pages, light and dark")
    pictures = arguments.parse_args().pictures

    build()
    with serving(SITES) as root, Browser(f"{root}{VERSION}/") as browser:
        pages = browser.visit_all()
        found = browser.search("dcmwrite")
        version = browser.version_shown()
        if pictures:
            browser.photograph(pages, pictures)
        with tempfile.TemporaryDirectory() as directory:
            layouts = check_layout_pages(browser, Path(directory), pictures)
            traces = check_trace_pages(browser, Path(directory), pictures)
    problems = [
        *browser.problems,
        *([] if found else ["search does not find dcmwrite"]),
        *([] if version == VERSION else [f"the menu of versions shows {version}, not {VERSION}"]),
    ]
    for problem in problems:
        print(problem, file=sys.stderr)
    made = f"{len(pages)} pages, {layouts} of layouts and {traces} of traces"
    counts = f"{made}, {browser.links} links, {len(problems)} problems"
    print(f"{counts}; search: {found or 'nothing'}")
    return 1 if problems or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
