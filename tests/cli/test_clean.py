import json
import os

from streamdcm.cli.app import main
from streamdcm.sinks import path_atomic, resolve

ABANDONED = ".0123456789ab.partial"


def test_abandoned_files_are_listed_and_on_request_removed(tmp_path, capsys, monkeypatch):
    (tmp_path / ABANDONED).write_bytes(bytes(1234))
    (tmp_path / "image.dcm").write_bytes(b"")
    monkeypatch.setattr(path_atomic, "open_unnamed", lambda directory, mode: None)
    output = resolve(tmp_path / "target")
    output.open()

    assert main(["clean", str(tmp_path)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(f"1,234 bytes  {tmp_path / ABANDONED}")
    assert (tmp_path / ABANDONED).exists()

    assert main(["clean", "--json", str(tmp_path)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["source"], said["status"], said["bytes"]) == (str(tmp_path / ABANDONED), "found", 1234)

    assert main(["clean", "--yes", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith(f"{ABANDONED}  removed\n")
    output.commit()
    assert sorted(os.listdir(tmp_path)) == ["image.dcm", "target"]

    assert main(["clean", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_a_directory_that_is_missing_is_an_error(tmp_path, capsys):
    assert main(["clean", str(tmp_path / "missing")]) == 1
    assert "missing" in capsys.readouterr().err
