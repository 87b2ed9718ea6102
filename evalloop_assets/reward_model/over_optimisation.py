"""What happens when a policy pushes the reward: best-of-n by one model, judged by another of other users.

The proxy learns from the pairs of one half of the users, the gold from those of the other. Of n replies the proxy's
best is taken; its gold reward should rise with n. Where it falls, the proxy's peaks are its own, not the users'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.bradley_terry import Training, learnable
from evalloop_assets.reward_model.calibration import Anchors, Mix, assemble
from evalloop_assets.reward_model.directions import Labelled
from evalloop_assets.reward_model.model import HORIZONS, Floats, RewardModel
from evalloop_assets.reward_model.pairs import Pairs, place_of
from evalloop_assets.reward_model.training import taught_fit

DRAWS = (1, 2, 4, 8, 16, 32, 64)
GROUPS = 400


class Point(NamedTuple):
    """Mean rewards of the proxy's best of n replies, in anchor SDs of either model."""

    n: int
    proxy: float
    gold: float
    gold_se: float


class Sweep(NamedTuple):
    """Best-of-n for growing n; no points where a half of the users has too few labels."""

    points: tuple[Point, ...]

    @property
    def falls(self) -> bool:
        return falls([(one.gold, one.gold_se) for one in self.points])


def falls(gold: Sequence[tuple[float, float]]) -> bool:
    """Whether the last of gold rewards (mean, standard error) by growing n lies surely below the best of them: by more
    than two standard errors of their difference.
    """
    if not gold:
        return False
    (best, best_se), (last, last_se) = max(gold), gold[-1]
    return best - last > 2 * float(np.hypot(best_se, last_se))


def sweep(
    pairs: Pairs, anchors: Anchors, training: Training, mix: Mix, encoder: str, replies: Labelled | None = None
) -> Sweep:
    """Trains both models on halves of the users of pairs and replies, and draws groups of replies from the anchors."""
    models: list[RewardModel] = []
    for first in (True, False):
        part = pairs.where(_of_half(pairs.users, first))
        able = learnable(part, training.min_labels)
        if not any(able[at] and mix.horizons[horizon] > 0 for at, horizon in enumerate(HORIZONS)):
            return Sweep(())
        nobody = part.where(slice(0))
        told = None if replies is None else replies.where(_of_half(replies.users, first))
        fitted, _ = taught_fit(part, nobody, training, told)
        models.append(assemble(fitted, nobody, anchors, mix, encoder, "halves"))
    proxy, gold = (model.temporal(model.reward_parts(model.parts(anchors.features))) for model in models)
    return Sweep(best_of_n(proxy, gold, np.random.default_rng(0)))


def _of_half(users: NDArray[np.str_], first: bool) -> NDArray[np.bool_]:
    return np.array([(place_of(user, "over-optimisation") < 0.5) == first for user in users.tolist()], np.bool_)


def best_of_n(proxy: Floats, gold: Floats, rng: np.random.Generator) -> tuple[Point, ...]:
    """Points from two rewards of the same replies [n], over GROUPS random groups whose first n are the choice.

    Of large groups few replies are the best, over and over: the standard error is clustered by the reply that is taken.
    """
    drawn = rng.integers(0, len(proxy), (GROUPS, max(DRAWS)))
    points = []
    for n in DRAWS:
        best = drawn[np.arange(GROUPS), proxy[drawn[:, :n]].argmax(axis=1)]
        mean, taken = float(gold[best].mean()), len(np.unique(best))
        sums = np.bincount(best, gold[best] - mean)
        se = float(np.sqrt(np.sum(sums**2) * taken / max(taken - 1, 1)) / GROUPS)
        points.append(Point(n, float(proxy[best].mean()), mean, se))
    return tuple(points)
