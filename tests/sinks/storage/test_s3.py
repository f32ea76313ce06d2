"""Objects in S3: what arrives, and that nothing is left behind when it does not."""

import hashlib
import io
import signal
import subprocess
import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from pydicom import dcmread

import streamdcm
from streamdcm import Fill, Reserve
from streamdcm.errors import (
    AccessDeniedError,
    ConnectionLostError,
    ContainerNotFoundError,
    CredentialsError,
    ObjectExistsError,
    PlanError,
    StorageError,
    TargetTypeError,
    WrongRegionError,
)
from tests.sinks.storage.conftest import BUCKET, Bucket
from tests.support import functional_groups, python
from tests.support.uploads import MIB, SourceError, enhanced, failing_frames, frames, in_memory, large, small

pytestmark = pytest.mark.slow


def upload(bucket: Bucket, dataset, **options):
    return streamdcm.dcmwrite(bucket.url(), dataset, client=bucket.client, **options)


def late_value(pieces: int):
    """An encoder of `pieces` MiB whose first bytes are known last."""
    field = Reserve(4)
    yield field
    for number in range(pieces):
        yield bytes([number]) * MIB
    yield Fill(field, b"late")


def test_a_small_object_is_put_at_once(bucket: Bucket):
    result = streamdcm.dcmwrite(bucket.url(), small(), storage_options=bucket.options)
    assert bucket.read() == in_memory(small())
    assert result.location == bucket.url()
    assert result.bytes_written == len(bucket.read())
    assert bucket.head()["ContentType"] == "application/dicom"
    assert "-" not in bucket.head()["ETag"]
    assert not bucket.pending()


def test_a_large_object_is_put_in_parts(bucket: Bucket):
    upload(bucket, large(), part_size="5 MiB", metadata={"site": "A"}, content_type="application/x")
    assert bucket.read() == in_memory(large())
    head = bucket.head()
    assert head["ETag"].endswith('-3"')
    assert head["ContentType"] == "application/x"
    assert head["Metadata"] == {"site": "A"}
    assert not bucket.pending()


def test_frames_whose_number_is_not_known_arrive_with_all_lengths_right(bucket: Bucket):
    upload(bucket, large(1), frames=frames())
    assert bucket.read() == in_memory(large(1), frames=frames())
    assert dcmread(io.BytesIO(bucket.read())).NumberOfFrames == 12


def test_pushed_frames_arrive(moto: Bucket):
    with streamdcm.open_writer(moto.url(), large(1), client=moto.client) as writer:
        for frame in frames():
            writer.write_frame(frame)
        assert not moto.names()
    assert writer.result.location == moto.url()
    assert moto.read() == in_memory(large(1), frames=frames())


def test_instances_of_a_concatenation_appear_together(moto: Bucket):
    options = {"number_of_frames": 4, "split": 2, "client": moto.client}
    result = streamdcm.dcmwrite(moto.url(), enhanced(), frames=frames(4), **options)
    assert [each.location for each in result.instances] == [moto.url("1-0001.dcm"), moto.url("1-0002.dcm")]
    assert moto.names() == ["1-0001.dcm", "1-0002.dcm"]
    with pytest.raises(SourceError):
        streamdcm.dcmwrite(moto.url("2.dcm"), enhanced(), frames=failing_frames(3), **options)
    assert moto.names() == ["1-0001.dcm", "1-0002.dcm"]
    assert not moto.pending()


def test_more_functional_groups_than_were_reserved_make_a_part_larger(bucket: Bucket):
    given = {"frames": functional_groups.frames(24, rows=512), "max_frames": 24, "frame_groups": 16}
    upload(bucket, functional_groups.enhanced(rows=512), part_size="5 MiB", **given)
    functional_groups.check(io.BytesIO(bucket.read()), 24)
    assert not bucket.pending()


