import errno
import io
import itertools
import os
import re
import resource
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

import pydicom
import pytest

import streamdcm
from streamdcm.errors import (
    AtomicReplaceError,
    InPlaceError,
    NotDurableError,
    StreamdcmError,
    TargetError,
    TargetTypeError,
)
from streamdcm.sinks import path_atomic, path_in_place, resolve
from tests.support import python
from tests.support.mounts import NotMountedError, mounted_at

NEW = b"head" + bytes(range(256)) * 1000 + b"end"
once = pytest.mark.parametrize("temporary", ["unnamed"], indirect=True)
hidden = pytest.mark.parametrize("temporary", ["hidden"], indirect=True)
either_way = pytest.mark.parametrize("atomic", [True, False], ids=["atomic", "in place"])


@pytest.fixture
def target(tmp_path):
    return tmp_path / "target.dcm"


@pytest.fixture(autouse=True, params=["unnamed", "hidden"])
def temporary(request, monkeypatch):
    """Whether what is not complete has no name, or a hidden one, as where there are no files without a name."""
    monkeypatch.setattr(path_atomic, "_devices", {})
    if request.param == "hidden":
        monkeypatch.setattr(path_atomic, "open_unnamed", lambda directory, mode: None)
    return request.param


@pytest.fixture(autouse=True)
def _no_descriptor_leaks():
    before = sorted(os.listdir("/proc/self/fd"))
    yield
    assert sorted(os.listdir("/proc/self/fd")) == before


def opened(target, **options):
    output = resolve(target, **options)
    output.open()
    return output


def write(target, **options):
    finish(opened(target, **options))


def finish(output):
    """Write `NEW` with all that an output can do."""
    if output.can_patch:
        output.write([b"....", memoryview(NEW)[4:-3]])
        output.patch(0, b"head")
        output.write([b"end"])
    else:
        output.write([NEW])
    output.commit()


