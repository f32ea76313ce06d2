"""What each release policy does with a value that is known late, over time."""

from tests.drawings.canvas import Canvas

_FRAMES = ((268, 106, "frame 1"), (377, 106, "frame 2"), (486, 106, "frame 3"))


def draw() -> str:
    """Draw what the encoder yields, and below it what each target gets at that time."""
    canvas = Canvas(
        560,
        "Three release policies over time",
        "The encoder yields the head, a reserved field for the offset table, three frames, and at the end the "
        "value of the field. A target that can seek gets everything at once, the field as zeros, and one small "
        "overwrite at the end; nothing waits. A target that can only write gets the head at once and all the rest "
        "at the end; what follows the field waits in memory, past hold_limit in a temporary file. An object "
        "storage gets part 1, in which the field is, last, and all other parts at once.",
    )
    canvas.text(24, 30, "the encoder yields", "b")
    _head(canvas, 42, "out")
    canvas.box("wait", 226, 42, 39, "table")
    for x, width, text in _FRAMES:
        canvas.box("out", x, 42, width, text)
    canvas.box("late", 595, 42, 92, "Fill(table)")
    canvas.text(226, 90, "Reserve: not known yet", "s")
    canvas.text(595, 90, "now it is known", "s")

    _lane(canvas, 112, "it can seek: patch", "a file, io.BytesIO")
    _head(canvas, 146, "out")
    canvas.box("field", 226, 146, 39, "zeros")
    for x, width, text in _FRAMES:
        canvas.box("out", x, 146, width, text)
    canvas.box("late", 595, 146, 92, "overwrite")
    canvas.arrow("M641 178V190H245V180", "hot")
    _cost(canvas, 206, "nothing waits; the late value costs one small write")

    _lane(canvas, 236, "it only writes: in order", "a pipe, a socket, an HTTP body, gzip, a member of a ZIP file")
    _head(canvas, 270, "out")
    canvas.box("wait", 226, 270, 366, "waits in memory, then in a temporary file")
    canvas.box("out", 595, 270, 182, "table, frames 1 to 3")
    _cost(
        canvas,
        322,
        "what follows the field waits, up to hold_limit (64 MiB) in memory; without a late value nothing does",
    )

    _lane(canvas, 352, "it takes numbered parts: parts", "S3, Azure")
    canvas.box("wait", 24, 386, 241, "part 1 waits: the field is in it")
    for (x, width, _), number in zip(_FRAMES, (2, 3, 4), strict=True):
        canvas.box("out", x, 386, width, f"part {number}")
    canvas.box("late", 595, 386, 92, "part 1")
    _cost(canvas, 438, "one part waits in memory; the others are sent, several at a time")

    canvas.arrow("M24 474H776")
    canvas.text(776, 494, "time", "s", anchor="end")
    for x, kind, text in (
        (24, "out", "goes out at once"),
        (200, "wait", "waits"),
        (320, "field", "reserved, not filled yet"),
    ):
        canvas.box(kind, x, 512, 16, height=16)
        canvas.text(x + 24, 525, text, "s")
    canvas.box("late", 520, 512, 16, height=16)
    canvas.text(544, 525, "the late value goes out", "s")
    return canvas.svg()


def _head(canvas: Canvas, y: int, kind: str) -> None:
    canvas.box(kind, 24, y, 199, "preamble, file meta, elements")


def _lane(canvas: Canvas, y: int, policy: str, targets: str) -> None:
    canvas.line(24, y - 4, 776, y - 4, "dash")
    canvas.text(24, y + 22, policy, "b")
    canvas.text(300, y + 22, targets, "s")


def _cost(canvas: Canvas, y: int, text: str) -> None:
    canvas.text(24, y, text, "s")
