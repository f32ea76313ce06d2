import os
import re
import resource
import signal
import subprocess
import textwrap
from contextlib import contextmanager

import pytest

from streamdcm.errors import TargetError
from streamdcm.sinks import path_atomic, resolve
from streamdcm.sinks.hidden_files import abandoned_files, hidden_path
from tests.support import python


@pytest.fixture(params=["no unnamed files", "no links to them"])
def hidden_from_the_start(request, monkeypatch):
    """A system that lacks what files without a name need, before they can get one."""
    monkeypatch.setattr(path_atomic, "_devices", {})
    if request.param == "no unnamed files":
        monkeypatch.setattr(path_atomic, "open_unnamed", lambda directory, mode: None)
        return

    def without_proc(descriptor, path):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(path_atomic, "give_name", without_proc)


def opened(target, **options):
    output = resolve(target, **options)
    output.open()
    output.write([b"new"])
    return output


def found(directory):
    return [os.path.basename(file.path) for file in abandoned_files(str(directory))]


def child_of(script, *arguments):
    return python(textwrap.dedent(script), *arguments)


@contextmanager
def writing_child(tmp_path):
    """A process that is writing under a hidden name."""
    script = f"""
        import sys
        from streamdcm.sinks import path_atomic, resolve
        path_atomic.open_unnamed = lambda directory, mode: None
        output = resolve("{tmp_path}/target")
        output.open()
        output.write([b"some"])
        print("ready", flush=True)
        sys.stdin.read()
        output.commit()
    """
    with subprocess.Popen(child_of(script), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "ready\n"
        try:
            yield child
        finally:
            child.kill()


@pytest.mark.usefixtures("hidden_from_the_start")
def test_without_unnamed_files_there_is_a_hidden_one_from_the_start(tmp_path):
    output = opened(tmp_path / "target")
    (name,) = os.listdir(tmp_path)
    assert re.fullmatch(r"\.[0-9a-f]{12}\.partial", name)
    assert found(tmp_path) == []
    output.commit()
    assert os.listdir(tmp_path) == ["target"]


def test_a_killed_write_leaves_nothing(tmp_path):
    script = """
        import os, signal, sys
        from streamdcm.sinks import resolve
        output = resolve(sys.argv[1])
        output.open()
        output.write([b"some"])
        output.prepare()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert subprocess.run(child_of(script, tmp_path / "target")).returncode == -signal.SIGKILL
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("at", ["link", "replace"])
def test_killed_while_it_replaces_a_file_a_write_leaves_a_complete_one_that_can_be_found(tmp_path, at):
    (tmp_path / "target").write_bytes(b"old")
    script = f"""
        import os, signal, sys
        from streamdcm.sinks import resolve
        output = resolve(sys.argv[1])
        output.open()
        output.write([b"complete"])
        os.{at} = lambda *names, **how: os.kill(os.getpid(), signal.SIGKILL)
        output.commit()
    """
    assert subprocess.run(child_of(script, tmp_path / "target")).returncode == -signal.SIGKILL
    left = set(os.listdir(tmp_path)) - {"target"}
    assert (tmp_path / "target").read_bytes() == b"old"
    assert [(tmp_path / name).read_bytes() for name in left] == ([] if at == "link" else [b"complete"])
    assert set(found(tmp_path)) == left


def test_what_a_process_writes_is_not_abandoned_until_it_dies(tmp_path):
    with writing_child(tmp_path) as child:
        (name,) = os.listdir(tmp_path)
        assert found(tmp_path) == []
        child.kill()
        child.wait()
        (file,) = abandoned_files(str(tmp_path))
        assert os.path.basename(file.path) == name
        assert file.size == 4
        file.remove()
        file.remove()
    assert os.listdir(tmp_path) == []


def test_only_plain_files_of_exactly_our_names_are_found(tmp_path):
    mine = ".0123456789ab.partial"
    others = (
        *("0123456789ab.partial", ".0123456789ab.partial.dcm", ".0123456789AB.partial", ".0123456789abc.partial"),
        *(".0123456789ab.capture", "a.0123456789ab.partial", ".0123456789ab.partial\n"),
    )
    for name in (mine, *others):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / ".aaaaaaaaaaaa.partial").mkdir()
    os.mkfifo(tmp_path / ".bbbbbbbbbbbb.partial")
    (tmp_path / ".cccccccccccc.partial").symlink_to(others[0])
    assert found(tmp_path) == [mine]


@pytest.mark.parametrize("hidden_from_the_start", ["no unnamed files"], indirect=True)
@pytest.mark.usefixtures("hidden_from_the_start")
def test_who_cleans_up_as_a_file_is_created_is_not_in_the_way(tmp_path, monkeypatch):
    real, cleaned = path_atomic.try_lock, []

    def lock(descriptor):
        if not cleaned:
            cleaned.extend(abandoned_files(str(tmp_path)))
            cleaned[0].remove()
        return real(descriptor)

    monkeypatch.setattr(path_atomic, "try_lock", lock)
    output = opened(tmp_path / "target")
    output.commit()
    assert (tmp_path / "target").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["target"]


@pytest.mark.parametrize("hidden_from_the_start", ["no unnamed files"], indirect=True)
@pytest.mark.usefixtures("hidden_from_the_start")
def test_a_file_that_somebody_else_locks_is_given_up_for_another(tmp_path, monkeypatch):
    real, locked = path_atomic.try_lock, []

    def lock(descriptor):
        if not locked:
            (name,) = os.listdir(tmp_path)
            locked.append(os.open(tmp_path / name, os.O_RDONLY))
            assert real(locked[0])
        return real(descriptor)

    monkeypatch.setattr(path_atomic, "try_lock", lock)
    output = opened(tmp_path / "target")
    os.close(*locked)
    output.commit()
    assert os.listdir(tmp_path) == ["target"]


def test_one_file_that_cannot_be_opened_does_not_keep_the_others_from_being_found(tmp_path, monkeypatch):
    names = sorted(os.path.basename(hidden_path(str(tmp_path))) for _ in range(3))
    for name in names:
        (tmp_path / name).write_bytes(b"")
    real = os.open

    def refuse(path, *how):
        if path == str(tmp_path / names[0]):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *how)

    monkeypatch.setattr(os, "open", refuse)
    seen = []

    def look():
        for file in abandoned_files(str(tmp_path)):
            seen.append(os.path.basename(file.path))

    with pytest.raises(PermissionError, match=names[0]):
        look()
    assert seen == names[1:]
    with pytest.raises(FileNotFoundError):
        found(tmp_path / "missing")


# many files at once


@pytest.fixture
def few_files():
    """Let this process open two hundred files more, so that about one hundred may wait."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)  # the system gives the lowest number that is free
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * (lowest + 100), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("few_files")
@pytest.mark.parametrize("overwrite", [True, False])
def test_many_files_that_wait_for_each_other_are_closed_and_not_taken_for_abandoned(tmp_path, overwrite):
    before = len(os.listdir("/proc/self/fd"))
    outputs = []
    for number in range(300):
        outputs.append(opened(tmp_path / str(number), overwrite=overwrite))
        outputs[-1].prepare()
    assert len(os.listdir("/proc/self/fd")) < before + 110
    assert len(os.listdir(tmp_path)) > 190
    with pytest.raises(TargetError, match="complete files wait here"):
        found(tmp_path)
    outputs.pop().abort()
    for output in outputs:
        output.commit()
    assert sorted(os.listdir(tmp_path), key=int) == [str(number) for number in range(299)]
    assert found(tmp_path) == []
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.usefixtures("few_files")
def test_many_files_stay_open_where_their_directory_cannot_be_protected(tmp_path, monkeypatch):
    monkeypatch.setattr(path_atomic.Directory, "protect", lambda self: False)
    monkeypatch.setattr(path_atomic.AtomicOutput, "_is_one_of_many", lambda self: True)
    output = opened(tmp_path / "target")
    output.prepare()
    assert os.listdir(tmp_path) == []
    output.commit()
    assert (tmp_path / "target").read_bytes() == b"new"
