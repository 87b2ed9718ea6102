"""Rows of `candidate_states` for one day, from the tables of all stages and the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

from evalloop_assets.guardrails.candidates import Happening, served, states
from evalloop_assets.guardrails.in_flight import end_of
from evalloop_assets.lake.store import Inputs
from evalloop_assets.online_ab.lifecycle import Event
from evalloop_assets.serving.ledger import Entry

CANDIDATES = "SELECT model_id, kind, base_model_id, created_on FROM policy_candidates"
SCREENED = "SELECT day, model_id, passed, reason FROM policy_screen"
RATED = "SELECT model_id, min(day) AS day FROM ratings GROUP BY model_id"
ELIMINATED = "SELECT day, model_id, reason, z FROM eliminations WHERE eliminated"
READ = "SELECT day, reading_id, experiment_id, treatment, verdict, cause, reason FROM guardrail_readings"


def candidate_rows(inputs: Inputs, day: date, entries: list[Entry]) -> list[dict[str, Any]]:
    """One row for each model that anything is known of by the end of the day."""
    return states([*_made(inputs), *_ranked(inputs), *_judged(inputs, entries), *served(entries)], end_of(day))


def _made(inputs: Inputs) -> Iterator[Happening]:
    for row in inputs.query(CANDIDATES).to_pylist():
        why = f"made as {row['kind']} of {row['base_model_id']}"
        yield Happening(datetime.combine(row["created_on"], time.min), row["model_id"], None, why, {})
    for row in inputs.query(SCREENED).to_pylist():
        event = None if row["passed"] else Event("reject")
        yield Happening(end_of(row["day"]), row["model_id"], event, f"offline gate: {row['reason']}", {})


def _ranked(inputs: Inputs) -> Iterator[Happening]:
    for row in inputs.query(RATED).to_pylist():
        yield Happening(end_of(row["day"]), row["model_id"], Event("rate"), "rated for the first time", {})
    for row in inputs.query(ELIMINATED).to_pylist():
        evidence = {"z": row["z"]}
        yield Happening(end_of(row["day"]), row["model_id"], Event("eliminate"), f"ranking: {row['reason']}", evidence)


def _judged(inputs: Inputs, entries: list[Entry]) -> Iterator[Happening]:
    """Verdicts. An experiment that the ledger never held is another router's, and begins with its first verdict."""
    treatments = {one.experiment_id: one.treatment for entry in entries for one in entry.allocation.experiments}
    readings = sorted(inputs.query(READ).to_pylist(), key=lambda row: row["day"])
    begun = set(treatments)
    for row in readings:
        name = row["experiment_id"]
        model_id, at = treatments.get(name, row["treatment"]), end_of(row["day"])
        if model_id is None:
            continue
        if name not in begun:
            begun.add(name)
            yield Happening(at, model_id, Event("start", True), "served by another router", {}, name)
        why = f"guardrail: {row['verdict']}{': ' + row['reason'] if row['verdict'] != 'PASS' else ''}"
        evidence = {"reading_id": row["reading_id"], "cause": row["cause"]}
        if row["verdict"] in ("HOLD", "BLIND"):
            yield Happening(at, model_id, Event("hold", verdict=row["verdict"]), why, evidence, name)
        elif row["verdict"] == "PASS":
            yield Happening(at, model_id, Event("resume", verdict="PASS"), why, evidence, name)
