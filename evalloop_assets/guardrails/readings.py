"""Rows of `guardrail_readings` for one day."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from evalloop_assets.guardrails.in_flight import end_of, in_flight
from evalloop_assets.guardrails.limits import limits_of
from evalloop_assets.guardrails.verdict import Bound, Day, Verdict, verdict
from evalloop_assets.lake.store import Inputs
from evalloop_assets.online_ab.daily import daily_users, read_results
from evalloop_assets.online_ab.pace import paces_of
from evalloop_assets.online_ab.reopening import reading_id_of, reopened
from evalloop_assets.online_ab.results import Result
from evalloop_assets.serving.ledger import Ledger
from evalloop_assets.settings import Settings

ACTIVE = """
    SELECT DISTINCT experiment_id FROM experiment_users WHERE metric = 'drop_off' AND eligible > 0 AND day = $day
"""


def readings_of(inputs: Inputs, day: date, settings: Settings, definitions: Mapping[str, str]) -> list[dict[str, Any]]:
    """One reading for each experiment in flight; `definitions` are the versions of the steps that led here."""
    results = read_results(inputs)
    active = set(inputs.query(ACTIVE, {"day": day}).column("experiment_id").to_pylist())
    users, paces = daily_users(inputs), paces_of(inputs)
    limits = limits_of(settings.ab, settings.guardrails)
    is_open = inputs.clock.watermark is None or day > inputs.clock.watermark
    known_until = inputs.clock.log_end or end_of(day)
    as_of = known_until if is_open else max(end_of(day), known_until)
    ledger = Ledger(settings.ledger_url)
    try:
        wanted, entries = in_flight(ledger, day, results.keys()), ledger.history()
    finally:
        ledger.close()
    known = {
        "limits": asdict(limits),
        "watermark": str(inputs.clock.watermark),
        "input_versions": dict(inputs.versions),
        "definition_versions": dict(definitions),
    }
    rows = []
    for name, all_day in wanted.items():
        kind: Day = "open" if is_open else "whole" if all_day else "part"
        found = verdict(results.get(name, []), name in active, limits, paces.get(name), kind)
        row = _row(name, day, found, results.get(name)) | {"is_open": is_open, "daily_users": users, "as_of": as_of}
        row["evidence"] = json.dumps({"decided": dict(found.figures), **known}, sort_keys=True)
        rows.append(row | {"reopened": reopened(entries, row["reading_id"], "verdict", found.word)})
    return rows


def _row(name: str, day: date, found: Verdict, results: list[Result] | None) -> dict[str, Any]:
    return {
        "reading_id": reading_id_of(name, day),
        "experiment_id": name,
        "control": results[0].control if results else None,
        "treatment": results[0].treatment if results else None,
        "verdict": found.word,
        "cause": found.cause,
        "reason": found.reason,
        **_bounds("duration", found.duration),
        **_bounds("retention", found.retention),
        **_bounds("late_retention", found.late),
        "matured_users": found.matured_users,
        "srm_p": found.srm_p,
    }


def _bounds(name: str, bound: Bound | None) -> dict[str, float | None]:
    effect, low, high = bound or (None, None, None)
    return {f"{name}_effect": effect, f"{name}_low": low, f"{name}_high": high}
