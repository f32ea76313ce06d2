"""The caller's own asynchronous objects: streams, and files whose methods are awaited."""

from __future__ import annotations

import io
import os
import socket
import zipfile
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib import import_module
from inspect import isawaitable, iscoroutine, iscoroutinefunction
from typing import Any

from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import TargetTypeError
from streamdcm.instructions import Chunk
from streamdcm.sinks.descriptor import choose_patching
from streamdcm.sinks.handles import is_writer_of_obstore
from streamdcm.sinks.locations import printable
from streamdcm.sinks.object import (
    NEEDS_A_LOOP,
    ObjectOutput,
    appends,
    can_patch,
    check_position,
    check_sink,
    check_taken,
    has_seek_and_tell,
    is_position,
    is_text,
)
from streamdcm.sinks.output import AsyncCallersOutput, AsyncOutput, Output, PartsOutput
from streamdcm.sinks.protocols import Call
from streamdcm.sinks.storage.urls import async_url_output
from streamdcm.sinks.writable import check_writable

_DEFAULT_STORAGE = StorageSettings()


class AsyncFileOutput(AsyncCallersOutput):
    """An object whose ``write``, ``seek`` and ``tell`` are awaited; nothing else of it is used.

    Parameters
    ----------
    sink : object
        The object.
    patchable : bool
        Whether its earlier bytes can be overwritten.
    """

    def __init__(self, sink: Any, *, patchable: bool) -> None:
        self._sink = sink
        self._start = 0
        self._written = 0
        self.can_patch = patchable
        name = getattr(sink, "name", None)
        self.location = printable(name) if isinstance(name, str) else None

    async def open(self) -> None:
        """Note the position, which patches are relative to."""
        if self.can_patch:
            self._start = await _result(self._sink.tell())

    async def write(self, buffers: Sequence[Chunk]) -> None:
        """Write all bytes of `buffers`, in order."""
        for buffer in buffers:
            await self._write_all(buffer)
            self._written += len(buffer)

    async def patch(self, offset: int, value: bytes) -> None:
        """Overwrite bytes at `offset` from where the write began and return to the end.

        Raises
        ------
        SinkContractError
            If the position afterwards shows that the bytes went elsewhere.
        """
        position = self._start + offset
        await _result(self._sink.seek(position))
        await self._write_all(value)
        check_position(self._sink, await _result(self._sink.tell()), position + len(value))
        await _result(self._sink.seek(self._start + self._written))

    async def _write_all(self, buffer: Chunk) -> None:
        rest = bytes(buffer)
        while rest:
            taken = await _result(self._sink.write(rest))
            rest = rest[check_taken(self._sink, taken, len(rest)) :]


class UnknownOutput(AsyncCallersOutput):
    """An object of which only its first ``write()`` can tell whether it is to be awaited.

    If not, it is written to in a thread, a batch at a time.

    Parameters
    ----------
    sink : object
        The object, which cannot seek.
    call : callable
        Calls a function in a thread.
    seekable : bool, optional
        What the caller says.
    """

    def __init__(self, sink: Any, call: Call, *, seekable: bool | None) -> None:
        check_sink(sink, is_text(sink), seekable)
        self._sink = sink
        self._call = call
        self._known: AsyncFileOutput | ObjectOutput | None = None
        name = getattr(sink, "name", None)
        self.location = printable(name) if isinstance(name, str) else None

    async def open(self) -> None:
        """Do nothing: the object is the caller's."""

    async def write(self, buffers: Sequence[Chunk]) -> None:
        """Write all bytes of `buffers`, in order."""
        if self._known is None:
            buffers = await self._find_out(bytes(buffers[0])), *buffers[1:]
        if isinstance(self._known, ObjectOutput):
            await self._call(self._known.write, buffers)
        elif self._known is not None:
            await self._known.write(buffers)

    async def _find_out(self, data: bytes) -> bytes:
        """Write a first piece, and return what is left of it."""
        write = partial(self._sink.write, data)
        answer = write() if _seems_asynchronous(self._sink) else await _answer(self._call, write)
        if isawaitable(answer):
            self._known = AsyncFileOutput(self._sink, patchable=False)
            answer = await answer
        else:
            self._known = ObjectOutput(self._sink, seekable=False)
        return data[check_taken(self._sink, answer, len(data)) :]


