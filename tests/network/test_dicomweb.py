"""STOW-RS to Orthanc, and to servers that follow a script."""

import gc
import gzip
import io
import struct
import threading
import time
import warnings
import weakref
from contextlib import closing
from email import message_from_bytes
from functools import partial
from pathlib import Path

import anyio
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

from streamdcm import dicomweb, read_header
from streamdcm.errors import (
    NotDicomError,
    PeerAccessError,
    PeerConnectionError,
    PeerResponseError,
    PlanError,
    SourceError,
    TargetTypeError,
)
from streamdcm.network import Instance
from streamdcm.network.blocking import Stop
from streamdcm.network.web_clients import BlockingSender
from streamdcm.sinks.http_clients import library_of
from tests.network.test_dimse import CT_SMALL, MR_SMALL, camera, each_way, failing, image, interrupted
from tests.support import peers
from tests.support.corpus import CORPUS, DATA
from tests.support.peers import Talk, answer_http, read_http, scripted, stored_json
from tests.support.stow import CT_UID, MR_UID, Web, ok, status, url_of
from tests.support.tools import package

httpx2 = package("httpx2")

pytestmark = pytest.mark.slow  # other programs are asked

RLE = struct.pack("<16I", 2, 64, 66, *[0] * 13) + bytes(4)


def store_on(way, url, instances, *, auth=None, headers=None, **options):
    """Send on an event loop, or without one; with authentication by a client of one's own."""
    if way == "sync":
        if auth is None:
            return dicomweb.store(url, instances, **options)
        with httpx2.Client(auth=auth, headers=headers) as client:
            return dicomweb.store(url, instances, client=client, **options)

    async def run():
        if auth is None:
            return await dicomweb.store_async(url, instances, **options)
        async with httpx2.AsyncClient(auth=auth, headers=headers) as client:
            return await dicomweb.store_async(url, instances, client=client, **options)

    return anyio.run(run, backend=way)


def parts(head, body):
    """The headers and the content of each part of a multipart body."""
    media_type = next(line for line in head.split("\r\n") if line.lower().startswith("content-type"))
    message = message_from_bytes(media_type.encode() + b"\r\n\r\n" + body)
    boundary = message.get_param("boundary").encode()
    assert body.endswith(b"--" + boundary + b"--\r\n")
    pieces = body[: -len(boundary) - 6].split(b"--" + boundary + b"\r\n")[1:]
    return [(each.partition(b"\r\n\r\n")[0], each.partition(b"\r\n\r\n")[2][:-2]) for each in pieces]


@pytest.mark.filterwarnings("ignore:Expected explicit VR")
@each_way
def test_files_arrive_byte_by_byte(orthanc, way):
    result = store_on(way, orthanc.dicomweb, list(CORPUS), on_error="continue")
    assert len(result.stored) > 150
    received = orthanc.files()
    assert {item.sop_instance_uid for item in result.stored} == set(received)
    last = {item.sop_instance_uid: item for item in result.stored}
    same = 0
    for uid, item in last.items():
        header = read_header(item.path)
        if header.transfer_syntax_uid == item.transfer_syntax and Path(item.path).name != "SC_rgb_jpeg.dcm":
            assert received[uid] == Path(item.path).read_bytes(), item.path
            same += 1
        else:
            assert read_header(io.BytesIO(received[uid])).transfer_syntax_uid == item.transfer_syntax
    assert same > 50
    assert {read_header(io.BytesIO(data)).transfer_syntax_uid for data in received.values()}.isdisjoint(
        {"1.2.840.10008.1.2", "1.2.840.10008.1.2.2"}
    )


@each_way
def test_datasets_arrive_as_they_are_written(orthanc, way):
    from streamdcm import iter_chunks

    datasets = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in CORPUS:
            try:
                datasets.append(dcmread(path))
            except Exception:
                continue
        result = store_on(way, orthanc.dicomweb, datasets, on_error="continue", batch_size=1, workers=2)
    assert len(result.stored) > 140
    received = orthanc.files()
    compared = 0
    for item, ds in zip(result.instances, datasets, strict=True):
        uids = [other.sop_instance_uid for other in result.stored]
        if item.status == "stored" and uids.count(item.sop_instance_uid) == 1:
            syntax = {} if ds.file_meta.get("TransferSyntaxUID") else {"transfer_syntax": item.transfer_syntax}
            if ds.file_meta.get("TransferSyntaxUID") not in (None, item.transfer_syntax):
                continue
            assert received[item.sop_instance_uid] == b"".join(iter_chunks(ds, enforce_file_format=True, **syntax))
            compared += 1
    assert compared > 30


