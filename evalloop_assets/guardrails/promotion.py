"""Carrying out what was decided of a day, a promotion or a step of a ramp, and showing the ledger in the lake."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from evalloop_assets.lake.store import Inputs
from evalloop_assets.online_ab.lifecycle import Event, Standing, next_step, refusal
from evalloop_assets.serving import transitions
from evalloop_assets.serving.flagd import publish, publish_if_stale
from evalloop_assets.serving.ledger import Change, Entry, Ledger, Transition, utc_now
from evalloop_assets.serving.state import Experiment
from evalloop_assets.settings import Settings

WANTED = """
    SELECT experiment_id, treatment, action, advisory, reason, evidence
    FROM decisions
    WHERE action IN ('promote', 'advance')
    ORDER BY 1
"""
VERDICTS = "SELECT experiment_id, reading_id, verdict, reason, as_of FROM guardrail_readings"
GATED = """
    SELECT model_id, day, gate, verdict, reason FROM launch_gates WHERE line = 0
    QUALIFY row_number() OVER (PARTITION BY model_id ORDER BY day DESC) = 1
"""
"""What the launch gate said last of each candidate."""
ACTOR = "allocations"
STEP = timedelta(hours=20)
"""Least time between two steps of a ramp: a day, less what the hour of a daily run varies by."""
REPLAYED = timedelta(days=1)
"""A ledger whose first entry was recorded so long after it took effect serves past days, as the simulator does."""
SERVED = ("running", "promoted")


class Outcome(NamedTuple):
    """What became of one decision."""

    experiment_id: str
    done: str | None
    """What was done; None where it was refused."""
    reason: str

    def __str__(self) -> str:
        return f"{self.done or 'refused'}: {self.reason}"


def carry_out(
    inputs: Inputs, day: date, settings: Settings, ledger: Ledger, now: Callable[[], datetime] = utc_now
) -> list[Outcome]:
    """Promote, or take the next step of the ramp, as decided on this day, where the guardrail's verdict of it is PASS.

    Refused are advice, any other verdict or none, a second step within a day, experiments that no longer run or whose
    widening a person has taken back, and days other than the newest complete one, so that recomputing the past serves
    nobody anything. Where a launch gate is set, also the promotion of a candidate that it did not pass when it last
    judged it, and any step of one for which it lacks more than data. It takes effect `now`, so that conversations that
    are running keep their model; where the ledger serves past days, at the time of the reading. Repeating it changes
    nothing.
    """
    readings = {row["experiment_id"]: row for row in inputs.query(VERDICTS).to_pylist()}
    gated = _gated(inputs) if settings.evaluation.launch.gate else None
    outcomes = [
        _carried_out(decision, readings.get(decision["experiment_id"]), gated, day, inputs, ledger, now)
        for decision in inputs.query(WANTED).to_pylist()
    ]
    if any(outcome.done for outcome in outcomes):
        publish(settings.flags, ledger)
    else:
        publish_if_stale(settings.flags, ledger)
    return outcomes


def ledger_rows(entries: Sequence[Entry], day: date) -> list[dict[str, Any]]:
    """Rows of `allocations`: the newest entry that had taken effect by the end of the day."""
    end = datetime.combine(day + timedelta(days=1), time.min)
    in_force = [entry for entry in entries if entry.at <= end]
    return _rows(in_force[-1]) if in_force else []


def narrowing_undo(entries: Sequence[Entry], experiment_id: str) -> Entry | None:
    """The undo by which fewer got the candidate, where nothing has changed the experiment since; None where none is."""
    for before, entry in zip(reversed(entries[:-1]), reversed(entries), strict=False):
        was, became = (one.allocation.experiment(experiment_id) for one in (before, entry))
        if was != became:
            return entry if entry.action == "undo" and _percent(became) < _percent(was) else None
    return None


def _percent(experiment: Experiment | None) -> float:
    if experiment is None:
        return 0.0
    return 100.0 if experiment.status == "promoted" else experiment.weight_percent


def _carried_out(
    decision: Mapping[str, Any],
    reading: Mapping[str, Any] | None,
    gated: Mapping[str, Mapping[str, Any]] | None,
    day: date,
    inputs: Inputs,
    ledger: Ledger,
    now: Callable[[], datetime],
) -> Outcome:
    name, action = decision["experiment_id"], decision["action"]
    head = ledger.head()
    experiment = head.allocation.experiment(name) if head else None
    if day != inputs.clock.watermark:
        return Outcome(name, None, f"{day} is not the newest complete day of the logs, {inputs.clock.watermark}")
    held = _held_at_the_gate(gated, decision["treatment"], action) if gated is not None else None
    if held is not None:
        return Outcome(name, None, held)
    if decision["advisory"]:
        return Outcome(name, None, str(decision["reason"]))
    if experiment is None:
        return Outcome(name, None, "the ledger does not know the experiment")
    taken_back = narrowing_undo(ledger.history(), name)
    if taken_back is not None:
        said = f"entry {taken_back.sequence} took it back ({taken_back.actor}: {taken_back.reason})"
        return Outcome(name, None, f"{said}, and nothing widens it until a person ramps or starts it again")
    repeated = (
        reading is not None and experiment.status in SERVED and ledger.request(_request(action, reading)) is not None
    )
    step = experiment.weight_percent if repeated and action == "advance" else next_step(experiment.weight_percent)
    if reading is None:
        return Outcome(name, None, "the guardrail says nothing")
    at = _takes_effect(reading["as_of"], ledger, now)
    reason = None if repeated else _refusal(decision, reading, experiment, step, at)
    if reason is not None:
        return Outcome(name, None, reason)
    if action == "promote":
        done, transition = "promoted", _promotion(name, at)
    else:
        assert step is not None
        done, transition = f"ramped to {step:g}%", _ramp(name, step, at)
    entry = ledger.apply(_change(decision, reading, at), transition).entry
    return Outcome(name, done, f"{decision['reason']}; to take it back: evalloop serving undo {entry.sequence}")


def _gated(inputs: Inputs) -> dict[str, Mapping[str, Any]]:
    """What the launch gate said last of each candidate."""
    return {row["model_id"]: row for row in inputs.query(GATED).to_pylist()}


def _held_at_the_gate(gated: Mapping[str, Mapping[str, Any]], model: str, action: str) -> str | None:
    """Why the gate holds the candidate back; a ramp goes on while the gate is open, since that is how it gets data."""
    row = gated.get(model)
    if row is None:
        return f"the launch gate has not judged {model}" if action == "promote" else None
    if row["verdict"] == "pass" or (row["verdict"] == "not enough data" and action != "promote"):
        return None
    said = "failed" if row["verdict"] == "fail" else "did not pass"
    return f"{model} {said} the launch gate {row['gate']} on {row['day']}: {row['reason']}"


def _takes_effect(as_of: datetime, ledger: Ledger, now: Callable[[], datetime]) -> datetime:
    first = ledger.at(1)
    if first is not None and first.recorded_at - first.at > REPLAYED:
        return as_of
    return max(as_of, now())


def _refusal(
    decision: Mapping[str, Any], reading: Mapping[str, Any], experiment: Experiment, step: float | None, at: datetime
) -> str | None:
    if experiment.status not in SERVED:
        return f"it is {experiment.status}"
    if experiment.treatment != decision["treatment"]:
        return f"the log says its treatment is {decision['treatment']}, the ledger {experiment.treatment}"
    standing = Standing("ramping" if len(experiment.epochs) > 1 else "in_ab", experiment.weight_percent)
    word = reading["verdict"]
    if decision["action"] == "promote":
        reason = refusal(standing, Event("promote", verdict=word))
    elif step is None:
        reason = "the ramp is at its end; a person decides, or a gain"
    else:
        reason = refusal(standing, Event("advance", verdict=word, weight=step))
    if reason is not None:
        return reason if word == "PASS" else f"{reason}: {reading['reason']}"
    begun = experiment.epochs[-1].starts_at
    if decision["action"] == "advance" and at < begun + STEP:
        return f"its last step began on {begun}, and a ramp takes one a day"
    return None


def _change(decision: Mapping[str, Any], reading: Mapping[str, Any], at: datetime) -> Change:
    return Change(
        action="promote" if decision["action"] == "promote" else "ramp",
        actor=ACTOR,
        reason=decision["reason"],
        at=at,
        request_id=_request(decision["action"], reading),
        evidence={"reading_id": reading["reading_id"], "decision": json.loads(decision["evidence"])},
    )


def _request(action: str, reading: Mapping[str, Any]) -> str:
    return f"{action}:{reading['experiment_id']}:{reading['reading_id']}"


def _promotion(name: str, at: datetime) -> Transition:
    return lambda allocation: transitions.promote(allocation, name, at)


def _ramp(name: str, weight: float, at: datetime) -> Transition:
    return lambda allocation: transitions.ramp(allocation, name, weight, at)


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
