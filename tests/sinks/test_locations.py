"""What is shown of a place has no secrets in it."""

import errno
import io

import pytest

import streamdcm
from streamdcm.errors import TargetError
from streamdcm.sinks import printable, printable_text, told
from tests.support.images import template
from tests.support.tools import package
from tests.support.web import Server

SECRETS = ("secret", "user", "token", "Signature")


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("out.dcm", "out.dcm"),
        ("/data/a?b#c@d.dcm", "/data/a?b#c@d.dcm"),
        ("file:///data/in.dcm", "file:///data/in.dcm"),
        ("s3://bucket/a@b/c?d#e.dcm", "s3://bucket/a@b/c?d#e.dcm"),
        ("https://h.example:8443/in.dcm", "https://h.example:8443/in.dcm"),
        ("http://user:secret@h/in.dcm?X-Amz-Signature=token", "http://h/in.dcm"),
        ("HTTPS://user@h/in.dcm", "HTTPS://h/in.dcm"),
        ("http://user:sec@ret@h/in.dcm", "http://h/in.dcm"),
        ("http://user:sec/ret@h/in.dcm", "http://h/in.dcm"),
        ("http://user:sec?ret@h/in.dcm", "http://h/in.dcm"),
        ("http://user:secret@[fe80::1:2]/in.dcm", "http://[fe80::1:2]/in.dcm"),
        ("http://user:secret@[::1]:80/in.dcm#token", "http://[::1]:80/in.dcm"),
        ("http://user:secret@[::1/in.dcm", "http://[::1/in.dcm"),
        ("http://h?Signature=token", "http://h"),
        ("http://h/in.dcm?at=user@token", "http://h/in.dcm"),
        ("http://h:80/a@b/in.dcm", "http://h:80/a@b/in.dcm"),
        ("ftp://user:secret@h/a b@c.dcm", "ftp://h/a b@c.dcm"),
        ("simplecache::http://user:secret@h/in.dcm?token", "simplecache::http://h/in.dcm"),
        ("zip://in.dcm::https://user:secret@h/all.zip?token", "zip://in.dcm::https://h/all.zip"),
    ],
)
def test_a_url_is_shown_without_user_password_and_query(place, shown):
    assert printable(place) == shown
    shown_in_text = printable_text(f"[Errno 2] no such file: '{place}'")
    assert not any(secret in shown_in_text for secret in SECRETS)


def test_text_around_urls_stays():
    text = "one://user:secret@h/x and\nhttp://h/y?token: it failed; a:b c@d // e?f"
    assert printable_text(text) == "one://h/x and\nhttp://h/y it failed; a:b c@d // e?f"


def test_a_result_has_a_location_without_secrets():
    class Handle(io.BytesIO):
        name = "http://user:secret@h/out.dcm?Signature=token"

    dataset = template("1.2.840.10008.1.2.1")
    assert streamdcm.dcmwrite(Handle(), dataset).location == "http://h/out.dcm"
    package("httpx2")
    with Server() as server:
        url = server.url.replace("http://", "http://user:secret@") + "/out.dcm?Signature=token"
        assert streamdcm.dcmwrite(url, dataset).location == f"{server.url}/out.dcm"


def test_a_file_system_of_fsspec_is_named_without_secrets():
    fsspec = pytest.importorskip("fsspec")

    class Secretive(fsspec.get_filesystem_class("memory")):
        protocol = "secretive"

    fsspec.register_implementation("secretive", Secretive, clobber=True)
    result = streamdcm.dcmwrite("secretive://user:secret@h/out.dcm", template("1.2.840.10008.1.2.1"))
    assert result.location == "secretive://h/out.dcm"


@pytest.mark.parametrize("seekable", [True, False])
def test_a_source_is_named_without_secrets(seekable):
    class Handle(io.BytesIO):
        name = "http://user:secret@h/in.dcm?Signature=token"

        def seekable(self):
            return seekable

    with pytest.raises(streamdcm.errors.StreamdcmError, match=r"^http://h/in\.dcm ") as caught:
        streamdcm.rewrite(Handle(b"no DICOM file" * 100), io.BytesIO())
    assert not any(secret in str(caught.value) for secret in SECRETS)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(errno.ENOENT, "x", "/nowhere/a"), "/nowhere/a: there is no folder /nowhere; make it, or"),
        (FileNotFoundError(errno.ENOENT, "x", b"/nothing"), "/nothing: there is no such file or folder; correct"),
        (OSError(errno.ENOSPC, "x", "/a"), "/a: no space is left on the device; make some, or name another place"),
        (OSError(errno.EIO, "Input/output error", "/a"), "/a: Input/output error"),
        (TargetError(errno.EIO, "it is gone; look for it", "/a"), "/a: it is gone; look for it"),
        (OSError("of some library"), "of some library"),
        (OSError(errno.EIO, "Input/output error", 3), "[Errno 5] Input/output error: 3"),
        (ValueError("other"), "other"),
    ],
    ids=str,
)
def test_errors_of_the_system_are_told_with_their_file_and_what_to_do(error: Exception, said: str) -> None:
    assert told(error).startswith(said)
