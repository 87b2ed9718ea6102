"""The three stores of the ledger's database that on call needs together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from evalloop_assets.guardrails.incidents import Incidents
from evalloop_assets.serving.ledger import Ledger
from evalloop_assets.serving.outbox import Outbox
from evalloop_assets.settings import Settings


class Stores(NamedTuple):
    incidents: Incidents
    outbox: Outbox
    ledger: Ledger


@contextmanager
def open_stores(settings: Settings) -> Iterator[Stores]:
    """Opened for a while; UserError where the database cannot be."""
    url = settings.ledger_url
    stores = Stores(Incidents(url), Outbox(url), Ledger(url))
    try:
        yield stores
    finally:
        for store in stores:
            store.close()
