"""Simulated choices with known truth."""

import numpy as np
from scipy.stats import norm

from evalloop_assets.ranking.battles import DRAW, WIN_A, WIN_B, Battles

BETA = 25 / 6


def simulated(rng, skills, count, users, taste=0.0, margin=1.5):
    """Battles between models of true `skills`; each user likes each model more or less than others do (SD `taste`)."""
    skills = np.asarray(skills, float)
    size = len(skills)
    a = rng.integers(0, size, count)
    b = (a + rng.integers(1, size, count)) % size
    user = np.sort(rng.integers(0, users, count))
    tastes = rng.normal(0, taste, (users, size))
    liked = skills + tastes
    gap = liked[user, a] - liked[user, b] + rng.normal(0, np.sqrt(2) * BETA, count)
    outcome = np.where(gap > margin, WIN_A, np.where(gap < -margin, WIN_B, DRAW))
    order = rng.permutation(count)
    return Battles(
        tuple(f"m{index:02}" for index in range(size)), a[order], b[order], outcome[order], user[order], users
    )


def chance_to_win(gap, se=0.0):
    """Of a model `gap` skill points ahead, when the gap itself is known up to `se`."""
    return norm.cdf(gap / np.hypot(np.sqrt(2) * BETA, se))
