"""A small SVG canvas whose colours follow the light or dark scheme of whoever looks."""

from html import escape

WIDTH = 800

_STYLE = """
svg{--paper:#fff;--ink:#1f2328;--soft:#57606a;--line:#8c959f;--out:#2da44e;--wait:#d4a72c;--field:#d0d7de;--late:#0969da;
--bad:#cf222e;--on:#fff;--onwait:#1f2328}
@media(prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#e6edf3;--soft:#9da7b1;--line:#7d8590;--out:#3fb950;
--wait:#d29922;--field:#484f58;--late:#58a6ff;--bad:#f85149;--on:#0d1117;--onwait:#0d1117}}
text{font:13px system-ui,sans-serif;fill:var(--ink)}
.b{font-weight:600;font-size:14px}.s{font-size:12px;fill:var(--soft)}
.m{font-family:ui-monospace,monospace;font-size:12px}.paper{fill:var(--paper)}.out{fill:var(--out)}.wait{fill:var(--wait)}
.field{fill:var(--field)}.late{fill:var(--late)}.bad{fill:var(--bad)}.none{fill:none;stroke:var(--line)}
.onout,.onlate,.onbad{fill:var(--on)}.onwait{fill:var(--onwait)}.onfield,.onnone{fill:var(--ink)}
path,line{stroke:var(--line);fill:none;stroke-width:1.4}.dash{stroke-dasharray:4 4}.hot{stroke:var(--late)}
#head{fill:var(--line);stroke:none}
"""


class Canvas:
    """Collects shapes, and gives them as an SVG with a text alternative.

    Parameters
    ----------
    height : int
        Its height; its width is `WIDTH`.
    title, description : str
        What it shows, for whoever does not see it.
    """

    def __init__(self, height: int, title: str, description: str) -> None:
        self._shapes = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
            'aria-labelledby="title desc">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="desc">{escape(description)}</desc>',
            f"<style>{_STYLE.strip()}</style>",
            '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path id="head" d="M0 0 8 4 0 8z"/></marker>',
            f'<rect class="paper" width="{WIDTH}" height="{height}" rx="6"/>',
        ]

    def box(self, kind: str, x: float, y: float, width: float, text: str = "", *, height: int = 30) -> None:
        """Draw a box with a text in its middle; `kind` is one of the classes of the style."""
        stroke = ' stroke-dasharray="4 3"' if kind == "none" else ""
        self._shapes.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="3"{stroke}/>')
        if text:
            middle = y + height / 2 + 4
            self._shapes.append(
                f'<text class="on{kind}" x="{x + width / 2:g}" y="{middle:g}" text-anchor="middle" '
                f'style="font-size:12px">{escape(text)}</text>'
            )

    def text(self, x: float, y: float, text: str, kind: str = "", *, anchor: str = "start") -> None:
        """Write a line of text; `kind` is "" or one of the classes b (bold), s (small) and m (code)."""
        self._shapes.append(f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str = "") -> None:
        """Draw a line without a tip."""
        self._shapes.append(f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>')

    def arrow(self, path: str, kind: str = "") -> None:
        """Draw a path with a tip at its end."""
        self._shapes.append(f'<path class="{kind}" d="{path}" marker-end="url(#tip)"/>')

    def svg(self) -> str:
        """Return the drawing."""
        return "\n".join([*self._shapes, "</svg>", ""])
