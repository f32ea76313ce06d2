"""A connection that sends buffers uncopied and listens meanwhile; it says when to wait, and never waits itself."""

from __future__ import annotations

import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic
from typing import Final

from streamdcm import system
from streamdcm.errors import PeerConnectionError, PeerTimeoutError
from streamdcm.network.operations import Call, Steps, Wait

_MOST_BUFFERS: Final = 512
"""POSIX systems take 1,024 in one call."""
_READ_SIZE: Final = 64 * 1024
_LISTEN: Final = 1.0
"""The seconds after which one listens to a peer that takes nothing."""
_QUICKACK: Final = getattr(socket, "TCP_QUICKACK", None)
_RESET: Final = struct.pack("hh" if system.ON_WINDOWS else "ii", 1, 0)


class Transport:
    """A connection of TCP, encrypted or not.

    Parameters
    ----------
    host, port : str, int
        The peer.
    tls : ssl.SSLContext or None
        How it is encrypted.
    timeout : float
        The seconds that connecting, or sending a piece, may take.
    """

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None, timeout: float) -> None:
        self._host = host
        self._port = port
        self._context = tls
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()

    @property
    def place(self) -> str:
        """The peer, for people."""
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"

    def connect(self) -> Steps[None]:
        """Connect, to the first address of the host that answers.

        Raises
        ------
        PeerConnectionError
            If there is none.
        """
        with self._errors("cannot be reached"):
            ask = partial(socket.getaddrinfo, self._host, self._port, type=socket.SOCK_STREAM)
            addresses = yield Call(ask)
            for at, (family, kind, protocol, _, address) in enumerate(addresses):
                try:
                    yield from self._connect_to(socket.socket(family, kind, protocol), address)
                    break
                except OSError:
                    self.reset()
                    if at + 1 == len(addresses):
                        raise
        if self._context is not None:
            with self._errors("does not agree on TLS"):
                self._tls = self._context.wrap_bio(self._incoming, self._outgoing, server_hostname=self._host)
                yield from self._shake_hands(self._tls)

    def send(self, buffers: Sequence[bytes | memoryview], heard: Callable[[bytes], None]) -> Steps[None]:
        """Send buffers; what the peer says meanwhile is given to `heard`, which may raise."""
        with self._errors("was lost"):
            yield from self._send(deque(self._encrypted(buffers)), heard)

    def receive(self, seconds: float, deadline: float) -> Steps[bytes]:
        """Return what the peer says next, within so many seconds, until the deadline; nothing if it has hung up."""
        with self._errors("was lost"):
            while (data := self.poll()) is None:
                self._flush()
                if not (yield Wait(self._open, True, deadline - monotonic())):
                    raise PeerTimeoutError(
                        f"{self.place} did not answer within {seconds:g} seconds; give it more time (timeout, "
                        "answer_timeout)"
                    )
            return data

    def poll(self) -> bytes | None:
        """Return what the peer has said already: `None` if nothing, no bytes if it has hung up."""
        if _QUICKACK is not None:  # DCMTK answers in two small writes; the kernel forgets it after each read
            self._open.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        try:
            data = self._open.recv(_READ_SIZE)
        except BlockingIOError:
            return None
        if self._tls is None:
            return data
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return self._decrypted(self._tls)

    def send_now(self, data: bytes) -> bool:
        """Send a few bytes if that takes no time; tell whether they went out."""
        if self._socket is None:
            return False
        try:
            whole = b"".join(self._encrypted((data,)))
            return self._socket.send(whole) == len(whole)
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        """Hang up."""
        if self._tls is not None and self._socket is not None:
            with suppress(OSError):  # the notice that TLS wants is given, and its answer not waited for
                self._tls.unwrap()
            with suppress(OSError):
                self._flush()
        self._drop()

    def reset(self) -> None:
        """Hang up at once: what is on its way is lost, and the peer can tell."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._drop()

    @property
    def _open(self) -> socket.socket:
        assert self._socket is not None
        return self._socket

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect_to(self, connecting: socket.socket, address: object) -> Steps[None]:
        self._socket = connecting
        connecting.setblocking(False)
        connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(BlockingIOError):
            connecting.connect(address)  # type: ignore[arg-type]
        if not (yield Wait(connecting, False, self._timeout)):
            raise TimeoutError
        error = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, "")

    def _send(self, views: deque[memoryview], heard: Callable[[bytes], None]) -> Steps[None]:
        deadline = monotonic() + self._timeout
        while views:
            self._listen(heard)
            try:
                taken = system.send_buffers(
                    self._open, [view for view, _ in zip(views, range(_MOST_BUFFERS), strict=False)]
                )
            except BlockingIOError:
                left = deadline - monotonic()
                if left <= 0:
                    raise TimeoutError from None
                yield Wait(self._open, False, min(left, _LISTEN))
                continue
            except OSError:
                self._listen(heard)  # why it hung up may have come before that
                raise
            deadline = monotonic() + self._timeout
            while taken:
                if taken < len(views[0]):
                    views[0] = views[0][taken:]
                    break
                taken -= len(views.popleft())

    def _listen(self, heard: Callable[[bytes], None]) -> None:
        said = self.poll()
        if said is not None:
            heard(said)

    def _encrypted(self, buffers: Sequence[bytes | memoryview]) -> Iterator[memoryview]:
        if self._tls is None:
            return map(memoryview, buffers)
        for buffer in buffers:
            self._tls.write(buffer)
        return iter((memoryview(self._outgoing.read()),))

    def _decrypted(self, tls: ssl.SSLObject) -> bytes | None:
        pieces = []
        try:
            while piece := tls.read(_READ_SIZE):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            return b"".join(pieces) or None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            pass
        return b"".join(pieces)

    def _flush(self) -> None:
        """Send what TLS has to say of itself."""
        if self._outgoing.pending:
            self._open.send(self._outgoing.read())

    def _shake_hands(self, tls: ssl.SSLObject) -> Steps[None]:
        deadline = monotonic() + self._timeout
        while True:
            try:
                tls.do_handshake()
                self._flush()
                return
            except ssl.SSLWantReadError:
                self._flush()
            if not (yield Wait(self._open, True, deadline - monotonic())):
                raise TimeoutError
            data = self._open.recv(_READ_SIZE)
            if not data:
                raise ConnectionResetError
            self._incoming.write(data)

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Say in our own words what the system says of the connection."""
        try:
            yield
        except (PeerConnectionError, PeerTimeoutError):
            raise
        except TimeoutError as error:
            raise PeerTimeoutError(
                f"the connection to {self.place} did not go on within {self._timeout:g} seconds; try again, or give a "
                "longer timeout"
            ) from error
        except (OSError, UnicodeError) as error:
            kind = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            subject = "the connection to " if what == "was lost" else ""
            raise PeerConnectionError(f"{subject}{self.place} {what} ({kind})") from error
