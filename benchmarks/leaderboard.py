"""The shape of a public leaderboard, from battles simulated with its scores: order, intervals and tiers beside its own.

The votes behind the Arena leaderboard are not public, its scores, intervals and counts of votes are; the folder of
`lmarena_text.csv` is the argument. Models meet as often as these counts say, a lead of 400 points wins 10 of 11, every
battle is another user's. What can be compared is what a rating makes of so many votes: the order of 266 models, how
wide the intervals are, and how many models cannot be told from the first.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measure import cost
from evalloop_assets.ranking import rate

POINTS = 400 / np.log(10)
"""Leaderboard points per unit of log odds."""


def lines(folder: Path) -> Iterator[str]:
    with (folder / "lmarena_text.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    score = np.array([float(row["arena_score"]) for row in rows])
    votes = np.array([float(row["votes"]) for row in rows])
    half = np.array([sum(abs(float(one)) for one in row["95_pct_ci"].split("/")) / 2 for row in rows])
    rng, names = np.random.default_rng(1), np.array([row["model"] for row in rows])
    count = int(votes.sum() / 2)
    a, b = rng.choice(len(rows), (2, count), p=votes / votes.sum())
    won = rng.random(count) < 1 / (1 + np.exp((score[b] - score[a]) / POINTS))
    battles = pd.DataFrame({"model_a": names[a], "model_b": names[b], "outcome": np.where(won, "a", "b")})
    found: list[pd.DataFrame] = []
    took = cost(lambda: found.append(rate(battles)))
    rated = found[0].set_index("model_id").loc[names]
    points = np.polyfit(rated["mu"], score, 1)[0]
    ours = (rated["high"] - rated["low"]).to_numpy() / 2 * points
    order = rated["mu"].corr(pd.Series(score, names), method="spearman")
    yield (
        f"leaderboard of {len(rows)} models from {count:,} simulated battles: rated in {took.cpu:.1f} CPU-s; rank "
        f"correlation with the published order {order:.4f}; half "
        f"width of a 95% interval {np.median(ours):.1f} points, published {np.median(half):.1f} (medians); first of "
        f"{rated['tier'].max()} tiers {(rated['tier'] == 1).sum()} models, first rank published of "
        f"{sum(row['rank'] == '1' for row in rows)}"
    )


if __name__ == "__main__":
    for line in lines(Path(sys.argv[1])):
        print(line, flush=True)
