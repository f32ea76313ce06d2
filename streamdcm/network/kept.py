"""A connection that is kept from one instance to the next, for whoever has them one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from streamdcm.cleanup import afterwards, on_error
from streamdcm.network.blocking import Blocking, Stop
from streamdcm.network.bodies import BlockingBody
from streamdcm.network.destination import Destination
from streamdcm.network.failures import Verdict
from streamdcm.network.items import Item
from streamdcm.network.operations import Job, SourceFailed, Steps
from streamdcm.network.results import Ledger
from streamdcm.network.store import Session
from streamdcm.network.upper_layer import AssociationSession, Limits
from streamdcm.network.web import WebSession, parsed_target
from streamdcm.network.web_clients import BlockingSender
from streamdcm.plan.capabilities import Framing
from streamdcm.sinks.http_clients import library_of, make_client

_LIMITS: Final = Limits(max_pdu=128 * 1024, timeout=30.0, answer_timeout=600.0)


class KeptConnection:
    """An association, or the connection of a client of HTTP, made when it is needed first; for one thread.

    Parameters
    ----------
    destination : Destination
        The server.
    """

    def __init__(self, destination: Destination) -> None:
        self._stop = Stop()
        self._session: Session
        self._ends: tuple[Callable[[], None], ...] = ()
        ledger = Ledger(None, None)
        self.framing: Final[Framing] = "file" if destination.is_web else "dataset"
        """What is sent of an instance: a file, or its dataset alone."""
        if destination.is_web:
            library = library_of(None, asynchronous=False)
            client = make_client(library, destination.client_options(), asynchronous=False)
            sender = BlockingSender(client, library)
            target = parsed_target(destination.url, None, "auto", library)
            self._session = WebSession(target, client, sender, BlockingBody, ledger)
            self._ends = (sender.close, client.close)
        else:
            self._session = AssociationSession(destination.address(), _LIMITS, ledger)

    def store(self, item: Item) -> Verdict:
        """Send an instance once, and return what the server says of it.

        Raises
        ------
        PeerConnectionError
            If the server cannot be reached, or its answer did not come.
        Exception
            What reading or encoding the instance raises; the server has nothing of it.
        """
        verdicts: list[Verdict] = []
        job = Job(0, None, item)

        def steps() -> Steps[None]:
            verdicts.extend((yield from self._session.attempt([job])))

        try:
            self._run(steps())
        except SourceFailed as failure:
            raise failure.error from None
        return verdicts[0]

    def close(self) -> None:
        """Leave the server in good order."""
        with afterwards(*self._ends, self._stop.close):
            self._run(self._session.finish())

    def _run(self, steps: Steps[None]) -> None:
        with on_error(self._session.abandon):
            Blocking(lambda: None, self._stop).run(steps)
