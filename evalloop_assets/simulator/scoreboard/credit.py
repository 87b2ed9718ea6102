"""Whom the loop blames for a session that was left after a contradiction of the persona.

The lake has no table `credit` yet, so the loop blames nobody. Beside it stands what one could read from `delayed_5`,
which a failure lowers for the replies before it: the blame of each of the last six kept replies is max(0, -delayed_5),
divided by their sum.
"""

from __future__ import annotations

import numpy as np

from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.measure import Measured, mean_known, numbers
from evalloop_assets.simulator.scoreboard.pipeline import Run

STAGE = "reward_model"
FROM_DELAYED = "blame read from delayed_5"
LAST_TURN = "last turn"
EQUAL_SHARES = "equal shares"
METHODS = {FROM_DELAYED: "from_delayed", LAST_TURN: "last_turn", EQUAL_SHARES: "equal_shares"}

BLAME = """
WITH placed AS (
  SELECT
    horizon_labels.session_id, truth_turns.fate, truth_turns.broke,
    GREATEST(0e0, -COALESCE(horizon_labels.delayed_5, 0e0))                                 AS from_delayed,
    MAX(horizon_labels.position) OVER (PARTITION BY horizon_labels.session_id)
      - horizon_labels.position                                                             AS replies_after
  FROM horizon_labels
  JOIN truth_turns ON truth_turns.event_id = horizon_labels.event_id
),
blamed AS (
  SELECT
    *,
    CASE WHEN replies_after = 0 THEN 1e0 ELSE 0e0 END                                       AS last_turn,
    1e0                                                                                     AS equal_shares
  FROM placed
  WHERE replies_after <= 5
),
blames AS (
  SELECT session_id, fate, broke, replies_after, 'from_delayed' AS method, from_delayed AS blame
  FROM blamed
  UNION ALL
  SELECT session_id, fate, broke, replies_after, 'last_turn' AS method, last_turn AS blame
  FROM blamed
  UNION ALL
  SELECT session_id, fate, broke, replies_after, 'equal_shares' AS method, equal_shares AS blame
  FROM blamed
),
weighed AS (
  SELECT
    *,
    SUM(blame) OVER (PARTITION BY session_id, method) AS total,
    MAX(blame) OVER (PARTITION BY session_id, method) AS most
  FROM blames
)
SELECT
  method,
  session_id,
  CASE WHEN MAX(total) > 0
    THEN COUNT(CASE WHEN blame = most AND broke THEN 1 END) / CAST(COUNT(CASE WHEN blame = most THEN 1 END) AS DOUBLE)
    ELSE 0e0 END                                                                            AS most_on_broken,
  SUM(CASE WHEN NOT broke THEN blame ELSE 0e0 END) / NULLIF(MAX(total), 0)                  AS on_innocent
FROM weighed
GROUP BY method, session_id
HAVING COUNT(CASE WHEN broke THEN 1 END) > 0
  AND COUNT(CASE WHEN replies_after = 0 AND fate = 'abrupt' THEN 1 END) > 0
"""


def measured_credit(run: Run) -> list[Measured]:
    """Over sessions truly left abruptly within five kept replies after a break: who gets the most blame, ties shared,
    and how much of it falls on replies without one. A session without any blame counts in the first figure alone."""
    rows = run.query(BLAME)
    found = _figures(LOOP, np.nan, np.nan)
    for method, name in METHODS.items():
        of = rows.filter(rows["method"].to_numpy() == name)
        most, innocent = (mean_known(numbers(of, column)) for column in ("most_on_broken", "on_innocent"))
        found += _figures(method, most, innocent)
    return found


def _figures(method: str, most: float, innocent: float) -> list[Measured]:
    return [
        Measured(STAGE, "most blame on the broken reply, share of sessions", method, "high", most),
        Measured(STAGE, "blame on replies that broke nothing, mean share", method, "low", innocent),
    ]
