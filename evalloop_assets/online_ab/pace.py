"""How fast users come to an experiment, and what that says of the time until a figure can be told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from math import isfinite
from typing import NamedTuple

from evalloop_assets.lake.store import Inputs
from evalloop_assets.online_ab.power import days_needed

RECENT = """
    WITH exposed AS (
        SELECT experiment_id, unit, user_id, day, max(day) OVER () AS last_day
        FROM experiment_users
        WHERE metric = 'exposure' AND units > 0
    )
    SELECT
        experiment_id,
        unit,
        count(DISTINCT CASE WHEN day > last_day - $recent THEN user_id END) AS users,
        CAST(max(last_day) - min(day) + 1 AS BIGINT) AS days
    FROM exposed
    GROUP BY experiment_id, unit
"""
RECENT_DAYS = 7


class Pace(NamedTuple):
    """How fast one layer of an experiment grows."""

    users_per_day: float
    """Users exposed for the first time, both arms, mean of the last seven days."""
    days: int
    """Days since its first exposure that the window shows, the last one counted."""

    def waiting(self, needed: float, users: float) -> str:
        """`1,200 of about 4,000 users, 3 more days at this rate`."""
        more = days_needed(needed, users, self.users_per_day)
        if not isfinite(needed):
            return f"{users:,.0f} users, and no number would be enough"
        when = f"{more:,.0f} more days at this rate" if isfinite(more) else "and nobody new comes"
        return f"{users:,.0f} of about {needed:,.0f} users, {when}"


UNKNOWN = Pace(0.0, 0)
Paces = Mapping[str, Mapping[str, Pace]]
"""Experiment to unit of randomisation to pace."""


def paces_of(inputs: Inputs) -> Paces:
    """Paces of all experiments, from the window of `experiment_users`."""
    found: dict[str, dict[str, Pace]] = defaultdict(dict)
    for row in inputs.query(RECENT, {"recent": RECENT_DAYS}).to_pylist():
        pace = Pace(row["users"] / min(row["days"], RECENT_DAYS), row["days"])
        found[row["experiment_id"]][row["unit"]] = pace
    return found
