"""The guardrail: what the figures of one experiment mean for keeping it (design, section 6).

ROLLBACK, HOLD, BLIND or PASS, each with a cause and with a reason that names figures and limits. The error budget alpha
is split evenly over the three causes of a rollback. Return is looked at twice, over all days since the assignment and
from the seventh on, where a harm that comes late is not diluted: each look takes half of a cause's share, which is all
that one side of bounds at the whole share takes. The share of the red flags is split evenly over the flags. All bounds
hold at every look, so an experiment without harm is rolled back with probability alpha at most.
"""

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
from evalloop_assets.online_ab.results import Result
from evalloop_assets.online_ab.sequential import always_valid_bounds

Word = Literal["PASS", "HOLD", "ROLLBACK", "BLIND"]
Cause = Literal["gaming", "harm", "red_flag", "srm", "multiple_exposure", "immature", "thin", "no_data"]
Day = Literal["whole", "part", "open"]
"""Complete and all of it in flight; complete and not all of it in flight; not complete."""
CAUSES_OF_ROLLBACK = 3
SIDES = 2
"""A red flag is one side of two-sided bounds, so they may have twice its share."""
DURATION = "chat_duration"
SECONDS = frozenset({"latency"})
"""Red flags measured in seconds; the others are shares."""


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
    late: Bound | None
    """The same from the seventh day after the assignment on."""
    matured_users: int
    """Users behind the retention figure, both arms."""
    srm_p: float | None
    figures: Mapping[str, Any]
    """Of a ROLLBACK, what decided: metric, unit, effect, bounds and the limit that they are beyond; else nothing."""


def verdict(
    results: Sequence[Result],
    active: bool,
    limits: Limits,
    paces: Mapping[str, Pace] | None = None,
    day: Day = "whole",
) -> Verdict:
    """Judge one experiment by its results; `active` tells whether its users had any session on this day.

    `paces`, by unit of randomisation, tell how long a figure will still be immature or thin. Silence blinds on a whole
    day only, and on an open one red flags alone roll back.
    """
    came_back = retention(results)
    share = limits.alpha / CAUSES_OF_ROLLBACK
    stay = _look(per_conversation_first(results, DURATION), share, limits)
    returns = _look(came_back, share, limits)
    late = _look(late_retention(results, limits.minimum_users), share, limits)
    srm_p = lowest_srm_p(results)
    word, cause, reason, figures = (
        (_blind() if day == "whole" and not (active and results) else None)
        or _unreadable(results, srm_p, limits)
        or _red_flag(results, limits)
        or (_open() if day == "open" else None)
        or _unripe(came_back, limits, paces or {})
        or _harm(stay, [look for look in (returns, late) if look], limits)
    )
    return Verdict(
        word,
        cause,
        reason,
        duration=stay and stay.bound,
        retention=returns and returns.bound,
        late=late and late.bound,
        matured_users=came_back.users if came_back else 0,
        srm_p=srm_p,
        figures=figures,
    )


class _Look(NamedTuple):
    result: Result
    bound: Bound


class Judged(NamedTuple):
    word: Word
    cause: Cause | None
    reason: str
    figures: Mapping[str, Any] = {}


def _blind() -> Judged:
    return Judged("BLIND", "no_data", "No session of the experiment's users on this day: nothing can be seen.")


def _open() -> Judged:
    return Judged(
        "HOLD", "immature", "The day is not complete yet: red flags are looked at, all else waits for its end."
    )


def _unreadable(results: Sequence[Result], srm_p: float | None, limits: Limits) -> Judged | None:
    if srm_p is not None and srm_p < limits.srm_alpha:
        return Judged(
            "HOLD",
            "srm",
            (
                f"The arms are not as large as their propensities promise (p {srm_p:.2g}, limit {limits.srm_alpha:g}), "
                "so no figure can be trusted."
            ),
        )
    both = multiple_exposure(results)
    if both > limits.multiple_exposure_limit:
        return Judged(
            "HOLD",
            "multiple_exposure",
            (f"{both:.1%} of the units of an arm saw the other arm too (limit {limits.multiple_exposure_limit:.1%})."),
        )
    return None


