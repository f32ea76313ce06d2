"""Sending parts from several threads, with a bound on what is on its way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Condition
from typing import Generic, TypeVar

R = TypeVar("R")


class Uploads(Generic[R]):
    """Sends parts at the same time; the first error stops everything.

    Parameters
    ----------
    send : callable
        Sends the part with a number and returns what the service says of it; called in threads.
    workers : int
        How many parts are sent at a time.
    most_bytes : int
        How many bytes may be on their way; a part that is larger than that goes alone.
    """

    def __init__(self, send: Callable[[int, bytearray], R], workers: int, most_bytes: int) -> None:
        self._send = send
        self._most_bytes = most_bytes
        self._pool = ThreadPoolExecutor(workers, "streamdcm-upload")
        self._changed = Condition()
        self._on_their_way = 0
        self._error: BaseException | None = None
        self._sent: dict[int, R] = {}

    def put(self, number: int, data: bytearray) -> None:
        """Have a part sent, as soon as few enough bytes are on their way; raise what sending an earlier one raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or self._has_space(len(data)))
            self._raise_error()
            self._on_their_way += len(data)
        self._pool.submit(self._run, number, data)

    def finish(self) -> dict[int, R]:
        """Wait until all parts were sent; return what the service said of each, by its number."""
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or not self._on_their_way)
            self._raise_error()
        self._pool.shutdown()
        return dict(sorted(self._sent.items()))

    def stop(self) -> None:
        """Send no more parts, and wait for those that are being sent."""
        self._pool.shutdown(cancel_futures=True)

    def _has_space(self, size: int) -> bool:
        return not self._on_their_way or self._on_their_way + size <= self._most_bytes

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self, number: int, data: bytearray) -> None:
        if self._error is not None:
            return
        try:
            self._sent[number] = self._send(number, data)
        except BaseException as error:  # raised again by the next put() or by finish(), whatever it is
            self._error = self._error or error
        finally:
            with self._changed:
                self._on_their_way -= len(data)
                self._changed.notify_all()
