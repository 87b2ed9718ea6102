"""16,810 games of American football since 1920, forecast before each by the online rating, beside the published Elo.

The file is FiveThirtyEight's `nfl_games.csv.gz`; its folder is the argument. A season begins with every team nearer to
the mean and less sure, the team at home plays some points better, and a team changes a little from game to game. These
four constants were chosen on the games before 1980, so that the games since then judge them.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections.abc import Iterator
from math import erfc, sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.ranking.batch import cells
from evalloop_assets.ranking.battles import DRAW, battles
from evalloop_assets.ranking.likelihood import BETA, MU, SIGMA, Scale
from evalloop_assets.ranking.online import State

AT_HOME = 1.3
"""Skill points."""
KEPT = 0.7
"""Share of a team's distance from the mean that is left in the next season."""
NEW_SEASON, NEW_GAME = 1.4, 0.3
"""SD of what changes from season to season, and from game to game, skill points."""
CHOSEN_BEFORE = 1980


class Games(NamedTuple):
    """In order of time; arrays have one value per game."""

    season: NDArray[np.int64]
    home: list[str]
    away: list[str]
    neutral: NDArray[np.bool_]
    result: NDArray[np.float64]
    """1 where the first team won, 0 where it lost, else 0.5."""
    elo: NDArray[np.float64]
    """Published probability that the first team wins."""

    def since(self, season: int) -> NDArray[np.bool_]:
        return self.season >= season


def read(folder: Path) -> Games:
    with gzip.open(folder / "nfl_games.csv.gz", "rt") as file:
        rows = sorted((row for row in csv.DictReader(file) if row["result1"]), key=lambda row: row["date"])
    return Games(
        np.array([int(row["season"]) for row in rows]),
        [row["team1"] for row in rows],
        [row["team2"] for row in rows],
        np.array([row["neutral"] == "1" for row in rows]),
        np.array([float(row["result1"]) for row in rows]),
        np.array([float(row["elo_prob1"]) for row in rows]),
    )


def forecasts(games: Games) -> NDArray[np.float64]:
    """Probability that the first team wins, from the games before."""
    outcome = np.select([games.result == 1, games.result == 0], ["a", "b"], "tie")
    fought = battles(games.home, games.away, outcome.tolist())
    kinds, state = cells(fought), State(fought.models, Scale(float(np.mean(fought.outcome == DRAW))), {})
    found = np.empty(len(games.result))
    for k, (home, away, ahead) in enumerate(zip(fought.a, fought.b, ~games.neutral * AT_HOME, strict=True)):
        if k == 0 or games.season[k] != games.season[k - 1]:
            state.mu[:] = MU + KEPT * (state.mu - MU)
            state.variance[:] = np.minimum(state.variance + NEW_SEASON**2, SIGMA**2)
        lead = state.mu[home] + ahead - state.mu[away]
        found[k] = erfc(-lead / sqrt(2 * (2 * BETA**2 + state.variance[home] + state.variance[away]))) / 2
        state.mu[home] += ahead
        state.variance[[home, away]] += NEW_GAME**2
        state.take(kinds, kinds.place[k : k + 1])
        state.mu[home] -= ahead
    return found


def brier(forecast: NDArray[np.float64], games: Games, chosen: NDArray[np.bool_]) -> float:
    """Mean squared error of the probabilities in the chosen games."""
    return float(np.mean((forecast[chosen] - games.result[chosen]) ** 2))


def lines(folder: Path) -> Iterator[str]:
    games = read(folder)
    ours, chance = forecasts(games), np.full(len(games.result), 0.5)
    for season in (int(games.season.min()), CHOSEN_BEFORE, 2000, 2010):
        chosen = games.since(season)
        found = [brier(one, games, chosen) for one in (ours, games.elo, chance)]
        yield (
            f"football since {season}, {chosen.sum():,} games: Brier score of the online rating {found[0]:.4f}, "
            f"published Elo {found[1]:.4f}, chance {found[2]:.4f}"
        )


if __name__ == "__main__":
    for line in lines(Path(sys.argv[1])):
        print(line, flush=True)
