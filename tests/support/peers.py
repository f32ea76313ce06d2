"""DICOM servers on free ports of the loopback interface, and one that follows a script."""

from __future__ import annotations

import json
import re
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from streamdcm import read_header
from tests.support.services import free_ports, running
from tests.support.tools import REQUIRED, need


class Storescp(NamedTuple):
    """DCMTK's server, which keeps datasets bit by bit."""

    url: str
    directory: Path

    def datasets(self) -> list[tuple[str, bytes]]:
        """The transfer syntax and the dataset of each file that it has."""
        found = []
        for path in sorted(self.directory.iterdir()):
            header = read_header(path)
            found.append((str(header.transfer_syntax_uid), path.read_bytes()[header.dataset_offset :]))
        return found

    def stored_nothing(self) -> bool:
        """Whether no file stays: it writes while it receives, and removes the file when the connection breaks."""
        deadline = time.monotonic() + 10
        while any(self.directory.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return not any(self.directory.iterdir())

    def empty(self) -> None:
        for path in self.directory.iterdir():
            path.unlink()


@contextmanager
def storescp(directory: Path, *options: str) -> Iterator[Storescp]:
    """Run storescp; without options it takes every transfer syntax that it knows."""
    [port] = free_ports(1)
    directory.mkdir(exist_ok=True)
    command = [need("storescp"), "--fork", "-od", str(directory), "--bit-preserving", "--unique-filenames"]
    command += ["--max-pdu", "131072", *(options or ("+xa",)), str(port)]
    with running(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        wait_for(port)
        yield Storescp(f"dicom://STORESCP@127.0.0.1:{port}", directory)


class Orthanc(NamedTuple):
    """Orthanc, with DICOMweb and DIMSE."""

    http: str
    dicom: str
    process: subprocess.Popen[bytes]

    @property
    def dicomweb(self) -> str:
        return f"{self.http}/dicom-web"

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.http}{path}") as answer:
            return bytes(answer.read())

    def instances(self) -> list[str]:
        """Its own ids of what it has stored."""
        return list(json.loads(self.get("/instances")))

    def files(self) -> dict[str, bytes]:
        """What it has stored, by SOP Instance UID."""
        found = {}
        for instance in self.instances():
            tags = json.loads(self.get(f"/instances/{instance}"))["MainDicomTags"]
            found[tags["SOPInstanceUID"]] = self.get(f"/instances/{instance}/file")
        return found

    def empty(self) -> None:
        for patient in json.loads(self.get("/patients")):
            urllib.request.urlopen(urllib.request.Request(f"{self.http}/patients/{patient}", method="DELETE")).close()


@contextmanager
def orthanc(directory: Path) -> Iterator[Orthanc]:
    """Run Orthanc (Debian packages orthanc and orthanc-dicomweb)."""
    program = need("Orthanc")
    plugins = sorted(Path("/usr/share/orthanc/plugins").glob("*DicomWeb*.so"))
    assert plugins or not REQUIRED, "the DICOMweb plugin is not installed"
    http, dicom = free_ports(2)
    directory.mkdir(exist_ok=True)
    settings = {
        "Plugins": [str(plugin) for plugin in plugins],
        "StorageDirectory": str(directory / "storage"),
        "IndexDirectory": str(directory / "index"),
        "HttpPort": http,
        "DicomPort": dicom,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
        "DicomCheckCalledAet": False,
        "OverwriteInstances": True,
        "UnknownSopClassAccepted": True,
    }
    (directory / "orthanc.json").write_text(json.dumps(settings))
    command = [program, str(directory / "orthanc.json")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(http)
            yield Orthanc(f"http://127.0.0.1:{http}", f"dicom://ORTHANC@127.0.0.1:{dicom}", process)
        finally:
            process.kill()


def wait_for(port: int) -> None:
    """Return when somebody listens at a port."""
    for _ in range(600):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError("the server did not start")


class Talk:
    """The peer's side of a connection, for a script."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.context = 1
        self.received = b""

    def pdu(self) -> tuple[int, bytes]:
        """Read a PDU; its type is 0 if there are no more."""
        head = self._exactly(6)
        if len(head) < 6:
            return 0, b""
        kind, length = struct.unpack(">BxI", head)
        return kind, self._exactly(length)

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def accept(self, *, max_length: int = 16384, takes: Callable[[str], bool] = lambda syntax: True) -> None:
        """Read the request for an association, and accept of it what has a transfer syntax that is taken."""
        kind, body = self.pdu()
        assert kind == 1
        contexts = b""
        at = 68
        while at < len(body):
            item, length = struct.unpack(">BxH", body[at : at + 4])
            if item == 0x20:
                value = body[at + 4 : at + 4 + length]
                syntax = value.rpartition(b"\x40\x00")[2][2:]
                result = bytes((value[0], 0, 0 if takes(syntax.decode()) else 4, 0))
                contexts += item_of(0x21, result + item_of(0x40, syntax))
            at += 4 + length
        application = item_of(0x10, b"1.2.840.10008.3.1.1.1")
        user = item_of(0x50, item_of(0x51, struct.pack(">I", max_length)) + item_of(0x52, b"1.2.3"))
        self.send(pdu_of(2, body[:68] + application + contexts + user))

    def message(self) -> tuple[int, str] | None:
        """Read a command and its dataset; its message id and SOP Instance UID, or `None` if there are no more."""
        command = b""
        self.received = b""
        while True:
            kind, body = self.pdu()
            if kind != 4:
                return None
            at = 0
            while at < len(body):
                length, self.context, control = struct.unpack(">IBB", body[at : at + 6])
                data = body[at + 6 : at + 4 + length]
                at += 4 + length
                if control & 1:
                    command += data
                    continue
                self.received += data
                if control & 2:
                    return command_values(command)

    def reply(self, message_id: int, status: int) -> None:
        """Answer a C-STORE-RQ."""
        self.send(reply_pdu(message_id, status, self.context))

    def store_all(self, *statuses: int) -> None:
        """Answer each message, with these statuses and then with success, until the association is released."""
        waiting = list(statuses)
        while (message := self.message()) is not None:
            self.reply(message[0], waiting.pop(0) if waiting else 0)
        with suppress(OSError):
            self.send(pdu_of(6, bytes(4)))

    def _exactly(self, count: int) -> bytes:
        data = b""
        with suppress(OSError):
            while len(data) < count and (piece := self.connection.recv(count - len(data))):
                data += piece
        return data


def reply_pdu(message_id: int, status: int, context: int) -> bytes:
    """The answer to a C-STORE-RQ."""
    elements = ((0x100, 0x8001), (0x120, message_id), (0x800, 0x101), (0x900, status))
    body = b"".join(struct.pack("<HHIH", 0, number, 2, value) for number, value in elements)
    command = struct.pack("<HHII", 0, 0, 4, len(body)) + body
    return pdu_of(4, struct.pack(">IBB", len(command) + 2, context, 3) + command)


def pdu_of(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxI", kind, len(body)) + body


def item_of(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def command_values(command: bytes) -> tuple[int, str]:
    """The message id and the SOP Instance UID of a C-STORE-RQ."""
    values = {}
    at = 0
    while at < len(command):
        _, number, length = struct.unpack("<HHI", command[at : at + 8])
        values[number] = command[at + 8 : at + 8 + length]
        at += 8 + length
    return int.from_bytes(values[0x110], "little"), values[0x1000].decode().rstrip("\0")


class ScriptedPeer(NamedTuple):
    """A peer that does with its connections, one after the other, what its scripts say."""

    url: str
    talks: list[Talk]


@contextmanager
def scripted(*scripts: Callable[[Talk], None], tls: ssl.SSLContext | None = None) -> Iterator[ScriptedPeer]:
    """Run a peer; each connection is handled by the next script, and those after the last by none."""
    talks: list[Talk] = []
    errors: list[BaseException] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk(script: Callable[[Talk], None], connection: socket.socket) -> None:
            try:
                connection.settimeout(20)
                with tls.wrap_socket(connection, server_side=True) if tls else connection as talking:
                    talks.append(Talk(talking))
                    script(talks[-1])
            except OSError:
                pass  # the other side may hang up
            except BaseException as error:
                errors.append(error)

        def serve() -> None:
            threads = []
            for script in scripts:
                try:
                    connection, _ = server.accept()
                except OSError:
                    break
                threads.append(threading.Thread(target=talk, args=(script, connection), daemon=True))
                threads[-1].start()
            for each in threads:
                each.join(20)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        scheme = "dicoms" if tls else "dicom"
        yield ScriptedPeer(f"{scheme}://PEER@127.0.0.1:{server.getsockname()[1]}", talks)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        thread.join(20)
    assert not errors, errors


def read_http(talk: Talk) -> tuple[str, bytes]:
    """Read a request of HTTP: its head, and its body as it stands between the chunks."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = talk.connection.recv(65536)
        if not piece:
            return data.decode("latin-1"), b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    text = head.decode("latin-1")
    length = re.search(r"(?i)content-length: (\d+)", text)
    while not (len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n")):
        piece = talk.connection.recv(65536)
        if not piece:
            break
        body += piece
    return text, body if length else unchunked(body)


def unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        whole += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    return whole


def answer_http(talk: Talk, status: int, content: bytes = b"", **headers: str) -> None:
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    talk.send("\r\n".join([*lines, "", ""]).encode() + content)


def stored_json(*uids: str, failed: dict[str, int] | None = None, warned: dict[str, int] | None = None) -> bytes:
    """The answer of a server that has stored some, and not others."""

    def item(uid: str, tag: str, value: int | None) -> dict[str, object]:
        number = {} if value is None else {tag: {"vr": "US", "Value": [value]}}
        return {"00081155": {"vr": "UI", "Value": [uid]}, **number}

    stored = [item(uid, "00081196", (warned or {}).get(uid)) for uid in [*uids, *(warned or {})]]
    refused = [item(uid, "00081197", reason) for uid, reason in (failed or {}).items()]
    return json.dumps({"00081199": {"vr": "SQ", "Value": stored}, "00081198": {"vr": "SQ", "Value": refused}}).encode()