def test_a_request_is_what_servers_take():
    with scripted(web := Web(ok(CT_UID))) as peer:
        result = dicomweb.store(url_of(peer), CT_SMALL)
    [(head, body)] = web.requests
    assert head.startswith("POST /dicom-web/studies HTTP/1.1")
    assert 'content-type: multipart/related; type="application/dicom"; boundary=streamdcm-' in head.lower()
    assert "accept: application/dicom+json" in head.lower()
    assert f"content-length: {len(body)}" in head.lower()
    assert "content-encoding" not in head.lower()
    assert parts(head, body) == [(b"Content-Type: application/dicom", CT_SMALL.read_bytes())]
    assert result.instances[0].bytes_sent == CT_SMALL.stat().st_size
    assert result.bytes_sent == CT_SMALL.stat().st_size


def test_implicit_and_big_endian_become_explicit_little_endian():
    names = ("MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_expb.dcm")
    paths = [path for name in names if (path := DATA / "test_files" / name).exists()]
    assert len(paths) >= 2
    with scripted(web := Web(ok(*(read_header(path).sop_instance_uid for path in paths)))) as peer:
        assert dicomweb.store(url_of(peer), paths, batch_size=10).ok
    sent = [dcmread(io.BytesIO(content)) for _, content in parts(*web.requests[0])]
    for path, ds in zip(paths, sent, strict=True):
        assert ds.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert np.array_equal(ds.pixel_array, dcmread(path).pixel_array)


@pytest.mark.parametrize(
    ("given", "length", "known"),
    [
        (lambda: CT_SMALL, "auto", True),
        (lambda: CT_SMALL, "chunked", False),
        (lambda: dcmread(CT_SMALL), "known", True),
        (lambda: (image(2), camera(2)), "auto", True),
        (lambda: Instance(image(2), lambda: camera(2), number_of_frames=2), "known", True),
        (lambda: Instance(image(2, syntax="1.2.840.10008.1.2.5"), lambda: iter([RLE] * 2)), "auto", False),
    ],
)
def test_the_length_is_said_where_it_is_known(given, length, known):
    thing = given()

    def script(talk):
        requests.append(read_http(talk))
        [(_, content)] = parts(*requests[0])
        answer_http(talk, 200, stored_json(read_header(io.BytesIO(content)).sop_instance_uid))

    requests = []
    with scripted(script) as peer:
        assert dicomweb.store(url_of(peer), thing, length=length).ok
    head = requests[0][0].lower()
    assert ("content-length" in head) is known
    assert ("transfer-encoding: chunked" in head) is not known


def test_a_length_that_is_not_known_fails_before_the_first_byte():
    given = Instance(image(2, syntax="1.2.840.10008.1.2.5"), lambda: iter([RLE] * 2))
    with pytest.raises(PlanError, match="its length is not known"):
        dicomweb.store("http://127.0.0.1:9/", given, length="known")


def test_an_instance_of_another_study_is_not_sent():
    study = dcmread(CT_SMALL).StudyInstanceUID
    with scripted(web := Web(ok(CT_UID))) as peer:
        given = [MR_SMALL, CT_SMALL, dcmread(MR_SMALL)]
        result = dicomweb.store(url_of(peer), given, study=study, on_error="continue")
    assert [item.status for item in result.instances] == ["failed", "stored", "failed"]
    assert result.failed[0].sop_instance_uid == MR_UID
    assert web.requests[0][0].startswith(f"POST /dicom-web/studies/{study} HTTP")


@each_way
def test_the_body_decides_and_not_the_status(way):
    answers = [
        ok(),
        ok(CT_UID),
        (400, stored_json(CT_UID), {}),
        (202, stored_json(failed={CT_UID: 0x0110}), {}),
        (202, stored_json(warned={CT_UID: 0xB006}), {}),
        (409, b"", {}),
        (200, stored_json("1.2.3"), {}),
    ]
    with scripted(web := Web(*answers), *[web] * 7) as peer:
        result = store_on(way, url_of(peer), [CT_SMALL] * len(answers), retries=0)
    assert [(item.status, item.code) for item in result.instances] == [
        ("failed", 200),
        ("stored", None),
        ("warning", 400),
        ("failed", 0x0110),
        ("warning", 0xB006),
        ("failed", 409),
        ("failed", 200),
    ]


