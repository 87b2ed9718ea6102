"""Choices among more than two models: which of them say how all their models rank.

The log holds a choice as rows of pairs. Where they compare each pair of its models, and agree, the choice is a ranking,
with ties where a pair is drawn. Where only the picked one is compared with the others, nothing is known of the order of
the others, and to call that a draw would be an invention: the rows are pairs like any other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.ranking.battles import DRAW, WIN_A, Battles

LEAST_MODELS = 3


class Ranking(NamedTuple):
    """One choice that ranks all its models."""

    members: list[int]
    """Indices of models."""
    ranks: list[int]
    """One per member, 0 is the best; equal ones are drawn."""
    rows: NDArray[np.int64]
    """Its battles, in order."""


def rankings(fought: Battles) -> list[Ranking]:
    """Those of three models and more, in the order in which they were completed."""
    if fought.choice is None:
        return []
    joined = np.flatnonzero(fought.choice >= 0)
    joined = joined[np.argsort(fought.choice[joined], kind="stable")]
    starts = np.flatnonzero(np.diff(fought.choice[joined], prepend=-1))
    found = [_ranking(fought, rows) for rows in np.split(joined, starts[1:]) if len(rows) >= LEAST_MODELS]
    return sorted((one for one in found if one is not None), key=lambda one: int(one.rows[-1]))


def _ranking(fought: Battles, rows: NDArray[np.int64]) -> Ranking | None:
    a, b, outcome = fought.a[rows], fought.b[rows], fought.outcome[rows]
    members = np.unique(np.concatenate([a, b]))
    size = len(members)
    pairs = np.unique(np.minimum(a, b) * len(fought.models) + np.maximum(a, b))
    if size < LEAST_MODELS or len(rows) != len(pairs) or len(pairs) != size * (size - 1) // 2:
        return None
    losers = np.where(outcome == WIN_A, b, a)[outcome != DRAW]
    lost = np.bincount(losers, minlength=len(fought.models))
    agreed = np.sign(lost[a] - lost[b]) == np.select([outcome == DRAW, outcome == WIN_A], [0, -1], 1)
    return Ranking(members.tolist(), lost[members].tolist(), rows) if agreed.all() else None
