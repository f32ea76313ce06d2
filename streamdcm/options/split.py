"""When an instance is full, where frames are divided over several."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class FramesEach:
    """An instance is full when it has `count` frames."""

    count: int

    def __str__(self) -> str:
        return f"{self.count} frames"


@dataclass(frozen=True, slots=True)
class BytesEach:
    """An instance is full when its file would have more than `size` bytes with one more frame."""

    size: int

    def __str__(self) -> str:
        return f"{self.size} bytes"


Split: TypeAlias = FramesEach | BytesEach
