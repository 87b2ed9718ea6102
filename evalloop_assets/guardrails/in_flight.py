"""Which experiments a day's guardrail has to judge."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta

from evalloop_assets.serving.ledger import Ledger


def end_of(day: date) -> datetime:
    """The first moment of the following UTC day."""
    return datetime.combine(day, datetime.min.time()) + timedelta(days=1)


def known_to(ledger: Ledger) -> set[str]:
    """Experiments that the ledger has ever held."""
    return {one.experiment_id for entry in ledger.history() for one in entry.allocation.experiments}


def in_flight(ledger: Ledger, day: date, seen: Collection[str]) -> list[str]:
    """Experiments that the ledger says ran at the beginning or the end of the day, and those `seen` in the results that
    the ledger has never heard of (another router runs them).
    """
    running = set()
    for moment in (end_of(day) - timedelta(days=1), end_of(day) - timedelta(microseconds=1)):
        entry = ledger.as_of(moment)
        running |= {one.experiment_id for one in entry.allocation.running} if entry else set()
    return sorted(running | (set(seen) - known_to(ledger)))
