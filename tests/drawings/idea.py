"""The one idea: what a dataset goes through on its way to a target."""

from tests.drawings.canvas import Canvas


def draw() -> str:
    """Draw dataset, stages, instructions, release policies and targets, from left to right."""
    canvas = Canvas(
        380,
        "From a dataset to a target",
        "A dataset and its frames go through encoder stages, which yield instructions: bytes, Reserve, Fill, Copy "
        "and Need. One of three release policies, chosen by what the target can do, turns them into writes, "
        "patches or parts. Only the driver does input and output: it writes to the target and fetches the next "
        "frame when a stage asks for it.",
    )
    for x, width, heading in ((24, 100, "you give"), (160, 150, "encoder stages"), (346, 120, "instructions")):
        canvas.text(x + width / 2, 34, heading, "b", anchor="middle")
    canvas.text(563, 34, "release policy", "b", anchor="middle")
    canvas.text(717, 34, "target", "b", anchor="middle")

    canvas.box("field", 24, 52, 100, "dataset")
    canvas.box("field", 24, 176, 100, "frames")
    for number, stage in enumerate(("preamble", "file meta", "dataset body", "offset table", "frames", "deflate")):
        canvas.box("none" if stage == "deflate" else "field", 160, 52 + 36 * number, 150, stage)
    for number, (name, kind) in enumerate(
        (("bytes", "out"), ("Reserve", "wait"), ("Fill", "late"), ("Copy", "out"), ("Need", "field"))
    ):
        canvas.box(kind, 346, 52 + 36 * number, 120, name)
    for row, (policy, how, targets) in enumerate(
        (
            ("patch", "writes, and overwrites", ("file, BytesIO",)),
            ("in order", "waits for what is late", ("pipe, socket,", "HTTP, gzip, zip")),
            ("parts", "sends part by part", ("S3, Azure",)),
        )
    ):
        y = 52 + 72 * row
        canvas.box("field", 502, y, 122, policy)
        canvas.text(563, y + 46, how, "s", anchor="middle")
        canvas.box("out", 662, y, 110, targets[0])
        if len(targets) > 1:
            canvas.text(717, y + 46, targets[1], "s", anchor="middle")
        canvas.arrow(f"M626 {y + 15}H658")
    canvas.arrow("M126 67H156")
    canvas.arrow("M126 191H156")
    canvas.arrow("M312 139H342")
    canvas.arrow("M468 139H482V67H498")
    canvas.arrow("M468 139H498")
    canvas.arrow("M468 139H482V211H498")
    # the way back: a need is answered by the driver
    canvas.arrow("M406 228V292H74V210", "dash hot")
    canvas.text(240, 286, "Need: the driver fetches the next frame", "s", anchor="middle")

    canvas.line(24, 316, 624, 316)
    canvas.text(324, 336, "pure: knows no files, no sockets and no event loop", "s", anchor="middle")
    canvas.line(662, 316, 772, 316)
    canvas.text(717, 336, "input and output", "s", anchor="middle")
    canvas.text(324, 360, "dashed: only for deflated transfer syntaxes", "s", anchor="middle")
    return canvas.svg()
