"""Trajectory returns against what truly came after a reply."""

from __future__ import annotations

import numpy as np

from evalloop_assets.reward_model.trajectory_return import Discounting, rewards_to_go
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.measure import Measured, numbers, rank_correlation, texts
from evalloop_assets.simulator.scoreboard.pipeline import Run

STAGE = "reward_model"
FROM_ZERO, UNGATED, TURNS = "rewards from zero", "reward without the gate", "number of replies to come"

REPLIES = """
SELECT
  returned.user_id, returned.session_id, returned.trajectory_return, rewards.reward, rewards.r_temporal,
  EPOCH_MS(reading.shown_at) / 1e3 AS seconds, truth_turns.utility
FROM trajectory_returns AS returned
JOIN rewards ON rewards.event_id = returned.event_id
JOIN reading ON reading.event_id = returned.event_id
JOIN truth_turns ON truth_turns.event_id = returned.event_id
"""


def measured_returns(run: Run) -> list[Measured]:
    """Rank correlation, over kept replies whose return is mature, with the true utility to come, discounted alike."""
    rows = run.query(REPLIES)
    known = np.isfinite(numbers(rows, "trajectory_return"))
    who, session = (
        np.unique(texts(rows, name).astype(str), return_inverse=True)[1] for name in ("user_id", "session_id")
    )
    options = run.settings.reward
    by = Discounting(options.intra_minutes * 60, options.inter_hours * 3600, options.kappa, 3 * 86_400.0)

    def to_go(values: np.ndarray) -> np.ndarray:
        return rewards_to_go(who, session, numbers(rows, "seconds"), values, by)[known]

    truth = to_go(numbers(rows, "utility"))
    ways = {
        LOOP: numbers(rows, "trajectory_return")[known],
        FROM_ZERO: to_go(numbers(rows, "reward")),
        UNGATED: to_go(numbers(rows, "r_temporal")),
        TURNS: to_go(np.ones(rows.num_rows)),
    }
    return [
        Measured(STAGE, "rank correlation of returns with the true ones", method, "high", rank_correlation(way, truth))
        for method, way in ways.items()
    ]
