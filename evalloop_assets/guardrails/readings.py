"""Rows of `guardrail_readings` for one day."""

from __future__ import annotations

from datetime import date
from typing import Any

from evalloop_assets.guardrails.in_flight import end_of, in_flight
from evalloop_assets.guardrails.verdict import Bound, Limits, verdict
from evalloop_assets.lake.store import Inputs
from evalloop_assets.online_ab.daily import daily_users, read_results
from evalloop_assets.online_ab.results import Result
from evalloop_assets.serving.ledger import Ledger
from evalloop_assets.settings import Settings

ACTIVE = "SELECT DISTINCT experiment_id FROM experiment_users WHERE metric = 'drop_off' AND eligible > 0"


def readings_of(inputs: Inputs, day: date, settings: Settings) -> list[dict[str, Any]]:
    """One reading for each experiment in flight."""
    results = read_results(inputs)
    active = set(inputs.query(ACTIVE).column("experiment_id").to_pylist())
    users = daily_users(inputs)
    as_of = max(end_of(day), inputs.clock.log_end or end_of(day))
    ledger = Ledger(settings.ledger_url)
    try:
        wanted = in_flight(ledger, day, results.keys())
    finally:
        ledger.close()
    return [
        _row(name, day, results.get(name, []), name in active, settings) | {"daily_users": users, "as_of": as_of}
        for name in wanted
    ]


def limits_of(settings: Settings) -> Limits:
    return Limits(
        alpha=settings.ab.alpha,
        planned_users=settings.ab.planned_users,
        retention_margin=settings.guardrails.retention_margin,
        red_flags={
            "complaint": settings.guardrails.complaint_limit,
            "regeneration": settings.guardrails.regeneration_limit,
        },
        srm_alpha=settings.ab.srm_alpha,
        multiple_exposure_limit=settings.guardrails.multiple_exposure_limit,
        minimum_users=settings.ab.minimum_users,
    )


def _row(name: str, day: date, results: list[Result], active: bool, settings: Settings) -> dict[str, Any]:
    found = verdict(results, active, limits_of(settings))
    return {
        "reading_id": f"{name}@{day.isoformat()}",
        "experiment_id": name,
        "control": results[0].control if results else None,
        "treatment": results[0].treatment if results else None,
        "verdict": found.word,
        "cause": found.cause,
        "reason": found.reason,
        **_bounds("duration", found.duration),
        **_bounds("retention", found.retention),
        "matured_users": found.matured_users,
        "srm_p": found.srm_p,
    }


def _bounds(name: str, bound: Bound | None) -> dict[str, float | None]:
    effect, low, high = bound or (None, None, None)
    return {f"{name}_effect": effect, f"{name}_low": low, f"{name}_high": high}
