"""Progress on a terminal is a bar, elsewhere it is lines, and with --quiet it is nothing."""

import os
import pty
import re
import signal
import subprocess
import time
from types import SimpleNamespace

import pytest
from pydicom.data import get_testdata_file

from streamdcm.cli import progress
from streamdcm.cli.progress import shown
from streamdcm.engine.progress import ProgressEvent
from streamdcm.options.sizes import binary_size
from tests.support import python
from tests.support.peers import pdu_of, scripted

SHOW = """
import time
from streamdcm.cli import progress
from streamdcm.engine.progress import ProgressEvent

progress._BETWEEN_LINES = 0
with progress.shown(quiet=False, label="copying", total=1000) as show:
    time.sleep(progress._PATIENCE)
    show(ProgressEvent(500, frames=7))
"""
pytestmark = pytest.mark.slow

HIDE_CURSOR, SHOW_CURSOR, ERASE_LINE = "\x1b[?25l", "\x1b[?25h", "\x1b[2K"


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


class Terminal:
    """A Python program whose only terminal is a pseudo terminal."""

    def __init__(self, program, *arguments, **environment):
        self._master, terminal = pty.openpty()
        self.process = subprocess.Popen(
            python(program, *arguments),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"} | environment,
        )
        os.close(terminal)
        self.output = ""

    def read_until(self, pattern):
        while not re.search(pattern, self.output) and self._read():
            pass
        assert re.search(pattern, self.output), self.output

    def read_all(self):
        while self._read():
            pass
        os.close(self._master)
        self.status = self.process.wait()
        return self.output

    def _read(self):
        try:
            data = os.read(self._master, 65536)
        except OSError:  # how Linux says that the other end is closed
            return False
        self.output += data.decode()
        return bool(data)


def test_lines_come_every_few_seconds_and_at_the_end(clock, capsys):
    with shown(quiet=False, label="copying", total=4 * 2**20, memory=lambda: 2**24) as show:
        for seconds in range(8):
            clock.now = 100.0 + seconds
            show(ProgressEvent(seconds * 2**19, frames=seconds))
    assert capsys.readouterr().err.splitlines() == [
        "copying: 37 %, 1.5 MiB of 4.0 MiB, 512 KiB/s, 3 frames, 16.0 MiB of memory, 0:00:03 elapsed, 0:00:05 left",
        "copying: 75 %, 3.0 MiB of 4.0 MiB, 512 KiB/s, 6 frames, 16.0 MiB of memory, 0:00:06 elapsed, 0:00:02 left",
        "copying: 87 %, 3.5 MiB of 4.0 MiB, 512 KiB/s, 7 frames, 16.0 MiB of memory, 0:00:07 elapsed, 0:00:01 left",
    ]


def test_a_total_that_nobody_knows_is_left_out(clock, capsys):
    with shown(quiet=False, label="copying") as show:
        clock.now += 10
        show(ProgressEvent(1000))
    assert capsys.readouterr().err == "copying: 1.0 KiB, 100 bytes/s, 0:00:10 elapsed\n"


def test_the_total_of_the_write_counts_more_than_an_estimate(clock, capsys):
    with shown(quiet=False, label="copying", total=100) as show:
        clock.now += 10
        show(ProgressEvent(50, total=200))
        clock.now += 10
        show(ProgressEvent(150))
    assert re.findall(r"(\d+) %", capsys.readouterr().err) == ["25", "100"]


def test_what_is_done_at_once_needs_no_line(clock, capsys):
    with shown(quiet=False, label="copying") as show:
        show(ProgressEvent(1000))
    assert capsys.readouterr().err == ""


def test_an_error_has_no_line_that_looks_like_an_end(clock, capsys):
    with pytest.raises(KeyboardInterrupt), shown(quiet=False, label="copying") as show:
        clock.now += 10
        show(ProgressEvent(1000))
        show(ProgressEvent(2000))
        raise KeyboardInterrupt
    assert capsys.readouterr().err.count("\n") == 1


def test_quiet_is_nothing_on_a_terminal_too():
    assert Terminal(SHOW.replace("quiet=False", "quiet=True")).read_all() == ""


def test_a_terminal_has_a_bar_that_is_gone_at_the_end():
    output = Terminal(SHOW).read_all()
    assert re.search(r"copying.*━.* 50%.*0:00:0.*0.5/1.0 kB.*7 frames", output, re.DOTALL)
    before, _, after = output.rpartition("7 frames")
    assert HIDE_CURSOR in before
    assert after.count(ERASE_LINE) >= 2
    assert SHOW_CURSOR in after
    assert "%" not in after


def test_a_terminal_that_cannot_move_its_cursor_has_lines():
    output = Terminal(SHOW, TERM="dumb").read_all()
    assert output.startswith("copying: 50 %, 500 bytes of 1.0 KiB")
    assert "\x1b" not in output


def test_without_rich_a_terminal_has_lines_that_say_what_to_install():
    output = Terminal(f"import sys; sys.modules['rich.console'] = None\n{SHOW}").read_all()
    assert output.startswith("copying: 50 %, ")
    assert output.count("(streamdcm[cli] has a progress bar)") == 1


def test_an_interrupt_leaves_a_clean_terminal_and_exit_status_130(tmp_path):
    program = "import sys; from streamdcm.cli.app import main; sys.exit(main())"
    terminal = Terminal(program, "demo", "--size", "1 GiB", TMPDIR=str(tmp_path))
    terminal.read_until(r"playing.*\d%")
    terminal.process.send_signal(signal.SIGINT)
    output = terminal.read_all()
    assert terminal.status == 130
    assert output.endswith("\x1b[31mstreamdcm\x1b[0m: interrupted; nothing is left half-written\r\n")
    assert output.rfind(SHOW_CURSOR) > output.rfind(HIDE_CURSOR)
    assert output.rfind(ERASE_LINE) > output.rfind("%")
    assert os.listdir(tmp_path) == []


def test_sending_has_a_bar_on_a_terminal_and_none_with_quiet():
    program = "import sys; from streamdcm.cli import app, progress; progress._PATIENCE = 0; sys.exit(app.main())"

    def stores_slowly(talk):
        talk.accept()
        while (message := talk.message()) is not None:
            time.sleep(0.2)
            talk.reply(message[0], 0)
        talk.send(pdu_of(6, bytes(4)))

    with scripted(stores_slowly, stores_slowly) as peer:
        given = ["send", *[get_testdata_file("CT_small.dcm")] * 10, peer.url]
        terminal = Terminal(program, *given)
        terminal.read_until(r"(?s)sending.*\d kB")
        output = terminal.read_all()
        assert terminal.status == 0
        assert HIDE_CURSOR in output
        assert output.rfind(SHOW_CURSOR) > output.rfind(HIDE_CURSOR)
        assert "10 of 10 instances stored" in output
        assert Terminal(program, *given, "--quiet").read_all() == ""


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 KiB"),
        (2**20, "1.0 MiB"),
        (300 * 2**20, "300 MiB"),
        (5.25 * 2**30, "5.2 GiB"),
        (2000 * 2**40, "2,000.0 TiB"),
    ],
)
def test_sizes_have_the_unit_that_suits_them(count, text):
    assert binary_size(count) == text
