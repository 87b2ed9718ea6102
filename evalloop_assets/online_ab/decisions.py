"""What the results of one experiment say to do; the guardrail may still forbid it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from evalloop_assets.online_ab.figures import lowest_srm_p, multiple_exposure, per_conversation_first, retention
from evalloop_assets.online_ab.results import Result

Action = Literal["continue", "advance", "promote", "hold", "none"]


@dataclass(frozen=True)
class DecisionLimits:
    """What the figures are compared with; see the settings of the same names."""

    retention_margin: float
    srm_alpha: float
    multiple_exposure_limit: float
    minimum_users: int
    volume_floor: int


class Screen(NamedTuple):
    """The offline gate's word on the treatment."""

    passed: bool
    reason: str


class Decision(NamedTuple):
    """One action with its reason."""

    action: Action
    advisory: bool
    """True where a person must decide, since the product is below the volume floor."""
    reason: str
    evidence: dict[str, Any]


def decide(results: Sequence[Result], screen: Screen | None, daily_users: int, limits: DecisionLimits) -> Decision:
    """Promote when retention, randomised by user, is surely up; or surely not down by the margin, and more is sent.

    Both by bounds that hold at every look. Invalid, thin or immature data holds, and so does a candidate that the
    offline gate turned down.
    """
    action, reason = _act(results, screen, limits)
    advisory = daily_users < limits.volume_floor
    if advisory and action in ("promote", "advance"):
        reason += f"; advisory only: {daily_users} daily users, floor {limits.volume_floor}"
    kept = (retention(results), per_conversation_first(results, "chat_send"))
    evidence = {
        "limits": limits.__dict__,
        "daily_users": daily_users,
        "screen": screen._asdict() if screen else None,
        "results": [_figures(result) for result in kept if result is not None],
    }
    return Decision(action, advisory, reason, evidence)


def _act(results: Sequence[Result], screen: Screen | None, limits: DecisionLimits) -> tuple[Action, str]:
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
    if came_back.least_users < limits.minimum_users:
        return (
            "hold",
            f"thin: {came_back.least_users} matured users in the smaller arm, {limits.minimum_users} are needed",
        )
    bounds = f"retention {came_back.effect:+.4f} [{came_back.always_low:+.4f}, {came_back.always_high:+.4f}]"
    if came_back.always_high < 0:
        return "hold", f"{bounds} is down"
    if screen is not None and not screen.passed:
        return "hold", f"the offline gate turned the candidate down: {screen.reason}"
    if came_back.always_low > 0:
        return "promote", f"{bounds} is up"
    if came_back.always_low < -limits.retention_margin:
        return "continue", f"{bounds} may still be down by more than the margin {limits.retention_margin}"
    sent = per_conversation_first(results, "chat_send")
    if sent is not None and sent.always_low > 0:
        return "promote", (
            f"{bounds} is not down by more than the margin {limits.retention_margin}, "
            f"and replies per {sent.unit} are up: "
            f"{sent.effect:+.3f} [{sent.always_low:+.3f}, {sent.always_high:+.3f}]"
        )
    return "advance", f"{bounds} is not down by more than the margin {limits.retention_margin}"


def _figures(result: Result) -> dict[str, Any]:
    names = ("unit", "metric", "effect", "always_low", "always_high", "users_control", "users_treatment", "srm_p")
    return {name: getattr(result, name) for name in names}