async def resolve_async(
    target: Any,
    call: Call,
    *,
    seekable: bool | None = None,
    overwrite: bool = True,
    storage: StorageSettings = _DEFAULT_STORAGE,
) -> AsyncOutput | None:
    """Find out how to write to `target` from an event loop, by what methods it has and what they return.

    Parameters
    ----------
    target : object
        Whatever the caller gave.
    call : callable
        Calls a function in a thread.
    seekable : bool, optional
        Whether earlier bytes may be overwritten; found out if not given.
    overwrite : bool
        For URLs: whether what is there may be replaced.
    storage : StorageSettings
        For URLs: how to upload.

    Returns
    -------
    AsyncOutput or None
        `None` for a target that is not asynchronous, or none at all: `streamdcm.sinks.resolve` knows.

    Raises
    ------
    TargetTypeError
        If it takes text, or `seekable` asks for what it cannot do.
    """
    if isinstance(target, AsyncOutput):
        return _given(target, seekable)
    if isinstance(target, str):
        return async_url_output(target, storage, call, overwrite=overwrite)
    if type(target) is socket.socket:
        output: AsyncOutput = import_module("streamdcm.sinks.async_socket").AsyncSocketOutput(target, seekable=seekable)
        return output
    target = _writer_of(target)
    write = getattr(target, "write", None)
    if isinstance(target, io.IOBase) and iscoroutinefunction(write):
        return await _async_file(target, call, seekable)
    if isinstance(target, (Output, PartsOutput, bytes, os.PathLike, io.IOBase, socket.socket, zipfile.ZipFile, type)):
        return None
    if is_writer_of_obstore(target):
        return await _writer_of_obstore(target, seekable)
    send_all, send = getattr(target, "send_all", None), getattr(target, "send", None)
    if callable(send_all):
        return _stream(target, send_all, seekable)
    if callable(send) and (iscoroutinefunction(send) or not callable(write)):
        return _stream(target, send, seekable)
    if not callable(write):
        return None
    if iscoroutinefunction(write):
        return await _async_file(target, call, seekable)
    if callable(getattr(target, "drain", None)):
        send = partial(_write_and_drain, target)
        return _stream(target, send, seekable)
    if has_seek_and_tell(target):
        return await _async_file(target, call, seekable) if await _tells_awaitably(target, call) else None
    return UnknownOutput(target, call, seekable=seekable)


def _writer_of(target: Any) -> Any:
    """Return the writer of what ``asyncio.open_connection`` returns, a reader and it; any other target as it is."""
    if type(target) is tuple and len(target) == 2:
        reader, writer = target
        if callable(getattr(reader, "readexactly", None)) and callable(getattr(writer, "drain", None)):
            return writer
    return target


def _given(output: AsyncOutput, seekable: bool | None) -> AsyncOutput:
    """Pass on an output that the caller made."""
    if choose_patching(output.can_patch, seekable, "the output") != output.can_patch:
        raise TargetTypeError("seekable=False: give an asynchronous output whose can_patch is False")
    return output


async def _writer_of_obstore(writer: Any, seekable: bool | None) -> AsyncFileOutput | None:
    """Both its kinds are of one class; what ``closed()`` answers tells them apart."""
    closed = writer.closed()
    if not isawaitable(closed):
        return None
    await closed
    check_sink(writer, False, seekable)
    return AsyncFileOutput(writer, patchable=False)


async def _write_and_drain(writer: Any, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


def _stream(stream: Any, send: Callable[[Any], Awaitable[Any]], seekable: bool | None) -> AsyncOutput:
    output: AsyncOutput = import_module("streamdcm.sinks.async_streams").StreamOutput(stream, send, seekable=seekable)
    return output


async def _async_file(sink: Any, call: Call, seekable: bool | None) -> AsyncFileOutput:
    inner = getattr(sink, "wrapped", None)  # anyio's and trio's files name the file that they call in a thread
    takes_text = hasattr(sink, "encoding") if inner is None else is_text(inner)
    check_sink(sink, takes_text, seekable)
    check_writable(inner)
    if seekable is None:
        seekable = await (_can_patch(sink) if inner is None else call(can_patch, inner))
    return AsyncFileOutput(sink, patchable=seekable)


async def _can_patch(sink: Any) -> bool:
    if not has_seek_and_tell(sink) or appends(sink):
        return False
    try:
        seekable = getattr(sink, "seekable", None)
        if callable(seekable) and not await _result(seekable()):
            return False
        return is_position(await _result(sink.tell()))
    except (OSError, NotImplementedError):
        return False


async def _tells_awaitably(sink: Any, call: Call) -> bool:
    try:
        told = await _answer(call, sink.tell)
    except (OSError, NotImplementedError):
        return False
    if not isawaitable(told):
        return False
    await told
    return True


async def _answer(call: Call, function: Callable[[], Any]) -> Any:
    """Call a function that may or may not be asynchronous; what it returns is closed if nobody is left to await it."""
    answers: list[Any] = []
    try:
        await call(lambda: answers.append(function()))
    except RuntimeError as error:
        if not NEEDS_A_LOOP.search(str(error)):
            raise
        return function()  # which did nothing yet but ask for the loop
    except BaseException:
        for answer in filter(iscoroutine, answers):
            answer.close()  # which has not begun
        raise
    return answers[0]


def _seems_asynchronous(sink: Any) -> bool:
    """Tell by its other methods whether what ``write()`` returns is likely to be awaited."""
    kind = type(sink)
    if hasattr(kind, "__aenter__") and not hasattr(kind, "__enter__"):
        return True
    return any(iscoroutinefunction(getattr(sink, name, None)) for name in ("close", "aclose", "flush"))


async def _result(answer: Any) -> Any:
    return await answer if isawaitable(answer) else answer
