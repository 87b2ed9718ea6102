"""Incidents of a change of serving that its own day, judged anew on late rows, no longer bears out. Pure rules.

One ends when what was done does not stand any more, or when the day bears it out again: then it is told anew if that
turns once more. What a person has resolved is not told again, unless the day then says ROLLBACK.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from evalloop_assets.guardrails.incidents import Incident, Incidents
from evalloop_assets.online_ab.reopening import ReadingId, Source, bears_out, standing, superseded_by
from evalloop_assets.serving.ledger import Entry

REOPENED = "reopened"
HARM = "ROLLBACK"
BORNE_OUT = "the day bears it out again"
"""How an incident is resolved that late rows opened and later ones have answered."""


class Finding(NamedTuple):
    """What a complete day says of an experiment."""

    reading: ReadingId
    source: Source
    word: str
    """Verdict of the guardrail, or action of the decision."""
    reason: str
    rolls_back: bool = False
    """The guardrail acts on it, and tells that itself."""


def reopen(incidents: Incidents, entries: Sequence[Entry], findings: Iterable[Finding], now: datetime) -> None:
    """Open an incident for what was done on a reading that now says otherwise, and still stands; resolve it when the
    source that said so says so no more.

    The last word of each source counts. None is opened where the guardrail is about to roll back.
    """
    done, newest = standing(entries), {(one.reading, one.source): one for one in findings}
    acted_on = {one.source for one in incidents.open_ones() if one.content.get("verdict") == HARM}
    for reading in {reading for reading, _ in newest} & done.keys():
        entry, said = done[reading], [one for one in newest.values() if one.reading == reading]
        against = [one for one in said if not bears_out(entry, one.source, one.word)]
        if not against:
            _close(incidents, entry, {one.source for one in said}, now)
        elif str(reading) not in acted_on and not any(one.rolls_back for one in against):
            _open(incidents, entry, against, now)


def close_settled(incidents: Incidents, entries: Sequence[Entry], now: datetime) -> None:
    """Resolve where what was done does not stand any more, by whomever and for whatever."""
    by_sequence = {entry.sequence: entry for entry in entries}
    for incident in incidents.open_ones():
        if incident.kind != REOPENED:
            continue
        done = by_sequence.get(incident.content["entry"])
        if done is None:  # the ledger was put back to an earlier state
            incidents.resolve(incident.number, f"the ledger has no entry {incident.content['entry']}", now)
        elif (after := superseded_by(entries, done, incident.topic)) is not None:
            incidents.resolve(incident.number, f"ledger entry {after.sequence} ({after.action}) changed it", now)


def lines_of(incident: Incident) -> Iterator[str]:
    """What its alert says."""
    seen: Mapping[str, Any] = incident.content
    entry, action = seen["entry"], seen["action"]
    yield f"Ledger entry {entry} ({action}) rests on {seen['day']}, which no longer bears it out. Nothing was changed."
    yield ""
    yield f"it was done because: {seen['done_because']}"
    yield f"{seen['day']} says now: {seen['says']}: {seen['why']}"
    yield f'undo: evalloop serving undo {entry} --reason "…"'
    if seen["says"] == HARM:
        yield f'or take it out: evalloop serving rollback {shlex.quote(incident.topic)} --reason "…"'


def _open(incidents: Incidents, entry: Entry, against: Sequence[Finding], now: datetime) -> None:
    """Sure harm is told also where less was told before, or resolved by a person."""
    worst = next((one for one in against if one.word == HARM), against[0])
    source = _source(incidents, worst.reading)
    if worst.word == HARM:
        source = f"{source} {HARM}"
        for one in _of_entry(incidents, entry):
            if one.content["says"] != HARM:
                incidents.resolve(one.number, f"the day says {HARM} by now", now)
    incidents.open(worst.reading.experiment_id, REOPENED, source, _content(worst, entry), now)


def _close(incidents: Incidents, entry: Entry, sources: Collection[Source], now: datetime) -> None:
    for one in _of_entry(incidents, entry):
        if one.content.get("source") in sources:
            incidents.resolve(one.number, BORNE_OUT, now)


def _of_entry(incidents: Incidents, entry: Entry) -> list[Incident]:
    """The open incident of what was done, if there is one."""
    open_ones = [one for one in incidents.open_ones() if one.kind == REOPENED]
    return [one for one in open_ones if one.content["entry"] == entry.sequence]


def _source(incidents: Incidents, reading: ReadingId) -> str:
    """Names what opens an incident: the reading, and how often it has been borne out again before."""
    ended = [one for one in incidents.since(datetime.min) if one.kind == REOPENED and one.resolution == BORNE_OUT]
    times = sum(one.content["reading_id"] == str(reading) for one in ended)
    return f"{reading} {times + 1}" if times else str(reading)


def _content(finding: Finding, entry: Entry) -> dict[str, Any]:
    return {
        "experiment_id": finding.reading.experiment_id,
        "reading_id": str(finding.reading),
        "day": finding.reading.day.isoformat(),
        "entry": entry.sequence,
        "action": entry.action,
        "done_because": entry.reason,
        "source": finding.source,
        "says": finding.word,
        "why": finding.reason,
        "reason": f"entry {entry.sequence} ({entry.action}) rests on {finding.reading.day}, which now says "
        f"{finding.word}: {finding.reason}",
    }
