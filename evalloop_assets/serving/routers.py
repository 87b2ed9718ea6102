"""The allocation for routers that do not read the flagd file: a signed webhook after each change of the ledger.

The body holds `sequence`, the number of the ledger entry, and `flags`, the flagd file as published. What is told is
the ledger's newest entry, so an older one that has not arrived yet is given up; a router ignores a sequence below the
one it has.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime

from evalloop_assets.serving.addresses import channel_name, listed
from evalloop_assets.serving.flagd import flag_file
from evalloop_assets.serving.ledger import Ledger, utc_now
from evalloop_assets.serving.outbox import Attempt, Outbox, Send, deliver
from evalloop_assets.serving.webhook import webhook
from evalloop_assets.settings import Settings

THREAD = "allocation"


def router_channels(settings: Settings) -> dict[str, Send]:
    """A channel for each address in `EVALLOOP_WEBHOOKS__ROUTERS`."""
    secret = settings.webhooks.secret.get_secret_value()
    return {channel_name("router", url): webhook(url, secret, time.time) for url in listed(settings.webhooks.routers)}


def offer_allocation(outbox: Outbox, ledger: Ledger, channels: Mapping[str, Send], now: datetime) -> None:
    """Write the newest entry for every router that has not been told of it.

    The ledger is asked again afterwards, so that of two that overtake each other the last one leaves the newest entry.
    """
    outbox.readdress(THREAD, channels, now)
    head, written = ledger.head(), 0
    while channels and head is not None and head.sequence != written:
        key, written = f"{THREAD}-{head.sequence}", head.sequence
        content = {"event": THREAD, "sequence": head.sequence, "flags": flag_file(head.allocation, head.sequence)}
        outbox.put(key, THREAD, channels, content, now)
        outbox.withdraw(THREAD, other_than=key)
        head = ledger.head()


def tell_routers(settings: Settings, ledger: Ledger, now: Callable[[], datetime] = utc_now) -> list[Attempt]:
    """Tell them at once; who cannot be reached is told by the sensor later."""
    channels = router_channels(settings)
    if not channels:
        return []
    outbox = Outbox(settings.ledger_url)
    try:
        offer_allocation(outbox, ledger, channels, now())
        return deliver(outbox, channels, now)
    finally:
        outbox.close()
