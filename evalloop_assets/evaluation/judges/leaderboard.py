"""Published leaderboards of a judge: models whose rate is out of line with the length of their replies."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evalloop_assets.evaluation.judges.estimate import Floats
from evalloop_assets.lake.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

LIMIT = 3.5
"""Robust standard deviations (median absolute deviation) above the line of the others from which a rate is out of
line (Iglewicz and Hoaglin 1993)."""
LEAST_MODELS = 20
"""Models without which no line is drawn."""
HUBER = 1.345
STEPS = 50


class Boards(NamedTuple):
    """What several leaderboards show."""

    outliers: pd.DataFrame
    """benchmark, model_id, score, mean_chars, z: the models out of line, the worst of each board first."""
    told: dict[str, str]
    """By board, how many models are out of line, or why that cannot be told."""


def out_of_line(board: pd.DataFrame, limit: float = LIMIT) -> pd.DataFrame:
    """Models that win far more often than replies of their length do: a sign that they play the judge, not the user.

    `board` is indexed by model and has score (the win rate in percent, controlled for length or not) and mean_chars
    (mean length). The rate's logit is set against the logarithm of the length by Huber's regression, which a few such
    models do not bend.

    Back: the board's rows more than `limit` robust standard deviations above that line, the worst first, with that
    distance as z.

    Raises UserError for a missing column, for rates that are no percentages, and with fewer than 20 models.
    """
    for name in ("score", "mean_chars"):
        if name not in board.columns:
            raise UserError(f"column {name} of the leaderboard", "it is missing", "Name it so, rates in percent.")
    known = board[board["score"].notna() & (board["mean_chars"] > 0)]
    if len(known) < LEAST_MODELS:
        why = f"it has {len(known)} models with rate and length, and a line needs {LEAST_MODELS}"
        raise UserError("leaderboard", why, "Give all of its models.")
    if not known["score"].between(0, 100).all():
        raise UserError("leaderboard", "its scores are no rates in percent", "Give win rates from 0 to 100.")
    known = known.assign(z=_above_line(known["score"], known["mean_chars"]))
    return known[known["z"] > limit].sort_values("z", ascending=False)


def outliers(published: pd.DataFrame) -> Boards:
    """The same of each benchmark; `published` has benchmark, model_id, score, mean_chars, one model of it a row."""
    import pandas as pd

    found, told = [], {}
    for benchmark, rows in published.groupby("benchmark"):
        try:
            found.append(out_of_line(rows.set_index("model_id")).assign(benchmark=benchmark).reset_index())
            told[f"board {benchmark}"] = f"{len(found[-1])} of {len(rows)} models out of line"
        except UserError as error:
            told[f"board {benchmark}"] = f"not told: {error.why}"
    columns = ["benchmark", "model_id", "score", "mean_chars", "z"]
    return Boards(pd.concat(found)[columns] if found else pd.DataFrame(columns=columns), told)


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
