"""Incidents of a change of serving that its own day, judged anew on late rows, no longer bears out. Pure rules."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from evalloop_assets.guardrails.incidents import Incident, Incidents
from evalloop_assets.online_ab.reopening import ReadingId, Source, bears_out, standing, superseded_by
from evalloop_assets.serving.ledger import Entry

REOPENED = "reopened"


class Finding(NamedTuple):
    """What a complete day says of an experiment."""

    reading: ReadingId
    source: Source
    word: str
    """Verdict of the guardrail, or action of the decision."""
    reason: str


def reopen(incidents: Incidents, entries: Sequence[Entry], findings: Iterable[Finding], now: datetime) -> None:
    """Open an incident for what was done on a reading that now says otherwise, and still stands.

    None is opened where the same reading has one: the guardrail is about to roll back.
    """
    done, known = standing(entries), {incident.source for incident in incidents.open_ones()}
    for finding in findings:
        entry = done.get(finding.reading)
        if entry is None or str(finding.reading) in known:
            continue
        if not bears_out(entry, finding.source, finding.word):
            name = finding.reading.experiment_id
            incidents.open(name, REOPENED, str(finding.reading), _content(finding, entry), now)


def close_settled(incidents: Incidents, entries: Sequence[Entry], now: datetime) -> None:
    """Resolve where what was done does not stand any more, by whomever and for whatever."""
    by_sequence = {entry.sequence: entry for entry in entries}
    for incident in incidents.open_ones():
        if incident.kind == REOPENED:
            after = superseded_by(entries, by_sequence[incident.content["entry"]], incident.topic)
            if after is not None:
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
    if seen["says"] == "ROLLBACK":
        yield f'or take it out: evalloop serving rollback {shlex.quote(incident.topic)} --reason "…"'


def _content(finding: Finding, entry: Entry) -> dict[str, Any]:
    return {
        "experiment_id": finding.reading.experiment_id,
        "reading_id": str(finding.reading),
        "day": finding.reading.day.isoformat(),
        "entry": entry.sequence,
        "action": entry.action,
        "done_because": entry.reason,
        "says": finding.word,
        "why": finding.reason,
        "reason": f"entry {entry.sequence} ({entry.action}) rests on {finding.reading.day}, which now says "
        f"{finding.word}: {finding.reason}",
    }
