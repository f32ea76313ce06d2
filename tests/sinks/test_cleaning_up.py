"""What targets do when cleaning up fails in the middle: the rest is done, and the file is closed all the same."""

import errno
import os

import pytest

from streamdcm.engine.parts import PartSizes
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import TargetError
from streamdcm.sinks import resolve
from streamdcm.sinks.handles import discard_handle
from streamdcm.sinks.storage.parts_upload import PartsUpload
from tests.support.open_files import open_files
from tests.support.tools import package


def refuse(*_, **__):
    raise OSError(errno.EIO, "Input/output error")


def test_a_file_in_place_is_closed_when_it_cannot_be_looked_at(tmp_path, monkeypatch):
    output = resolve(tmp_path / "new.dcm", atomic=False)
    output.open()
    monkeypatch.setattr(os, "fstat", refuse)
    with pytest.raises(OSError, match="Input/output"):
        output.abort()
    monkeypatch.undo()
    assert open_files(tmp_path) == []


def test_the_second_name_is_removed_when_the_first_cannot_be(tmp_path, monkeypatch):
    output = resolve(tmp_path / "new.dcm")
    output.open()
    output._hidden, output._probe = str(tmp_path / "first"), str(tmp_path / "second")
    (tmp_path / "first").touch()
    (tmp_path / "second").touch()
    unlink = os.unlink
    monkeypatch.setattr(os, "unlink", lambda name: refuse() if name.endswith("first") else unlink(name))
    with pytest.raises(TargetError, match="could not be removed"):
        output.abort()
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["first"]
    assert open_files(tmp_path) == []


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_local_file_of_fsspec_is_removed_when_it_cannot_be_closed(tmp_path, monkeypatch, autocommit):
    system = package("fsspec").filesystem("file")
    handle = system.open(str(tmp_path / "new.dcm"), "wb", autocommit=autocommit)
    handle.write(b"half")
    temporary = handle.path if autocommit else handle.temp
    inner = handle.f

    def close():
        inner.close()
        refuse()

    monkeypatch.setattr(handle, "close", close)
    with pytest.raises(OSError, match="Input/output"):
        discard_handle(handle, 4)
    assert not os.path.exists(temporary)
    assert os.listdir(tmp_path) == []


class Upload(PartsUpload):
    """An upload of which nothing can be stopped or removed."""

    def __init__(self):
        super().__init__("s3://bucket/key", PartSizes(), StorageSettings(), awaits=False)
        self.done = []

    def discard(self):
        self.done.append("discard")
        yield lambda: refuse()

    def close(self):
        self.done.append("close")


def test_the_parts_are_removed_and_the_client_is_closed_when_sending_cannot_be_stopped():
    upload = Upload()

    class Sending:
        stop = staticmethod(lambda: refuse())

    upload._sending = Sending()
    with pytest.raises(OSError, match="Input/output") as caught:
        upload.abort()
    assert upload.done == ["discard", "close"]
    assert len(caught.value.__notes__) == 1
