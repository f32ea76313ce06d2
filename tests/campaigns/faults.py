"""Faults: at every system call of the writes to paths, of the space on disks, and at every request to S3.

The old file is there, or the new one and the error says so; nothing else is left but what the error names.
"""

import errno
import gc
import itertools
import logging
import os
import random
import re
import resource
import tempfile
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple
from unittest.mock import patch

from streamdcm.errors import InPlaceError, StreamdcmError
from streamdcm.sinks import path_atomic
from tests.campaigns import Budget, unlogged
from tests.campaigns.system_calls import each_call
from tests.campaigns.writes import ASYNC_WRITES, WRITES, Write, prepare, quietly, run_async
from tests.support.mounts import NotMountedError, mounted_at

_NUMBERS: Final = (errno.EIO, errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EPERM, errno.EINTR)
_OF_MANY: Final = re.compile(r"(\d+) of (\d+) instances have their names already")
_BEHIND_COMMANDS: Final = {"copy", "batch"}
"""What answers with an exit status or a report, not with an exception."""


class Subject(NamedTuple):
    """A write in one of its ways."""

    name: str
    write: Write
    run: Callable[[Path], Any]
    is_hidden: bool
    replaces: bool

    def __str__(self) -> str:
        how = ("under a hidden name, " if self.is_hidden else "") + ("over a file" if self.replaces else "a new file")
        return f"{self.name}, {how}"


class Campaign:
    """What fails, and what becomes of it where nothing does."""

    def __init__(self) -> None:
        writes = [(name, write, write.run) for name, write in WRITES.items() if name not in _BEHIND_COMMANDS]
        for (name, write), backend in itertools.product(ASYNC_WRITES.items(), ("asyncio", "trio")):
            writes.append((f"{name} on {backend}", write, partial(run_async, write.run, backend=backend)))
        self.subjects = [
            Subject(name, write, function, is_hidden, replaces)
            for name, write, function in writes
            for is_hidden in (False, True)
            for replaces in ((True,) if write.is_in_place else (False, True) if write.replaces else (False,))
        ]
        self.known: dict[Subject, tuple[int, list[bytes]]] = {}

    def whole(self, subject: Subject) -> tuple[int, list[bytes]]:
        """How many system calls a write makes, and what it writes."""
        if subject not in self.known:
            count = 0

            def counted(name: str, number: int) -> None:
                nonlocal count
                count = number

            with _directory(subject) as directory:
                with _hidden(subject.is_hidden), each_call(counted):
                    quietly(subject.run, directory)
                content = [(directory / "out" / target).read_bytes() for target in subject.write.targets]
            self.known[subject] = count, content
        return self.known[subject]

    def at_a_call(self, chance: random.Random) -> str:
        """Let a system call fail, once or it and all after it."""
        subject = chance.choice(self.subjects)
        count, expected = self.whole(subject)
        first, number, again = chance.randrange(1, count + 1), chance.choice(_NUMBERS), chance.random() < 0.3
        failed: list[str] = []

        def fail(name: str, at: int) -> None:
            if at == first or (again and at > first):
                failed.append(name)
                raise OSError(number, os.strerror(number))

        with _directory(subject) as directory:
            check(subject, directory, expected, lambda: each_call(fail), f"{failed[:1]} fails with {number}")
        return f"system calls: {failed[0] if failed else 'none'}"

    def of_space(self, chance: random.Random) -> str:
        """Let no file become larger than so many bytes."""
        subject = chance.choice(self.subjects)
        _, expected = self.whole(subject)
        limit = chance.randrange(1, 2 * max(map(len, expected)))
        with _directory(subject) as directory:
            check(subject, directory, expected, lambda: _limited(limit), f"files of at most {limit} bytes")
        return "RLIMIT_FSIZE"

    def on_a_full_disk(self, chance: random.Random) -> str:
        """Write to a file system that has so many bytes."""
        subject = chance.choice(self.subjects)
        _, expected = self.whole(subject)
        size = chance.randrange(64 * 1024, 2 * sum(map(len, expected)))
        with _directory(subject, f"size={size}") as directory:
            check(subject, directory, expected, nullcontext, f"a disk of {size} bytes")
        return "a full tmpfs"


