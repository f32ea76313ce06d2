"""What all object storages with parts have in common: sending in threads, digests, completing or aborting."""

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from threading import Condition
from typing import Generic, TypeVar

from streamdcm.engine.parts import PartSizes
from streamdcm.engine.result import Checksum
from streamdcm.sinks.storage.options import Storage

R = TypeVar("R")


class PartsUpload(Generic[R]):
    """An object that is uploaded in parts, or in one request, and appears when it is complete.

    Derive one class for each service, with the methods below that raise `NotImplementedError`.

    Parameters
    ----------
    location : str
        The URL of the object, without secrets.
    part_sizes : PartSizes
        How large the parts are to be.
    storage : Storage
        How to upload.
    """

    can_patch = True

    def __init__(self, location: str, part_sizes: PartSizes, storage: Storage) -> None:
        self.location: str | None = location
        self.part_sizes = part_sizes
        self.checksum: Checksum | None = None
        self._storage = storage
        self._pool: SendingPool[R] | None = None
        self._whole: bytearray | None = None
        self._sent: Mapping[int, R] = {}
        self._digests = PartDigests() if storage.checksum else None

    def put(self, number: int, data: bytearray) -> None:
        """Have a part sent; waits while as many bytes as the workers take are on their way."""
        if self._pool is None:
            self.begin()
            workers = self._storage.workers
            self._pool = SendingPool(self.send, workers, workers * self._storage.part_size)
        if self._digests is not None:
            self._digests.add(number, data)
        self._pool.put(number, data)

    def put_whole(self, data: bytearray) -> None:
        """Keep all that there is; `commit` sends it, for a single request makes it visible at once."""
        if self._digests is not None:
            self._digests.add(1, data)
        self._whole = data

    def prepare(self) -> None:
        """Wait until all parts were sent.

        Raises
        ------
        StorageError
            If the service did not take one.
        """
        if self._pool is not None:
            self._sent = self._pool.finish()
            self._pool = None
        if self._digests is not None and self.checksum is None:
            self.checksum = self._digests.checksum()

    def interrupt(self, error: BaseException) -> None:
        """Have whoever waits for parts to be sent raise an error; may be called from any thread."""
        pool = self._pool
        if pool is not None:
            pool.interrupt(error)

    def commit(self) -> None:
        """Make the object appear.

        Raises
        ------
        ObjectExistsError
            If it must not be overwritten and someone else was first.
        StorageError
            If the service refuses it.
        """
        self.prepare()
        if self._whole is not None:
            self.send_whole(self._whole)
            self._whole = None
        elif self._sent:
            self.complete(self._sent)
            self._sent = {}
        self.close()

    def abort(self) -> None:
        """Stop sending, and remove what was sent."""
        if self._pool is not None:
            self._pool.stop()
            self._pool = None
        self.discard()
        self.close()

    def begin(self) -> None:
        """Begin an upload in parts."""
        raise NotImplementedError

    def send(self, number: int, data: bytearray) -> R:
        """Send a part and return what the service says of it; called in threads."""
        raise NotImplementedError

    def send_whole(self, data: bytearray) -> None:
        """Send all that there is in one request."""
        raise NotImplementedError

    def complete(self, sent: Mapping[int, R]) -> None:
        """Put the parts together, by their numbers."""
        raise NotImplementedError

    def discard(self) -> None:
        """Remove the parts of an upload that was begun and not completed; may be called more than once."""
        raise NotImplementedError

    def close(self) -> None:
        """Close what was opened; may be called more than once."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class PendingUpload:
    """An upload in parts that was begun and neither completed nor aborted.

    Parameters
    ----------
    location : str
        The URL of the object that it would become.
    upload_id : str
        What the service calls it.
    begun : datetime
        When it was begun.
    abort : callable
        Removes it and its parts.
    """

    location: str
    upload_id: str
    begun: datetime
    abort: Callable[[], None]


class PartDigests:
    """The SHA-256 of an object whose parts pass in any order.

    That of the bytes, as long as the parts pass one after the other. SHA-256 cannot be put together from pieces, so
    when a part had to wait for a late value, it is that of the digests of the parts, one after the other.
    """

    def __init__(self) -> None:
        self._of_bytes = hashlib.sha256()
        self._of_parts: dict[int, bytes] = {}
        self._in_order = True

    def add(self, number: int, data: bytearray) -> None:
        """Take a part that passes."""
        self._in_order = self._in_order and number == len(self._of_parts) + 1
        if self._in_order:
            self._of_bytes.update(data)
        self._of_parts[number] = hashlib.sha256(data).digest()

    def checksum(self) -> Checksum:
        """Return the digest of what has passed."""
        if self._in_order:
            return Checksum("sha256", self._of_bytes.hexdigest())
        digests = b"".join(self._of_parts[number] for number in sorted(self._of_parts))
        return Checksum("sha256", hashlib.sha256(digests).hexdigest(), len(self._of_parts))


class SendingPool(Generic[R]):
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

    def interrupt(self, error: BaseException) -> None:
        """Have whoever waits for parts to be sent raise an error, as if sending one had raised it."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

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
