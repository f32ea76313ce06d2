"""Networks that break and services that fail, at every part of an upload."""

import threading
from collections.abc import Callable, Iterator

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

import streamdcm
from streamdcm.errors import ConnectionLostError
from tests.sinks.storage.conftest import Bucket
from tests.support.faulty import Handler, Proxy, at_first, proxy_to
from tests.support.uploads import frames, in_memory, large

pytestmark = pytest.mark.slow

PARTS = 3  # of 12 MiB and a header, 5 MiB each


@pytest.fixture
def proxy(moto: Bucket) -> Iterator[Proxy]:
    with proxy_to(moto.options["endpoint_url"]) as proxy:
        yield proxy


@pytest.fixture
def upload(moto: Bucket, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Write twelve frames through the proxy; retries wait for nothing."""
    monkeypatch.setattr("botocore.retryhandler.delay_exponential", lambda **_: 0)
    monkeypatch.setattr("streamdcm.sinks.storage.s3_uploads._ABORT_DELAYS", (0.0, 0.0, 0.0))
    config = Config(retries={"total_max_attempts": 3, "mode": "legacy"})
    options = moto.options | {"endpoint_url": f"http://127.0.0.1:{proxy.server_port}"}
    client = boto3.client("s3", config=config, **options)

    def write(**more):
        options = {"frames": frames(), "client": client, "part_size": "5 MiB"} | more
        return streamdcm.dcmwrite(moto.url(), large(1), **options)

    yield write
    client.close()


@pytest.mark.parametrize("fault", [Handler.fail, Handler.reset])
def test_each_part_that_fails_is_sent_again(moto: Bucket, proxy: Proxy, upload, fault):
    proxy.fault = at_first(fault)
    upload()
    assert moto.read() == in_memory(large(1), frames=frames())
    assert [proxy.requests.count(("PUT", number)) for number in range(1, PARTS + 1)] == [2] * PARTS


@pytest.mark.parametrize("part", range(1, PARTS + 1))
@pytest.mark.parametrize("fault", [Handler.fail, Handler.reset])
def test_a_part_that_fails_again_and_again_leaves_nothing(moto: Bucket, proxy: Proxy, upload, fault, part):
    proxy.fault = lambda request: request.part == part and fault(request)
    with pytest.raises(ConnectionLostError, match="try again") as raised:
        upload()
    assert isinstance(raised.value.__cause__, (BotoCoreError, ClientError))
    assert not moto.names()
    assert not moto.pending()


def test_a_service_that_does_not_complete_leaves_nothing(moto: Bucket, proxy: Proxy, upload):
    proxy.fault = lambda request: request.command == "POST" and "uploadId" in request.path and request.fail()
    with pytest.raises(ConnectionLostError):
        upload()
    assert not moto.names()
    assert not moto.pending()


def test_an_abort_that_fails_is_tried_again(moto: Bucket, proxy: Proxy, upload):
    failures = iter([True] * 5)
    proxy.fault = lambda request: (
        (request.part == 2 and request.fail())
        or (request.command == "DELETE" and next(failures, False) and request.fail())
    )
    with pytest.raises(ConnectionLostError):
        upload()
    assert not moto.pending()


def test_a_service_that_takes_nothing_holds_the_source_back(moto: Bucket, proxy: Proxy, upload):
    """The source is asked for no more than the workers' parts, the one being filled, and the one that waits."""
    opened, ran_ahead = threading.Event(), []

    def frames_that_watch():
        for number, frame in enumerate(frames(40), start=1):
            if not opened.is_set() and number > 2 * 5 + 5 + 5 + 2:
                ran_ahead.append(number)
            yield frame

    def wait(request: Handler) -> bool:
        if request.part is not None:
            opened.wait(30)
        return False

    proxy.fault = wait
    threading.Timer(0.5, opened.set).start()
    upload(frames=frames_that_watch(), workers=2)
    assert not ran_ahead
    assert moto.read() == in_memory(large(1), frames=frames(40))
