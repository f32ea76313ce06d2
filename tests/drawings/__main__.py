"""``python -m tests.drawings`` draws all pictures of the documentation that show no figures."""

from tests.drawings import failures, idea, release, tables
from tests.support import ROOT

PICTURES = ROOT / "docs" / "pictures"
DRAWINGS = {"idea": idea.draw, "release": release.draw, "offset-tables": tables.draw, "failures": failures.draw}

if __name__ == "__main__":
    for name, draw in DRAWINGS.items():
        (PICTURES / f"{name}.svg").write_text(draw(), "utf-8")