def test_rewrite_reads_a_file_into_parts(moto: Bucket, tmp_path: Path):
    streamdcm.dcmwrite(tmp_path / "in.dcm", large())
    streamdcm.rewrite(tmp_path / "in.dcm", moto.url(), client=moto.client, part_size="5 MiB")
    streamdcm.rewrite(tmp_path / "in.dcm", tmp_path / "out.dcm")
    assert moto.read() == (tmp_path / "out.dcm").read_bytes()


def test_the_part_with_a_late_value_goes_last(moto: Bucket):
    sent: list[int] = []
    moto.client.meta.events.register(
        "provide-client-params.s3.UploadPart", lambda params, **_: sent.append(params["PartNumber"])
    )
    streamdcm.write_encoder(late_value(16), moto.url(), client=moto.client, part_size="5 MiB", workers=1)
    assert sent == [2, 3, 1, 4]  # the last part is complete when nothing more comes
    assert moto.read() == b"late" + b"".join(bytes([number]) * MIB for number in range(16))


def test_a_source_that_fails_leaves_nothing(bucket: Bucket):
    with pytest.raises(SourceError):
        upload(bucket, large(1), frames=failing_frames(), part_size="5 MiB")
    assert not bucket.names()
    assert not bucket.pending()


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, ValueError])
def test_a_write_that_is_cancelled_leaves_what_was_there(moto: Bucket, interrupt):
    upload(moto, small())

    def cancel(event):
        raise interrupt

    with pytest.raises(interrupt):
        upload(moto, large(1), frames=frames(), part_size="5 MiB", progress=cancel)
    with pytest.raises(interrupt):
        upload(moto, large(1), progress=cancel)
    assert moto.read() == in_memory(small())
    assert not moto.pending()


def test_what_exists_is_not_overwritten(bucket: Bucket):
    upload(bucket, small(), overwrite=False)
    for dataset in (small(), large()):
        with pytest.raises(ObjectExistsError, match=r"exists.*overwrite") as raised:
            upload(bucket, dataset, overwrite=False)
        assert isinstance(raised.value, FileExistsError)
    assert bucket.read() == in_memory(small())
    assert not bucket.pending()


@pytest.mark.parametrize("mebibytes", [1, 12])
def test_of_two_writers_the_second_is_refused_at_the_end(seaweed: Bucket, mebibytes):
    def overtake(event):
        seaweed.client.put_object(Bucket=BUCKET, Key=f"{seaweed.prefix}/1.dcm", Body=b"first")

    with pytest.raises(ObjectExistsError) as raised:
        upload(seaweed, large(1), frames=frames(mebibytes), overwrite=False, progress=overtake)
    assert isinstance(raised.value.__cause__, ClientError)
    assert seaweed.read() == b"first"
    assert not seaweed.pending()