@each_way
def test_a_good_part_beside_a_broken_one_is_stored_with_a_warning(orthanc, way, tmp_path):
    """Orthanc answers 400, stores the good one, and names it."""
    broken = dcmread(MR_SMALL)
    del broken.SeriesInstanceUID
    broken.save_as(tmp_path / "broken.dcm")
    result = store_on(way, orthanc.dicomweb, [CT_SMALL, tmp_path / "broken.dcm"], batch_size=2, retries=0)
    first, second = result.instances
    assert first.status == "warning"
    assert second.status == "failed"
    assert set(orthanc.files()) == {item.sop_instance_uid for item in result.stored}


@each_way
def test_some_statuses_are_tried_again(way):
    answers = [status(503), status(429, Retry_After="0"), ok(CT_UID), *[status(500)] * 3, status(404)]
    with scripted(web := Web(*answers), *[web] * 7) as peer:
        result = store_on(way, url_of(peer), [CT_SMALL] * 3, retries=2)
    outcome = [(item.status, item.code, item.attempts) for item in result.instances]
    assert outcome == [("stored", None, 3), ("failed", 500, 3), ("failed", 404, 1)]


def test_what_was_not_taken_in_a_batch_is_sent_again_alone():
    answers = [(503, stored_json(CT_UID), {}), ok(MR_UID)]
    with scripted(web := Web(*answers), web) as peer:
        result = dicomweb.store(url_of(peer), [CT_SMALL, MR_SMALL], batch_size=2)
    assert [(item.status, item.attempts) for item in result.instances] == [("warning", 1), ("stored", 2)]
    assert [len(parts(*request)) for request in web.requests] == [2, 1]


def test_a_server_that_asks_to_be_left_alone_for_long_is():
    start = time.monotonic()
    with scripted(web := Web(status(503, Retry_After="86400")), web) as peer:
        [item] = dicomweb.store(url_of(peer), CT_SMALL).instances
    assert "does not want to be asked again" in item.reason
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("text", ["-5", "soon", "Mon, 1 Jan 99999999999999999999 00:00:00 GMT"])
def test_a_pause_that_is_none_is_our_own(text):
    with scripted(web := Web(status(503, Retry_After=text), ok(CT_UID)), web) as peer:
        [item] = dicomweb.store(url_of(peer), CT_SMALL).instances
    assert (item.status, item.attempts) == ("stored", 2)


def test_frames_that_can_be_read_once_are_not_sent_again():
    with scripted(web := Web(status(503)), web) as peer:
        [item] = dicomweb.store(url_of(peer), (image(2), camera(2))).instances
    assert (item.status, item.code, item.attempts) == ("failed", 503, 1)
    assert "frames=callable" in item.reason


@each_way
def test_no_access_ends_everything(way):
    with scripted(web := Web(ok(CT_UID), status(403)), web) as peer, pytest.raises(PeerAccessError) as raised:
        store_on(way, url_of(peer).replace("http://", "http://user:password@"), [CT_SMALL] * 3)
    assert [item.code for item in raised.value.result.instances] == [None, 403]
    assert "password" not in str(raised.value)
    assert len(web.requests) == 2


@each_way
def test_a_token_is_refreshed_and_the_body_given_anew(way):
    class Refresh(httpx2.Auth):
        def auth_flow(self, request):
            request.headers["Authorization"] = "Bearer old"
            response = yield request
            if response.status_code == 401:
                request.headers["Authorization"] = "Bearer new"
                yield request

    again = Instance(image(1), lambda: camera(1))
    uid = again.dataset.SOPInstanceUID
    answers = [status(401), ok(CT_UID), status(401), ok(uid), status(401), status(401)]
    with scripted(web := Web(*answers), *[web] * 5) as peer:
        result = store_on(way, url_of(peer), [CT_SMALL, again, (image(), camera(1))], auth=Refresh())
    assert [item.status for item in result.instances] == ["stored", "stored", "failed"]
    assert "frames=callable" in result.failed[0].reason
    assert "Bearer new" in web.requests[1][0]
    assert [content for _, content in parts(*web.requests[1])] == [CT_SMALL.read_bytes()]


