"""What outputs have in common that send bytes through a library, once and in order."""

import io


class InOrderOutput:
    """An output whose bytes are gone when they are written, and which has no descriptor of a file."""

    can_patch = False

    def take(self, descriptor: int, offset: int, length: int) -> int:
        """Take nothing: there is no file of this machine."""
        return 0

    def patch(self, offset: int, value: bytes) -> None:
        """Refuse: what was written is gone."""
        raise io.UnsupportedOperation("bytes that were sent in order cannot be overwritten")

    def prepare(self) -> None:
        """Do nothing: all is left to `commit`."""
