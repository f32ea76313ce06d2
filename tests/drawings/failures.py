"""What is there when a write fails in the middle."""

from tests.drawings.canvas import Canvas


def draw() -> str:
    """Draw what three kinds of targets have before, during and after a write that fails."""
    canvas = Canvas(
        470,
        "What is there when a write fails",
        "A path: the new file grows without a name beside the old one; after a failure it is removed and the old "
        "file is as it was; only a complete file takes the name. Object storage: parts are sent and belong to no "
        "object; after a failure the upload is aborted and the old object, or none, is there. A socket or pipe: "
        "what was sent cannot be taken back; the connection breaks off without its end, which the receiver can "
        "tell.",
    )
    for x, text in ((150, "before"), (330, "while it is written"), (570, "after a failure")):
        canvas.text(x, 30, text, "b")
    canvas.line(320, 44, 320, 392, "dash")
    canvas.line(560, 44, 560, 392, "dash")

    _target(canvas, 56, "a path")
    canvas.box("out", 150, 62, 150, "scan.dcm, old")
    canvas.box("out", 330, 62, 150, "scan.dcm, old")
    canvas.box("wait", 330, 98, 110, "no name yet")
    _failure(canvas, 444, 113)
    canvas.box("out", 570, 62, 150, "scan.dcm, old")
    canvas.text(570, 112, "the new one is removed", "s")
    canvas.text(570, 130, "after a kill: it has no name, or a", "s")

    canvas.text(570, 148, "hidden one: streamdcm clean", "s")

    _target(canvas, 176, "S3, Azure")
    canvas.box("out", 150, 182, 150, "object, old, or none")
    canvas.box("out", 330, 182, 150, "object, old, or none")
    for number in range(3):
        canvas.box("wait", 330 + 38 * number, 218, 36, f"{number + 1}")
    _failure(canvas, 448, 233)
    canvas.box("out", 570, 182, 150, "object, old, or none")
    canvas.text(570, 232, "the upload is aborted: its parts go", "s")
    canvas.text(570, 250, "after a kill: streamdcm uploads", "s")

    _target(canvas, 296, "a socket, a")
    canvas.text(24, 336, "pipe, yours", "b")
    canvas.box("none", 150, 302, 150, "nothing")
    canvas.box("wait", 330, 302, 110, "half of it")
    _failure(canvas, 444, 317)
    canvas.box("bad", 570, 302, 110, "half of it")
    canvas.text(570, 352, "nothing can be taken back; an HTTP", "s")
    canvas.text(570, 370, "body ends without its end: a server", "s")
    canvas.text(570, 388, "knows that it is not whole", "s")

    canvas.line(24, 404, 776, 404)
    canvas.text(
        24,
        428,
        "Without a failure a path, or an object, changes from the old to the new in one step, when all is written.",
        "s",
    )
    canvas.text(
        24, 450, "The error names the element, the frame or the file, and is raised after this was cleaned up.", "s"
    )
    return canvas.svg()


def _target(canvas: Canvas, y: int, text: str) -> None:
    if y > 60:
        canvas.line(24, y - 12, 776, y - 12, "dash")
    canvas.text(24, y + 24, text, "b")


def _failure(canvas: Canvas, x: float, y: float) -> None:
    canvas.arrow(f"M{x} {y}H{x + 26}")
    canvas.box("bad", x + 30, y - 12, 64, "failure", height=24)
