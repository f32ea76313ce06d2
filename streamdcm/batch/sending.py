"""Instances that are sent to a DICOM server, over a connection that each thread of a worker keeps."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from streamdcm.cleanup import afterwards, take_all
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import StoreFailedError
from streamdcm.files.plan_rewrite import Request
from streamdcm.network.destination import Destination
from streamdcm.network.edited_item import EditedItem
from streamdcm.network.failures import pause_after
from streamdcm.network.items import FileItem, Item
from streamdcm.network.kept import KeptConnection
from streamdcm.sinks import scheme_of


class _NotStoredError(StoreFailedError):
    """The server did not store an instance.

    Parameters
    ----------
    problem : str
        Why.
    pause : float or None
        The seconds after which it may; `None` if it will not.
    """

    def __init__(self, problem: str, pause: float | None) -> None:
        super().__init__(problem)
        self.pause: Final = pause


class Sending:
    """Sends instances, each once.

    Parameters
    ----------
    destination : Destination
        The server.
    options : mapping
        Options of `rewrite_chunks`; also how to reach the service of a URL.
    source_options : mapping
        For sources that are URLs: keyword arguments for the library that talks to the service.
    """

    def __init__(self, destination: Destination, options: Mapping[str, Any], source_options: Mapping[str, Any]) -> None:
        self._destination = destination
        self._options = options
        self._storage = StorageSettings(storage_options=source_options)
        self._own = threading.local()
        self._kept: list[KeptConnection] = []
        self._lock = threading.Lock()

    def send(self, source: str, request: Request) -> str | None:
        """Send an instance, and return what the server warns of that has stored it.

        Raises
        ------
        StoreFailedError
            If the server does not store it; it says with which status, and why.
        PeerConnectionError
            If it cannot be reached, or its answer did not come.
        Exception
            Whatever reading, the edit or encoding raises.
        """
        connection = self._connection()
        item = self._item(source, request, connection)
        with afterwards(item.close):
            verdict = connection.store(item)
        if verdict.error is not None:
            raise verdict.error
        if verdict.status == "failed":
            pause = pause_after(1, verdict.pause) if verdict.again else None
            raise _NotStoredError(f"{item.sop_instance_uid} was not stored: {verdict.reason}", pause)
        return verdict.reason if verdict.status == "warning" else None

    def close(self) -> None:
        """Leave the server, when nothing is being sent any more."""
        with self._lock:
            kept, self._kept = self._kept, []
            self._own = threading.local()
        take_all(*(connection.close for connection in kept))

    def _connection(self) -> KeptConnection:
        connection: KeptConnection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = KeptConnection(self._destination)
            with self._lock:
                self._kept.append(connection)
        return connection

    def _item(self, source: str, request: Request, connection: KeptConnection) -> Item:
        if request == Request(new_uid=request.new_uid) and not self._options and scheme_of(source) is None:
            return FileItem(source)
        return EditedItem(source, request, self._options, self._storage, connection.framing)