def content(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def run_child(script, *arguments, **options):
    """Run a script that knows `attempt` and `drop_privileges`; return what it prints."""
    prelude = """
import os, sys
from streamdcm.errors import *
from streamdcm.sinks import resolve
def attempt(target, size=1000, **options):
    output = resolve(target, **options)
    try:
        output.open()
        for _ in range(0, size, 1000):
            output.write([bytes(1000)])
        output.commit()
        return "done"
    except OSError as error:
        output.abort()
        return f"{type(error).__name__}: {error}"
def drop_privileges():
    if os.geteuid() == 0:
        os.setgroups([]), os.setgid(65534), os.setuid(65534)
"""
    done = subprocess.run(
        python(prelude + textwrap.dedent(script), *arguments),
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def mounted(point, *arguments):
    try:
        with mounted_at(point, *arguments):
            yield
    except NotMountedError as error:
        pytest.skip(str(error))


@pytest.fixture
def public_directory():
    """A directory that other users can reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="streamdcm-test-") as name:
        os.chmod(name, 0o777)
        yield Path(name)


# what a finished write leaves


@either_way
@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("overwrite", [True, False])
def test_a_new_file_holds_what_was_written(target, atomic, durable, overwrite):
    write(target, atomic=atomic, durable=durable, overwrite=overwrite)
    assert content(target.parent) == {"target.dcm": NEW}


@either_way
@pytest.mark.parametrize("durable", [True, False])
def test_an_existing_file_is_overwritten(target, atomic, durable):
    target.write_bytes(bytes(1_000_000))
    write(target, atomic=atomic, durable=durable)
    assert content(target.parent) == {"target.dcm": NEW}


@either_way
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_permissions_that_open_gives(target, atomic, umask):
    before = os.umask(umask)
    try:
        write(target, atomic=atomic)
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~umask


@either_way
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_an_existing_file_keeps_its_permissions(target, atomic, mode):
    target.write_bytes(b"old")
    target.chmod(mode)
    write(target, atomic=atomic)
    assert stat.S_IMODE(target.stat().st_mode) == mode


def test_the_old_file_is_there_until_the_commit_and_the_name_of_the_new_one_is_hidden(target, temporary):
    target.write_bytes(b"old")
    output = opened(target)
    output.write([NEW])
    assert target.read_bytes() == b"old"
    others = [path.name for path in target.parent.iterdir() if path != target]
    if temporary == "unnamed":
        assert others == []
    else:
        assert re.fullmatch(r"\.[0-9a-f]{12}\.partial", *others)
    output.commit()
    assert content(target.parent) == {"target.dcm": NEW}


def test_who_reads_the_old_file_goes_on_reading_it(target):
    target.write_bytes(b"old")
    with open(target, "rb") as reader:
        write(target)
        assert reader.read() == b"old"


@either_way
def test_relative_paths_hold_when_the_directory_changes(target, atomic, monkeypatch):
    monkeypatch.chdir(target.parent)
    (target.parent / "elsewhere").mkdir()
    output = opened("target.dcm", atomic=atomic)
    monkeypatch.chdir("elsewhere")
    finish(output)
    assert output.location == "target.dcm"
    assert content(target.parent) == {"target.dcm": NEW}


@either_way
@pytest.mark.parametrize("exists", [True, False])
def test_links_are_followed_and_stay(target, atomic, exists):
    (target.parent / "real").mkdir()
    (target.parent / "middle").symlink_to("real/file")
    target.symlink_to(target.parent / "middle")
    if exists:
        (target.parent / "real" / "file").write_bytes(b"old")
    write(target, atomic=atomic)
    assert target.is_symlink()
    assert content(target.parent / "real") == {"file": NEW}
    assert sorted(path.name for path in target.parent.iterdir()) == ["middle", "real", "target.dcm"]


def test_a_link_to_a_directory_in_the_path_is_kept_when_it_leads_up_again(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a/b")
    write(tmp_path / "link" / ".." / "file")
    assert content(tmp_path / "a") == {"file": NEW}


@pytest.mark.parametrize("old", [None, b"old"], ids=["new", "existing"])
def test_durable_reaches_the_disk_before_the_name_does(target, monkeypatch, temporary, old):
    if old is not None:
        target.write_bytes(old)
    opened(target).abort()  # finds out what the file system can do
    calls = []
    for name in ("fsync", "link", "replace"):
        real = getattr(os, name)

        def watched(first, *rest, name=name, real=real, **keywords):
            directory = isinstance(first, int) and stat.S_ISDIR(os.fstat(first).st_mode)
            calls.append(f"{name} directory" if directory else name)
            return real(first, *rest, **keywords)

        monkeypatch.setattr(os, name, watched)
    write(target, durable=True)
    naming = {
        ("unnamed", None): ["link"],
        ("unnamed", b"old"): ["link", "replace"],
        ("hidden", None): ["replace"],
        ("hidden", b"old"): ["replace"],
    }[temporary, old]
    assert calls == ["fsync", *naming, "fsync directory"]


@either_way
@once
def test_durable_needs_a_directory_that_can_be_read_before_the_file_is_replaced(public_directory, atomic):
    directory = public_directory / "inbox"
    directory.mkdir()
    old = directory / "old.dcm"
    old.write_bytes(b"old")
    for path in (old, directory):
        os.chown(path, 65534, 65534) if os.geteuid() == 0 else None
    directory.chmod(0o300)  # may be written, and not read
    script = """
        drop_privileges()
        print(attempt(sys.argv[1], durable=True, atomic=sys.argv[2] == "True"))
    """
    told = run_child(script, str(old), str(atomic))
    directory.chmod(0o700)
    assert told.startswith("TargetError: [Errno 13] durable=True has to open the directory")
    assert os.listdir(directory) == ["old.dcm"]
    if atomic:
        assert old.read_bytes() == b"old"


@pytest.fixture
def directories_that_do_not_sync(monkeypatch):
    """Fail as a disk does when the entries of a directory are to be written to it."""
    real = os.fsync

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


@either_way
@pytest.mark.usefixtures("directories_that_do_not_sync")
def test_what_the_disk_does_not_confirm_is_in_place(target, atomic):
    target.write_bytes(b"old")
    output = opened(target, atomic=atomic, durable=True)
    with pytest.raises(NotDurableError, match="the new file is in place and complete") as raised:
        finish(output)
    assert raised.value.errno == errno.EIO
    output.abort()
    assert content(target.parent) == {"target.dcm": NEW}


@either_way
def test_what_is_prepared_to_be_durable_can_be_aborted(target, atomic):
    output = opened(target, atomic=atomic, durable=True)
    output.write([NEW])
    output.prepare()
    output.abort()
    assert content(target.parent) == {}


# what a failed write leaves


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("written", [0, 1, 100_000])
def test_failing_write_leaves_the_old_file(target, overwrite, written):
    if overwrite:
        target.write_bytes(b"old")
    output = opened(target, overwrite=overwrite)
    output.write([bytes(written)])
    output.abort()
    output.abort()
    assert content(target.parent) == ({"target.dcm": b"old"} if overwrite else {})


@once
def test_in_place_a_failing_write_removes_only_what_it_created(target):
    output = opened(target, atomic=False)
    output.write([b"new"])
    assert target.read_bytes() == b"new"
    output.abort()
    output.abort()
    assert content(target.parent) == {}

    target.write_bytes(b"old")
    output = opened(target, atomic=False)
    assert target.read_bytes() == b""
    output.write([b"new"])
    output.abort()
    assert content(target.parent) == {"target.dcm": b"new"}


@once
def test_in_place_a_file_that_took_the_place_of_the_new_one_is_not_removed(target):
    output = opened(target, atomic=False)
    target.unlink()
    target.write_bytes(b"of someone else")
    output.abort()
    assert content(target.parent) == {"target.dcm": b"of someone else"}


@either_way
@pytest.mark.parametrize("overwrite", [True, False])
def test_abort_after_commit_takes_nothing_back(target, atomic, overwrite):
    output = opened(target, atomic=atomic, overwrite=overwrite)
    finish(output)
    output.abort()
    output.commit()
    assert content(target.parent) == {"target.dcm": NEW}


@either_way
def test_abort_before_open_does_nothing(target, atomic):
    target.write_bytes(b"old")
    resolve(target, atomic=atomic).abort()
    assert content(target.parent) == {"target.dcm": b"old"}


@either_way
def test_a_write_after_the_end_does_not_reach_a_reused_descriptor(target, atomic):
    output = opened(target, atomic=atomic)
    output.abort()
    with open(target.parent / "other", "wb"), pytest.raises(ValueError, match="closed"):
        output.write([b"data"])
    with pytest.raises(ValueError, match="not opened"):
        resolve(target, atomic=atomic).write([b"data"])


def test_a_temporary_file_of_someone_else_is_left_alone(target, monkeypatch):
    names = iter([b"taken!", b"free!!"])
    monkeypatch.setattr(os, "urandom", lambda size: next(names))
    taken = f".{b'taken!'.hex()}.partial"
    (target.parent / taken).write_bytes(b"of someone else")
    opened(target).abort()
    assert content(target.parent) == {taken: b"of someone else"}


class Interrupting:
    """Raises `KeyboardInterrupt` at the nth event of the modules under test."""

    modules = tuple(
        sys.modules[f"streamdcm.sinks.{name}"].__file__
        for name in (
            *("path", "path_common", "path_atomic", "path_in_place"),
            *("unnamed_files", "hidden_files", "directories", "descriptor"),
        )
    )

    finalizers = (sys.modules["streamdcm.sinks.directories"]._close.__code__,)
    """What Python calls, and lets nothing out of that is raised there."""

    def __init__(self, at, event):
        self.left, self.event = at, event

    def __enter__(self):
        sys._getframe().f_trace_opcodes = True  # or Python 3.12 tells of none until the next `settrace`
        sys.settrace(self.trace)

    def __exit__(self, *exc_info):
        sys.settrace(None)

    def trace(self, frame, event, argument):
        if frame.f_code.co_filename not in self.modules or frame.f_code in self.finalizers:
            return None
        frame.f_trace_opcodes = self.event == "opcode"
        if event == self.event:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
        return self.trace


def interrupted_everywhere(event, prepare, act):
    """Run `act` again and again, interrupted one event later each time, until it completes."""
    for at in itertools.count():
        subject = prepare()
        before = sys.gettrace()
        try:
            with Interrupting(at, event):
                act(subject)
        except KeyboardInterrupt:
            yield subject
        else:
            yield subject
            assert at > 5
            return
        finally:
            sys.settrace(before)


def close_descriptors_of(directory):
    """Close what an interrupt in the very moment of its opening may leave open: no object holds it."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{name}") == str(directory):
                os.close(int(name))


@pytest.mark.parametrize("event", ["line", "opcode"])
@pytest.mark.parametrize("durable", [False, True], ids=["", "durable"])
@pytest.mark.parametrize(
    ("old", "overwrite"),
    [(b"old", True), (None, True), (None, False)],
    ids=["existing", "new", "without overwriting"],
)
def test_an_interrupt_anywhere_leaves_the_old_file_or_all_of_the_new(tmp_path, event, old, overwrite, durable):
    target = tmp_path / "target.dcm"

    def prepare():
        target.unlink(missing_ok=True)
        if old is not None:
            target.write_bytes(old)
        return resolve(target, overwrite=overwrite, durable=durable)

    def act(output):
        output.open()
        finish(output)

    before = {} if old is None else {"target.dcm": old}
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # a file closes itself that nobody holds yet
        for output in interrupted_everywhere(event, prepare, act):
            output.abort()
            assert content(tmp_path) in (before, {"target.dcm": NEW})
            seen.append(content(tmp_path) == before)
    close_descriptors_of(tmp_path)
    assert seen == sorted(seen, reverse=True)  # once new, never old again
    assert seen.count(False) < seen.count(True) / 2


@pytest.mark.parametrize("event", ["line", "opcode"])
@once
def test_an_interrupt_anywhere_leaves_nothing_that_was_created_in_place(tmp_path, event):
    target = tmp_path / "target.dcm"

    def prepare():
        target.unlink(missing_ok=True)
        return resolve(target, atomic=False)

    def act(output):
        output.open()
        output.write([b"...."])
        output.patch(0, b"late")

    for output in interrupted_everywhere(event, prepare, act):
        output.abort()
        assert content(tmp_path) == {}


@either_way
@pytest.mark.parametrize("event", ["line", "opcode"])
def test_an_interrupted_abort_can_be_repeated(tmp_path, event, atomic):
    target = tmp_path / "target.dcm"

    def prepare():
        output = opened(target, atomic=atomic)
        output.write([NEW])
        return output

    for output in interrupted_everywhere(event, prepare, lambda output: output.abort()):
        output.abort()
        assert content(tmp_path) == {}


# overwrite=False


@either_way
@pytest.mark.parametrize("kind", ["file", "directory", "dangling link", "fifo"])
def test_what_exists_is_not_overwritten(target, atomic, kind):
    {
        "file": lambda: target.write_bytes(b"old"),
        "directory": target.mkdir,
        "dangling link": lambda: target.symlink_to("nowhere"),
        "fifo": lambda: os.mkfifo(target),
    }[kind]()
    before = target.lstat()
    output = resolve(target, atomic=atomic, overwrite=False)
    with pytest.raises(FileExistsError, match=r"target\.dcm"):
        output.open()
    output.abort()
    assert os.path.samestat(before, target.lstat())
    assert os.listdir(target.parent) == [target.name]


@pytest.mark.parametrize("special", ["/dev/null", "/dev/stdout"])
@once
def test_special_files_exist(special):
    output = resolve(special, overwrite=False)
    with pytest.raises(FileExistsError):
        output.open()
    output.abort()


def test_of_two_writers_the_first_to_commit_wins(target):
    first, second = opened(target, overwrite=False), opened(target, overwrite=False)
    second.write([b"second"])
    finish(first)
    with pytest.raises(FileExistsError, match=r"target\.dcm"):
        second.commit()
    second.abort()
    assert content(target.parent) == {"target.dcm": NEW}


@either_way
@pytest.mark.slow
@once
def test_of_two_processes_exactly_one_wins(tmp_path, atomic):
    script = f"""
import sys
from streamdcm.sinks import resolve
me = sys.argv[1]
print("ready", flush=True)
sys.stdin.readline()
for index in range(100):
    output = resolve(f"{tmp_path}/{{index}}", overwrite=False, atomic={atomic})
    try:
        output.open()
        output.write([me.encode() * 1000])
        output.commit()
        print(index)
    except FileExistsError:
        output.abort()
"""
    racers = [
        subprocess.Popen(
            python(script, name),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "AB"
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = [set(racer.communicate(timeout=60)[0].split()) for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    assert won[0] | won[1] == {str(index) for index in range(100)}
    assert not won[0] & won[1]
    assert content(tmp_path) == {
        name: letter * 1000 for letter, names in zip([b"A", b"B"], won, strict=True) for name in names
    }


def test_without_hard_links_it_is_refused_before_anything_is_written(target, monkeypatch):
    def no_links(*arguments, **keywords):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    output = resolve(target, overwrite=False)
    with pytest.raises(AtomicReplaceError, match="atomic=False"):
        output.open()
    output.abort()
    assert content(target.parent) == {}
    write(target, overwrite=False, atomic=False)
    assert content(target.parent) == {"target.dcm": NEW}


# what cannot be written


@either_way
def test_a_missing_directory_is_the_error_that_open_gives(tmp_path, atomic):
    with pytest.raises(FileNotFoundError) as caught:
        opened(tmp_path / "missing" / "file", atomic=atomic)
    assert caught.value.filename == str(tmp_path / "missing" / "file")
    assert os.listdir(tmp_path) == []


@either_way
@pytest.mark.parametrize("name", ["directory", "directory/", "link", "new/", "."])
def test_a_directory_is_no_file(tmp_path, atomic, name):
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("directory")
    output = resolve(os.path.join(tmp_path, name), atomic=atomic)
    with pytest.raises(IsADirectoryError):
        output.open()
    output.abort()
    assert sorted(os.listdir(tmp_path)) == ["directory", "link"]


@either_way
def test_an_empty_path_is_the_error_that_open_gives(atomic):
    with pytest.raises(FileNotFoundError):
        opened("", atomic=atomic)


@either_way
def test_a_file_in_the_place_of_a_directory_is_the_error_that_open_gives(tmp_path, atomic):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(NotADirectoryError):
        opened(tmp_path / "file" / "below", atomic=atomic)


def test_links_in_a_circle_are_the_error_that_open_gives(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        opened(tmp_path / "a")


def test_a_directory_that_appears_meanwhile_is_not_replaced(target):
    output = opened(target)
    target.mkdir()
    with pytest.raises(IsADirectoryError, match=r"target\.dcm"):
        finish(output)
    output.abort()
    assert os.listdir(target.parent) == ["target.dcm"]


@pytest.mark.slow
@once
def test_a_writable_file_in_a_read_only_directory_needs_atomic_false(public_directory):
    target = public_directory / "target.dcm"
    target.write_bytes(b"old")
    target.chmod(0o666)
    public_directory.chmod(0o555)
    script = """
        drop_privileges()
        print(attempt(sys.argv[1]))
        print(attempt(os.path.dirname(sys.argv[1]) + "/new"))
        print(attempt(sys.argv[1], atomic=False))
    """
    refused, new, in_place = run_child(script, target).splitlines()
    public_directory.chmod(0o777)
    assert refused.startswith("AtomicReplaceError")
    assert "atomic=False" in refused
    assert new.startswith("PermissionError")
    assert new.endswith("/new'")
    assert in_place == "done"
    assert content(public_directory) == {"target.dcm": bytes(1000)}


@pytest.mark.slow
@once
def test_a_write_protected_file_is_not_replaced(public_directory):
    target = public_directory / "target.dcm"
    target.write_bytes(b"old")
    target.chmod(0o444)
    answer = run_child("drop_privileges(); print(attempt(sys.argv[1]))", target)
    assert answer.startswith("PermissionError")
    assert content(public_directory) == {"target.dcm": b"old"}


@pytest.mark.slow
@once
def test_a_file_of_someone_else_in_a_sticky_directory_needs_atomic_false(public_directory):
    if os.geteuid() != 0:
        pytest.skip("needs two users")
    target = public_directory / "target.dcm"
    target.write_bytes(b"old")
    target.chmod(0o666)
    public_directory.chmod(0o1777)
    answer = run_child("drop_privileges(); print(attempt(sys.argv[1]))", target)
    assert answer.startswith("AtomicReplaceError")
    assert content(public_directory) == {"target.dcm": b"old"}


def test_a_bind_mounted_file_needs_atomic_false(tmp_path, target):
    target.write_bytes(b"old")
    (tmp_path / "outside").mkdir()
    outside = tmp_path / "outside" / "file"
    outside.write_bytes(b"outside")
    with mounted(target, "--bind", str(outside)):
        output = opened(target)
        with pytest.raises(AtomicReplaceError, match="atomic=False"):
            finish(output)
        output.abort()
        assert content(tmp_path) == {"target.dcm": b"outside"}
        write(target, atomic=False)
    assert content(tmp_path) == {"target.dcm": b"old"}
    assert outside.read_bytes() == NEW


def test_a_read_only_file_system_is_an_error(tmp_path):
    directory = tmp_path / "mounted"
    directory.mkdir()
    (directory / "target.dcm").write_bytes(b"old")
    with mounted(directory, "-o", "ro,bind", str(directory)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(directory)], check=True)
        for name in ("target.dcm", "new"):
            with pytest.raises(OSError, match=r"Permission denied|Read-only"):
                opened(directory / name)
    assert content(directory) == {"target.dcm": b"old"}


def test_a_full_disk_leaves_the_old_file(tmp_path):
    directory = tmp_path / "mounted"
    directory.mkdir()
    with mounted(directory, "-t", "tmpfs", "-o", "size=64k", "none"):
        (directory / "target.dcm").write_bytes(b"old")
        output = opened(directory / "target.dcm")
        with pytest.raises(OSError, match="No space"):
            finish(output)
        output.abort()
        assert content(directory) == {"target.dcm": b"old"}


@either_way
@pytest.mark.slow
@once
def test_a_limit_of_the_file_size_leaves_no_part(tmp_path, atomic):
    script = f"print(attempt(sys.argv[1], size=100_000, atomic={atomic}))"
    limited = run_child(
        script,
        tmp_path / "new",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_500, 50_500)),
    )
    assert limited.startswith("OSError")
    assert "too large" in limited
    assert content(tmp_path) == {}


def test_errors_of_ours_are_caught_as_os_errors(target, monkeypatch):
    assert issubclass(AtomicReplaceError, OSError)
    assert issubclass(AtomicReplaceError, StreamdcmError)
    target.write_bytes(b"old")

    def busy(*arguments):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(os, "replace", busy)
    output = opened(target)
    with pytest.raises(OSError) as caught:
        finish(output)
    output.abort()
    assert caught.value.errno == errno.EBUSY
    assert caught.value.filename == str(target)
    assert content(target.parent) == {"target.dcm": b"old"}


# what is written as it is


@either_way
@once
def test_the_null_device_stays_a_device(atomic):
    before = os.stat("/dev/null")
    write("/dev/null", atomic=atomic)
    assert os.path.samestat(before, os.stat("/dev/null"))
    assert not resolve("/dev/null").can_patch


@once
def test_a_full_device_is_an_error():
    output = opened("/dev/full")
    with pytest.raises(OSError, match="No space"):
        output.write([b"data"])
    output.abort()


@either_way
@pytest.mark.parametrize("through_link", [True, False])
@once
def test_a_fifo_is_written_and_stays(target, atomic, through_link):
    fifo = target.parent / "fifo"
    os.mkfifo(fifo)
    target.symlink_to("fifo")
    received = []
    reader = threading.Thread(target=lambda: received.append(fifo.read_bytes()))
    reader.start()
    write(target if through_link else fifo, atomic=atomic, durable=True)
    reader.join(10)
    assert received == [NEW]
    assert fifo.is_fifo()
    assert sorted(os.listdir(target.parent)) == ["fifo", "target.dcm"]


@pytest.mark.parametrize("directory", ["/dev/fd", "/proc/self/fd", "/proc/thread-self/fd", None])
@pytest.mark.parametrize("durable", [True, False])
@once
def test_a_descriptor_of_this_process_keeps_its_offset_and_stays_open(target, directory, durable):
    with open(target, "w+b", buffering=0) as file:
        file.write(b"before")
        special = f"{directory}/{file.fileno()}"
        if directory is None:
            special = target.parent / "link"
            special.symlink_to(f"/dev/fd/{file.fileno()}")
        output = opened(special, durable=durable)
        assert output.can_patch
        finish(output)
        file.write(b"after")
    assert target.read_bytes() == b"before" + NEW + b"after"


@once
def test_a_descriptor_in_append_mode_is_not_patched(target):
    target.write_bytes(b"before")
    with open(target, "ab") as file:
        special = f"/dev/fd/{file.fileno()}"
        assert not resolve(special).can_patch
        with pytest.raises(TargetTypeError, match="seekable=True"):
            resolve(special, seekable=True)
        write(special)
    assert target.read_bytes() == b"before" + NEW


@once
def test_a_descriptor_of_a_pipe_is_written(target):
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb"):
        output = opened(f"/proc/self/fd/{writing}")
        assert not output.can_patch
        output.write([b"data"])
        output.abort()
        assert reader.read1() == b"data"


@once
def test_a_descriptor_that_is_not_open_is_the_error_that_open_gives():
    with pytest.raises(OSError, match="/dev/fd/9999"):
        opened("/dev/fd/9999")


def test_what_replaces_a_private_file_was_never_more_than_private(target, monkeypatch):
    target.write_bytes(b"old")
    target.chmod(0o600)
    modes = []
    chmod = os.fchmod
    monkeypatch.setattr(
        os, "fchmod", lambda file, mode: modes.append(stat.S_IMODE(os.fstat(file).st_mode)) or chmod(file, mode)
    )
    output = opened(target)
    modes += [stat.S_IMODE(path.stat().st_mode) for path in target.parent.iterdir()]
    finish(output)
    assert set(modes) == {0o600}
    target.chmod(0o664)
    write(target)
    assert modes[-1] == 0o600
    assert stat.S_IMODE(target.stat().st_mode) == 0o664


# what goes wrong while cleaning up


@pytest.fixture
def refuse_to_unlink(monkeypatch):
    """A file system that has become read-only, as it does after an error of the disk."""

    def refuse(*arguments, **keywords):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "unlink", refuse)
    return monkeypatch


@hidden
@either_way
def test_an_abort_that_cannot_remove_the_file_closes_it_and_names_it(target, atomic, refuse_to_unlink):
    output = opened(target, atomic=atomic)
    (left,) = os.listdir(target.parent)
    with pytest.raises(TargetError, match=f"{left} could not be removed"):
        output.abort()
    # the fixture of all tests here finds a descriptor that is still open


@hidden
@either_way
def test_the_error_of_cleaning_up_is_a_note_of_the_first(target, atomic, refuse_to_unlink):
    def full(*arguments):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    refuse_to_unlink.setattr(os, "writev", full)
    with pytest.raises(OSError) as caught:
        dataset = pydicom.Dataset()
        dataset.PatientID = "1"
        streamdcm.dcmwrite(target, dataset, implicit_vr=True, little_endian=True, atomic=atomic)
    assert caught.value.errno == errno.EIO
    assert any("could not be removed" in note for note in caught.value.__notes__)


@hidden
def test_a_first_name_that_stays_is_told_as_a_file_in_place(target, monkeypatch):
    output = opened(target, overwrite=False)
    monkeypatch.setattr(os, "unlink", lambda name: (_ for _ in ()).throw(OSError(errno.EROFS, "read-only")))
    with pytest.raises(
        InPlaceError, match=r"the new file is in place and complete, but .*partial could not be removed"
    ):
        finish(output)
    assert target.read_bytes() == NEW
    with pytest.raises(TargetError, match="could not be removed"):
        output.abort()


def test_what_cannot_be_removed_after_an_error_has_no_name(target, monkeypatch, temporary):
    output = opened(target)
    if temporary == "unnamed":
        monkeypatch.setattr(os, "unlink", None)
    output.write([NEW])
    output.abort()
    assert content(target.parent) == {}


@once
def test_in_place_no_new_file_is_left_if_close_fails(target, monkeypatch):
    class Quota(io.FileIO):
        def close(self):
            is_first = not self.closed
            super().close()
            if is_first:
                raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(path_in_place.io, "FileIO", Quota)
    output = opened(target, atomic=False)
    with pytest.raises(OSError, match="quota"):
        finish(output)
    output.abort()
    assert content(target.parent) == {}
