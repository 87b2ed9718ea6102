"""From readings and the ledger to incidents: what opens one, what is over, what has gone unwatched. Pure rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from evalloop_assets.guardrails.incidents import Incident, Incidents
from evalloop_assets.guardrails.reopened import REOPENED
from evalloop_assets.serving.ledger import Entry, Ledger

DEAD_MAN, RUN_FAILURE = "dead_man", "run_failure"
INVALID = ("srm", "multiple_exposure")
"""Causes of a HOLD that say the reading is invalid; the other causes only say that it is early."""

Reading = Mapping[str, Any]
"""A row of `guardrail_readings` as its metadata has it."""


class Rollback(NamedTuple):
    """What the ledger says of the rollback of an experiment."""

    ours: bool
    """Whether the ledger has ever held the experiment."""
    entry: int | None
    """The entry that rolled it back, None where it is still served."""
    before: float | None
    """Percent of new conversations that got the candidate before, or that get it now; None where nobody knows."""


def kind_of(reading: Reading) -> str | None:
    """The kind of incident that a reading opens; None where it opens none."""
    word, cause = reading["verdict"], reading["cause"]
    return cause if word in ("ROLLBACK", "BLIND") or (word == "HOLD" and cause in INVALID) else None


def observe(
    incidents: Incidents, ledger: Ledger, readings: Iterable[Reading], days: Mapping[str, str], now: datetime
) -> dict[str, str]:
    """Open and resolve incidents by readings, in their order; gives the newest day judged of each experiment.

    `days` is what the last call gave. A reading of an earlier day (a backfill) or of an open one resolves nothing, and
    opens an incident only where it asks for a rollback. None is opened for what another reading has had rolled back,
    nor for a past day judged anew that reopens what was done on it: that is an incident of its own.
    """
    newest = dict(days)
    for reading in readings:
        name, day, kind = reading["experiment_id"], reading["day"], kind_of(reading)
        is_last_word = day >= newest.get(name, day) and not is_open(reading)
        if is_last_word:
            newest[name] = day
            for incident in incidents.open_ones():
                if incident.topic == name and is_over(incident, reading):
                    incidents.resolve(incident.number, f"verdict of {day}: {_verdict(reading)}", now)
        is_wanted = is_last_word or reading["verdict"] == "ROLLBACK"
        is_told_otherwise = is_past(reading) and reading.get("reopened")
        if kind is not None and is_wanted and not is_told_otherwise and not _is_out_already(ledger, reading):
            incidents.open(name, kind, reading["reading_id"], reading, now)
    return newest


def is_open(reading: Reading) -> bool:
    """Whether its day was not complete yet."""
    return bool(reading.get("is_open"))


def is_past(reading: Reading) -> bool:
    """Whether late rows had it judged anew when a later day was complete: it tells people, and changes nothing."""
    return bool(reading.get("is_past"))


def is_over(incident: Incident, reading: Reading) -> bool:
    """Whether a newer verdict on the experiment ends the incident; one that cannot tell does not."""
    word, kind = reading["verdict"], kind_of(reading)
    if incident.kind in (kind, RUN_FAILURE, DEAD_MAN, REOPENED):
        return False
    if incident.kind == "no_data":
        return True
    if incident.kind in INVALID:
        return bool(word != "BLIND")
    return word in ("PASS", "ROLLBACK")


def settle(incidents: Incidents, ledger: Ledger, now: datetime) -> None:
    """Resolve what ended because its experiment is out of flight."""
    head = ledger.head()
    known = {one.experiment_id: one.status for one in head.allocation.experiments} if head else {}
    for incident in incidents.open_ones():
        if incident.kind in (RUN_FAILURE, REOPENED):
            continue
        status = known.get(incident.topic)
        if asks_for_rollback(incident):
            entry = rollback_of(ledger, incident.topic).entry
            if entry is not None:
                incidents.resolve(incident.number, f"rolled back by ledger entry {entry}", now)
        elif status is not None and status != "running":
            incidents.resolve(incident.number, f"the experiment is {status.replace('_', ' ')}", now)


def asks_for_rollback(incident: Incident) -> bool:
    return incident.content.get("verdict") == "ROLLBACK"


def rollback_of(ledger: Ledger, experiment_id: str) -> Rollback:
    """The latest rollback of the experiment, if it holds."""
    later: Entry | None = None
    for entry in reversed(ledger.history()):
        found = entry.allocation.experiment(experiment_id)
        if found is not None and found.status != "rolled_back":
            before = 100.0 if found.status == "promoted" else found.weight_percent
            return Rollback(True, later.sequence if later else None, before)
        if found is not None:
            later = entry
    return Rollback(later is not None, later.sequence if later else None, None)


def unwatched(
    ledger: Ledger, progress: Mapping[str, tuple[str, datetime]], now: datetime, limit: timedelta
) -> dict[str, datetime]:
    """Experiments in flight for which no new day has been judged for longer than `limit`, and since when.

    `progress` tells the newest day judged of each experiment and when that was first done. The time is that of the
    clock on the wall, so that replaying old logs is no silence, and the day must be a new one, so that judging the same
    day again and again is.
    """
    head, found = ledger.head(), {}
    for experiment in head.allocation.running if head else ():
        since = _in_flight_since(ledger, experiment.experiment_id)
        if experiment.experiment_id in progress:
            since = max(since, progress[experiment.experiment_id][1])
        if now - since > limit:
            found[experiment.experiment_id] = since
    return found


def advanced(
    progress: Mapping[str, tuple[str, datetime]], readings: Iterable[Reading], at: datetime
) -> dict[str, tuple[str, datetime]]:
    """`progress` after readings that were made at `at`; an open day has not been judged yet."""
    found = dict(progress)
    for reading in readings:
        name, day = reading["experiment_id"], reading["day"]
        if not is_open(reading) and (name not in found or day > found[name][0]):
            found[name] = (day, at)
    return found


def _is_out_already(ledger: Ledger, reading: Reading) -> bool:
    """Whether a rollback of the experiment holds that this reading did not ask for."""
    sequence = rollback_of(ledger, reading["experiment_id"]).entry
    entry = ledger.at(sequence) if sequence is not None else None
    return entry is not None and entry.request_id != reading["reading_id"]


def _in_flight_since(ledger: Ledger, experiment_id: str) -> datetime:
    """When the ledger wrote the entry since which it has been running without a break."""
    since = datetime.max
    for entry in reversed(ledger.history()):
        found = entry.allocation.experiment(experiment_id)
        if found is None or found.status != "running":
            break
        since = entry.recorded_at
    return since


def _verdict(reading: Reading) -> str:
    return f"{reading['verdict']} ({reading['cause']})" if reading["cause"] else str(reading["verdict"])