@each_way
def test_redirections_are_followed_but_not_to_others_with_secrets(way):
    with scripted(other := Web(ok(CT_UID))) as second:
        place = url_of(second).replace("127.0.0.1", "localhost") + "/studies"
        with scripted(web := Web(status(307, Location="/other"), status(308, Location=place)), web) as first:
            assert store_on(way, url_of(first), CT_SMALL, auth=("user", "password")).ok
    assert web.requests[1][0].startswith("POST /other HTTP")
    assert "authorization" in web.requests[1][0].lower()
    assert "authorization" not in other.requests[0][0].lower()
    assert [content for _, content in parts(*other.requests[0])] == [CT_SMALL.read_bytes()]


@each_way
def test_another_port_is_another_server(way):
    """What a client adds to every request may be a secret, too."""
    with scripted(other := Web(ok(CT_UID))) as second, scripted(Web(status(307, Location=url_of(second)))) as first:
        assert store_on(way, url_of(first), CT_SMALL, auth=("user", "password"), headers={"X-Key": "secret"}).ok
    assert "authorization" not in other.requests[0][0].lower()
    assert "secret" not in other.requests[0][0]


def test_circles_end():
    with scripted(web := Web(*[status(307, Location="/other")] * 20), *[web] * 20) as peer:
        with pytest.raises(PeerConnectionError, match="circles"):
            dicomweb.store(url_of(peer), CT_SMALL, retries=0)
        web._answers.clear()


@each_way
@pytest.mark.parametrize(
    ("code", "location", "words"),
    [
        (404, "", "takes no instances at this URL; give the base of DICOMweb, as in https://HOST/dicom-web"),
        (405, "", "takes no instances at this URL; give the base of DICOMweb, as in https://HOST/dicom-web"),
        (302, "/login", "redirects in a way that a POST cannot follow, as to a page to log in; give another URL"),
        (307, "", "redirects in a way that a POST cannot follow"),
        (307, "ftp://host/", "redirects in a way that a POST cannot follow"),
    ],
)
def test_a_url_that_is_not_the_right_one_is_told(way, code, location, words):
    with scripted(Web(status(code, **({"Location": location} if location else {})))) as peer:
        [item] = store_on(way, url_of(peer), CT_SMALL).instances
    assert (item.status, item.code, item.attempts) == ("failed", code, 1)
    assert f"the server {words}" in item.reason
    assert f"(HTTP status {code})" in item.reason


@each_way
def test_a_request_that_cannot_be_sent_is_not_taken_for_a_lost_connection(way):
    """The library refuses a header, and says no more than that."""
    with scripted() as peer, pytest.raises(PlanError, match="see what the client and its authentication add") as raised:
        store_on(way, url_of(peer), CT_SMALL, auth=lambda each: with_token(each, "secret\ntoken"), retries=0)
    assert "secret" not in str(raised.value)


def with_token(request, token):
    request.headers["Authorization"] = f"Bearer {token}"
    return request


@each_way
def test_a_compressed_answer_is_read_though_nobody_asks_for_one(way):
    answer = gzip.compress(stored_json(CT_UID))
    with scripted(web := Web(status(200, answer, Content_Encoding="gzip"))) as peer:
        assert store_on(way, url_of(peer), CT_SMALL).ok
    assert "accept-encoding: identity" in web.requests[0][0].lower()


@each_way
@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", stored_json(CT_UID)),
        ("gzip", gzip.compress(stored_json(CT_UID))[:-9]),
        ("gzip", gzip.compress(bytes(2**25))),
        ("br", stored_json(CT_UID)),
    ],
    ids=["not compressed", "half", "a bomb", "unknown"],
)
def test_one_that_cannot_be_decompressed_cannot_be_understood(way, encoding, content):
    """It is no lost connection: the server has the instance, and does not get it again."""
    with scripted(web := Web(status(200, content, Content_Encoding=encoding))) as peer:
        [item] = store_on(way, url_of(peer), CT_SMALL, on_error="continue", retries=0).instances
    assert "cannot be understood" in item.reason
    assert len(web.requests) == 1


@each_way
def test_nothing_is_stored_by_an_answer_before_the_end(way):
    def early(talk: Talk) -> None:
        talk.connection.recv(1000)
        answer_http(talk, 200, stored_json(given.dataset.SOPInstanceUID))
        talk.connection.close()
        answered.set()

    def frames():
        for number in range(4):
            if number:
                answered.wait(10)
            yield np.zeros((512, 512), "<u2")

    answered = threading.Event()
    given = Instance(image(4, 512), frames, number_of_frames=4)
    with scripted(early, Web(ok(given.dataset.SOPInstanceUID))) as peer:
        [item] = store_on(way, url_of(peer), given).instances
    assert (item.status, item.attempts) == ("stored", 2)


