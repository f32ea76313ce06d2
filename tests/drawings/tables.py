"""Offset tables: basic, extended, and a reserved field for a number of frames that is not known."""

from tests.drawings.canvas import Canvas


def draw() -> str:
    """Draw the layout of encapsulated Pixel Data with each table, its entries pointing at the items."""
    canvas = Canvas(
        604,
        "Offset tables of encapsulated Pixel Data",
        "The basic table is the value of the first item of Pixel Data: 32-bit offsets of the items that follow, "
        "counted from the first byte behind the table. The extended table is two elements before Pixel Data, with "
        "64-bit offsets and lengths; the first item is then empty. For a number of frames that is not known, a "
        "field is reserved that either table fits in; at the end the table is written into its end, and what is "
        "left becomes a private element of zeros in front of it.",
    )
    _row(canvas, 24, "basic", "32-bit offsets in the first item: up to 4 GiB")
    canvas.box("field", 24, 84, 116, "(7FE0,0010) OB")
    _entries(canvas, 143, 84, ("0", "408", "920"), width=54)
    _items(canvas, 312, 84)
    _point(canvas, (170, 226, 282), 84, 312)
    canvas.text(
        24, 136, "offsets count from the first byte behind the table, which is the header of the first item", "s"
    )

    _row(canvas, 168, "extended", "64-bit offsets and lengths, two elements before Pixel Data: no limit")
    canvas.box("late", 24, 228, 86, "0  408  920")
    canvas.box("late", 113, 228, 92, "400  504  640")
    canvas.box("field", 208, 228, 51, "…0010")
    canvas.box("none", 262, 228, 47, "empty")
    _items(canvas, 312, 228)
    _point(canvas, (38, 64, 92), 228, 312)
    canvas.text(24, 274, "(7FE0,0001)", "s")
    canvas.text(113, 274, "(7FE0,0002)", "s")
    canvas.text(208, 274, "Pixel Data, its first item empty", "s")

    _row(canvas, 306, "not known yet", "max_frames=5 and a target that can seek: a field that either table fits in")
    canvas.text(24, 358, "while frames come", "s")
    canvas.box("wait", 24, 366, 285, "reserved for 5 entries of either table")
    _items(canvas, 312, 366)
    canvas.text(24, 424, "at the end: 3 frames, basic", "s")
    canvas.box("none", 24, 432, 99, "7FDF: zeros")
    canvas.box("field", 126, 432, 60, "…0010")
    _entries(canvas, 189, 432, ("0", "408", "920"), width=39)
    _items(canvas, 312, 432)
    canvas.text(24, 490, "at the end: 3 frames over 4 GiB, extended", "s")
    canvas.box("none", 24, 498, 44, "zeros")
    canvas.box("late", 71, 498, 65, "offsets")
    canvas.box("late", 139, 498, 65, "lengths")
    canvas.box("field", 207, 498, 52, "…0010")
    canvas.box("none", 262, 498, 47, "empty")
    _items(canvas, 312, 498)
    canvas.text(
        24,
        554,
        "What is left of the field stands in front, as a private element of zeros, which readers skip. No frame moves.",
        "s",
    )
    canvas.text(
        24,
        576,
        "More frames than max_frames are an error. Without it, and without a known number, the table is empty.",
        "s",
    )
    return canvas.svg()


def _row(canvas: Canvas, y: int, name: str, what: str) -> None:
    canvas.text(24, y + 8, name, "b")
    canvas.text(150, y + 8, what, "s")


def _entries(canvas: Canvas, x: float, y: float, offsets: tuple[str, ...], width: int = 42) -> None:
    for number, offset in enumerate(offsets):
        canvas.box("late", x + number * (width + 2), y, width, offset)


_ITEMS = ((0, 110, "frame 1"), (113, 136, "frame 2"), (252, 166, "frame 3"))


def _items(canvas: Canvas, x: float, y: float) -> None:
    for start, width, text in _ITEMS:
        canvas.box("out", x + start, y, width, text)
    canvas.box("field", x + 421, y, 43, "end")


def _point(canvas: Canvas, entries: tuple[int, ...], y: float, x: float) -> None:
    for height, entry, (start, _, _) in zip((10, 17, 24), entries, _ITEMS, strict=True):
        canvas.arrow(f"M{entry} {y - 2}V{y - height}H{x + start + 12}V{y - 2}", "hot")
