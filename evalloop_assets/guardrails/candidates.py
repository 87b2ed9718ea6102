"""Where every candidate stands: what happened to it, replayed through the state machine of its life."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from evalloop_assets.online_ab.lifecycle import Event, Standing, State, after, refusal
from evalloop_assets.serving.ledger import Entry
from evalloop_assets.serving.state import Allocation, Experiment

LOOP = frozenset({"allocations", "guardrail_sensor"})
"""Actors of the ledger that are no persons."""


class Happening(NamedTuple):
    """Something that happened to one model."""

    at: datetime
    model_id: str
    event: Event | None
    """None: it was made known, and nothing else."""
    why: str
    evidence: Mapping[str, Any]
    experiment_id: str | None = None


def states(happenings: Iterable[Happening], until: datetime) -> list[dict[str, Any]]:
    """One row for each model that something happened to by `until`, in order of names.

    What the state machine refuses changes no state and is told.
    """
    known: dict[str, tuple[Standing, dict[str, Any]]] = {}
    for one in sorted((one for one in happenings if one.at <= until), key=lambda one: one.at):
        standing, row = known.get(one.model_id, (Standing(), {"refused": None}))
        reason = refusal(standing, one.event) if one.event else None
        if reason is not None:
            if one.experiment_id is not None and one.event is not None and one.event.name not in ("hold", "resume"):
                row = row | {"refused": f"{one.why}: {reason}"}
            known[one.model_id] = standing, row
            continue
        moved = after(standing, one.event) if one.event else standing
        if moved != standing or one.model_id not in known:
            row = row | {
                "since": one.at,
                "why": one.why,
                "evidence": json.dumps(dict(one.evidence), sort_keys=True, default=str),
                "experiment_id": one.experiment_id or row.get("experiment_id"),
            }
        known[one.model_id] = moved, row
    return [
        {"model_id": model_id, "state": standing.state, "weight_percent": standing.weight, **row}
        for model_id, (standing, row) in sorted(known.items())
        if "since" in row
    ]


def served(entries: Sequence[Entry]) -> Iterator[Happening]:
    """What the ledger did to models, entry by entry."""
    before: Allocation | None = None
    for entry in entries:
        events = dict(_of_experiments(before, entry))
        champion = entry.allocation.champion
        if before is None:
            events[champion] = Event("begin", True), None
        elif champion != before.champion:
            person = entry.actor not in LOOP
            events.setdefault(before.champion, (Event("replace"), None))
            events.setdefault(champion, (Event("restore", person, back_to="champion", of_champion=True), None))
        for model_id, (event, experiment_id) in events.items():
            evidence = {
                "ledger_entry": entry.sequence,
                "actor": entry.actor,
                "undo": f"evalloop serving undo {entry.sequence}",
                **entry.evidence,
            }
            yield Happening(entry.at, model_id, event, f"{entry.action}: {entry.reason}", evidence, experiment_id)
        before = entry.allocation


def _of_experiments(before: Allocation | None, entry: Entry) -> Iterator[tuple[str, tuple[Event, str | None]]]:
    person = entry.actor not in LOOP
    for one in entry.allocation.experiments:
        event = _change(before.experiment(one.experiment_id) if before else None, one, entry.action == "undo", person)
        if event is not None:
            yield one.treatment, (event, one.experiment_id)


def _change(old: Experiment | None, new: Experiment, undone: bool, person: bool) -> Event | None:
    """What became of an experiment's treatment from one entry to the next."""
    if new.status == "running" and (old is None or old.status != "running"):
        if old is None and not undone:
            return Event("start", person, weight=new.weight_percent)
        back_to: State = "ramping" if len(new.epochs) > 1 else "in_ab"
        return Event("restore", person, weight=new.weight_percent, back_to=back_to)
    if old is None or new == old:
        return None
    if new.status == old.status:
        return Event("advance", person, "PASS", weight=new.weight_percent)
    if new.status == "promoted" and old.status == "running":
        return Event("promote", person, "PASS")
    if new.status == "promoted":
        return Event("restore", person, back_to="champion")
    return Event("roll_back" if new.status == "rolled_back" else "stop", person)
