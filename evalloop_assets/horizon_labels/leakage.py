"""What a pair gives away without its text: how well place or length alone tells which side is preferred."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Leak(NamedTuple):
    """How well one figure alone tells the preferred side."""

    auc: float
    """Chance that the figure's lead of a preferred side is above that of a rejected one; 0.5 says nothing."""
    standard_error: float
    """Of `auc`, clustered by user, and at least that of a figure that says nothing: 1 / sqrt(3 n)."""
    pairs: int

    def found(self, tolerance: float) -> bool:
        """Further from 0.5 than the tolerance, and than chance alone would put it (three standard errors)."""
        distance = abs(self.auc - 0.5)
        return self.pairs > 0 and distance > tolerance and distance > 3 * self.standard_error


def leak(leads: ArrayLike, users: ArrayLike | None = None) -> Leak:
    """From the figure of the chosen side less that of the rejected side, one for each pair [n].

    Each pair is taken both ways, so that which of them is called a does not matter; equal leads count half. `users` [n]
    says whose pair it is; without it each pair stands for itself. The AUC is a U-statistic (two pairs count where their
    leads add up to more than 0), so twice the mean of what each pair contributes has its variance.
    """
    chosen = np.asarray(leads, dtype=np.float64)
    n = int(chosen.size)
    if n == 0:
        return Leak(math.nan, math.inf, 0)
    rejected = np.sort(-chosen)
    below = np.searchsorted(rejected, chosen, side="left")
    up_to = np.searchsorted(rejected, chosen, side="right")
    share = (below + up_to) / 2 / n
    auc = float(share.mean())
    _, of = np.unique(np.arange(n) if users is None else np.asarray(users), return_inverse=True)
    clustered = 2 * math.sqrt(float((np.bincount(of, share - auc) ** 2).sum())) / n
    return Leak(auc, max(1 / math.sqrt(3 * n), clustered), n)
