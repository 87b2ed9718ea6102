"""Carrying out the promotions of a day, and showing the ledger in the lake."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from evalloop_assets.lake.store import Inputs
from evalloop_assets.serving.flagd import publish, publish_if_stale
from evalloop_assets.serving.ledger import Change, Entry, Ledger
from evalloop_assets.serving.transitions import promote
from evalloop_assets.settings import Settings

WANTED = (
    "SELECT experiment_id, treatment, advisory, reason, evidence FROM decisions WHERE action = 'promote' ORDER BY 1"
)
VERDICTS = "SELECT experiment_id, reading_id, verdict, reason, as_of FROM guardrail_readings"


class Outcome(NamedTuple):
    """What became of one decision to promote."""

    experiment_id: str
    promoted: bool
    reason: str


def apply_promotions(inputs: Inputs, day: date, settings: Settings, ledger: Ledger) -> list[Outcome]:
    """Promote what was decided on this day, where the guardrail's verdict of the same day is PASS.

    Refused are advice, any other verdict or none, experiments that no longer run, and days other than the newest
    complete one, so that recomputing the past serves nobody anything. Repeating it changes nothing.
    """
    readings = {row["experiment_id"]: row for row in inputs.query(VERDICTS).to_pylist()}
    outcomes = []
    for decision in inputs.query(WANTED).to_pylist():
        name = decision["experiment_id"]
        refusal = _refusal(decision, readings.get(name), day, inputs, ledger)
        if refusal is None:
            _promote(decision, readings[name], ledger)
        outcomes.append(Outcome(name, refusal is None, refusal or decision["reason"]))
    if any(outcome.promoted for outcome in outcomes):
        publish(settings.flags, ledger)
    else:
        publish_if_stale(settings.flags, ledger)
    return outcomes


def ledger_rows(entries: Sequence[Entry], day: date) -> list[dict[str, Any]]:
    """Rows of `allocations`: the newest entry that had taken effect by the end of the day."""
    end = datetime.combine(day + timedelta(days=1), time.min)
    in_force = [entry for entry in entries if entry.at <= end]
    return _rows(in_force[-1]) if in_force else []


def _refusal(
    decision: Mapping[str, Any], reading: Mapping[str, Any] | None, day: date, inputs: Inputs, ledger: Ledger
) -> str | None:
    if day != inputs.clock.watermark:
        return f"{day} is not the newest complete day of the logs, {inputs.clock.watermark}"
    if decision["advisory"]:
        return str(decision["reason"])
    if reading is None:
        return "the guardrail has no verdict"
    if reading["verdict"] != "PASS":
        return f"the guardrail says {reading['verdict']}: {reading['reason']}"
    head = ledger.head()
    experiment = head.allocation.experiment(decision["experiment_id"]) if head else None
    if experiment is None:
        return "the ledger does not know the experiment"
    if experiment.status not in ("running", "promoted"):
        return f"it is {experiment.status}"
    if experiment.treatment != decision["treatment"]:
        return f"the log says its treatment is {decision['treatment']}, the ledger {experiment.treatment}"
    return None


def _promote(decision: Mapping[str, Any], reading: Mapping[str, Any], ledger: Ledger) -> None:
    name, at = decision["experiment_id"], reading["as_of"]
    change = Change(
        action="promote",
        actor="allocations",
        reason=decision["reason"],
        at=at,
        request_id=f"promote:{name}:{reading['reading_id']}",
        evidence={"reading_id": reading["reading_id"], "decision": json.loads(decision["evidence"])},
    )
    ledger.apply(change, lambda allocation: promote(allocation, name, at))


def _rows(entry: Entry) -> list[dict[str, Any]]:
    line = {
        "sequence": entry.sequence,
        "at": entry.at,
        "recorded_at": entry.recorded_at,
        "actor": entry.actor,
        "action": entry.action,
        "reason": entry.reason,
        "request_id": entry.request_id,
        "champion": entry.allocation.champion,
    }
    nothing = dict.fromkeys(("experiment_id", "control", "treatment", "status", "weight_percent"))
    return [
        line
        | {
            "experiment_id": one.experiment_id,
            "control": one.control,
            "treatment": one.treatment,
            "status": one.status,
            "weight_percent": one.weight_percent,
        }
        for one in entry.allocation.experiments
    ] or [line | nothing]
