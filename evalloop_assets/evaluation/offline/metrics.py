"""The online metrics that an offline score is held against, as sums over rows of `model_days`."""

from __future__ import annotations

from typing import NamedTuple


class Metric(NamedTuple):
    """Ratio of two sums."""

    units: str
    """Expression over `model_days`: observations of a row; rows without any are left out."""
    total: str
    """Expression: sum over these observations."""
    better: int
    """1 where more is better, else -1."""
    label: str
    """With its unit, as pictures name it."""


def _came(column: str, matures_on: str) -> tuple[str, str]:
    units = f"CASE WHEN {column} IS NOT NULL AND {matures_on} <= $day THEN share ELSE 0 END"
    return units, f"CASE WHEN {column} THEN share ELSE 0 END"


METRICS = {
    "returned_next_day": Metric(*_came("returned_next_day", "next_day_matures_on"), 1, "return on the next day, share"),
    "d1": Metric(*_came("d1", "next_day_matures_on"), 1, "return of new users on the next day, share"),
    "d7": Metric(*_came("d7", "d7_matures_on"), 1, "return of new users on the seventh day, share"),
    "session_minutes": Metric("ended_sessions", "minutes", 1, "session length, minutes"),
    "abrupt_exits": Metric("ended_sessions", "abrupt_exits", -1, "abrupt exits, share of sessions"),
    "reward": Metric("rewarded_replies", "reward", 1, "mean reward of a reply"),
}

SUMS = """
    SELECT
      dense_rank() OVER (ORDER BY model_id) - 1 AS model, dense_rank() OVER (ORDER BY local_day) - 1 AS block,
      dense_rank() OVER (ORDER BY user_id) - 1 AS cluster, model_id, day,
      CAST(units AS DOUBLE) AS units, CAST(total AS DOUBLE) AS total
    FROM (SELECT day, user_id, local_day, model_id, {units} AS units, {total} AS total FROM model_days)
    WHERE units > 0
    ORDER BY ALL
"""
"""Observations of a metric: blocks are local days, clusters users. The expressions are those of METRICS, never data."""


def sums(metric: Metric) -> str:
    """The query over `model_days` as it was known at the end of `$day`."""
    return SUMS.format(units=metric.units, total=metric.total)
