"""C-STORE to storescp and Orthanc, and to peers that follow a script."""

import gc
import io
import os
import shutil
import signal
import socket
import ssl
import threading
import time
import warnings
import weakref
from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
import numpy as np
import pytest
from pydicom import DataElement, config, dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

from streamdcm import dimse, read_header
from streamdcm.errors import (
    AssociationRejectedError,
    NotDicomError,
    PeerConnectionError,
    PeerTimeoutError,
    PlanError,
    StoreFailedError,
)
from streamdcm.network import Instance
from tests.support import peers
from tests.support.corpus import CORPUS, DATA
from tests.support.peers import Talk, pdu_of, scripted, storescp
from tests.support.tools import package

pytestmark = pytest.mark.slow  # other programs are asked

CT_SMALL = DATA / "test_files" / "CT_small.dcm"
MR_SMALL = DATA / "test_files" / "MR_small.dcm"


def store_on(backend, url, instances, **options):
    """Send on an event loop, or without one."""
    if backend == "sync":
        return dimse.store(url, instances, **options)
    return anyio.run(partial(dimse.store_async, url, instances, **options), backend=backend)


each_way = pytest.mark.parametrize("way", ["sync", "asyncio", "trio"])


def image(frames=1, side=64, syntax=ExplicitVRLittleEndian, sop_class=CTImageStorage):
    """A dataset without its pixel data, whose frames are given beside it."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.PatientName = "Secret^Name"
    ds.PatientID = "ID"
    ds.Rows = ds.Columns = side
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = 0
    ds.NumberOfFrames = frames
    return ds


def camera(count, side=64):
    for number in range(count):
        yield np.full((side, side), number, "<u2")


@contextmanager
def interrupted(seconds):
    """Press Ctrl-C after so many seconds, if the block is not over by then."""
    main, over = threading.main_thread().ident, threading.Event()

    def press():
        if not over.wait(seconds):
            signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def dataset_of(path):
    header = read_header(path)
    return Path(path).read_bytes()[header.dataset_offset :]


def sound(paths):
    """Those of which storescp is to keep the very bytes: their encoding is the one that they state."""
    return [path for path in paths if path.name != "SC_rgb_jpeg.dcm"]


@pytest.mark.filterwarnings("ignore:Expected explicit VR")
@each_way
def test_files_arrive_bit_by_bit(storescp, way):
    result = store_on(way, storescp.url, list(CORPUS), on_error="continue")
    stored = [Path(item.path) for item in result.stored]
    assert len(stored) > 160
    odd = [path for path in stored if path.name == "SC_rgb_jpeg.dcm"]
    assert len(odd) == 1
    received = storescp.datasets()
    assert len(received) == len(stored)
    sent = Counter()
    for path in sound(stored):
        data = dataset_of(path)
        sent[str(read_header(path).transfer_syntax_uid), data + b"\0" * (len(data) % 2)] += 1
    assert not sent - Counter(received)
    assert {item.code for item in result.failed} == {None}
    assert [item.path for item in result.instances] == list(CORPUS)


@each_way
def test_datasets_arrive_as_they_are_written(storescp, way):
    from streamdcm import iter_chunks

    datasets = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in CORPUS:
            try:
                datasets.append(dcmread(path))
            except Exception:
                continue
        result = store_on(way, storescp.url, datasets, on_error="continue", workers=2)
    assert len(result.instances) == len(datasets)
    assert len(result.stored) > 150
    received = Counter(storescp.datasets())
    for item, ds in zip(result.instances, datasets, strict=True):
        if item.status == "stored" and ds.file_meta.get("TransferSyntaxUID") == item.transfer_syntax:
            data = b"".join(iter_chunks(ds, file_meta=False))
            assert (item.transfer_syntax, data) in received


@pytest.mark.filterwarnings("ignore:Expected explicit VR")
def test_orthanc_takes_what_it_can(orthanc):
    whole = [path for path in CORPUS if "truncated" not in path.name]  # Orthanc waits for the rest
    result = dimse.store(orthanc.dicom, whole, on_error="continue", calling="ME")
    assert len(result.stored) > 120
    assert {item.sop_instance_uid for item in result.stored} == set(orthanc.files())


@each_way
def test_what_is_not_taken_in_its_own_syntax_is_encoded_anew(tmp_path, way):
    with storescp(tmp_path / "received", "+xi") as server:
        explicit = DATA / "test_files" / "MR_small.dcm"
        big_endian = DATA / "test_files" / "MR_small_bigendian.dcm"
        deflated = DATA / "test_files" / "image_dfl.dcm"
        compressed = DATA / "test_files" / "MR_small_RLE.dcm"
        result = store_on(way, server.url, [explicit, compressed, big_endian, dcmread(explicit), deflated])
        assert [item.status for item in result.instances] == ["stored", "failed", "stored", "stored", "stored"]
        assert result.failed[0].reason == (
            "the server does not take SOP class 1.2.840.10008.5.1.4.1.1.4 (MR Image Storage) in "
            "1.2.840.10008.1.2.5 (RLE Lossless)"
        )
        assert {item.transfer_syntax for item in result.stored} == {ImplicitVRLittleEndian}
        received = [dcmread(path) for path in (tmp_path / "received").iterdir()]
        pixels = dcmread(explicit).pixel_array
        assert sum(np.array_equal(each.pixel_array, pixels) for each in received if each.Modality == "MR") == 3


@each_way
def test_frames_from_a_generator(storescp, way):
    ds = image(frames=30)
    result = store_on(way, storescp.url, (ds, camera(30)))
    assert result.ok
    [path] = storescp.directory.iterdir()
    assert [frame[0, 0] for frame in dcmread(path).pixel_array] == list(range(30))


def test_frames_from_an_asynchronous_generator(storescp):
    async def frames():
        for frame in camera(5):
            await anyio.sleep(0)
            yield frame

    async def instances():
        yield image(frames=5), frames()
        yield Instance(image(frames=5), frames=frames)

    for backend in ("asyncio", "trio"):
        assert anyio.run(dimse.store_async, storescp.url, instances(), backend=backend).ok
    assert len(storescp.datasets()) == 4


def test_folders_are_walked_in_order(storescp, tmp_path):
    for name in ("b/2.dcm", "a.dcm", "b/1.dcm", "c.dcm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(CT_SMALL.read_bytes())
    result = dimse.store(storescp.url, tmp_path)
    assert [Path(item.path).name for item in result.instances] == ["a.dcm", "1.dcm", "2.dcm", "c.dcm"]


@each_way
def test_a_folder_that_cannot_be_read_fails_by_itself(way, tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("a.dcm", "b/lost.dcm", "c.dcm"):
        shutil.copy(CT_SMALL, tmp_path / name)

    def remove(item):
        shutil.rmtree(tmp_path / "b", ignore_errors=True)

    with scripted(accepting(2)) as peer:
        result = store_on(way, peer.url, tmp_path, on_error="continue", on_result=remove)
    assert [(Path(item.path).name, item.status) for item in result.instances] == [
        *(("a.dcm", "stored"), ("b", "failed"), ("c.dcm", "stored")),
    ]
    assert isinstance(result.failed[0].error, FileNotFoundError)


def test_links_do_not_lead_out_of_a_folder_and_pipes_are_not_waited_for(tmp_path):
    shutil.copy(CT_SMALL, tmp_path / "a.dcm")
    (tmp_path / "file.dcm").symlink_to(CT_SMALL)
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "loop").symlink_to(".")
    os.mkfifo(tmp_path / "pipe")
    with scripted(accepting(2)) as peer:
        result = dimse.store(peer.url, tmp_path, on_error="continue")
    assert [(Path(item.path).name, item.status) for item in result.instances] == [
        *(("a.dcm", "stored"), ("file.dcm", "stored"), ("itself", "failed"), ("pipe", "failed")),
    ]
    assert "is no regular file" in result.failed[1].reason


def test_other_classes_are_associated_anew_and_then_known():
    """CT and MR in turn: two associations are enough, for both are asked for in the second one."""
    with scripted(accepting(1), accepting(3)) as peer:
        assert dimse.store(peer.url, [CT_SMALL, MR_SMALL, CT_SMALL, MR_SMALL]).ok
    assert len(peer.talks) == 2


def accepting(count):
    """A script that takes so many instances and lets the association be released."""

    def script(talk: Talk) -> None:
        talk.accept()
        for _ in range(count):
            message = talk.message()
            assert message
            talk.reply(message[0], 0)
        assert talk.pdu()[0] == 5
        talk.send(pdu_of(6, bytes(4)))

    return script


@pytest.mark.parametrize("max_length", [0, 8, 50, 129])
def test_pdus_are_no_longer_than_the_peer_takes(max_length):
    longest = 0

    def script(talk: Talk) -> None:
        nonlocal longest
        talk.accept(max_length=max_length)
        read = talk.pdu

        def pdu():
            nonlocal longest
            kind, body = read()
            longest = max(longest, len(body))
            return kind, body

        talk.pdu = pdu
        talk.store_all()

    with scripted(script) as peer:
        assert dimse.store(peer.url, CT_SMALL, max_pdu="1 KiB").ok
    assert longest == {0: 1024, 8: 8, 50: 50, 129: 128}[max_length]


@each_way
def test_pynetdicom_takes_it(way):
    pynetdicom = package("pynetdicom")
    received = []

    def store(event):
        ds = event.dataset
        ds.file_meta = event.file_meta
        received.append(ds)
        return 0xB000 if len(received) == 2 else 0

    entity = pynetdicom.AE("PYNETDICOM")
    entity.supported_contexts = pynetdicom.StoragePresentationContexts
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(pynetdicom.evt.EVT_C_STORE, store)])
    try:
        url = f"dicom://PYNETDICOM@127.0.0.1:{server.server_address[1]}"
        result = store_on(way, url, [CT_SMALL, (image(5), camera(5)), MR_SMALL])
    finally:
        server.shutdown()
    assert [(item.status, item.code) for item in result.instances] == [
        ("stored", None),
        ("warning", 0xB000),
        ("stored", None),
    ]
    assert [frame[0, 0] for frame in received[1].pixel_array] == list(range(5))
    assert received[0] == dcmread(CT_SMALL)


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
            store_on(way, server.dicom, [CT_SMALL, (image(400, 512), frames())], retries=1)
    assert [item.status for item in raised.value.result.instances] == ["stored", "failed"]


def test_a_deflated_dataset_of_odd_length_gets_one_nul(storescp):
    ds = dcmread(CT_SMALL)
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    assert dimse.store(storescp.url, ds).ok
    [(syntax, data)] = storescp.datasets()
    assert syntax == DeflatedExplicitVRLittleEndian
    assert len(data) % 2 == 0


def test_a_warning_is_stored_and_a_refusal_is_not():
    def script(talk: Talk) -> None:
        talk.accept()
        talk.store_all(0xB007, 0xA900, 0x0110, 0xC123, 0x0107)

    told = []
    with scripted(script) as peer:
        result = dimse.store(peer.url, [CT_SMALL] * 6, on_result=told.append)
    statuses = [(item.status, item.code) for item in result.instances]
    assert statuses == [
        *(("warning", 0xB007), ("failed", 0xA900), ("failed", 0x0110), ("failed", 0xC123), ("warning", 0x0107)),
        ("stored", None),
    ]
    assert tuple(told) == result.instances
    assert len(result.stored) == 3
    assert len(result.warnings) == 2
    assert not result.ok
    with pytest.raises(StoreFailedError, match="3 of 6 instances were not stored") as raised:
        result.raise_for_failures()
    assert raised.value.result is result


@each_way
def test_a_server_out_of_resources_is_asked_again(way):
    def script(talk: Talk) -> None:
        talk.accept()
        talk.store_all(0xA700, 0xA701, 0, *[0xA700] * 3)

    with scripted(script) as peer:
        result = store_on(way, peer.url, [CT_SMALL, CT_SMALL, (image(), camera(1))], retries=2)
    first, second, third = result.instances
    assert (first.status, first.attempts) == ("stored", 3)
    assert (second.status, second.attempts, second.code) == ("failed", 3, 0xA700)
    assert third.status == "stored"


def test_frames_that_can_be_read_once_are_not_sent_again():
    def script(talk: Talk) -> None:
        talk.accept()
        talk.store_all(0xA700, 0xA700, 0)

    with scripted(script) as peer:
        again = Instance(image(), frames=lambda: camera(1))
        result = dimse.store(peer.url, [(image(), camera(1)), again])
    once, anew = result.instances
    assert (once.status, once.attempts) == ("failed", 1)
    assert "frames=callable" in once.reason
    assert (anew.status, anew.attempts) == ("stored", 2)


@each_way
@pytest.mark.parametrize("reply", [b"", pdu_of(7, bytes(4)), b"garbage! garbage!", pdu_of(5, bytes(4))])
def test_a_lost_association_is_made_anew(way, reply):
    def breaks(talk: Talk) -> None:
        talk.accept()
        talk.message()
        talk.send(reply)

    with scripted(breaks, accepting(1)) as peer:
        result = store_on(way, peer.url, CT_SMALL)
    assert [(item.status, item.attempts) for item in result.instances] == [("stored", 2)]


def test_a_lost_association_is_an_error_in_the_end_and_names_what_was_decided():
    def breaks(talk: Talk) -> None:
        talk.accept()
        talk.reply(talk.message()[0], 0)
        talk.message()

    with scripted(breaks) as peer, pytest.raises(PeerConnectionError, match="has hung up") as raised:
        dimse.store(peer.url, [CT_SMALL, MR_SMALL.parent / "CT_small.dcm", CT_SMALL], retries=0)
    assert [item.status for item in raised.value.result.instances] == ["stored", "failed"]
    assert raised.value.result.failed[0].reason.startswith("not confirmed")


def test_a_wrong_answer_is_a_lost_association():
    def wrong(talk: Talk) -> None:
        talk.accept()
        talk.reply(talk.message()[0] + 1, 0)

    with scripted(wrong) as peer, pytest.raises(PeerConnectionError, match="no answer to ours"):
        dimse.store(peer.url, CT_SMALL, retries=0)


@each_way
def test_an_abort_is_seen_while_the_peer_reads_nothing(way):
    """The peer takes a little and aborts; it does not hang up and reads no more."""
    done = threading.Event()

    def stops(talk: Talk) -> None:
        talk.accept()
        talk.pdu()
        talk.send(pdu_of(7, b"\0\0\2\1"))
        done.wait(20)

    start = time.monotonic()
    with scripted(stops) as peer:
        frames = (np.zeros((512, 512), "<u2") for _ in range(100))
        with pytest.raises(PeerConnectionError, match="aborted the association"):
            store_on(way, peer.url, (image(100, 512), frames), retries=0)
        done.set()
    assert time.monotonic() - start < 15


@each_way
def test_a_peer_that_does_not_answer_is_left(way):
    done = threading.Event()

    def silent(talk: Talk) -> None:
        talk.accept()
        talk.message()
        done.wait(20)

    with scripted(silent) as peer:
        with pytest.raises(PeerTimeoutError, match="did not answer within"):
            store_on(way, peer.url, CT_SMALL, retries=0, answer_timeout=0.2)
        done.set()


@each_way
def test_nobody_is_there(way):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(PeerConnectionError, match=f"127.0.0.1:{port} cannot be reached") as raised:
        store_on(way, f"dicom://secret@127.0.0.1:{port}", CT_SMALL, retries=1)
    assert "secret" not in str(raised.value)
    assert raised.value.result.failed[0].attempts == 2


def test_an_address_of_ip_version_6_has_its_brackets():
    with pytest.raises(PeerConnectionError, match=r"\[::1\]:9 cannot be reached"):
        dimse.store("dicom://[::1]:9", CT_SMALL, retries=0)


def test_a_rejected_association_says_why_and_only_a_transient_one_is_tried_again():
    def rejects(*what):
        def script(talk: Talk) -> None:
            talk.pdu()
            talk.send(pdu_of(3, bytes((0, *what))))

        return script

    with scripted(rejects(1, 1, 7)) as peer, pytest.raises(AssociationRejectedError, match="called AE title") as raised:
        dimse.store(peer.url, CT_SMALL)
    error = raised.value
    assert (error.reject_result, error.source, error.reason, error.is_transient) == (1, 1, 7, False)
    with scripted(rejects(2, 3, 2), accepting(1)) as peer:
        assert dimse.store(peer.url, CT_SMALL).instances[0].attempts == 2


def failing(count):
    yield from camera(count)
    raise ConnectionResetError("of the source")


@each_way
@pytest.mark.parametrize("count", [0, 1, 30])
def test_a_failing_source_leaves_nothing(storescp, way, count):
    with pytest.raises(ConnectionResetError, match="of the source"):
        store_on(way, storescp.url, [(image(40), failing(count))])
    assert storescp.stored_nothing()


@each_way
def test_a_failing_source_is_one_that_failed_and_the_next_ones_go_on(storescp, way, tmp_path):
    (tmp_path / "text.txt").write_text("no DICOM")
    given = [CT_SMALL, tmp_path / "missing.dcm", (image(4), failing(2)), tmp_path / "text.txt", MR_SMALL]
    result = store_on(way, storescp.url, given, on_error="continue")
    assert [item.status for item in result.instances] == ["stored", "failed", "failed", "failed", "stored"]
    assert [type(item.error) for item in result.failed] == [FileNotFoundError, ConnectionResetError, NotDicomError]
    assert len(storescp.datasets()) == 2


def test_a_failing_source_aborts_the_association():
    pdus = []

    def script(talk: Talk) -> None:
        talk.accept()
        while (pdu := talk.pdu())[0]:
            pdus.append(pdu)

    with scripted(script) as peer, pytest.raises(ConnectionResetError):
        dimse.store(peer.url, (image(40), failing(30)), retries=0)
    assert pdus[-1] == (7, bytes(4))
    assert not any(kind == 4 and body[5] == 2 for kind, body in pdus)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("count", [0, 1, 30])
def test_a_cancellation_leaves_nothing(storescp, backend, count):
    closed = False

    async def cancelled():
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
            await dimse.store_async(storescp.url, (image(40), frames()))
        assert scope.cancelled_caught

    threads = {thread for thread in threading.enumerate() if thread.name != "streamdcm"}
    anyio.run(cancelled, backend=backend)
    assert closed
    assert {thread for thread in threading.enumerate() if thread.name != "streamdcm"} <= threads
    assert storescp.stored_nothing()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancellation_does_not_wait_for_a_peer_that_reads_nothing(backend):
    done = threading.Event()

    def stops(talk: Talk) -> None:
        talk.accept()
        done.wait(20)
        with pytest.raises(ConnectionResetError):
            while talk.connection.recv(1 << 20):
                pass

    pulled = 0

    def frames():
        nonlocal pulled
        for _ in range(100):
            pulled += 1
            yield np.zeros((512, 512), "<u2")

    async def cancelled(url):
        with anyio.move_on_after(0.5) as scope:
            await dimse.store_async(url, (image(100, 512), frames()))
        assert scope.cancelled_caught
        assert pulled < 40  # of 512 KiB: what the system's buffers take, and what is in one chunk

    with scripted(stops) as peer:
        start = time.monotonic()
        anyio.run(cancelled, peer.url, backend=backend)
        assert time.monotonic() - start < 10
        done.set()


@pytest.mark.parametrize("workers", [1, 3])
def test_an_interrupt_ends_at_once_with_everything_closed(workers):
    done = threading.Event()
    closed = []

    def stops(talk: Talk) -> None:
        talk.accept()
        done.wait(20)

    def instances():
        for number in range(3):
            yield image(100, 512), frames(number)

    def frames(number):
        try:
            for _ in range(100):
                yield np.zeros((512, 512), "<u2")
        finally:
            closed.append(number)

    with scripted(stops, stops, stops) as peer:
        with interrupted(0.7), pytest.raises(KeyboardInterrupt):
            dimse.store(peer.url, instances(), workers=workers)
        done.set()
    assert sorted(closed) == list(range(workers))
    assert not [thread for thread in threading.enumerate() if thread.name == "streamdcm-send"]


def test_workers_share_what_is_given_and_results_keep_its_order(storescp, tmp_path):
    paths = []
    for number in range(12):
        paths.append(tmp_path / f"{number}.dcm")
        paths[-1].write_bytes(CT_SMALL.read_bytes())
    for way in ("sync", "asyncio"):
        storescp.empty()
        result = store_on(way, storescp.url, iter(paths), workers=4)
        assert [item.path for item in result.instances] == paths
        assert result.ok
        assert len(storescp.datasets()) == 12


def test_no_result_keeps_a_dataset_alive(storescp):
    alive = []

    def instances():
        for _ in range(5):
            ds = image()
            alive.append(weakref.ref(ds))
            yield ds, list(camera(1))
            del ds
            gc.collect()
            assert sum(reference() is not None for reference in alive) <= 1

    result = dimse.store(storescp.url, instances())
    assert result.ok
    gc.collect()
    assert not any(reference() for reference in alive)


def without_uid():
    ds = image()
    del ds.SOPInstanceUID
    return ds


def of_which_one_cannot_be_encoded():
    ds = image()
    ds.Rows = 3
    return ds


BROKEN = {
    "its frames": lambda: ((ds := image(4)), (ds, failing(2))),
    "its UID": lambda: ((ds := without_uid()), ds),
    "its UID in an Instance": lambda: ((ds := without_uid()), Instance(ds)),
    "its size": lambda: ((ds := of_which_one_cannot_be_encoded()), (ds, camera(1))),
}


@each_way
@pytest.mark.parametrize("what", BROKEN)
def test_no_failure_keeps_a_dataset_alive(storescp, way, what):
    """The frames of the traceback of an error would, and so would those that called them."""
    ds, given = BROKEN[what]()
    alive = weakref.ref(ds)
    given = [given]
    del ds
    result = store_on(way, storescp.url, (given.pop() for _ in range(1)), on_error="continue")
    gc.collect()
    assert alive() is None
    [item] = result.failed
    if what == "its frames":
        assert "failing, " in item.error.__notes__[-1]


def test_progress_counts_bytes(storescp):
    events = []
    result = dimse.store(storescp.url, [CT_SMALL, MR_SMALL], progress=events.append)
    assert events[-1].bytes_written == result.bytes_sent == sum(len(dataset_of(path)) for path in (CT_SMALL, MR_SMALL))


@each_way
def test_tls_with_a_client_certificate(way):
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context()
    authority.configure_trust(client)
    authority.issue_cert("client").configure_cert(client)
    received = []

    def script(talk: Talk) -> None:
        talk.accept()
        message = talk.message()
        received.append(talk.received)
        talk.reply(message[0], 0)
        talk.pdu()
        talk.send(pdu_of(6, bytes(4)))

    with scripted(script, tls=server) as peer:
        ds = image(20, 512)
        result = store_on(way, peer.url, (ds, (np.full((512, 512), n, "<u2") for n in range(20))), tls=client)
    assert result.ok
    read = dcmread(io.BytesIO(received[0]), force=True)
    read.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    assert read.pixel_array[19, 0, 0] == 19
    with scripted(script, tls=server) as peer, pytest.raises(PeerConnectionError, match="does not agree on TLS"):
        store_on(way, peer.url, CT_SMALL, retries=0)


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("http://user:password@host", {}, "is no address of a DICOM server"),
        ("dicom://user:password@", {}, "is no address of a DICOM server"),
        ("dicom://A@host:99999", {}, "is no address of a DICOM server"),
        ("dicom://A@host:0", {}, "a port from 1 to 65535"),
        ("dicom://ANAMETHATISTOOLONG@host", {}, "called AE title"),
        ("dicom://A@host", {"calling": ""}, "calling"),
        ("dicom://A@host", {"tls": ssl.create_default_context()}, "dicom:// is not encrypted"),
        ("dicom://A@host", {"workers": 0}, "workers"),
        ("dicom://A@host", {"retries": -1}, "retries"),
        ("dicom://A@host", {"timeout": 0}, "timeout"),
        ("dicom://A@host", {"max_pdu": 10}, "max_pdu"),
        ("dicom://A@host", {"on_error": "ignore"}, "on_error"),
    ],
)
def test_wrong_arguments_are_refused_at_once(url, options, words):
    with pytest.raises(PlanError, match=words) as raised:
        dimse.store(url, CT_SMALL, **options)
    assert "password" not in str(raised.value)


def test_an_instance_without_uids_is_refused_without_its_values():
    ds = image()
    ds[0x00080018] = DataElement(0x00080018, "UI", "Secret^Name", validation_mode=config.IGNORE)
    with pytest.raises(PlanError, match=r"SOP Instance UID \(0008,0018\) is not valid") as raised:
        dimse.store("dicom://127.0.0.1:9", ds)
    assert "Secret" not in str(raised.value)
