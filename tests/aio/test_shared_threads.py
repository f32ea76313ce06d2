"""Calls of many tasks are made by one thread, by more where one takes long, and none is lost or waits for ever."""

import contextvars
import os
import sys
import threading
import time
from functools import partial

import anyio
import pytest

from streamdcm.aio import shared_threads
from streamdcm.aio.shared_threads import SharedThreads


async def in_tasks(count, function) -> list:
    """Return what the calls of so many tasks return, in the order in which the tasks go on."""
    shared, results = SharedThreads(), []

    async def call(number: int) -> None:
        results.append(await shared.run(function, number))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for number in range(count):
                group.start_soon(call, number)
    return results


async def test_short_calls_are_made_by_one_thread_in_their_order(monkeypatch):
    monkeypatch.setattr(shared_threads, "_LONG", 1.0)  # other processes may hold the thread up
    begun = []
    results = await in_tasks(100, lambda number: begun.append(number) or threading.get_ident())
    assert sorted(begun) == list(range(100))
    assert len(set(results)) == 1
    assert results[0] != threading.get_ident()


async def test_the_loop_is_told_of_several_at_once(monkeypatch):
    told = []
    finish = shared_threads._finish
    monkeypatch.setattr(shared_threads, "_finish", lambda calls: told.append(len(calls)) or finish(calls))
    await in_tasks(10, lambda number: None)
    assert sum(told) == 10
    assert len(told) < 10


async def test_calls_that_wait_for_each_other_are_made_at_the_same_time():
    barrier = threading.Barrier(20, timeout=15)
    assert sorted(await in_tasks(20, lambda number: barrier.wait())) == list(range(20))


async def test_a_call_that_comes_while_one_waits_is_made():
    shared, barrier = SharedThreads(), threading.Barrier(2, timeout=15)
    async with anyio.create_task_group() as group:
        group.start_soon(shared.run, barrier.wait)
        while not barrier.n_waiting:
            await anyio.sleep(0.001)
        await shared.run(barrier.wait)


async def test_threads_that_helped_end_when_calls_are_short_again():
    def threads() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name == "streamdcm-shared"}

    shared, before = SharedThreads(), threads()
    barrier = threading.Barrier(8, timeout=15)
    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(shared.run, barrier.wait)
    with anyio.fail_after(20):
        while len(threads() - before) > 2:  # the one that makes the calls, the one that watches it
            await anyio.sleep(0.01)
    assert await shared.run(lambda: 1) == 1


async def test_a_call_that_is_held_up_does_not_keep_results_of_others_back():
    shared, go_on = SharedThreads(), threading.Event()
    async with anyio.create_task_group() as group:
        with anyio.fail_after(15):
            group.start_soon(shared.run, time.sleep, 0.05)  # so that the others wait behind it
            await anyio.sleep(0.01)
            group.start_soon(shared.run, go_on.wait, 15)
            assert await shared.run(lambda: 1) == 1
        assert not go_on.is_set()
        go_on.set()


@pytest.mark.parametrize(
    ("user", "system", "cores", "helpers"),
    [(1.0, 0.2, 8, 0), (1.0, 0.9, 8, 1), (1.0, 2.1, 8, 2), (1.0, 2.1, 2, 1), (1.0, 2.1, 1, 0), (0.0, 0.0, 8, 0)],
)
async def test_threads_are_as_many_as_find_the_lock_free(monkeypatch, user, system, cores, helpers):
    monkeypatch.setattr(shared_threads.system, "processors", lambda: cores)
    before, after = (os.times_result((user * at, system * at, 0, 0, 0)) for at in (3, 4))
    assert shared_threads.helpers_for(before, after) == helpers


async def test_calls_that_the_system_works_for_are_made_by_several_threads(monkeypatch):
    monkeypatch.setattr(shared_threads, "helpers_for", lambda before, after: 1)
    results = await in_tasks(300, lambda number: time.sleep(0.001) or threading.get_ident())
    assert len(set(results)) >= 2


async def test_an_error_is_that_of_its_call_alone():
    def call(number: int) -> float:
        return 1 / (number - 1)

    shared = SharedThreads()
    assert await shared.run(call, 2) == 1
    with pytest.raises(ZeroDivisionError):
        await shared.run(call, 1)
    assert await shared.run(call, 0) == -1


async def test_a_call_sees_the_context_of_its_task():
    variable = contextvars.ContextVar("variable", default=0)
    variable.set(5)
    assert await SharedThreads().run(variable.get) == 5


async def test_a_cancelled_call_is_told_to_stop_and_waited_for():
    shared, stopped, ended = SharedThreads(), threading.Event(), []

    def call() -> None:
        stopped.wait(15)
        ended.append(True)

    with anyio.move_on_after(0.05) as scope:
        await shared.run(call, stop=stopped.set)
    assert scope.cancelled_caught
    assert ended == [True]


async def test_a_thread_that_ended_is_started_again(monkeypatch):
    monkeypatch.setattr(shared_threads, "PATIENCE", 0.01)
    shared = SharedThreads()
    for _ in range(5):
        assert await shared.run(lambda: 1) == 1
        await anyio.sleep(0.03)
    assert not shared._works


async def test_loops_in_several_threads_share_them():
    results = []

    async def calls() -> None:
        for number in range(20):
            results.append(await shared_threads.shared_threads.run(lambda number: number, number))

    async with anyio.create_task_group() as group:
        for backend in ("asyncio", "trio"):
            group.start_soon(anyio.to_thread.run_sync, partial(anyio.run, calls, backend=backend))
    assert sorted(results) == sorted([*range(20)] * 2)


FORKED = """
import os, sys, anyio
from streamdcm.aio.shared_threads import shared_threads
call = lambda: anyio.run(shared_threads.run, os.getpid, backend=sys.argv[1])
assert call() == os.getpid()
child = os.fork()
if not child:
    os._exit(0 if call() == os.getpid() else 2)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is forked")
async def test_a_forked_process_has_threads_of_its_own(anyio_backend):
    with anyio.fail_after(30):
        done = await anyio.run_process([sys.executable, "-c", FORKED, anyio_backend], check=False)
    assert done.returncode == 0, done.stderr.decode()
