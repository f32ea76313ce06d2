"""An HTTP server that takes PUT requests in chunks, or refuses them."""

import threading
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self


class Request(NamedTuple):
    """A request whose body came to its end."""

    path: str
    headers: Message
    body: bytes


class Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_PUT(self) -> None:
        ours = self.server.ours
        if ours.reads_first:
            body = self._chunks()
            if body is None:
                return
            ours.requests.append(Request(self.path, self.headers, body))
        self.send_response_only(ours.status)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = True

    def _chunks(self) -> bytes | None:
        """Return the body, or `None` if it breaks off before its last chunk."""
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


class Server:
    """A server on loopback, for a ``with`` block."""

    def __init__(self) -> None:
        self.status = 201
        self.reads_first = True
        self.requests: list[Request] = []

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.ours = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def finish(self) -> None:
        """Wait for the requests that are being handled, and take no more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def __exit__(self, *_: object) -> None:
        self.finish()