def test_no_credentials(monkeypatch: pytest.MonkeyPatch, moto: Bucket, tmp_path: Path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it remembers the credentials of earlier tests
    options = {"endpoint_url": moto.options["endpoint_url"], "region_name": "us-east-1"}
    with pytest.raises(CredentialsError, match="storage_options") as raised:
        streamdcm.dcmwrite(moto.url(), small(), storage_options=options)
    assert isinstance(raised.value.__cause__, NoCredentialsError)


@pytest.mark.parametrize("mebibytes", [1, 12])
def test_wrong_credentials_are_told_without_them(seaweed: Bucket, mebibytes):
    options = seaweed.options | {"aws_secret_access_key": "not-the-secret"}
    with pytest.raises(CredentialsError) as raised:
        streamdcm.dcmwrite(seaweed.url(), large(mebibytes), storage_options=options)
    texts = f"{raised.value} {raised.value.__cause__} {raised.value.__notes__ if mebibytes < 0 else ''}"
    assert "not-the-secret" not in texts
    assert not seaweed.names()


def test_credentials_that_do_not_allow_it(seaweed: Bucket):
    options = seaweed.options | {"aws_access_key_id": "reader"}
    with pytest.raises(AccessDeniedError) as raised:
        streamdcm.dcmwrite(seaweed.url(), small(), storage_options=options)
    assert isinstance(raised.value, PermissionError)


def test_no_such_bucket(moto: Bucket):  # SeaweedFS makes one
    for dataset in (small(), large()):
        with pytest.raises(ContainerNotFoundError) as raised:
            streamdcm.dcmwrite("s3://not-there/1.dcm", dataset, client=moto.client)
        assert isinstance(raised.value, FileNotFoundError)


def test_another_region(moto: Bucket):
    def redirect(**_):
        error = {"Error": {"Code": "PermanentRedirect"}, "ResponseMetadata": {"HTTPStatusCode": 301}}
        raise ClientError(error, "PutObject")

    moto.client.meta.events.register("before-call.s3.PutObject", redirect)
    with pytest.raises(WrongRegionError, match="region_name"):
        upload(moto, small())


def test_nobody_there(moto: Bucket):
    options = moto.options | {"endpoint_url": "http://127.0.0.1:9"}
    with pytest.raises(ConnectionLostError) as raised:
        streamdcm.dcmwrite(moto.url(), small(), storage_options=options)
    assert isinstance(raised.value, ConnectionError)


@pytest.mark.parametrize("url", ["s3://bucket", "s3://bucket/", "s3://bucket/folder/", "s3:///key"])
def test_what_names_no_object_is_refused(url):
    with pytest.raises(TargetTypeError, match="s3://BUCKET/KEY"):
        streamdcm.dcmwrite(url, small())


@pytest.mark.parametrize(
    "name", ["a b", "ü", "a?b", "a#b", "a%20b", "a%zz", "a+b", "a\\b", "a//b", "../b", " a ", "k" * 900]
)
def test_any_key_is_taken_as_it_is_written(moto: Bucket, name):
    for dataset in (small(), large()):
        streamdcm.dcmwrite(moto.url(name), dataset, client=moto.client, part_size="5 MiB")
        assert moto.read(name) == in_memory(dataset)


@pytest.mark.parametrize("scheme", ["s3", "az", "gs", "memory"])
def test_a_name_that_is_not_in_utf_8_is_refused(scheme):
    """It may be that of a file of this machine."""
    with pytest.raises(TargetTypeError, match="this name is not in UTF-8"):
        streamdcm.dcmwrite(f"{scheme}://bucket/\udcfc.dcm", small())


@pytest.mark.parametrize("options", [{"part_size": "4 MiB"}, {"workers": 0}, {"checksum": "md5"}])
def test_options_that_cannot_be(options):
    with pytest.raises(PlanError, match=next(iter(options))):
        streamdcm.dcmwrite("s3://bucket/1.dcm", small(), **options)


def test_the_client_of_the_caller_stays_open(moto: Bucket):
    upload(moto, small())
    upload(moto, large())
    assert moto.names() == ["1.dcm"]


def test_the_digest_of_parts_that_pass_in_order_is_that_of_the_bytes(bucket: Bucket):
    for dataset in (small(), large()):
        result = upload(bucket, dataset, checksum="sha256")
        assert result.checksum.digest == hashlib.sha256(bucket.read()).hexdigest()
        assert result.checksum.parts is None


def test_the_digest_of_parts_that_waited_is_composed_of_theirs(bucket: Bucket):
    target = bucket.url()
    result = streamdcm.write_encoder(late_value(16), target, client=bucket.client, part_size="5 MiB", checksum="sha256")
    content = bucket.read()
    digests = [hashlib.sha256(content[at : at + 5 * MIB]).digest() for at in range(0, len(content), 5 * MIB)]
    assert result.checksum.parts == len(digests) == 4
    assert result.checksum.digest == hashlib.sha256(b"".join(digests)).hexdigest()


class Interrupted(Exception):
    pass


def interrupted_upload(bucket: Bucket) -> str:
    """Leave an upload behind of which some parts are complete, and return its id."""

    def pieces():
        for number, piece in enumerate(late_value(16)):
            if number == 14:
                raise Interrupted
            yield piece

    with pytest.raises(Interrupted) as raised:
        streamdcm.write_encoder(pieces(), bucket.url(), client=bucket.client, part_size="5 MiB", resume=True)
    [upload_id] = bucket.pending()
    assert upload_id in raised.value.__notes__[-1]
    return upload_id


@pytest.mark.parametrize("by_id", [True, False])
def test_an_interrupted_upload_goes_on_with_the_parts_that_are_there(bucket: Bucket, by_id):
    upload_id = interrupted_upload(bucket)
    sent: list[int] = []
    bucket.client.meta.events.register(
        "provide-client-params.s3.UploadPart", lambda params, **_: sent.append(params["PartNumber"])
    )
    streamdcm.write_encoder(
        late_value(16),
        bucket.url(),
        client=bucket.client,
        part_size="5 MiB",
        resume=upload_id if by_id else True,
    )
    assert sorted(sent) == [1, 3, 4]
    assert bucket.read() == b"late" + b"".join(bytes([number]) * MIB for number in range(16))
    assert not bucket.pending()


def test_parts_that_are_there_and_have_other_bytes_are_sent_again(bucket: Bucket):
    interrupted_upload(bucket)
    upload(bucket, large(16), part_size="5 MiB", resume=True)
    assert bucket.read() == in_memory(large(16))
    assert not bucket.pending()


def test_resuming_what_was_never_begun_begins(bucket: Bucket):
    upload(bucket, large(), resume=True)
    assert bucket.read() == in_memory(large())
    assert not bucket.pending()


def test_an_upload_that_is_not_there_cannot_be_resumed(bucket: Bucket):
    with pytest.raises(StorageError, match="resume"):
        upload(bucket, large(), resume="no-such-id")
    assert not bucket.names()


def test_an_upload_that_cannot_be_aborted_is_told_with_its_id(moto: Bucket, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("streamdcm.sinks.storage.s3_uploads._ABORT_DELAYS", (0.0, 0.0, 0.0))
    attempts: list[str] = []

    def refuse(**_):
        attempts.append("abort")
        raise ClientError({"Error": {"Code": "InternalError"}}, "AbortMultipartUpload")

    moto.client.meta.events.register("before-call.s3.AbortMultipartUpload", refuse, "refuse")
    with pytest.raises(SourceError) as raised:
        upload(moto, large(1), frames=failing_frames(), part_size="5 MiB")
    [upload_id] = moto.pending()
    *_, note = raised.value.__notes__
    assert upload_id in note
    assert "streamdcm uploads --abort" in note
    assert len(attempts) == 3


CHILD = """
import json, sys, time
import streamdcm
from tests.support.uploads import frames, large

def slow():
    for frame in frames(1000):
        time.sleep(0.02)
        yield frame

print("begun", flush=True)
url, options = sys.argv[1], json.loads(sys.argv[2])
streamdcm.dcmwrite(url, large(1), frames=slow(), storage_options=options, part_size="5 MiB")
"""


def test_a_process_that_is_killed_leaves_nothing_visible(seaweed: Bucket, run_cli):
    import json

    command = python(CHILD, seaweed.url(), json.dumps(seaweed.options))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"begun\n"
        while not seaweed.parts():
            assert child.poll() is None
            time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
    assert not seaweed.names()
    [upload_id] = seaweed.pending()
    prefix = f"s3://{BUCKET}/{seaweed.prefix}"
    listed = run_cli(seaweed, "uploads", "--list", prefix)
    assert upload_id in listed
    assert seaweed.url() in listed
    run_cli(seaweed, "uploads", "--abort", prefix)
    assert not seaweed.pending()