HOSTILE = [b"", b"Stored.", b"<html>", b"[" * 5000, b"<!DOCTYPE a><a/>"]


@each_way
@pytest.mark.parametrize("content", HOSTILE)
def test_an_answer_that_cannot_be_understood(way, content):
    web = Web(ok(CT_UID), status(200, content))
    with scripted(web, web) as peer, pytest.raises(PeerResponseError, match="cannot be understood") as raised:
        store_on(way, url_of(peer), [CT_SMALL, MR_SMALL])
    assert [item.status for item in raised.value.result.instances] == ["stored", "failed"]


def test_an_endless_answer_is_not_read_to_its_end():
    def endless(talk: Talk) -> None:
        read_http(talk)
        talk.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 1000)
        while True:
            talk.send(b"[" * 1_000_000)

    with scripted(endless) as peer:
        result = dicomweb.store(url_of(peer), CT_SMALL, on_error="continue")
    assert "16,777,216" in result.failed[0].reason


@each_way
def test_a_lost_connection_is_made_anew(way):
    def breaks(talk: Talk) -> None:
        talk.connection.recv(1000)

    with scripted(breaks, Web(ok(CT_UID))) as peer:
        result = store_on(way, url_of(peer), CT_SMALL)
    assert [(item.status, item.attempts) for item in result.instances] == [("stored", 2)]
    with scripted(breaks) as peer, pytest.raises(PeerConnectionError) as raised:
        store_on(way, url_of(peer), (image(2), camera(2)))
    assert raised.value.result.failed[0].reason.startswith("not confirmed")


@each_way
def test_an_early_refusal_with_a_close(way):
    def refuses(talk: Talk) -> None:
        talk.connection.recv(1000)
        answer_http(talk, 413, b"too large")

    frames = Instance(image(40, 1024), lambda: (np.zeros((1024, 1024), "<u2") for _ in range(40)))
    with scripted(refuses) as peer:
        try:
            code = store_on(way, url_of(peer), frames, retries=0).instances[0].code
        except PeerConnectionError as error:
            code = 413 if "more than the server takes may be the cause" in str(error) else None
    assert code == 413


@each_way
@pytest.mark.parametrize("count", [0, 1, 30])
def test_a_failing_source_leaves_nothing(orthanc, way, count):
    with pytest.raises(ConnectionResetError, match="of the source"):
        store_on(way, orthanc.dicomweb, (image(40), failing(count)))
    for length in ("auto", "chunked"):
        result = store_on(way, orthanc.dicomweb, [(image(40), failing(count))], on_error="continue", length=length)
        assert [type(item.error) for item in result.failed] == [ConnectionResetError]
    assert orthanc.files() == {}


@each_way
def test_after_a_failing_source_the_next_ones_go_on(way, tmp_path):
    (tmp_path / "text.txt").write_text("no DICOM")
    broken = []

    def first(talk: Talk) -> None:
        web(talk)

    def second(talk: Talk) -> None:
        broken.append(read_http(talk)[1])

    web = Web(ok(CT_UID))
    given = [CT_SMALL, (image(4), failing(2)), tmp_path / "text.txt", tmp_path / "missing", MR_SMALL]
    done = Web(ok(MR_UID))

    def any_order(talk: Talk) -> None:
        Web.__call__(web, talk)
        if not web._answers:
            head, body = read_http(talk)
            if head:
                broken.append(body)

    with scripted(any_order, done) as peer:
        result = store_on(way, url_of(peer), given, on_error="continue")
    assert [item.status for item in result.instances] == ["stored", "failed", "failed", "failed", "stored"]
    assert [type(item.error) for item in result.failed] == [ConnectionResetError, NotDicomError, FileNotFoundError]
    assert not any(body.endswith(b"--\r\n") for body in broken)


def test_a_truncated_file_is_not_sent_as_if_it_were_whole(orthanc, tmp_path):
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(CT_SMALL.read_bytes()[:20_000])
    result = dicomweb.store(orthanc.dicomweb, [cut, MR_SMALL], on_error="continue")
    assert [item.status for item in result.instances] == ["failed", "stored"]
    assert "(7FE0,0010) PixelData: the file ends before its value does" in str(result.failed[0].error)
    with pytest.raises(SourceError, match="PixelData: the file ends before its value does"):
        dicomweb.multipart([MR_SMALL, cut])


