"""Each request of an upload to S3 fails in each way, once and again and again."""

import logging
import uuid
from collections.abc import Iterator

import pytest

import streamdcm
from streamdcm.errors import ObjectExistsError
from tests.sinks.storage.conftest import BUCKET, Bucket
from tests.support.faulty import Handler, Proxy, at_request, proxy_to
from tests.support.s3_campaign import Case, cases, check, run
from tests.support.uploads import frames, in_memory, large, small

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def proxy(moto_options: dict[str, str]) -> Iterator[Proxy]:
    with proxy_to(moto_options["endpoint_url"]) as proxy:
        yield proxy


@pytest.mark.parametrize("case", [*cases()], ids=str)
def test_nothing_is_lost_and_nothing_left(moto: Bucket, proxy: Proxy, case: Case, monkeypatch, caplog):
    monkeypatch.setattr("botocore.retryhandler.delay_exponential", lambda **_: 0)
    monkeypatch.setattr("streamdcm.sinks.storage.s3_uploads._ABORT_DELAYS", (0.0, 0.0, 0.0))
    monkeypatch.setattr("streamdcm.sinks.storage.s3._BEGIN_DELAYS", (0.0, 0.0))
    caplog.set_level(logging.WARNING, "streamdcm")
    outcome = run(case, proxy, moto.options, f"{moto.prefix}/{uuid.uuid4().hex}")
    check(case, outcome, caplog.text)


@pytest.mark.asyncio
@pytest.mark.parametrize("request_number", [1, 5], ids=["begin", "complete"])
async def test_it_is_so_with_an_asynchronous_client(moto: Bucket, proxy: Proxy, request_number, monkeypatch, caplog):
    session = pytest.importorskip("aiobotocore.session").get_session()
    monkeypatch.setattr("streamdcm.sinks.storage.s3._BEGIN_DELAYS", (0.0, 0.0))
    options = moto.options | {"endpoint_url": f"http://127.0.0.1:{proxy.server_port}"}
    proxy.fault = at_request(request_number, Handler.swallow, again=False)
    async with session.create_client("s3", **options) as client:
        await streamdcm.dcmwrite_async(
            moto.url(), large(1), frames=frames(), client=client, workers=1, part_size="5 MiB", overwrite=False
        )
        assert not client.meta.events._emitter._unique_id_handlers.get("streamdcm-once")
    assert moto.read() == in_memory(large(1), frames=frames())
    assert len(moto.pending()) == (request_number == 1)
    assert ("streamdcm uploads --list" in caplog.text) == (request_number == 1)


def test_an_object_of_somebody_else_is_told_from_ours(moto: Bucket, proxy: Proxy):
    """The answer is lost, and somebody else has written meanwhile: nothing says that it was us."""

    def lose_and_replace(request: Handler) -> bool:
        if request.command != "PUT":
            return False
        proxy.fault = lambda request: False
        moto.client.put_object(Bucket=BUCKET, Key=f"{moto.prefix}/1.dcm", Body=b"theirs")
        return request.hang_up()

    proxy.fault = lose_and_replace
    options = moto.options | {"endpoint_url": f"http://127.0.0.1:{proxy.server_port}"}
    with pytest.raises(ObjectExistsError):
        streamdcm.dcmwrite(moto.url(), small(), storage_options=options, overwrite=False)
    assert moto.read() == b"theirs"
