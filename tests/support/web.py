"""An HTTP server that takes PUT requests with or without a length, or refuses, redirects, and stalls as it is told."""

import threading
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self


class Request(NamedTuple):
    """A request whose body came to its end."""

    path: str
    headers: Message
    body: bytes


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_PUT(self) -> None:
        ours = self.server.ours
        ours.began.append((self.path, self.headers))
        ours.clients.add(self.client_address)
        if ours.hangs_up:
            ours.hangs_up -= 1
            self.close_connection = True
            return
        if ours.stalls:
            ours.gave_up = not ours.released.wait(60)
        if ours.reads_first:
            body = self._body()
            if body is None:
                self.close_connection = True
                return
            ours.requests.append(Request(self.path, self.headers, body))
        if ours.loses_answers:
            ours.loses_answers -= 1
            self.close_connection = True
            return
        status, headers = ours.answer(self.path)
        self.send_response_only(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = not ours.reads_first

    def handle_expect_100(self) -> bool:
        ours = self.server.ours
        if ours.reads_first and ours.says_continue and not ours.stalls:
            return super().handle_expect_100()
        return True

    def _body(self) -> bytes | None:
        """Return the body, or `None` if it breaks off."""
        if "Content-Length" in self.headers:
            size = int(self.headers["Content-Length"])
            body = self.rfile.read(size)
            return body if len(body) == size else None
        body = b""
        while line := self.rfile.readline():
            size = int(line, 16)
            body += self.rfile.read(size)
            self.rfile.readline()
            if size == 0:
                return body
        return None

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    ours: "Server"

    def handle_error(self, *_: object) -> None:
        pass  # whoever hangs up is meant to


class Server:
    """A server on loopback, for a ``with`` block."""

    def __init__(self) -> None:
        self.status = 201
        self.reads_first = True
        self.says_continue = True
        self.hangs_up = 0
        self.loses_answers = 0
        self.stalls = False
        self.gave_up = False
        self.clients: set[object] = set()
        self.released = threading.Event()
        self.began: list[tuple[str, Message]] = []
        self.requests: list[Request] = []
        self.answer: Callable[[str], tuple[int, dict[str, str]]] = lambda path: (self.status, {})

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.ours = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def finish(self) -> None:
        """Wait for the requests that are being handled, and take no more."""
        self.released.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def __exit__(self, *_: object) -> None:
        self.finish()
