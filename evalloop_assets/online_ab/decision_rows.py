"""Rows of `decisions` for one day."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from evalloop_assets.lake.store import Inputs
from evalloop_assets.online_ab.daily import daily_users, read_results
from evalloop_assets.online_ab.decisions import Decision, DecisionLimits, Screen, decide
from evalloop_assets.online_ab.pace import paces_of
from evalloop_assets.online_ab.reopening import reading_id_of, reopened
from evalloop_assets.online_ab.results import Result
from evalloop_assets.serving.ledger import Entry
from evalloop_assets.settings import Settings


def decisions_of(inputs: Inputs, settings: Settings) -> dict[str, tuple[Sequence[Result], Decision]]:
    """One decision for each experiment with results of this day."""
    screens = {
        row["model_id"]: Screen(bool(row["passed"]), row["reason"] or "")
        for row in inputs.query("SELECT model_id, passed, reason FROM policy_screen ORDER BY day").to_pylist()
    }
    users, paces, limits = daily_users(inputs), paces_of(inputs), limits_of(settings)
    return {
        experiment_id: (
            results,
            decide(results, screens.get(results[0].treatment or ""), users, limits, paces.get(experiment_id)),
        )
        for experiment_id, results in read_results(inputs).items()
    }


def limits_of(settings: Settings) -> DecisionLimits:
    return DecisionLimits(
        retention_margin=settings.guardrails.retention_margin,
        srm_alpha=settings.ab.srm_alpha,
        multiple_exposure_limit=settings.guardrails.multiple_exposure_limit,
        minimum_users=settings.ab.minimum_users,
        volume_floor=settings.guardrails.volume_floor,
        week_users=settings.guardrails.week_users,
        alpha=settings.ab.alpha,
        planned_users=settings.ab.planned_users,
        planned_effect=settings.guardrails.planned_effect,
        planned_days=settings.guardrails.planned_days,
        planned_power=settings.guardrails.planned_power,
    )


def decision_rows(
    inputs: Inputs, day: date, settings: Settings, definitions: Mapping[str, str], entries: Sequence[Entry]
) -> list[dict[str, Any]]:
    """Rows of `decisions`; each is one bundle of evidence.

    `definitions` are the versions of the steps that led here, `entries` what the ledger holds.
    """
    known = {"input_versions": dict(inputs.versions), "definition_versions": dict(definitions)}
    known |= {"watermark": str(inputs.clock.watermark), "decided_by": "decisions"}
    return [
        {
            "experiment_id": name,
            "control": results[0].control,
            "treatment": results[0].treatment,
            "action": decision.action,
            "advisory": decision.advisory,
            "reason": decision.reason,
            "reopened": reopened(entries, reading_id_of(name, day), "decision", decision.action),
            "daily_users": decision.evidence["daily_users"],
            "evidence": json.dumps({**decision.evidence, **known}, sort_keys=True),
        }
        for name, (results, decision) in decisions_of(inputs, settings).items()
    ]