@each_way
def test_no_failure_keeps_a_dataset_alive(way):
    ds = image(4)
    alive = weakref.ref(ds)
    given = [(ds, failing(2))]
    del ds
    with scripted(lambda talk: read_http(talk)) as peer:
        result = store_on(way, url_of(peer), (given.pop() for _ in range(1)), on_error="continue")
    gc.collect()
    assert alive() is None
    assert isinstance(result.failed[0].error, ConnectionResetError)


def test_a_url_is_no_path_and_the_way_to_send_it_is_named():
    with pytest.raises(PlanError, match=r"^s3://bucket/1.dcm is a URL, .* streamdcm batch --send"):
        dicomweb.multipart([MR_SMALL, "s3://bucket/1.dcm"])
    result = dicomweb.store("http://127.0.0.1:9", "https://me:secret@host/1.dcm", on_error="continue")
    assert str(result.failed[0].error).startswith("https://host/1.dcm is a URL")


@each_way
def test_the_others_of_a_batch_that_broke_off_are_not_confirmed(way):
    with scripted(lambda talk: read_http(talk), Web(ok(MR_UID))) as peer:
        given = [CT_SMALL, (image(4), failing(2)), CT_SMALL, MR_SMALL]
        result = store_on(way, url_of(peer), given, on_error="continue", batch_size=3)
    assert [item.status for item in result.instances] == ["failed", "failed", "failed", "stored"]
    first, second, third, _ = result.instances
    assert first.reason.startswith("not confirmed")
    assert third.reason.startswith("not confirmed")
    assert isinstance(second.error, ConnectionResetError)


@each_way
def test_a_server_that_is_killed_is_a_lost_connection(tmp_path, way):
    with peers.orthanc(tmp_path) as server:

        def frames():
            for number, frame in enumerate(camera(400, 512)):
                if number == 100:
                    server.process.kill()
                    server.process.wait()
                yield frame

        with pytest.raises(PeerConnectionError, match="frames=callable") as raised:
            store_on(way, server.dicomweb, [CT_SMALL, (image(400, 512), frames())], retries=1)
    assert [item.status for item in raised.value.result.instances] == ["stored", "failed"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("count", [0, 1, 30])
def test_a_cancellation_leaves_nothing_open(backend, count):
    closed = False
    seen = []

    def script(talk: Talk) -> None:
        seen.append(read_http(talk)[1])

    async def cancelled(url):
        async def frames():
            nonlocal closed
            try:
                for frame in camera(count):
                    yield frame
                scope.cancel()
                await anyio.sleep(60)
            finally:
                closed = True

        with anyio.CancelScope() as scope:
            await dicomweb.store_async(url, (image(40), frames()), length="chunked")
        assert scope.cancelled_caught

    with scripted(script) as peer:
        anyio.run(cancelled, url_of(peer), backend=backend)
    assert closed
    assert not any(body.endswith(b"--\r\n") for body in seen)


@pytest.mark.parametrize("workers", [1, 3])
def test_an_interrupt_ends_at_once(workers):
    done = threading.Event()

    def stops(talk: Talk) -> None:
        talk.connection.recv(1000)
        done.wait(20)

    def frames():
        for _ in range(100):
            yield np.zeros((512, 512), "<u2")

    given = ((image(100, 512), frames()) for _ in range(3))
    with scripted(stops, stops, stops) as peer:
        start = time.monotonic()
        with interrupted(0.7), pytest.raises(KeyboardInterrupt):
            dicomweb.store(url_of(peer), given, workers=workers)
        assert time.monotonic() - start < 15
        done.set()
    assert not [each for each in threading.enumerate() if each.name == "streamdcm-send"]


def test_a_request_that_begins_when_all_have_to_end_waits_for_no_answer():
    """Its connection is not there yet when the others are told."""
    over = threading.Event()
    with scripted(lambda talk: over.wait(10)) as peer, httpx2.Client(timeout=None) as client, closing(Stop()) as stop:
        sender = BlockingSender(client, library_of(client, asynchronous=False))
        send = sender(client.build_request("POST", url_of(peer)), None, {})
        start = time.monotonic()
        stop.set()
        with pytest.raises(httpx2.HTTPError):
            send(stop)
        assert time.monotonic() - start < 5
        sender.close()
        over.set()


@each_way
def test_a_slow_server_holds_up_the_source(way):
    pulled = 0
    done = threading.Event()

    def slow(talk: Talk) -> None:
        talk.connection.recv(1000)
        done.wait(20)

    def frames():
        nonlocal pulled
        for _ in range(200):
            pulled += 1
            yield np.zeros((512, 512), "<u2")

    with scripted(slow) as peer:
        threading.Timer(1.0, done.set).start()
        with pytest.raises(PeerConnectionError):
            store_on(way, url_of(peer), (image(200, 512), frames()))
    assert pulled < 40  # of 512 KiB: what is on its way, in the buffers of the system and in one chunk


@each_way
def test_workers_share_what_is_given(way):
    scripts = []
    lock = threading.Lock()
    count = 0

    def script(talk: Talk) -> None:
        nonlocal count
        while (request := read_http(talk))[0]:
            with lock:
                count += 1
            [(_, content)] = parts(*request)
            answer_http(talk, 200, stored_json(read_header(io.BytesIO(content)).sop_instance_uid))

    scripts = [script] * 4
    with scripted(*scripts) as peer:
        result = store_on(way, url_of(peer), [CT_SMALL, MR_SMALL] * 6, workers=4)
    assert result.ok
    assert count == 12
    assert [item.path for item in result.instances] == [CT_SMALL, MR_SMALL] * 6


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("ftp://user:password@host", {}, "http:// or https://"),
        ("http://", {}, "host"),
        ("http://host:0", {}, "no valid port"),
        ("http://host/?key=password", {}, "leave it out"),
        ("http://host/#password", {}, "leave it out"),
        ("http://host", {"study": "Doe"}, "study"),
        ("http://host", {"length": "long"}, "length"),
        ("http://host", {"batch_size": 0}, "batch_size"),
        ("http://host", {"workers": 0}, "workers"),
    ],
)
def test_wrong_arguments_are_refused_at_once(url, options, words):
    with pytest.raises(PlanError, match=words) as raised:
        dicomweb.store(url, CT_SMALL, **options)
    assert "password" not in str(raised.value)


