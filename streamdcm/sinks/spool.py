"""Spooling: a temporary file in front of a target that cannot seek."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from streamdcm.errors import TargetTypeError
from streamdcm.sinks.delivery import Delivery
from streamdcm.sinks.output import PartsOutput

_COPY_SIZE = 1024 * 1024


@contextmanager
def spooled(target: Any) -> Iterator[BinaryIO]:
    """Give a temporary file to write to; what is in it goes to `target` when the ``with`` block ends well.

    For targets that cannot seek, where more would have to be held back than `hold_limit`.

    Parameters
    ----------
    target : str, bytes, PathLike, file-like, socket or writeable buffer
        Where the bytes go in the end; untouched if the block raises.

    Yields
    ------
    file-like
        A target for `dcmwrite` or `write_encoder` that can seek.
    """
    with Delivery(target) as delivery:
        output = delivery.resolve()
        if isinstance(output, PartsOutput):
            raise TargetTypeError(
                "an object storage takes late values without a temporary file; write to its URL directly"
            )
        with tempfile.TemporaryFile(prefix="streamdcm-") as spool:
            yield spool
            spool.seek(0)
            delivery.open()
            while chunk := spool.read(_COPY_SIZE):
                output.write((chunk,))
            delivery.commit()
