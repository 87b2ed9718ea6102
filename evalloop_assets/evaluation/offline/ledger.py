"""Which offline scores may still be trusted: a status for each, from the evidence day after day.

The level of a single look is `alpha` by the looks of a period (Bonferroni): within such a period a score is demoted
with probability at most `alpha` where its true order of the models is as good as the bar. What demotes and what
restores are bounds, never estimates, so that thin data change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Literal, NamedTuple

Status = Literal["trusted", "watch", "demoted"]
LEAST_CHANCE = 0.05
"""One-sided p-value of the order above which it may be chance, however exactly it was measured."""


class Evidence(NamedTuple):
    """What a day tells; None throughout where there were too few models."""

    day: date
    correlation: float | None
    low: float | None
    """Lower 95% bound."""
    lower: float | None
    """Lower and upper bound at the level of a single look."""
    upper: float | None
    p_value: float | None
    models: int


class Standing(NamedTuple):
    """Status at the end of a day."""

    status: Status
    since: date
    """First day of this status without a break."""
    doubtful_since: date | None
    """First day of the unbroken run of days, thin ones aside, whose estimate is below the bar; None where the last one
    is not."""
    reason: str


def standing(evidence: Iterable[Evidence], bar: float) -> Standing | None:
    """The status after these days, in their order; None without any.

    - trusted: the correlation is surely above 0, and so good an order is no chance; so a demoted score comes back.
    - watch: nothing is sure yet, or a trusted one can no longer be told from 0.
    - demoted: the correlation is surely below `bar`.
    """
    now: Standing | None = None
    for one in evidence:
        now = _after(now, one, bar)
    return now


def _after(before: Standing | None, one: Evidence, bar: float) -> Standing:
    was: Status = before.status if before else "watch"
    doubtful = before.doubtful_since if before else None
    if one.correlation is None or one.low is None or one.lower is None or one.upper is None or one.p_value is None:
        return Standing(
            was, before.since if before else one.day, doubtful, f"not enough data: {one.models} models; it stays"
        )
    doubtful = None if one.correlation >= bar else doubtful or one.day
    status, reason = was, "the evidence changes nothing"
    if one.upper < bar:
        status, reason = "demoted", f"the correlation is surely below {bar:g}: at most {one.upper:.2f}"
    elif one.lower > 0 and one.p_value <= LEAST_CHANCE:
        status, reason = "trusted", f"the correlation is surely above 0: at least {one.lower:.2f}"
    elif was == "trusted" and one.low <= 0:
        status, reason = "watch", f"no longer told from 0: {one.correlation:+.2f}, at least {one.low:+.2f}"
    elif was == "demoted":
        reason = f"nothing shows that it predicts again: {one.correlation:+.2f}, at least {one.lower:+.2f}"
    elif was == "watch":
        reason = f"not shown to predict: {one.correlation:+.2f}, at least {one.lower:+.2f}, chance {one.p_value:.2f}"
    since = before.since if before and before.status == status else one.day
    return Standing(status, since, doubtful, reason)
