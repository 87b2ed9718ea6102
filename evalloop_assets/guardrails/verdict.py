"""The guardrail: what the figures of one experiment mean for keeping it (design, section 6).

ROLLBACK, HOLD, BLIND or PASS, each with a cause and with a reason that names figures and limits. The error budget alpha
is split evenly over the three causes of a rollback, and the share of the red flags evenly over the flags; every bound
is two-sided and holds at all looks, so an experiment without harm is rolled back with probability alpha at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from evalloop_assets.online_ab.figures import lowest_srm_p, multiple_exposure, per_conversation_first, retention
from evalloop_assets.online_ab.results import Result
from evalloop_assets.online_ab.sequential import always_valid_bounds

Word = Literal["PASS", "HOLD", "ROLLBACK", "BLIND"]
Cause = Literal["gaming", "harm", "red_flag", "srm", "multiple_exposure", "immature", "thin", "no_data"]
CAUSES_OF_ROLLBACK = 3
DURATION = "chat_duration"


@dataclass(frozen=True)
class Limits:
    """What the figures are compared with; see the settings of the same names."""

    alpha: float
    """Error budget of one experiment over all causes."""
    planned_users: int
    """Users at which the bounds are tightest."""
    retention_margin: float
    """Loss of retention that counts as harm, as a share."""
    red_flags: Mapping[str, float]
    """Metric to the rise that is a red flag when confirmed."""
    srm_alpha: float
    multiple_exposure_limit: float
    minimum_users: int
    """Users of the smaller arm."""


class Bound(NamedTuple):
    """An effect with bounds that hold at every look."""

    effect: float
    low: float
    high: float


class Verdict(NamedTuple):
    """The guardrail's word on one experiment."""

    word: Word
    cause: Cause | None
    """None for PASS."""
    reason: str
    """Plain words with figures and limits."""
    duration: Bound | None
    """Effect on seconds of effective reading; None where unknown."""
    retention: Bound | None
    """Effect on the share of people who came back; None where nothing has matured."""
    matured_users: int
    """Users behind the retention figure, both arms."""
    srm_p: float | None


def verdict(results: Sequence[Result], active: bool, limits: Limits) -> Verdict:
    """Judge one experiment by its results; `active` tells whether its users had any session on this day."""
    came_back = retention(results)
    stayed = per_conversation_first(results, DURATION)
    share = limits.alpha / CAUSES_OF_ROLLBACK
    duration = _bound(stayed, share, limits) if stayed else None
    returns = _bound(came_back, share, limits) if came_back else None
    srm_p = lowest_srm_p(results)
    word, cause, reason = (
        _unreadable(results, active, srm_p, limits)
        or _red_flag(results, limits)
        or _unripe(came_back, limits)
        or _harm(stayed, duration, came_back, returns, limits)
    )
    return Verdict(word, cause, reason, duration, returns, came_back.users if came_back else 0, srm_p)


Judged = tuple[Word, Cause | None, str]


def _unreadable(results: Sequence[Result], active: bool, srm_p: float | None, limits: Limits) -> Judged | None:
    if not active or not results:
        return "BLIND", "no_data", "No session of the experiment's users on this day: nothing can be seen."
    if srm_p is not None and srm_p < limits.srm_alpha:
        return (
            "HOLD",
            "srm",
            (
                f"The arms are not as large as their propensities promise (p {srm_p:.2g}, limit {limits.srm_alpha:g}), "
                "so no figure can be trusted."
            ),
        )
    both = multiple_exposure(results)
    if both > limits.multiple_exposure_limit:
        return (
            "HOLD",
            "multiple_exposure",
            (f"{both:.1%} of the units of an arm saw the other arm too (limit {limits.multiple_exposure_limit:.1%})."),
        )
    return None


def _red_flag(results: Sequence[Result], limits: Limits) -> Judged | None:
    """Red flags need no matured retention, so they are the first that can fire."""
    share = limits.alpha / CAUSES_OF_ROLLBACK / max(len(limits.red_flags), 1)
    for metric, limit in limits.red_flags.items():
        result = per_conversation_first(results, metric)
        if result is None or result.least_users < limits.minimum_users:
            continue
        bound = _bound(result, share, limits)
        if bound.low > limit:
            return (
                "ROLLBACK",
                "red_flag",
                (f"{metric} rose by {_points(bound)} per reply, surely above the limit of {100 * limit:g} points."),
            )
    return None


def _unripe(came_back: Result | None, limits: Limits) -> Judged | None:
    if came_back is None:
        return "HOLD", "immature", "No assigned user's return has matured in both arms yet."
    if came_back.least_users < limits.minimum_users:
        return (
            "HOLD",
            "thin",
            (f"{came_back.least_users} matured users in the smaller arm, {limits.minimum_users} are needed."),
        )
    return None


def _harm(
    stayed: Result | None, duration: Bound | None, came_back: Result | None, returns: Bound | None, limits: Limits
) -> Judged:
    assert came_back is not None
    assert returns is not None
    fewer = f"{came_back.metric} by {came_back.unit} moved by {_points(returns)} on {came_back.users} matured users"
    if stayed is not None and duration is not None and duration.low > 0 and returns.high < 0:
        return (
            "ROLLBACK",
            "gaming",
            (
                f"Time spent rose while fewer people came back: {stayed.metric} by {stayed.unit} rose by "
                f"{duration.effect:.1f} s [{duration.low:+.1f}, {duration.high:+.1f}], {fewer} "
                "(limits: lower bound of time above 0, upper bound of return below 0)."
            ),
        )
    margin = f"{100 * limits.retention_margin:g} points"
    if returns.high < -limits.retention_margin:
        return "ROLLBACK", "harm", f"Fewer people came back: {fewer}, surely down by more than {margin}."
    return "PASS", None, f"No confirmed harm: {fewer}; the upper bound is not below −{margin}."


def _bound(result: Result, alpha: float, limits: Limits) -> Bound:
    low, high = always_valid_bounds(result.effect, result.se, result.users, limits.planned_users, alpha)
    return Bound(result.effect, low, high)


def _points(bound: Bound) -> str:
    return f"{100 * bound.effect:+.2f} points [{100 * bound.low:+.2f}, {100 * bound.high:+.2f}]"
