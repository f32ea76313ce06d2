"""A camera that plays a loop of compressed frames for as long as it is asked to."""

import math
from collections.abc import Iterator, Sequence

from pydicom import Dataset
from pydicom.encaps import generate_frames


class Camera:
    """Plays frames over and over, each with its number in it; how many there will be, nobody can ask it.

    Parameters
    ----------
    loop : sequence of bytes
        JPEG images.
    size : int
        The bytes after which it stops, at the end of a frame.
    """

    def __init__(self, loop: Sequence[bytes], size: int) -> None:
        self.loop = loop
        self.size = size
        self.played = 0

    def __iter__(self) -> Iterator[bytes]:
        taken = 0
        while taken < self.size:
            frame = self.frame(self.played)
            taken += len(frame)
            self.played += 1
            yield frame

    def frame(self, index: int) -> bytes:
        """Return a frame: an image of the loop and, as its comment, the number of the frame."""
        image = self.loop[index % len(self.loop)]
        comment = b"frame %012d" % (index + 1)
        # ISO/IEC 10918-1 §B.2.4.5: a comment segment, whose length counts its own two bytes
        return b"".join((image[:2], b"\xff\xfe", (2 + len(comment)).to_bytes(2, "big"), comment, image[2:]))

    @property
    def most(self) -> int:
        """How many frames there may be at most."""
        return math.ceil(self.size / min(map(len, self.loop)))


def loop_of(dataset: Dataset) -> list[bytes]:
    """Return the compressed frames of a dataset."""
    return list(generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames)))
