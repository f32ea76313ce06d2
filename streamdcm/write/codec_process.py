"""Processes that code frames, for libraries that keep the interpreter's lock: started, and spoken to through pipes.

Each is sent a pickled `Recoding`, then frames, each behind its number and its length; it answers each with a byte and
the length of what follows: the coded frame, or a pickled exception. The end of its input is the end of it.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from queue import Empty, SimpleQueue
from struct import Struct
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, Final

from streamdcm import system
from streamdcm.errors import CodecError

if TYPE_CHECKING:
    from streamdcm.pixels.codecs.recode import Recoding

_request: Final = Struct("<QQ")
_answer: Final = Struct("<?Q")


class CodecProcesses:
    """Processes that code frames, one for each thread that wants to at the same time.

    Parameters
    ----------
    recoding : Recoding
        What becomes of a frame.
    """

    def __init__(self, recoding: Recoding) -> None:
        self._recoding = recoding
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        self._all: list[subprocess.Popen[bytes]] = []
        self._lock = Lock()
        self._is_stopped = False

    def code(self, frame: bytes, number: int) -> bytes:
        """Return a frame as it is written; see `Recoding.code`.

        Raises
        ------
        CodecError
            If it cannot be coded, or the process dies of it.
        """
        process = self._taken()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(_request.pack(number, len(frame)))
            process.stdin.write(frame)
            process.stdin.flush()
            is_coded, data = _received(process.stdout)
        except (OSError, EOFError):
            raise CodecError(f"the process of its codec ended ({_end_of(process)})", frame=number) from None
        self._idle.put(process)
        if is_coded:
            return data
        error: BaseException = pickle.loads(data)
        raise error

    def stop(self) -> None:
        """End all processes; calls that are running fail."""
        with self._lock:
            self._is_stopped = True
        for process in self._all:
            process.kill()

    def close(self) -> None:
        """Wait for the end of all processes."""
        for process in self._all:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    _close_quietly(pipe)

    def _taken(self) -> subprocess.Popen[bytes]:
        with suppress(Empty):
            return self._idle.get_nowait()
        with self._lock:
            if self._is_stopped:
                raise CodecError("the write has ended")
            process = _started()
            self._all.append(process)
        assert process.stdin is not None
        try:
            pickle.dump(self._recoding, process.stdin)
            process.stdin.flush()
        except OSError:
            raise CodecError(f"the process of its codec ended ({_end_of(process)})") from None
        return process


def _started() -> subprocess.Popen[bytes]:
    """Start a process; -P, lest a module of the working directory be taken for one of ours.

    It is in a group of its own: Ctrl-C is for whoever started it, and ends it.
    """
    command = [sys.executable, "-P", "-m", "streamdcm.write.codec_child"]
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
        **system.process_apart(),
    )


def _end_of(process: subprocess.Popen[bytes]) -> str:
    code = process.wait()
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _close_quietly(pipe: object) -> None:
    try:
        pipe.close()  # type: ignore[attr-defined]
    except OSError:
        return  # what was not flushed to a process that has ended


def _received(pipe: object) -> tuple[bool, bytes]:
    is_coded, length = _answer.unpack(_exactly(pipe, _answer.size))
    return is_coded, _exactly(pipe, length)


def _exactly(pipe: object, length: int) -> bytes:
    data: bytes = pipe.read(length)  # type: ignore[attr-defined]
    if len(data) < length:
        raise EOFError
    return data


def main() -> None:
    """Code frames until there are no more; an interrupt is for whoever started this."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints is no frame
    recoding: Recoding = pickle.load(incoming)
    while len(header := incoming.read(_request.size)) == _request.size:
        number, length = _request.unpack(header)
        _answer_to(outgoing, recoding, _exactly(incoming, length), number)


def _answer_to(outgoing: BinaryIO, recoding: Recoding, frame: bytes, number: int) -> None:
    try:
        is_coded, data = True, recoding.code(frame, number)
    except Exception as error:
        error.__cause__ = None  # it may not be one that can be sent
        is_coded, data = False, pickle.dumps(error)
    outgoing.write(_answer.pack(is_coded, len(data)))
    outgoing.write(data)
    outgoing.flush()
