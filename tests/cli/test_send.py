"""``streamdcm send``, to servers that run and to one that follows a script."""

import shutil
import signal
import subprocess
import threading

import pytest

from streamdcm.cli.app import main
from tests.network.test_dimse import CT_SMALL, MR_SMALL, accepting
from tests.support import python
from tests.support.peers import Talk, scripted
from tests.support.stow import CT_UID, Web, ok, status, url_of
from tests.support.tools import package

MAIN = "import sys; from streamdcm.cli.app import main; sys.exit(main())"


def test_what_was_stored_is_summed_up(capsys):
    with scripted(accepting(2)) as peer:
        assert main(["send", str(CT_SMALL), str(CT_SMALL), peer.url]) == 0
    said = capsys.readouterr().err
    assert "2 of 2 instances stored, " in said
    assert "PEER@" not in said


def test_quiet_says_nothing(capsys):
    with scripted(accepting(1)) as peer:
        assert main(["send", "--quiet", str(CT_SMALL), peer.url]) == 0
    assert capsys.readouterr() == ("", "")


def test_failures_are_named_and_the_others_sent(capsys, tmp_path):
    (tmp_path / "text.txt").write_text("no DICOM")
    with scripted(accepting(2)) as peer:
        given = [str(CT_SMALL), str(tmp_path), str(tmp_path / "missing"), str(CT_SMALL)]
        assert main(["send", *given, peer.url]) == 1
    said = capsys.readouterr().err
    assert f"streamdcm: {tmp_path / 'text.txt'}: it cannot be read" in said
    assert f"streamdcm: {tmp_path / 'missing'}: it cannot be read" in said
    assert "2 of 4 instances stored" in said


def test_globs_and_lists_name_files(capsys, tmp_path):
    for name in ("a.dcm", "b.dcm", "c.txt"):
        shutil.copy(CT_SMALL, tmp_path / name)
    names = tmp_path / "names"
    names.write_text(f"{CT_SMALL}\n{CT_SMALL}\n")
    with scripted(accepting(4)) as peer:
        assert main(["send", str(tmp_path / "*.dcm"), f"@{names}", peer.url]) == 0
    assert "4 of 4 instances stored" in capsys.readouterr().err


def test_a_glob_without_files_is_named(capsys, tmp_path):
    with scripted(accepting(1)) as peer:
        assert main(["send", str(tmp_path / "*.dcm"), str(CT_SMALL), peer.url]) == 1
    said = capsys.readouterr().err
    assert f"streamdcm: {tmp_path / '*.dcm'}: it cannot be read" in said
    assert "1 of 2 instances stored" in said


def test_a_token_is_read_anew_for_each_request(tmp_path, capsys):
    package("httpx2")
    token = tmp_path / "token"
    token.write_text("first\n")

    class Changing(list):
        def append(self, request):
            super().append(request)
            token.write_text("second\n")

    web = Web(ok(CT_UID), ok(CT_UID), status(403))
    web.requests = Changing()
    with scripted(web) as peer:
        arguments = ["send", "--token-file", str(token), *[str(CT_SMALL)] * 3, url_of(peer)]
        assert main(arguments) == 1
    told = [line for head, _ in web.requests for line in head.lower().split("\r\n") if line.startswith("authorization")]
    assert told == [f"authorization: bearer {each}" for each in ("first", "second", "second")]
    said = capsys.readouterr().err
    assert "HTTP status 403" in said
    assert "first" not in said
    assert "second" not in said
    assert "2 of 3 instances stored" in said


def test_nobody_is_there(capsys):
    assert main(["send", "--retry", "0", str(CT_SMALL), "dicom://secret@127.0.0.1:9"]) == 1
    said = capsys.readouterr().err
    assert "127.0.0.1:9 cannot be reached" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["a.dcm", "ftp://user:password@host"],
        ["a.dcm", "b.dcm"],
        ["--study", "1.2", "a.dcm", "dicom://host"],
        ["--calling", "ME", "a.dcm", "https://host"],
        ["--cacert", "f", "a.dcm", "dicom://host"],
        ["--cert", "f", "a.dcm", "dicoms://host"],
        ["--workers", "0", "a.dcm", "dicom://host"],
    ],
)
def test_wrong_arguments_are_refused(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["send", *arguments])
    assert "password" not in capsys.readouterr().err


def test_an_interrupt_has_its_own_status():
    done = threading.Event()
    begun = threading.Event()

    def stops(talk: Talk) -> None:
        talk.accept()
        talk.message()
        begun.set()
        done.wait(20)

    with scripted(stops) as peer:
        command = python(MAIN, "send", MR_SMALL, peer.url)
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert begun.wait(20)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=20)[1]
        done.set()
    assert process.returncode == 130
    assert "Traceback" not in said
