"""Which experiments a day's guardrail has to judge."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from evalloop_assets.online_ab.reopening import reading_id_of, rests_on
from evalloop_assets.serving.ledger import Entry, Ledger
from evalloop_assets.serving.state import Experiment


def end_of(day: date) -> datetime:
    """The first moment of the following UTC day."""
    return datetime.combine(day, datetime.min.time()) + timedelta(days=1)


def known_to(ledger: Ledger) -> set[str]:
    """Experiments that the ledger has ever held."""
    return {one.experiment_id for entry in ledger.history() for one in entry.allocation.experiments}


def out_of_date(entries: Sequence[Entry], experiment_id: str, day: date | None) -> str | None:
    """Why a ROLLBACK of that day, perhaps judged anew long after, says nothing of what the newest of the ledger's
    entries serves; None where it does.

    What was promoted rests on the day of its reading, or, where a person did it, on the last that was over; what was
    put back after a rollback begins anew. Without a day only the experiment counts.
    """
    found = entries[-1].allocation.experiment(experiment_id) if entries else None
    if found is None:
        return "it has left the allocation"
    if day is None:
        return None
    if end_of(day) <= found.epochs[0].starts_at:
        return f"{day} was over when it began, {found.epochs[0].starts_at}"
    if found.status == "promoted" and found.ended_at is not None and day < _promoted_by(entries, found):
        return f"it was promoted on {found.ended_at}, by a later day than {day}"
    return None


def _promoted_by(entries: Sequence[Entry], experiment: Experiment) -> date:
    """The day that the promotion rests on."""
    assert experiment.ended_at is not None, "it was promoted"
    last_over = (experiment.ended_at - timedelta(days=1)).date()
    for entry in reversed(entries):
        reading = rests_on(entry) if entry.action == "promote" else None
        if reading is not None and reading.experiment_id == experiment.experiment_id:
            return reading.day if entry.at == experiment.ended_at else last_over
    return last_over


def in_flight(ledger: Ledger, day: date, seen: Collection[str]) -> dict[str, bool]:
    """Experiments that the ledger says ran at the beginning or the end of the day, and those `seen` in the results that
    the ledger has never heard of (another router runs them); for each, whether it was in flight all day, if known.

    What was rolled back by the end of the day has had its verdict, unless the reading of this very day asked for it:
    that is judged again when late data come.
    """
    first, last = (
        ledger.as_of(moment) for moment in (end_of(day) - timedelta(days=1), end_of(day) - timedelta(microseconds=1))
    )
    before, after = (
        {one.experiment_id for one in entry.allocation.running} if entry else set() for entry in (first, last)
    )
    ended = last.allocation.experiments if last else ()
    asked = {entry.request_id for entry in ledger.history()}
    judged_before = {
        one.experiment_id
        for one in ended
        if one.status == "rolled_back" and reading_id_of(one.experiment_id, day) not in asked
    }
    elsewhere = set(seen) - known_to(ledger)
    return {
        name: name in (before & after) | elsewhere for name in sorted(((before | after) - judged_before) | elsewhere)
    }
