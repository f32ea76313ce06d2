"""A proxy in front of an S3 service that fails as networks and services do."""

import http.client
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Fault = Callable[["Handler"], bool]
"""Spoils a request and returns True, or returns False to let it pass."""


class Handler(BaseHTTPRequestHandler):
    """Passes a request on, unless the fault of the server has it otherwise."""

    protocol_version = "HTTP/1.1"
    server: "Proxy"

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def part(self) -> int | None:
        """The number of the part in this request."""
        number = parse_qs(urlsplit(self.path).query).get("partNumber")
        return int(number[0]) if number else None

    def pass_on(self) -> None:
        if self.headers.get("Expect") == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        with self.server.lock:
            self.server.requests.append((self.command, self.part))
        if not self.server.fault(self):
            self.answer(*self.forward())

    def forward(self) -> tuple[int, bytes, dict[str, str]]:
        """Have the service behind do what is asked for; return its answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection(*self.server.behind)
        headers = {name: value for name, value in self.headers.items() if name != "Expect"}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content, dict(answer.getheaders())

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = pass_on

    def answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                self.send_header(name, value)
        length = headers.get("content-length", str(len(content))) if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(content)

    def fail(self, status: int = 500, code: str = "InternalError") -> bool:
        """Answer as a service that is out of order."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(status, f"<Error><Code>{code}</Code></Error>".encode(), {"Content-Type": "application/xml"})
        return True

    def unavailable(self) -> bool:
        """Answer as a service that has too much to do."""
        return self.fail(503, "SlowDown")

    def swallow(self) -> bool:
        """Do what is asked for, and lose the answer."""
        self.forward()
        return self.hang_up()

    def stall(self) -> bool:
        """Take the request and say nothing, until the client has no patience left."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.connection.settimeout(5)
        with suppress(OSError):
            self.connection.recv(1)
        return self.hang_up()

    def hang_up(self) -> bool:
        """Reset the connection."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
        return True

    def reset(self) -> bool:
        """Reset the connection in the middle of the body."""
        self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 100_000))
        return self.hang_up()

    def log_message(self, *_: object) -> None:
        pass


class Proxy(ThreadingHTTPServer):
    """Listens on loopback and passes requests on to the service `behind`."""

    daemon_threads = True

    def __init__(self, behind: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind = behind
        self.fault: Fault = lambda request: False
        self.lock = threading.Lock()
        self.idle = threading.Condition()
        self.open = 0
        self.requests: list[tuple[str, int | None]] = []
        """The methods and part numbers of all requests."""

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Count the connections that are open."""
        with self.idle:
            self.open += 1
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self.idle:
                self.open -= 1
                self.idle.notify_all()

    def wait_until_idle(self) -> None:
        """Wait until no connection is open, and no thread of this server serves one."""
        with self.idle:
            assert self.idle.wait_for(lambda: self.open == 0, 3), "a connection is open"
        for thread in threading.enumerate():
            if "process_request_thread" in thread.name:
                thread.join(3)

    def handle_error(self, *_: object) -> None:
        """Say nothing: what fails here fails on purpose."""


@contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    """Run a proxy in front of a service."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    with Proxy((parts.hostname, parts.port)) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


def at_first(fault: Fault, times: int = 1) -> Fault:
    """Fail each part the first times that it is sent, and let it pass then."""
    seen: dict[int | None, int] = {}
    lock = threading.Lock()

    def spoil(request: Handler) -> bool:
        if request.part is None:
            return False
        with lock:
            seen[request.part] = seen.get(request.part, 0) + 1
            early = seen[request.part] <= times
        return early and fault(request)

    return spoil


def at_request(number: int, fault: Fault, *, again: bool) -> Fault:
    """Spoil the request with a number, counted from 0; or, where it is to fail again, all that ask for the same."""
    spoiled: list[tuple[str, int | None]] = []
    count = -1
    lock = threading.Lock()

    def spoil(request: Handler) -> bool:
        nonlocal count
        what = request.command, request.part
        with lock:
            count += 1
            if count == number:
                spoiled.append(what)
            is_spoiled = count == number or (again and what in spoiled)
        return is_spoiled and fault(request)

    return spoil