def check(
    subject: Subject,
    directory: Path,
    expected: list[bytes],
    trouble: Callable[[], AbstractContextManager[Any]],
    what: str,
) -> None:
    """Write in trouble, and look at what is left."""
    found = directory / "out" / subject.write.targets[0]
    old = found.read_bytes() if found.exists() else None
    descriptors, threads = _descriptors(), set(threading.enumerate())
    error: BaseException | None = None
    try:
        with _hidden(subject.is_hidden), trouble():
            quietly(subject.run, directory)
    except (OSError, StreamdcmError) as raised:
        error = raised.with_traceback(None)
    case = f"{subject}: {what}, {error!r}"
    told = "" if error is None else "\n".join([str(error), *getattr(error, "__notes__", ())])
    gc.collect()
    assert _descriptors() <= descriptors, f"{case}: file descriptors are left"
    left = [each for each in set(threading.enumerate()) - threads if each.name.startswith("streamdcm-")]
    assert not left, f"{case}: threads are left"
    out = directory / "out"
    others = set(os.listdir(out)) - set(subject.write.targets)
    unnamed = {name for name in others if name not in told}
    assert not unnamed, f"{case}: {unnamed} is left, and not named in: {told}"
    new = 0
    for target, content in zip(subject.write.targets, expected, strict=True):
        path = out / target
        found = path.read_bytes() if path.exists() else None
        assert found in (content, old), f"{case}: {target} is neither old nor new"
        new += found == content
    if error is None:
        assert new == len(expected), f"{case}: there is no error, and not every file is new"
        return
    of_many = _OF_MANY.search(told)
    says = int(of_many[1]) if of_many else int(isinstance(error, InPlaceError))
    assert new == says, f"{case}: {new} files have their names, and the error says {says}: {told}"


@contextmanager
def _directory(subject: Subject, tmpfs: str | None = None) -> Iterator[Path]:
    """Give a directory with all that a write needs."""
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        directory = Path(place)
        prepare(directory)
        if tmpfs is not None:
            stack.enter_context(mounted_at(directory / "out", "-t", "tmpfs", "-o", tmpfs, "none"))
        subject.write.put_old(directory, replaces=subject.replaces)
        yield directory


@contextmanager
def _hidden(is_hidden: bool) -> Iterator[None]:
    """Have no files without a name, if that is wanted; forget what is known of file systems in any case."""
    with patch.object(path_atomic, "_devices", {}), ExitStack() as stack:
        if is_hidden:
            stack.enter_context(patch.object(path_atomic, "open_unnamed", lambda directory, mode: None))
        yield


@contextmanager
def _limited(limit: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


class _Storage:
    """An S3 service behind a proxy that spoils its requests, started when it is needed."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._started: Any = None

    def fault(self, chance: random.Random) -> str:
        """Let a request to S3 fail."""
        from tests.support import s3_campaign, services
        from tests.support.faulty import proxy_to

        if self._started is None:
            options = self._stack.enter_context(services.moto())
            proxy = self._stack.enter_context(proxy_to(options["endpoint_url"]))
            for name, value in (
                ("botocore.retryhandler.delay_exponential", lambda **_: 0),
                ("streamdcm.sinks.storage.s3_uploads._ABORT_DELAYS", (0.0, 0.0, 0.0)),
                ("streamdcm.sinks.storage.s3._BEGIN_DELAYS", (0.0, 0.0)),
            ):
                self._stack.enter_context(patch(name, value))
            self._started = options, proxy, [*s3_campaign.cases()]
        options, proxy, cases = self._started
        case, log = chance.choice(cases), _Log()
        logging.getLogger("streamdcm").addHandler(log)
        try:
            s3_campaign.check(case, s3_campaign.run(case, proxy, options, uuid.uuid4().hex), log.text)
        except BaseException as error:
            error.add_note(str(case))
            raise
        finally:
            logging.getLogger("streamdcm").removeHandler(log)
        return f"S3: {case.fault}"


class _Log(logging.Handler):
    """Keeps what is logged."""

    text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += record.getMessage() + "\n"


def run(budget: Budget) -> Counter[str]:
    """Let one thing after the other fail until the budget is used up."""
    campaign, seen = Campaign(), Counter[str]()
    with ExitStack() as stack:
        stack.enter_context(unlogged())
        storage = _Storage(stack)
        for chance in budget.each_round():
            kind = chance.choices(
                (campaign.at_a_call, campaign.of_space, campaign.on_a_full_disk, storage.fault), (80, 8, 6, 6)
            )[0]
            try:
                seen[kind(chance)] += 1
            except NotMountedError:
                seen["not mounted"] += 1
    return seen
