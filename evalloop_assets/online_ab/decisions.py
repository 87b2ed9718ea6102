"""What the results of one experiment say to do; the guardrail may still forbid it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from evalloop_assets.online_ab.figures import (
    late_retention,
    lowest_srm_p,
    multiple_exposure,
    per_conversation_first,
    retention,
)
from evalloop_assets.online_ab.pace import UNKNOWN, Pace
from evalloop_assets.online_ab.power import Plan, power, sd_of, users_needed
from evalloop_assets.online_ab.results import Result

Action = Literal["continue", "advance", "promote", "hold", "none"]
POWER = 0.8
"""With which the users still needed are told."""


@dataclass(frozen=True)
class DecisionLimits:
    """What the figures are compared with; see the settings of the same names."""

    retention_margin: float
    srm_alpha: float
    multiple_exposure_limit: float
    minimum_users: int
    volume_floor: int
    week_users: int
    alpha: float
    planned_users: int
    planned_effect: float
    planned_days: int
    planned_power: float


class Screen(NamedTuple):
    """The offline gate's word on the treatment."""

    passed: bool
    reason: str


class Decision(NamedTuple):
    """One action with its reason."""

    action: Action
    advisory: bool
    """True where a person must decide: the product is below the volume floor, or planned power is missing."""
    reason: str
    evidence: dict[str, Any]


def decide(
    results: Sequence[Result],
    screen: Screen | None,
    daily_users: int,
    limits: DecisionLimits,
    paces: Mapping[str, Pace] | None = None,
) -> Decision:
    """Promote when retention, randomised by user, is surely up; or surely not down by the margin, and more is sent.

    Both by bounds that hold at every look, and not before return a week after the assignment is known. Invalid, thin
    or immature data holds, and so does a candidate that the offline gate turned down. `paces`, by unit of
    randomisation, tell how many users are still to come, unknown: none.
    """
    known = paces or {}
    action, reason = _act(results, screen, limits, known)
    chance = planned_power(results, limits, known)
    small = []
    if daily_users < limits.volume_floor:
        small.append(f"{daily_users} daily users, floor {limits.volume_floor}")
    if chance < limits.planned_power:
        small.append(
            f"planned power {chance:.0%} to see {100 * limits.planned_effect:g} points within {limits.planned_days} "
            f"days, {limits.planned_power:.0%} is needed"
        )
    if small and action in ("promote", "advance"):
        reason += f"; advisory only: {', '.join(small)}"
    kept = (retention(results), late_retention(results, 0), per_conversation_first(results, "chat_send"))
    evidence = {
        "limits": limits.__dict__,
        "daily_users": daily_users,
        "planned_power": chance,
        "screen": screen._asdict() if screen else None,
        "results": [_figures(result) for result in kept if result is not None],
    }
    return Decision(action, bool(small), reason, evidence)


def planned_power(results: Sequence[Result], limits: DecisionLimits, paces: Mapping[str, Pace]) -> float:
    """Chance that always-valid bounds see the planned effect on retention with the users there by the planned day."""
    came_back = retention(results)
    if came_back is None:
        return 0.0
    pace = paces.get(came_back.unit, UNKNOWN)
    users = came_back.users + pace.users_per_day * max(limits.planned_days - pace.days, 0)
    return power(_plan(came_back, limits), limits.planned_effect, users)


def _plan(result: Result, limits: DecisionLimits) -> Plan:
    share = result.users_treatment / result.users
    return Plan(sd_of(result.se, result.users, share), share, limits.alpha, limits.planned_users)


def _act(
    results: Sequence[Result], screen: Screen | None, limits: DecisionLimits, paces: Mapping[str, Pace]
) -> tuple[Action, str]:
    if not results:
        return "none", "no results: no exposure to both arms in the window"
    srm_p = lowest_srm_p(results)
    if srm_p is not None and srm_p < limits.srm_alpha:
        return "hold", f"sample ratio mismatch: p {srm_p:.2g}, limit {limits.srm_alpha}"
    share = multiple_exposure(results)
    if share > limits.multiple_exposure_limit:
        return "hold", f"{share:.1%} of the units saw both arms, limit {limits.multiple_exposure_limit:.1%}"
    came_back = retention(results)
    if came_back is None:
        return "hold", "no matured retention yet"
    if came_back.unit != "user":
        return "hold", "no user-randomised layer, so retention cannot be told"
    pace = paces.get(came_back.unit, UNKNOWN)
    if came_back.least_users < limits.minimum_users:
        waiting = pace.waiting(limits.minimum_users * came_back.users / came_back.least_users, came_back.users)
        few = f"{came_back.least_users} matured users in the smaller arm, {limits.minimum_users} are needed"
        return "hold", f"thin: {few}; {waiting}"
    bounds = f"retention {came_back.effect:+.4f} [{came_back.always_low:+.4f}, {came_back.always_high:+.4f}]"
    if came_back.always_high < 0:
        return "hold", f"{bounds} is down"
    if screen is not None and not screen.passed:
        return "hold", f"the offline gate turned the candidate down: {screen.reason}"
    late = late_retention(results, limits.week_users) if limits.week_users else None
    if late is not None and late.effect < -limits.retention_margin:
        figures = f"{late.effect:+.4f} [{late.always_low:+.4f}, {late.always_high:+.4f}]"
        return "continue", f"{bounds}, but a week after the assignment it is {figures}"
    unseen = limits.week_users > 0 and late is None
    if came_back.always_low > 0 and unseen:
        return "continue", (
            f"{bounds} is up, but fewer than {limits.week_users} users of an arm are known a week after their "
            f"assignment (day {pace.days})"
        )
    if came_back.always_low > 0:
        return "promote", f"{bounds} is up"
    if came_back.always_low < -limits.retention_margin:
        needed = users_needed(_plan(came_back, limits), limits.retention_margin, POWER)
        return "continue", (
            f"{bounds} may still be down by more than the margin {limits.retention_margin}; "
            f"if nothing is lost: {pace.waiting(needed, came_back.users)}"
        )
    sent = per_conversation_first(results, "chat_send")
    if not unseen and sent is not None and sent.always_low > 0:
        return "promote", (
            f"{bounds} is not down by more than the margin {limits.retention_margin}, "
            f"and replies per {sent.unit} are up: "
            f"{sent.effect:+.3f} [{sent.always_low:+.3f}, {sent.always_high:+.3f}]"
        )
    return "advance", f"{bounds} is not down by more than the margin {limits.retention_margin}"


def _figures(result: Result) -> dict[str, Any]:
    names = (
        "unit",
        "metric",
        "control_mean",
        "effect",
        "always_low",
        "always_high",
        "users_control",
        "users_treatment",
        "srm_p",
        "coverage",
    )
    return {name: getattr(result, name) for name in names}
