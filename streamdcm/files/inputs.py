"""What a caller may give as a source, and how it is read: at any offset, or only forwards."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from inspect import iscoroutinefunction
from typing import Any, BinaryIO, Final, TypeAlias

from pydicom.dataset import Dataset

from streamdcm.files.access import Source
from streamdcm.files.forward import Incoming
from streamdcm.sinks import printable
from streamdcm.sources import ByteStream, StreamSource

Input: TypeAlias = Source | socket.socket | Iterable[bytes] | Any
"""A path, a URL, a binary file, a socket, an HTTP response or an iterable of bytes."""

AsyncInput: TypeAlias = Input | AsyncIterable[bytes]
"""The same, or an asynchronous one."""

_CHUNK: Final = 1024 * 1024
_LABEL: Final = "the source"


def incoming(source: Any) -> Incoming | None:
    """Return a source that only goes forwards; `None` for one that is read at any offset.

    Raises
    ------
    TypeError
        If it is nothing that can be read.
    """
    if isinstance(source, (str, bytes, os.PathLike)) or _can_seek(source):
        return None
    if isinstance(source, Dataset):
        raise TypeError(f"the source must be a file, and a {type(source).__name__} is none: dcmwrite writes it")
    name = getattr(source, "name", None)
    name = printable(name) if isinstance(name, str) else _called(source)
    pieces = _pieces_of(source)
    if pieces is None:
        raise TypeError(
            f"the source must be a path, a binary file, a socket or an iterable of bytes, not {type(source).__name__}"
        )
    return Incoming(StreamSource(ByteStream(pieces), _LABEL), name, stated_size(source))


def _called(source: Any) -> str:
    """Return what errors call a source without a name."""
    return "the stream" if isinstance(source, (Generator, AsyncGenerator)) else f"the {type(source).__name__}"


def _can_seek(source: Any) -> bool:
    if not all(callable(getattr(source, name, None)) for name in ("read", "seek", "tell")):
        return False
    if iscoroutinefunction(source.read):
        return False
    seekable = getattr(source, "seekable", None)
    return seekable is None or bool(seekable())


def _pieces_of(source: Any) -> Any:
    """Return what gives the bytes of a source: a reader, or an iterable of them."""
    if isinstance(source, socket.socket):
        return _Receiver(source.recv)
    for name in ("aiter_bytes", "iter_bytes", "iter_content"):  # of httpx, and of requests: without their encoding
        method = getattr(source, name, None)
        if callable(method):
            return method() if name == "aiter_bytes" and _is_async_response(source) else _iterated(source)
    content = getattr(source, "content", None)
    if callable(getattr(content, "iter_chunked", None)):  # of aiohttp
        return content.iter_chunked(_CHUNK)  # type: ignore[union-attr]
    if callable(getattr(source, "read", None)):
        is_awaited = iscoroutinefunction(source.read) and not isinstance(source, AsyncIterable)
        return _AwaitedReader(source) if is_awaited else source
    is_text = isinstance(source, (str, bytes, bytearray, memoryview))
    return source if isinstance(source, (Iterable, AsyncIterable)) and not is_text else None


def _is_async_response(source: Any) -> bool:
    stream = getattr(source, "stream", None)
    return isinstance(stream, AsyncIterable) and not isinstance(stream, Iterable)


def _iterated(response: Any) -> Iterator[bytes]:
    method: Callable[..., Iterator[bytes]] = getattr(response, "iter_bytes", None) or response.iter_content
    return method(_CHUNK)


class _AwaitedReader:
    """An object whose `read()` is awaited, said to be asynchronous."""

    def __init__(self, reader: Any) -> None:
        self.read = reader.read

    def __aiter__(self) -> Any:
        raise TypeError("it is read")


class _Receiver:
    """The bytes that a socket receives, as a reader."""

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self.read = receive


def stated_size(source: Any) -> int | None:
    """Return the number of bytes that a source says it has, if it says that."""
    left = getattr(source, "length", None)  # of http.client: what is left
    if isinstance(left, int):
        return left
    headers = getattr(source, "headers", None)
    get = getattr(headers, "get", None)
    if callable(get) and not get("content-encoding"):
        return _number(get("content-length"))
    return _number(getattr(source, "_content_length", None))  # of botocore's StreamingBody


def _number(text: Any) -> int | None:
    try:
        return int(text)
    except (TypeError, ValueError):
        return None


@contextmanager
def opened_pipe(source: Any) -> Iterator[Any]:
    """Give the pipe or the device that a path leads to, open; everything else as it is."""
    if not isinstance(source, (str, bytes, os.PathLike)) or not _is_pipe(source):
        yield source
        return
    with open(source, "rb", buffering=0) as file:
        yield file


def _is_pipe(path: Any) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


@contextmanager
def spooled_source(source: Any) -> Iterator[BinaryIO]:
    """Give a temporary file with the bytes of a source that cannot seek, for what has to.

    A function that edits what stands behind the pixel data, or elements out of order, need it; see `rewrite`.

    Parameters
    ----------
    source : binary file object, socket, HTTP response or iterable of bytes
        It is read to its end.

    Yields
    ------
    file-like
        A source for `rewrite` that can seek.

    Examples
    --------
    >>> import io
    >>> with open("slice.dcm", "rb") as pipe, streamdcm.spooled_source(pipe) as source:
    ...     header = streamdcm.read_header(source)
    """
    with tempfile.TemporaryFile(prefix="streamdcm-") as spool:
        pieces = _pieces_of(source)
        read = getattr(pieces, "read", None)
        for piece in iter(partial(read, _CHUNK), b"") if callable(read) else pieces:
            spool.write(piece)
        spool.seek(0)
        yield spool
