"""What ``python -m streamdcm.batch`` does: instances, as the coordinator says, until its standard input ends."""

from __future__ import annotations

import _thread
import logging
import os
import queue
import signal
import sys
import threading
import warnings
from typing import Any, BinaryIO, Final

from streamdcm import system
from streamdcm.batch.instance import Work, described, pause_before_another_try
from streamdcm.batch.messages import packed, received
from streamdcm.batch.plan import Batch
from streamdcm.batch.pool import Claimed, Job, job_from
from streamdcm.cleanup import afterwards

_LAST_SECONDS: Final = 1.5
"""How long what is underway has to clean up when the coordinator is gone."""


def main() -> None:
    """Be a worker."""
    signal.signal(signal.SIGTERM, _terminate)
    speaks = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what an edit prints is no message
    # Warnings are about one instance, would not say which, and may quote its values.
    warnings.simplefilter("ignore")
    logging.getLogger("pydicom").setLevel(logging.ERROR)
    messages: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_listen, args=(0, messages), daemon=True).start()
    first = messages.get()
    sys.path[:] = first["path"]
    work = Work(Batch.from_json(first["plan"]))
    _say(speaks, {"ready": True})
    with afterwards(work.close):
        _Conversation(work, messages, speaks).run()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it would disturb what libraries clean up as the interpreter ends


class _Conversation:
    """Does the instances that messages name, and says what became of each."""

    def __init__(self, work: Work, messages: queue.Queue[dict[str, Any]], speaks: BinaryIO) -> None:
        self._work = work
        self._messages = messages
        self._speaks = speaks
        self._jobs: list[Job] = []
        self._stopped = False

    def run(self) -> None:
        """Go on until the coordinator says that it is enough."""
        while not self._stopped:
            while not self._jobs and not self._stopped:
                self._take(self._messages.get())
            while self._jobs and not self._stopped:
                self._do(self._jobs.pop(0))
                while not self._messages.empty():
                    self._take(self._messages.get())

    def _do(self, job: Job) -> None:
        try:
            outcome = self._work.perform(job, self._claim)
        except Exception as error:
            _say(self._speaks, {"failed": described(error), "pause": pause_before_another_try(error)})
        else:
            _say(self._speaks, {"done": outcome})

    def _claim(self, target: str, is_there: bool, stamp: str | None) -> Claimed:
        _say(self._speaks, {"asks": target, "is_there": is_there, "stamp": stamp})
        while "claimed" not in (answer := self._messages.get()):
            self._take(answer)
        return Claimed(*answer["claimed"])

    def _take(self, message: dict[str, Any]) -> None:
        if "jobs" in message:
            self._jobs += map(job_from, message["jobs"])
        else:
            self._stopped = True


def _listen(descriptor: int, messages: queue.Queue[dict[str, Any]]) -> None:
    """Pass messages on; at their end, when the coordinator is gone, end the process."""
    for message in received(descriptor):
        messages.put(message)
    last = threading.Timer(_LAST_SECONDS, os._exit, (1,))
    last.daemon = True
    last.start()
    if system.ON_WINDOWS:  # where os.kill ends a process at once
        _thread.interrupt_main(signal.SIGTERM)
    else:
        os.kill(os.getpid(), signal.SIGTERM)


def _terminate(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(143)


def _say(stream: BinaryIO, message: dict[str, Any]) -> None:
    data = memoryview(packed(message))
    try:
        while data:
            data = data[stream.write(data) :]
    except BrokenPipeError:
        raise SystemExit(143) from None  # the coordinator is gone
