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


def ranked_choices(rng, skills, count, users, taste=0.0, shown=4):
    """Choices that rank `shown` of the models, each as rows of all its pairs."""
    skills = np.asarray(skills, float)
    members = np.argsort(rng.random((count, len(skills))), axis=1)[:, :shown]
    user = rng.integers(0, users, count)
    tastes = rng.normal(0, taste, (users, len(skills)))
    liked = skills[members] + tastes[user[:, None], members] + BETA * rng.standard_normal((count, shown))
    first, second = np.triu_indices(shown, 1)
    return Battles(
        tuple(f"m{index:02}" for index in range(len(skills))),
        members[:, first].ravel(),
        members[:, second].ravel(),
        np.where(liked[:, first] > liked[:, second], WIN_A, WIN_B).ravel(),
        np.repeat(user, len(first)),
        users,
        choice=np.repeat(np.arange(count), len(first)),
    )
