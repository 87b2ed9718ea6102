"""Generations of the reward model as rows and in words."""

from __future__ import annotations

from typing import Any

from evalloop_assets.evaluation.bad_cases.flywheel import LEAST_USERS, UNKNOWN, Generation
from evalloop_assets.reward_model.intervals import Estimate


def row_of(one: Generation) -> dict[str, Any]:
    """A row of `flywheel`; figures of fewer than LEAST_USERS users are NULL."""
    return {
        "reward_version": one.reward_version,
        "previous_version": one.previous_version,
        "cases": one.error.n,
        "users": one.error.users,
        **_bounded("error", one.error),
        "common": one.difference.n,
        "common_users": one.difference.users,
        **_bounded("difference", one.difference),
        "verdict": one.verdict,
    }


def words(one: Generation) -> str:
    """One sentence."""
    told = _bounded("error", one.error)
    if told["error"] is None:
        return f"{one.reward_version}: not enough data, {one.error.users} users of {LEAST_USERS}"
    said = f"{one.reward_version}: error {_shown(one.error)} on {one.error.n:,} cases of {one.error.users:,} users"
    if one.verdict == UNKNOWN:
        return f"{said}; {one.difference.users} users in common with the champion before it, of {LEAST_USERS}"
    return f"{said}; against {one.previous_version} {one.verdict}: {_shown(one.difference)}"


def _bounded(name: str, found: Estimate) -> dict[str, float | None]:
    known = found.users >= LEAST_USERS
    told = {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    return {key: value if known else None for key, value in told.items()}


def _shown(found: Estimate) -> str:
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
