"""What a lazy value is. These are descriptions, compared by identity; the drivers do the reading."""

from dataclasses import dataclass
from io import BufferedIOBase

from streamdcm.instructions import Copy


@dataclass(frozen=True, slots=True, eq=False)
class BufferSource:
    """A readable and seekable buffer, the value of the element that `label` names.

    It is read at offsets that count from the buffer's first byte, and whoever looks at the buffer's
    position in between finds it where it was.
    """

    buffer: BufferedIOBase
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class CopySource:
    """The bytes of a `Copy`, asked for piece by piece by a stage that must see them."""

    copy: Copy
