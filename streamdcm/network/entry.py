"""What the functions of all protocols do: check arguments, run senders, and say what became of the instances."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from functools import partial
from typing import Any

from streamdcm.errors import PeerError, PlanError
from streamdcm.network.blocking import send_blocking
from streamdcm.network.instances import Check, Intake, unchecked
from streamdcm.network.operations import Steps
from streamdcm.network.results import Ledger, StoreResult
from streamdcm.network.settings import StoreSettings
from streamdcm.network.store import Sender, Session
from streamdcm.options.checks import count, one_of, whole_number

Sessions = Callable[[], Session]


def sent(
    instances: Any,
    ledger: Ledger,
    make: Sessions,
    settings: StoreSettings,
    batch_size: int = 1,
    check: Check = unchecked,
) -> StoreResult:
    """Send instances, and return what became of them."""
    if isinstance(instances, AsyncIterable):
        raise PlanError("instances is an asynchronous iterable; use the function of the same name that ends in _async")
    senders = _senders(ledger, make, settings, batch_size)
    try:
        send_blocking(senders, Intake(instances, check))
    except PeerError as error:
        error.result = ledger.result()
        raise
    return ledger.finish()


async def sent_async(
    instances: Any,
    ledger: Ledger,
    make: Sessions,
    settings: StoreSettings,
    batch_size: int = 1,
    check: Check = unchecked,
) -> StoreResult:
    """Send instances, and return what became of them."""
    from streamdcm.network.on_loop import send_on_loop

    senders = _senders(ledger, make, settings, batch_size)
    try:
        await send_on_loop(senders, Intake(instances, check))
    except PeerError as error:
        error.result = ledger.result()
        raise
    return ledger.finish()


def _senders(
    ledger: Ledger, make: Sessions, settings: StoreSettings, batch_size: int
) -> list[Callable[[], Steps[None]]]:
    more = whole_number(settings.retries)
    if more is None or more < 0:
        raise PlanError("retries must be a whole number, 0 or more")
    one_of("raise", "continue")("on_error", settings.on_error)
    each = count("batch_size", batch_size)

    def sender() -> Steps[None]:
        return Sender(make(), ledger, batch_size=each, retries=more, on_error=settings.on_error).run()

    return [partial(sender) for _ in range(count("workers", settings.workers))]
