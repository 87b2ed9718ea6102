"""The guardrail's limits, from the settings."""

from __future__ import annotations

from evalloop_assets.guardrails.verdict import Limits
from evalloop_assets.settings import ABSettings, GuardrailSettings


def limits_of(ab: ABSettings, guardrails: GuardrailSettings) -> Limits:
    return Limits(
        alpha=ab.alpha,
        planned_users=ab.planned_users,
        retention_margin=guardrails.retention_margin,
        red_flags={
            "complaint": guardrails.complaint_limit,
            "regeneration": guardrails.regeneration_limit,
            "padding": guardrails.padding_limit,
            "repetition": guardrails.repetition_limit,
            "error": guardrails.error_limit,
            "latency": guardrails.latency_limit,
        },
        srm_alpha=ab.srm_alpha,
        multiple_exposure_limit=guardrails.multiple_exposure_limit,
        minimum_users=ab.minimum_users,
    )
