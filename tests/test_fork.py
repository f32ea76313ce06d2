"""A child that was forked while other threads write can write as well: it waits for no lock that they held."""

import contextlib
import importlib
import io
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

import streamdcm
from streamdcm.errors.telling import silenced
from streamdcm.sources import restored_position
from tests.support.images import template
from tests.support.tools import package

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

SOURCE = get_testdata_file("CT_small.dcm")


def succeeds_in_a_child(work: Callable[[], object], seconds: int = 20) -> bool:
    """Whether a forked child does its work, in so many seconds."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(seconds)
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1] == 0


@contextlib.contextmanager
def held_by_another_thread(lock: Callable[[], contextlib.AbstractContextManager[object]]) -> Iterator[None]:
    """Let another thread stand in a block for as long as ours lasts."""
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with lock():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(10)
    try:
        yield
    finally:
        leave.set()
        thread.join()


def rewrite_once() -> None:
    streamdcm.rewrite(SOURCE, io.BytesIO(), transfer_syntax=ExplicitVRBigEndian)


def test_a_child_writes_while_a_thread_of_its_parent_measured() -> None:
    with held_by_another_thread(silenced):
        assert succeeds_in_a_child(rewrite_once, seconds=5)


def test_a_child_reads_a_buffer_that_a_thread_of_its_parent_read() -> None:
    class Unlike(io.BytesIO):
        """A buffer that is read under a lock: nothing is known of a subclass."""

    dataset: Dataset = template(ExplicitVRLittleEndian)
    buffer = Unlike(bytes(64 * 48 * 2))
    dataset.PixelData = buffer
    with held_by_another_thread(lambda: restored_position(buffer)):
        assert succeeds_in_a_child(lambda: streamdcm.dcmwrite(io.BytesIO(), dataset), seconds=5)


@pytest.mark.slow
def test_children_write_that_were_forked_while_other_threads_rewrite(tmp_path: Path) -> None:
    stop = threading.Event()
    rewrite_once()  # a child that is forked while another thread imports a module waits for that import for ever

    def rewrite_on_and_on(number: int) -> None:
        while not stop.is_set():
            streamdcm.rewrite(SOURCE, tmp_path / f"{number}.dcm", edit={"PatientName": "Other"})

    threads = [threading.Thread(target=rewrite_on_and_on, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        assert all(succeeds_in_a_child(rewrite_once) for _ in range(60))
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_child_makes_a_client_for_s3_while_a_thread_of_its_parent_did() -> None:
    package("boto3")
    s3 = importlib.import_module("streamdcm.sinks.storage.s3_client")
    storage = s3.StorageSettings(storage_options={"region_name": "eu-west-1"})
    with held_by_another_thread(lambda: s3._MAKING_CLIENT):
        assert succeeds_in_a_child(lambda: s3.make_client(storage), seconds=20)
