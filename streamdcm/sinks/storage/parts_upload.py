"""What all object storages with parts have in common: sending several at a time, digests, completing or aborting."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Condition
from typing import Generic, TypeVar

from streamdcm.cleanup import afterwards
from streamdcm.engine.parts import PartBuffers, PartSizes
from streamdcm.engine.result import Checksum
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import TargetTypeError
from streamdcm.sinks.output import PartsOutput
from streamdcm.sinks.storage.requests import Performer, Requests, Threads

R = TypeVar("R")


class PartsUpload(PartsOutput, Generic[R]):
    """An object that is uploaded in parts, or in one request, and appears when it is complete.

    Derive one class for each service, with the methods below that raise `NotImplementedError`. What yields requests is
    the same for synchronous and asynchronous clients.

    Parameters
    ----------
    location : str
        The URL of the object, without secrets.
    part_sizes : PartSizes
        How large the parts are to be.
    storage : StorageSettings
        How to upload.
    awaits : bool
        Whether the client is asynchronous.
    """

    def __init__(self, location: str, part_sizes: PartSizes, storage: StorageSettings, *, awaits: bool) -> None:
        self.awaits = awaits
        self._performer: Performer = Threads(storage.workers)
        self.location = location
        self.part_sizes = part_sizes
        self.part_buffers = self._buffers = PartBuffers()
        self.checksum: Checksum | None = None
        self._storage = storage
        self._sending: Sending[R] | None = None
        self._whole: bytearray | None = None
        self._sent: Mapping[int, R] = {}
        self._digests = PartDigests() if storage.checksum else None

    def perform_by(self, tasks: Callable[[], Performer] | None) -> None:
        """Have the requests of an asynchronous client made by what `tasks` makes.

        Raises
        ------
        TargetTypeError
            If the client is asynchronous, and there is no event loop to await it on.
        """
        if self.awaits and tasks is None:
            raise TargetTypeError(
                "this client is asynchronous, and nothing awaits it here; use the function of the same name that ends "
                "in _async, or a synchronous client"
            )
        if self.awaits and tasks is not None:
            self._performer = tasks()

    def open(self) -> None:
        """Connect, and look for what must not be replaced."""
        self._performer.perform(self.connect())

    def put(self, number: int, data: bytearray) -> None:
        """Have a part sent; waits while as many bytes as the workers take are on their way."""
        if self._sending is None:
            self._performer.perform(self.begin())
            workers = self._storage.workers
            most_bytes = workers * self._storage.part_size
            self._sending = Sending(self.send, self._performer, workers, most_bytes, self._buffers.give)
        if self._digests is not None:
            self._digests.add(number, data)
        self._sending.put(number, data)

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
        if self._sending is not None:
            self._sent = self._sending.finish()
            self._sending = None
            self._buffers.clear()
        if self._digests is not None and self.checksum is None:
            self.checksum = self._digests.checksum()

    def interrupt(self, error: BaseException) -> None:
        """Have whoever waits for parts to be sent raise an error; may be called from any thread."""
        sending = self._sending
        if sending is not None:
            sending.interrupt(error)

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
            self._performer.perform(self.send_whole(self._whole))
            self._whole = None
        elif self._sent:
            self._performer.perform(self.complete(self._sent))
            self._sent = {}
        self.close()

    def abort(self) -> None:
        """Stop sending, and remove what was sent."""
        with afterwards(lambda: self._performer.perform(self.discard()), self.close):
            if self._sending is not None:
                self._sending.stop()
                self._sending = None

    def connect(self) -> Requests[None]:
        """Connect, and look for what must not be replaced."""
        raise NotImplementedError

    def begin(self) -> Requests[None]:
        """Begin an upload in parts."""
        raise NotImplementedError

    def send(self, number: int, data: bytearray) -> Requests[R]:
        """Send a part and return what the service says of it; of several parts at a time."""
        raise NotImplementedError

    def send_whole(self, data: bytearray) -> Requests[None]:
        """Send all that there is in one request."""
        raise NotImplementedError

    def complete(self, sent: Mapping[int, R]) -> Requests[None]:
        """Put the parts together, by their numbers."""
        raise NotImplementedError

    def discard(self) -> Requests[None]:
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


class Sending(Generic[R]):
    """Sends parts at the same time; the first error stops everything.

    Parameters
    ----------
    send : callable
        Yields the requests that send the part with a number, and returns what the service says of it.
    performer : Performer
        Makes them.
    workers : int
        How many parts are sent at a time.
    most_bytes : int
        How many bytes may be on their way; a part that is larger than that goes alone.
    give_back : callable
        Is given the memory of a part that was sent.
    """

    def __init__(
        self,
        send: Callable[[int, bytearray], Requests[R]],
        performer: Performer,
        workers: int,
        most_bytes: int,
        give_back: Callable[[bytearray], object],
    ) -> None:
        self._give_back = give_back
        self._send = send
        self._performer = performer
        self._workers = workers
        self._most_bytes = most_bytes
        self._changed = Condition()
        self._on_their_way: dict[int, bytearray] = {}
        self._error: BaseException | None = None
        self._sent: dict[int, R] = {}

    def put(self, number: int, data: bytearray) -> None:
        """Have a part sent, as soon as few enough are on their way; raise what sending an earlier one raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or self._has_space(len(data)))
            self._raise_error()
            self._on_their_way[number] = data
        self._performer.start(self._send(number, data), partial(self._note, number))

    def finish(self) -> dict[int, R]:
        """Wait until all parts were sent; return what the service said of each, by its number."""
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or not self._on_their_way)
            self._raise_error()
        self._performer.stop()
        return dict(sorted(self._sent.items()))

    def interrupt(self, error: BaseException) -> None:
        """Have whoever waits for parts to be sent raise an error, as if sending one had raised it."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def stop(self) -> None:
        """Send no more parts, and nothing more of those that are being sent."""
        self._performer.stop()

    def _has_space(self, size: int) -> bool:
        sizes = [len(data) for data in self._on_their_way.values()]
        return not sizes or (len(sizes) < self._workers and sum(sizes) + size <= self._most_bytes)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _note(self, number: int, sent: R | None, error: BaseException | None) -> None:
        """Note what became of a part; its error is raised by the next `put` or by `finish`, whatever it is."""
        with self._changed:
            if error is None:
                self._sent[number] = sent  # type: ignore[assignment]
                self._give_back(self._on_their_way[number])
            else:
                self._error = self._error or error
            del self._on_their_way[number]
            self._changed.notify_all()
