"""A web server with one file, which answers requests for ranges and notes them."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_HEAD(self) -> None:
        self._answer(len(self.server.content))

    def do_GET(self) -> None:
        content = self.server.content
        wanted = self.headers.get("Range")
        if wanted is None or not self.server.knows_ranges:
            self.server.ranges.append((0, len(content)))
            self._answer(len(content))
            self.wfile.write(content)
            return
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last) + 1, len(content))
        self.server.ranges.append((start, stop))
        self.send_response_only(206)
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        self.wfile.write(content[start:stop])

    def _answer(self, size: int) -> None:
        self.send_response_only(200)
        self.send_header("Content-Length", str(size))
        if self.server.knows_ranges:
            self.send_header("Accept-Ranges", "bytes")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    content: bytes
    ranges: list[tuple[int, int]]
    knows_ranges: bool


class RangedServer:
    """A server on loopback, for a ``with`` block.

    Parameters
    ----------
    content : bytes
        The file.
    knows_ranges : bool, optional
        Whether it answers with the range that is asked for, or always with all of it.

    Attributes
    ----------
    url : str
        The URL of the file.
    ranges : list of (int, int)
        What was sent: where it begins and ends.
    """

    def __init__(self, content: bytes, *, knows_ranges: bool = True) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.content, self._server.knows_ranges = content, knows_ranges
        self.ranges = self._server.ranges = []
        self.url = f"http://127.0.0.1:{self._server.server_port}/file.dcm"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
