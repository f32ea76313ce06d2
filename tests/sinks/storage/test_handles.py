"""A handle of the caller publishes nothing once a function has failed with it, whichever and however."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable
from inspect import isawaitable
from io import BytesIO
from typing import Any

import anyio
import fsspec
import obstore
import pytest
from obstore.store import MemoryStore

import streamdcm
from streamdcm.errors import PlanError, TargetTypeError
from tests.sinks.storage.test_in_order import BufferedFile, BufferedStore, names
from tests.support.uploads import SourceError, failing_frames, frames, in_memory, large, small

pytestmark = pytest.mark.slow


def failing_encoder():
    yield b"DICM" * 4
    raise SourceError


def entered(handle: Any, **options: Any) -> None:
    with streamdcm.open_writer(handle, large(1), **options) as writer:
        for frame in failing_frames(1):
            writer.write_frame(frame)


def spooled(handle: Any) -> None:
    with streamdcm.spooled(handle) as spool:
        spool.write(b"DICM")
        raise SourceError


FAILURES: dict[str, tuple[type[Exception], Callable[[Any], object]]] = {
    "no such option": (TypeError, lambda handle: streamdcm.dcmwrite(handle, small(), colour="red")),
    "a wrong option": (PlanError, lambda handle: streamdcm.dcmwrite(handle, small(), overwrite="no")),
    "a wrong dataset": (PlanError, lambda handle: streamdcm.dcmwrite(handle, None)),
    "a source": (
        SourceError,
        lambda handle: streamdcm.dcmwrite(handle, large(1), frames=failing_frames(1), number_of_frames=9),
    ),
    "an encoder": (SourceError, lambda handle: streamdcm.write_encoder(failing_encoder(), handle)),
    "an option of an encoder": (PlanError, lambda handle: streamdcm.write_encoder(iter(()), handle, atomic=None)),
    "no such file": (FileNotFoundError, lambda handle: streamdcm.rewrite("missing.dcm", handle)),
    "no such syntax": (
        PlanError,
        lambda handle: streamdcm.rewrite(BytesIO(in_memory(small())), handle, transfer_syntax="1.2"),
    ),
    "an option of rewrite": (TypeError, lambda handle: streamdcm.rewrite("missing.dcm", handle, split=1)),
    "an option of a writer": (PlanError, lambda handle: streamdcm.open_writer(handle, large(1), durable=1)),
    "a pushed source": (SourceError, lambda handle: entered(handle, number_of_frames=9)),
    "a spool": (SourceError, spooled),
}

each_failure = pytest.mark.parametrize("failure", FAILURES)


@each_failure
def test_a_handle_of_fsspec_publishes_nothing(failure):
    kind, write = FAILURES[failure]
    store = BufferedStore()
    with pytest.raises(kind), store.open("1.dcm", "wb") as handle:
        write(handle)
    assert not store.published
    assert not store.pending


@each_failure
def test_a_writer_of_obstore_publishes_nothing_when_its_owner_closes_it(failure):
    kind, write = FAILURES[failure]
    store = MemoryStore()
    handle = obstore.open_writer(store, "1.dcm")
    with pytest.raises(kind):
        write(handle)
    with contextlib.suppress(OSError):
        handle.close()
    assert not names(store)


@each_failure
@pytest.mark.parametrize("stacked", [False, True])
def test_the_error_comes_out_of_the_block_of_a_writer_of_obstore(failure, stacked):
    kind, write = FAILURES[failure]
    store = MemoryStore()
    with pytest.raises(kind), contextlib.ExitStack() as stack:
        if stacked:
            write(stack.enter_context(obstore.open_writer(store, "1.dcm")))
        with obstore.open_writer(store, "2.dcm") as handle:
            write(handle)
    assert not names(store)


def test_a_writer_that_is_never_entered_publishes_nothing():
    store = BufferedStore()
    with store.open("1.dcm", "wb") as handle:
        streamdcm.open_writer(handle, large(1))
        gc.collect()
    with store.open("2.dcm", "wb") as handle:
        streamdcm.open_writer_async(handle, large(1))
        gc.collect()
    assert not store.published


async def entered_async(handle: Any) -> None:
    async with streamdcm.open_writer_async(handle, large(1), number_of_frames=9) as writer:
        for frame in failing_frames(1):
            await writer.write_frame(frame)


async def wrong_writer(handle: Any) -> None:
    async with streamdcm.open_writer_async(handle, "dataset"):  # type: ignore[arg-type]
        pass


async def from_the_loop() -> AsyncIterator[Any]:
    for frame in frames(1):
        yield frame
    raise SourceError


ASYNC_FAILURES: dict[str, tuple[type[Exception], Callable[[Any], Any]]] = {
    "a wrong option": (PlanError, lambda handle: streamdcm.dcmwrite_async(handle, small(), overwrite="no")),
    "a wrong dataset": (PlanError, lambda handle: streamdcm.dcmwrite_async(handle, None)),
    "a source": (
        SourceError,
        lambda handle: streamdcm.dcmwrite_async(handle, large(1), frames=failing_frames(1), number_of_frames=9),
    ),
    "a source on the loop": (
        SourceError,
        lambda handle: streamdcm.dcmwrite_async(handle, large(1), frames=from_the_loop(), number_of_frames=9),
    ),
    "an encoder": (SourceError, lambda handle: streamdcm.write_encoder_async(failing_encoder(), handle)),
    "no such file": (FileNotFoundError, lambda handle: streamdcm.rewrite_async("missing.dcm", handle)),
    "an option of rewrite": (TypeError, lambda handle: streamdcm.rewrite_async("missing.dcm", handle, split=1)),
    "a pushed source": (SourceError, entered_async),
    "a writer": (PlanError, wrong_writer),
}
each_async_failure = pytest.mark.parametrize("failure", ASYNC_FAILURES)
each_kind = pytest.mark.parametrize("make", [obstore.open_writer, obstore.open_writer_async])


async def closed(handle: Any) -> None:
    answer = handle.close()
    if isawaitable(answer):
        await answer


@pytest.mark.asyncio
@each_async_failure
async def test_a_handle_of_fsspec_publishes_nothing_on_a_loop(failure):
    kind, write = ASYNC_FAILURES[failure]
    store = BufferedStore()
    with pytest.raises(kind), store.open("1.dcm", "wb") as handle:
        await write(handle)
    assert not store.published
    assert not store.pending


@pytest.mark.asyncio
@each_async_failure
@each_kind
async def test_a_writer_of_obstore_publishes_nothing_when_its_owner_closes_it_on_a_loop(failure, make):
    kind, write = ASYNC_FAILURES[failure]
    store = MemoryStore()
    handle = make(store, "1.dcm")
    with pytest.raises(kind):
        await write(handle)
    with contextlib.suppress(OSError):
        await closed(handle)
    assert not names(store)


@pytest.mark.asyncio
@each_async_failure
async def test_the_error_comes_out_of_the_block_of_a_writer_of_obstore_on_a_loop(failure):
    kind, write = ASYNC_FAILURES[failure]
    store = MemoryStore()
    with pytest.raises(kind):
        async with obstore.open_writer_async(store, "1.dcm") as handle:
            await write(handle)
    with pytest.raises(kind), obstore.open_writer(store, "2.dcm") as handle:
        await write(handle)
    assert not names(store)


@pytest.mark.asyncio
@each_kind
async def test_both_kinds_of_writers_of_obstore_are_written_to(make):
    store = MemoryStore()
    handle = make(store, "1.dcm")
    await streamdcm.dcmwrite_async(handle, large())
    await closed(handle)
    assert bytes(obstore.get(store, "1.dcm").bytes()) == in_memory(large())


@pytest.mark.asyncio
@each_kind
async def test_a_cancelled_write_to_a_writer_of_obstore_publishes_nothing(make):
    async def waiting() -> AsyncIterator[Any]:
        yield next(frames(1))
        await asyncio.sleep(30)

    store = MemoryStore()
    handle = make(store, "1.dcm")
    with anyio.move_on_after(0.1) as scope:
        await streamdcm.dcmwrite_async(handle, large(1), frames=waiting(), number_of_frames=9)
    assert scope.cancelled_caught
    with contextlib.suppress(OSError):
        await closed(handle)
    assert not names(store)


def test_a_writer_of_obstore_for_loops_is_refused_where_there_is_none():
    store = MemoryStore()
    with pytest.raises(TargetTypeError, match="ends in _async"):
        streamdcm.dcmwrite(obstore.open_writer_async(store, "1.dcm"), small())
    assert not names(store)


class StubbornFile(BufferedFile):
    """A file whose service does not take anything back."""

    def discard(self):
        raise ConnectionError("https://user:secret@example.org")


@pytest.mark.asyncio
@pytest.mark.parametrize("asynchronously", [False, True])
async def test_an_abort_that_fails_is_a_note_of_the_error_that_led_to_it(asynchronously):
    handle = StubbornFile(BufferedStore(), "1.dcm", "wb")
    options = {"frames": failing_frames(1), "number_of_frames": 9}
    with pytest.raises(SourceError) as raised:
        if asynchronously:
            await streamdcm.dcmwrite_async(handle, large(1), **options)
        else:
            streamdcm.dcmwrite(handle, large(1), **options)
    assert raised.value.__notes__[-1] == "what was written could not be taken back (ConnectionError)"
    handle.closed = True


def test_an_abort_that_was_asked_for_tells_what_goes_wrong():
    handle = StubbornFile(BufferedStore(), "1.dcm", "wb")
    writer = streamdcm.open_writer(handle, large(1))
    with pytest.raises(ConnectionError):
        writer.abort()
    handle.closed = True


class OneStore(BufferedStore):
    """The same for all who ask for it by its protocol."""

    cachable = True


@each_failure
@pytest.mark.parametrize("compression", [None, "gzip", "bz2", "xz"])
@pytest.mark.parametrize("place", ["memory", "file", "buffered"])
def test_what_fsspec_opens_publishes_nothing(failure, compression, place, tmp_path):
    kind, write = FAILURES[failure]
    fsspec.register_implementation("buffered", OneStore, clobber=True)
    url = f"{place}://{tmp_path}/1.dcm"
    with pytest.raises(kind) as raised, fsspec.open(url, "wb", compression=compression) as handle:
        write(handle)
    assert raised.value.__context__ is None or not isinstance(raised.value.__context__, OSError | ValueError)
    assert not fsspec.filesystem(place).exists(f"{tmp_path}/1.dcm")
    assert not list(tmp_path.iterdir())


def test_what_was_there_is_appended_to_and_stays():
    system = fsspec.filesystem("memory")
    system.pipe("/there.dcm", b"before")
    with pytest.raises(SourceError), system.open("/there.dcm", "ab") as handle:
        streamdcm.write_encoder(failing_encoder(), handle)
    assert system.cat("/there.dcm").startswith(b"before")
    system.rm("/there.dcm")


def test_a_local_handle_that_waits_for_its_commit_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    handle = fsspec.filesystem("file").open(str(tmp_path / "1.dcm"), "wb", autocommit=False)
    with pytest.raises(SourceError):
        streamdcm.write_encoder(failing_encoder(), handle)
    assert not list(tmp_path.iterdir())


class FileThatIsKeptOnce(BufferedFile):
    failures = 1

    def discard(self):
        if self.failures:
            self.failures -= 1
            raise OSError("not now")
        super().discard()


def test_a_handle_that_cannot_be_discarded_is_closed_all_the_same():
    store = BufferedStore()
    with pytest.raises(SourceError) as raised, FileThatIsKeptOnce(store, "1.dcm", "wb") as handle:
        streamdcm.write_encoder(failing_encoder(), handle)
    assert not store.published
    assert any("could not be taken back (OSError)" in note for note in raised.value.__notes__)
