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
    assert said == "streamdcm: 127.0.0.1:9 cannot be reached (ConnectionRefusedError)\n"


def test_what_was_stored_before_the_connection_was_lost_is_summed_up(capsys):
    def breaks(talk: Talk) -> None:
        talk.accept()
        talk.reply(talk.message()[0], 0)
        talk.message()

    with scripted(breaks) as peer:
        assert main(["send", "--retry", "0", str(CT_SMALL), str(CT_SMALL), peer.url]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("1 of 2 instances stored, ")
    assert "has hung up" in second


def test_if_all_fail_that_is_told_once(capsys, tmp_path):
    (tmp_path / "text.txt").write_text("no DICOM")
    assert main(["send", str(tmp_path), "dicom://127.0.0.1:9"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"streamdcm: {tmp_path / 'text.txt'}: it cannot be read")
    assert second.startswith("streamdcm: 0 of 1 instances stored, 0 bytes in ")


@pytest.mark.parametrize("refused", ["by the server", "as a source"])
def test_it_stops_at_the_first_failure_if_it_is_to(capsys, tmp_path, refused):
    (tmp_path / "text.txt").write_text("no DICOM")

    def script(talk: Talk) -> None:
        talk.accept()
        talk.store_all(0, *([0xA900] if refused == "by the server" else []))

    given = [CT_SMALL, CT_SMALL if refused == "by the server" else tmp_path / "text.txt", CT_SMALL]
    with scripted(script) as peer:
        assert main(["send", "--on-error", "stop", *map(str, given), peer.url]) == 1
    failure, summary, last = capsys.readouterr().err.splitlines()
    assert failure.startswith(f"streamdcm: {given[1]}: ")
    assert summary.startswith("1 of 2 instances stored, ")
    assert last == "streamdcm: stopped at the first failure, as --on-error says"


def test_nothing_to_send_is_a_failure(capsys, tmp_path):
    assert main(["send", str(tmp_path), "dicom://127.0.0.1:9"]) == 1
    assert capsys.readouterr().err == "streamdcm: there is no file to send\n"


def test_a_list_that_is_missing_is_told_before_anything_is_sent(capsys, tmp_path):
    with scripted() as peer:
        assert main(["send", str(CT_SMALL), f"@{tmp_path / 'names'}", peer.url]) == 1
    assert capsys.readouterr().err.startswith(f"streamdcm: the list {tmp_path / 'names'} cannot be read")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "must have one token in it"),
        (b"secret\nsecret", "must have one token in it"),
        (b"secret\xc3\xa9", "must have one token in it"),
    ],
    ids=["missing", "empty", "two lines", "not ASCII"],
)
def test_a_token_file_without_a_token_is_named(tmp_path, capsys, content, words):
    package("httpx2")
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with scripted() as peer:
        assert main(["send", "--token-file", str(tmp_path / "token"), str(CT_SMALL), url_of(peer)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"streamdcm: the token file {tmp_path / 'token'} {words}")
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
        ["--study", "Doe^John", "a.dcm", "https://host"],
        ["a.dcm", "https://user:password@host:99999"],
        ["a.dcm", "https://host/base?token=password"],
    ],
)
def test_wrong_arguments_are_refused(arguments, capsys):
    if arguments[-1].startswith("https:"):
        package("httpx2")  # which looks at the URL
    with pytest.raises(SystemExit, match="2"):
        main(["send", *arguments])
    assert "password" not in capsys.readouterr().err


def test_what_an_address_is_can_be_read(capsys):
    """Texts are shown without what stands before an @ in a URL."""
    with pytest.raises(SystemExit, match="2"):
        main(["send", "a.dcm", "dicom://secret@host:99999"])
    said = capsys.readouterr().err
    assert "dicom://host:99999 is no address" in said
    assert "that is dicom://HOST or, for TLS, dicoms://HOST with the called AE title" in said
    assert "secret" not in said


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
