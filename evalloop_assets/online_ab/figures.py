"""Which of an experiment's results speak for time spent and for coming back.

Retention is read where users were randomised: randomising conversations dilutes it, since one user has both arms. There
it is the share of later days on which the assigned user came back, which matures with the first of them and goes on
counting; failing that the first 24 hours, then the first next day; failing a user-randomised layer, the diluted figure.
Time spent is read per conversation first, where it is measured most closely.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evalloop_assets.online_ab.results import EXPOSURE, Result

RETENTION = (
    ("user", "daily_return"),
    ("user", "return_24h"),
    ("user", "next_day_return"),
    ("conversation", "return_24h"),
    ("conversation", "next_day_return"),
)
UNITS = ("conversation", "user")


def retention(results: Iterable[Result]) -> Result | None:
    return _first(results, RETENTION)


def late_retention(results: Iterable[Result], minimum_users: int) -> Result | None:
    """Return from the seventh day after the assignment on, once enough users of each arm are known."""
    found = _first(results, [("user", "week_return")])
    return found if found is not None and found.least_users >= minimum_users else None


def per_conversation_first(results: Iterable[Result], metric: str) -> Result | None:
    return _first(results, [(unit, metric) for unit in UNITS])


def lowest_srm_p(results: Iterable[Result]) -> float | None:
    """The smaller p-value of the units' sample ratios; None where none could be tested."""
    return min((result.srm_p for result in results if result.srm_p is not None), default=None)


def multiple_exposure(results: Iterable[Result]) -> float:
    """Largest share of an arm's units that were also exposed to the other arm."""
    shares = (max(result.control_mean, result.treatment_mean) for result in results if result.metric == EXPOSURE)
    return max(shares, default=0.0)


def _first(results: Iterable[Result], wanted: Sequence[tuple[str, str]]) -> Result | None:
    found = {(result.unit, result.metric): result for result in results}
    return next((found[key] for key in wanted if key in found), None)
