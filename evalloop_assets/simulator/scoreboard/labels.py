"""How far the label of each horizon follows what a reply was truly worth, over the kept replies of people."""

from __future__ import annotations

import numpy as np

from evalloop_assets.simulator.arrays import Floats
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.measure import Measured, auc, numbers, rank_correlation, texts
from evalloop_assets.simulator.scoreboard.pipeline import Run

STAGE = "horizon_labels"
RAW_EXITS = "raw exits as failures"
"""-1 for a reply after which the session ended within the horizon, however it ended, else +1."""
RAW_DWELL = "raw dwell"

LABELS = """
WITH worth AS (
  SELECT
    event_id, user_id, utility,
    AVG(utility) OVER (PARTITION BY conversation_id ORDER BY turn ROWS BETWEEN 1 FOLLOWING AND 5 FOLLOWING) AS following
  FROM truth_turns
  WHERE NOT regenerated
),
placed AS (
  SELECT
    event_id, immediate, delayed_5,
    MAX(position) OVER (PARTITION BY session_id) - position AS replies_after
  FROM horizon_labels
)
SELECT
  worth.user_id,
  worth.utility,
  worth.following,
  placed.immediate,
  placed.delayed_5,
  CASE WHEN placed.replies_after = 0 THEN -1e0 ELSE 1e0 END AS ended_now,
  CASE WHEN placed.replies_after < 5 THEN -1e0 ELSE 1e0 END AS ended_soon,
  turns.dwell_ms
FROM worth
JOIN placed ON placed.event_id = worth.event_id
JOIN turns ON turns.event_id = worth.event_id
"""
RETURNS = """
WITH user_local_days AS (
  SELECT
    sessions.user_id, sessions.local_day,
    MAX(horizon_labels.delayed_session) AS delayed_session,
    SUM(turns.dwell_ms) / 1e3           AS dwell_s
  FROM horizon_labels
  JOIN sessions ON sessions.session_id = horizon_labels.session_id
  JOIN turns ON turns.event_id = horizon_labels.event_id
  GROUP BY sessions.user_id, sessions.local_day
)
SELECT user_local_days.delayed_session, user_local_days.dwell_s, truth_users.return_probability
FROM user_local_days
JOIN truth_users ON truth_users.user_id = user_local_days.user_id AND truth_users.day = user_local_days.local_day
WHERE user_local_days.delayed_session IS NOT NULL
"""


def measured_labels(run: Run) -> list[Measured]:
    """`immediate` against the utility of the reply, `delayed_5` against the mean utility of the next five kept replies,
    both over all users and within them; `delayed_session`, by user and local day, against the chance to come back.

    The naive labels are measured where the loop's is known.
    """
    rows = run.query(LABELS)
    user = np.unique(texts(rows, "user_id").astype(str), return_inverse=True)[1]
    compared = (
        ("immediate", "utility", {LOOP: "immediate", RAW_EXITS: "ended_now", RAW_DWELL: "dwell_ms"}),
        ("delayed_5", "following", {LOOP: "delayed_5", RAW_EXITS: "ended_soon", RAW_DWELL: "dwell_ms"}),
    )
    found = []
    for label, truth, methods in compared:
        truly = np.where(np.isfinite(numbers(rows, label)), numbers(rows, truth), np.nan)
        for method, column in methods.items():
            said = numbers(rows, column)
            both = np.isfinite(said) & np.isfinite(truly)
            within = rank_correlation(*(_less_user_means(values[both], user[both]) for values in (said, truly)))
            name = f"{label} and true utility, rank correlation"
            found.append(Measured(STAGE, name, method, "high", rank_correlation(said, truly)))
            found.append(Measured(STAGE, f"{name} within users", method, "high", within))
    return found + _returns(run)


def _returns(run: Run) -> list[Measured]:
    rows = run.query(RETURNS)
    chance = numbers(rows, "return_probability")
    likely = chance > np.median(chance) if len(chance) else np.zeros(0, dtype=np.bool_)
    name = "delayed_session tells who is more likely to return, AUC"
    return [
        Measured(STAGE, name, method, "high", auc(numbers(rows, column), likely))
        for method, column in ((LOOP, "delayed_session"), (RAW_DWELL, "dwell_s"))
    ]


def _less_user_means(values: Floats, user: np.ndarray) -> Floats:
    """Rounded, so that what is equal for a user stays equal."""
    means = np.bincount(user, weights=values) / np.maximum(np.bincount(user), 1)
    return np.asarray(np.round(values - means[user], 9))
