"""The best that any reward model could learn from the noisy labels of a run: one that is told the true dimensions.

It learns from the same pairs of the same users as the loop's, by the same likelihood, but a reply is seven true
numbers (`conversations.DIMENSIONS`) instead of a text. What it still gets wrong is owed to the labels: their noise,
their number, and what they are about.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evalloop_assets.reward_model.model import HORIZONS
from evalloop_assets.reward_model.pairs import TARGETS, is_held_out
from evalloop_assets.simulator.conversations import DIMENSIONS
from evalloop_assets.simulator.scoreboard.measure import numbers
from evalloop_assets.simulator.scoreboard.pipeline import Run

Floats = NDArray[np.float64]

LEAST_LABELS = 50
STEPS = 25

LOGGED = f"""
    SELECT pairs.user_id, {", ".join(f"pairs.{name}" for name in HORIZONS)},
        {", ".join(f"a.{name} - b.{name} AS {name}" for name in DIMENSIONS)}
    FROM preference_pairs AS pairs
    JOIN truth_turns AS a ON a.event_id = pairs.event_id_a
    JOIN truth_turns AS b ON b.event_id = pairs.event_id_b
"""

FOUGHT = f"""
    SELECT pairs.user_id, {", ".join(f"pairs.{name}" for name in HORIZONS)},
        {
    ", ".join(
        f"(b.{name}_a - b.{name}_b) * CASE WHEN fought.reply_a = pairs.reply_a THEN 1 ELSE -1 END AS {name}"
        for name in DIMENSIONS
    )
}
    FROM preference_pairs AS pairs
    JOIN battles AS fought ON md5(concat_ws('|', 'battle', fought.battle_id)) = pairs.pair_id
    JOIN truth_battles AS b ON b.battle_id = fought.battle_id
    WHERE pairs.source = 'battle'
"""


def ceiling_leads(run: Run, a: pa.Table, b: pa.Table) -> dict[str, Floats]:
    """Per horizon, the lead of each reply of `a` over that of `b` (both with the columns DIMENSIONS).

    A horizon without LEAST_LABELS gets the mean of the standardised others; all are NaN where none has them.
    """
    lead = _columns(a) - _columns(b)
    rows = pa.concat_tables([run.query(sql).cast(_schema()) for sql in (LOGGED, FOUGHT)])
    taught = ~is_held_out(rows.column("user_id").to_pylist())
    features = _columns(rows)[taught]
    found = {}
    for horizon in HORIZONS:
        targets = np.array([TARGETS.get(label, np.nan) for label in rows.column(horizon).to_pylist()])[taught]
        known = np.isfinite(targets) & np.isfinite(features).all(axis=1)
        if known.sum() >= LEAST_LABELS:
            found[horizon] = lead @ _logistic(features[known], targets[known])
    scaled = [values / max(float(values.std()), 1e-12) for values in found.values()]
    mean = np.mean(scaled, axis=0) if scaled else np.full(len(lead), np.nan)
    return {horizon: found.get(horizon, mean) for horizon in HORIZONS}


def _schema() -> pa.Schema:
    texts = [(name, pa.string()) for name in ("user_id", *HORIZONS)]
    return pa.schema([*texts, *((name, pa.float64()) for name in DIMENSIONS)])


def _columns(rows: pa.Table) -> Floats:
    return np.stack([numbers(rows, name) for name in DIMENSIONS], axis=1)


def _logistic(features: Floats, targets: Floats) -> Floats:
    """Coefficients of the logistic regression without intercept, by Newton's method, with a penalty of 1/2 each."""
    found = np.zeros(features.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-features @ found))
        slope = features.T @ (targets - chance) - found
        bend = (features * (chance * (1 - chance))[:, None]).T @ features + np.eye(len(found))
        found = found + np.linalg.solve(bend, slope)
    return found