def test_the_client_has_to_be_of_the_right_kind():
    with httpx2.Client() as client, pytest.raises(TargetTypeError):
        anyio.run(partial(dicomweb.store_async, "http://host", CT_SMALL, client=client))
    with pytest.raises(TargetTypeError):
        dicomweb.store("http://host", CT_SMALL, client=object())


def test_httpx_is_taken_too():
    httpx = package("httpx")
    with scripted(Web(ok(CT_UID))) as peer, httpx.Client() as client:
        assert dicomweb.store(url_of(peer), CT_SMALL, client=client).ok
        assert not client.is_closed


def test_the_body_for_servers():
    given = [CT_SMALL, dcmread(MR_SMALL), (image(2), camera(2))]
    body = dicomweb.multipart(given, boundary="the boundary:".replace(" ", "-"))
    assert body.content_type == 'multipart/related; type="application/dicom"; boundary="the-boundary:"'
    data = b"".join(body)
    assert body.content_length == len(data)
    found = parts(f"Content-Type: {body.content_type}", data)
    assert [head for head, _ in found] == [b"Content-Type: application/dicom"] * 3
    assert found[0][1] == CT_SMALL.read_bytes()
    assert dcmread(io.BytesIO(found[2][1])).pixel_array[1, 0, 0] == 1
    assert dicomweb.multipart(iter([CT_SMALL])).content_length is None
    with pytest.raises(PlanError, match="boundary"):
        dicomweb.multipart(given, boundary="a b")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_body_for_servers_on_an_event_loop(backend):
    async def instances():
        yield CT_SMALL
        yield Instance(image(1), frames)

    async def frames():
        for frame in camera(1):
            yield frame

    async def collected(given):
        return b"".join([chunk async for chunk in dicomweb.multipart(given, boundary="b")])

    whole = anyio.run(collected, [CT_SMALL, dcmread(MR_SMALL)], backend=backend)
    assert whole == b"".join(dicomweb.multipart([CT_SMALL, dcmread(MR_SMALL)], boundary="b"))
    data = anyio.run(collected, instances(), backend=backend)
    assert len(parts("Content-Type: multipart/related; boundary=b", data)) == 2