def _red_flag(results: Sequence[Result], limits: Limits) -> Judged | None:
    """Red flags need no matured retention, so they are the first that can fire."""
    share = SIDES * limits.alpha / CAUSES_OF_ROLLBACK / max(len(limits.red_flags), 1)
    for metric, limit in limits.red_flags.items():
        result = per_conversation_first(results, metric)
        if result is None or result.least_users < limits.minimum_users:
            continue
        bound = _bound(result, share, limits)
        if bound.low > limit:
            moved, most = (
                (_seconds(bound), f"{limit:g} s") if metric in SECONDS else (_points(bound), f"{100 * limit:g} points")
            )
            why = f"{metric} rose by {moved}, surely above the limit of {most}."
            return Judged("ROLLBACK", "red_flag", why, _figures(_Look(result, bound), limit))
    return None


def _unripe(came_back: Result | None, limits: Limits, paces: Mapping[str, Pace]) -> Judged | None:
    if came_back is None:
        return Judged(
            "HOLD",
            "immature",
            "No assigned user's return has matured in both arms yet: that takes the complete day after the assignment.",
        )
    if came_back.least_users < limits.minimum_users:
        needed = limits.minimum_users * came_back.users / max(came_back.least_users, 1)
        waiting = paces.get(came_back.unit, UNKNOWN).waiting(needed, came_back.users)
        return Judged(
            "HOLD",
            "thin",
            f"{came_back.least_users} matured users in the smaller arm, {limits.minimum_users} are needed: {waiting}.",
        )
    return None


def _harm(stay: _Look | None, returns: Sequence[_Look], limits: Limits) -> Judged:
    """`returns` are over all days, and from the seventh day on where enough is known."""
    if stay is not None and stay.bound.low > 0:
        for look in returns:
            if look.bound.high < 0:
                longer = f"{stay.result.metric} by {stay.result.unit} rose by {_seconds(stay.bound)}"
                return Judged(
                    "ROLLBACK",
                    "gaming",
                    f"Time spent rose while fewer people came back: {longer}, {_moved(look)} "
                    "(limits: lower bound of time above 0, upper bound of return below 0).",
                    _figures(look, 0.0) | {"longer": _figures(stay, 0.0)},
                )
    margin = f"{100 * limits.retention_margin:g} points"
    for look in returns:
        if look.bound.high < -limits.retention_margin:
            why = f"Fewer people came back: {_moved(look)}, surely down by more than {margin}."
            return Judged("ROLLBACK", "harm", why, _figures(look, -limits.retention_margin))
    figures = "; ".join(_moved(look) for look in returns)
    return Judged("PASS", None, f"No confirmed harm: {figures}; no upper bound is below −{margin}.")


def _look(result: Result | None, alpha: float, limits: Limits) -> _Look | None:
    return None if result is None else _Look(result, _bound(result, alpha, limits))


def _figures(look: _Look, limit: float) -> dict[str, Any]:
    result = look.result
    return {"metric": result.metric, "unit": result.unit, "users": result.users, **look.bound._asdict(), "limit": limit}


def _moved(look: _Look) -> str:
    result = look.result
    return f"{result.metric} by {result.unit} moved by {_points(look.bound)} on {result.users} matured users"


def _bound(result: Result, alpha: float, limits: Limits) -> Bound:
    low, high = always_valid_bounds(result.effect, result.se, result.users, limits.planned_users, alpha)
    return Bound(result.effect, low, high)


def _points(bound: Bound) -> str:
    return f"{100 * bound.effect:+.2f} points [{100 * bound.low:+.2f}, {100 * bound.high:+.2f}]"


def _seconds(bound: Bound) -> str:
    return f"{bound.effect:.1f} s [{bound.low:+.1f}, {bound.high:+.1f}]"
