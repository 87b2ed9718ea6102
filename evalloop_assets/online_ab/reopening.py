"""Late data that would have decided otherwise: noticed and told, never reversed without a person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Literal, NamedTuple

from evalloop_assets.serving.ledger import Entry

Source = Literal["verdict", "decision"]
"""What speaks of a day: the guardrail, or the results."""
NEEDS: dict[tuple[str, Source], frozenset[str]] = {
    ("rollback", "verdict"): frozenset({"ROLLBACK"}),
    ("promote", "verdict"): frozenset({"PASS"}),
    ("promote", "decision"): frozenset({"promote"}),
    ("ramp", "verdict"): frozenset({"PASS"}),
    ("ramp", "decision"): frozenset({"advance", "promote"}),
}
"""The words on which an action of the ledger rests; a rollback rests on the guardrail alone."""
_READING = re.compile(r"(.+)@(\d{4}-\d{2}-\d{2})")


class ReadingId(NamedTuple):
    """What was known of an experiment by the results of one day."""

    experiment_id: str
    day: date

    def __str__(self) -> str:
        return reading_id_of(self.experiment_id, self.day)


def reading_id_of(experiment_id: str, day: object) -> str:
    """Names what was known of an experiment by the results of one day."""
    return f"{experiment_id}@{day}"


def rests_on(entry: Entry) -> ReadingId | None:
    """The reading that asked for the entry; None where a person did, or where it is no rollback, promotion or ramp."""
    if entry.action not in {action for action, _ in NEEDS}:
        return None
    found = _READING.fullmatch(str(entry.evidence.get("reading_id", entry.request_id)))
    if found is None:
        return None
    try:
        return ReadingId(found[1], date.fromisoformat(found[2]))
    except ValueError:  # a person named the request, and no such day
        return None


def superseded_by(entries: Sequence[Entry], entry: Entry, experiment_id: str) -> Entry | None:
    """The first later entry that left the experiment other than this one did; None while what it did stands."""
    did = entry.allocation.experiment(experiment_id)
    later = (one for one in entries if one.sequence > entry.sequence)
    return next((one for one in later if one.allocation.experiment(experiment_id) != did), None)


def standing(entries: Sequence[Entry]) -> dict[ReadingId, Entry]:
    """What was done on the reading of a day that was complete, and still stands.

    A rollback on a day that was open rests on that day as it was then: what the rest of the day brought was not late,
    and the candidate was out by then.
    """
    found = {}
    for entry in entries:
        reading = rests_on(entry)
        if reading is None or not _was_complete(entry, reading.day):
            continue
        if superseded_by(entries, entry, reading.experiment_id) is None:
            found[reading] = entry
    return found


def _was_complete(entry: Entry, day: date) -> bool:
    """Whether the logs of the day were complete when it was judged; by the clock where the evidence does not tell."""
    watermark = entry.evidence.get("watermark")
    if watermark is None:
        return entry.at >= datetime.combine(day + timedelta(days=1), time.min)
    return bool(watermark != "None" and watermark >= day.isoformat())


def bears_out(entry: Entry, source: Source, says: str) -> bool:
    """Whether the guardrail's verdict, or the decision's action, would let it be done."""
    needed = NEEDS.get((entry.action, source))
    return needed is None or says in needed


def reopened(entries: Sequence[Entry], reading_id: str, source: Source, says: str) -> str | None:
    """What was done on this reading, still stands, and is no longer borne out by its figures; None where all is."""
    told = [
        f"entry {entry.sequence} ({entry.action}) rests on this day, which now says {says}; "
        f"to take it back: evalloop serving undo {entry.sequence}"
        for entry in entries
        if (reading := rests_on(entry)) is not None
        and str(reading) == reading_id
        and not bears_out(entry, source, says)
        and superseded_by(entries, entry, reading.experiment_id) is None
    ]
    return "; ".join(told) or None
