"""Which experiments a day's guardrail has to judge."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta

from evalloop_assets.online_ab.reopening import reading_id_of
from evalloop_assets.serving.ledger import Ledger


def end_of(day: date) -> datetime:
    """The first moment of the following UTC day."""
    return datetime.combine(day, datetime.min.time()) + timedelta(days=1)


def known_to(ledger: Ledger) -> set[str]:
    """Experiments that the ledger has ever held."""
    return {one.experiment_id for entry in ledger.history() for one in entry.allocation.experiments}


def in_flight(ledger: Ledger, day: date, seen: Collection[str]) -> list[str]:
    """Experiments that the ledger says ran at the beginning or the end of the day, and those `seen` in the results that
    the ledger has never heard of (another router runs them). What was rolled back by the end of the day has had its
    verdict, unless the reading of this very day asked for it: that is judged again when late data come.
    """
    running, taken_out = set(), set()
    for moment in (end_of(day) - timedelta(days=1), end_of(day) - timedelta(microseconds=1)):
        entry = ledger.as_of(moment)
        if entry is not None:
            running |= {one.experiment_id for one in entry.allocation.running}
            taken_out = {one.experiment_id for one in entry.allocation.experiments if one.status == "rolled_back"}
    asked = {entry.request_id for entry in ledger.history()}
    judged = {name for name in running if name not in taken_out or reading_id_of(name, day) in asked}
    return sorted(judged | (set(seen) - known_to(ledger)))
