"""Published leaderboards of a judge: models whose rating is out of line with the length of their replies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evalloop_assets.evaluation.judges.estimate import Floats
from evalloop_assets.lake.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

LIMIT = 3.5
"""Robust standard deviations (median absolute deviation) above the line of the others from which a rating is out of
line (Iglewicz and Hoaglin 1993)."""
LEAST_MODELS = 20
"""Models without which no line is drawn."""
HUBER = 1.345
STEPS = 50


def out_of_line(board: pd.DataFrame, limit: float = LIMIT) -> pd.DataFrame:
    """Models that win far more often than replies of their length do: a sign that they play the judge, not the user.

    `board` is indexed by model and has win_rate and avg_length (characters), and, where it is known,
    length_controlled_winrate; rates are percent. Each rate's logit is set against the logarithm of the length by
    Huber's regression, which a few such models do not bend.

    Back: the board's rows with a rate more than `limit` robust standard deviations above that line, the worst first,
    with columns win_rate_z and length_controlled_z (NaN where there is no such rate).

    Raises UserError for a missing column, and with fewer than 20 models.
    """
    for name in ("win_rate", "avg_length"):
        if name not in board.columns:
            raise UserError(f"column {name} of the leaderboard", "it is missing", "Name it so, rates in percent.")
    known = board[board["win_rate"].notna() & (board["avg_length"] > 0)].copy()
    if len(known) < LEAST_MODELS:
        why = f"it has {len(known)} models with rate and length, and a line needs {LEAST_MODELS}"
        raise UserError("leaderboard", why, "Give all of its models.")
    known["win_rate_z"] = _above_line(known["win_rate"], known["avg_length"])
    known["length_controlled_z"] = np.nan
    if "length_controlled_winrate" in known.columns:
        rated = known["length_controlled_winrate"].notna()
        if rated.sum() >= LEAST_MODELS:
            of_length = _above_line(known.loc[rated, "length_controlled_winrate"], known.loc[rated, "avg_length"])
            known.loc[rated, "length_controlled_z"] = of_length
    worst = known[["win_rate_z", "length_controlled_z"]].max(axis=1)
    return known[worst > limit].loc[worst[worst > limit].sort_values(ascending=False).index]


def _above_line(rate: pd.Series, length: pd.Series) -> Floats:
    """Residual of each logit in robust standard deviations of all residuals."""
    share = (rate / 100).clip(0.0005, 0.9995).to_numpy(dtype=float)
    y, x = np.log(share / (1 - share)), np.log(length.to_numpy(dtype=float))
    design, weight = np.column_stack([np.ones(len(x)), x]), np.ones(len(x))
    for _ in range(STEPS):
        root = np.sqrt(weight)
        line = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0]
        residual = y - design @ line
        spread = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
        if spread == 0:
            return np.zeros(len(y))
        weight = np.minimum(1.0, HUBER * spread / np.maximum(np.abs(residual), 1e-12))
    return np.asarray(residual / spread)
