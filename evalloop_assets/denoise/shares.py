"""Whether a share of a table's rows on a day is what it was in the week before."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import NamedTuple

from evalloop_assets.days import Days
from evalloop_assets.lake.store import Lake

WEEK = (-7, 0)
CLEAR = 4.0
"""Standard errors beyond which a change is none of chance, also where users have many rows each."""


class Shares(NamedTuple):
    """A share on one day and in the seven days before it."""

    share: float
    rows: int
    share_before: float
    rows_before: int

    def change(self) -> float:
        return self.share - self.share_before

    def jumped(self, tolerance: float) -> bool:
        """The change is above the tolerance, in its direction, and beyond chance."""
        if not self.rows or not self.rows_before:
            return False
        both = (self.share * self.rows + self.share_before * self.rows_before) / (self.rows + self.rows_before)
        error = math.sqrt(both * (1 - both) * (1 / self.rows + 1 / self.rows_before))
        along = self.change() * math.copysign(1, tolerance)
        return along > abs(tolerance) and along > CLEAR * error


def shares(lake: Lake, table: str, condition: str, day: date) -> Shares:
    """Share of the rows of which the condition, SQL over the table, is true."""
    [row] = (
        lake.inputs({table: WEEK}, Days.one(day))
        .query(
            f"""
            SELECT
              count(*) FILTER (day = $day)                     AS rows,
              count(*) FILTER (day = $day AND ({condition}))   AS found,
              count(*) FILTER (day < $day)                     AS rows_before,
              count(*) FILTER (day < $day AND ({condition}))   AS found_before
            FROM {table}
            WHERE day >= $first
            """,
            {"day": day, "first": day - timedelta(days=7)},
        )
        .to_pylist()
    )
    rows, before = row["rows"], row["rows_before"]
    return Shares(row["found"] / max(rows, 1), rows, row["found_before"] / max(before, 1), before)
