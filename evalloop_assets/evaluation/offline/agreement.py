"""How far an offline score orders the models as an online metric does, and which pairs it orders the other way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalloop_assets.evaluation.offline.noise import reliability, true_values
from evalloop_assets.evaluation.offline.rank import (
    chance_of_as_good,
    kendall,
    kendall_of_draws,
    spearman,
    spearman_of_draws,
)
from evalloop_assets.evaluation.offline.reversals import Reversal, reversals
from evalloop_assets.evaluation.offline.scores import Scores, paired

LEAST_MODELS = 4
"""Of three, one order in six is the right one by chance."""
DRAWS = 4_000


class Agreement(NamedTuple):
    """Of these models; correlations are positive where the offline score is right."""

    models: int
    spearman: float
    """Of the estimates, as they stand."""
    low: float
    """Lower 95% bound of Spearman's correlation of the true values of these models."""
    high: float
    lower: float
    """Lower bound at the one-sided level of a single look."""
    upper: float
    kendall: float
    """Tau-b of the estimates."""
    kendall_low: float
    kendall_high: float
    p_value: float
    """One-sided: share of all orders that agree as well."""
    next_low: float
    """Lower 95% bound of the correlation among models at large, which a further model would follow."""
    next_high: float
    attenuation: float
    """Factor by which noise pulls the correlation of the estimates towards zero; 1 is none, NaN where unknown."""
    ties: int
    """Pairs of equal scores, on either side."""
    reversals: tuple[Reversal, ...]


class NotEnough(NamedTuple):
    """There is no figure to give."""

    models: int
    reason: str


def agreement(
    offline: Scores,
    online: Scores,
    rng: np.random.Generator,
    least_models: int = LEAST_MODELS,
    look: float = 0.05 / 28,
    alpha: float = 0.05,
) -> Agreement | NotEnough:
    """Over the models that both sides know. `look` is the one-sided level of `lower` and `upper`, `alpha` that of the
    named reversals, over all pairs together.
    """
    offline, online = paired(offline, online)
    n = len(offline.models)
    least = max(least_models, 3)
    if n < least:
        return NotEnough(n, f"{n} model{'s' * (n != 1)} with both, {least} are needed")
    for side, scores in (("offline scores", offline), ("online values", online)):
        if np.ptp(scores.value) == 0:
            return NotEnough(n, f"all {side} are equal")
    drawn = true_values(offline, online, DRAWS, rng)
    ranks, pairs = spearman_of_draws(drawn.offline, drawn.online), kendall_of_draws(drawn.offline, drawn.online)
    low, high, lower, upper = np.quantile(ranks, [0.025, 0.975, look, 1 - look]).tolist()
    kendall_low, kendall_high = np.quantile(pairs, [0.025, 0.975]).tolist()
    next_low, next_high = np.quantile(drawn.correlation, [0.025, 0.975]).tolist()
    first, second = np.triu_indices(n, 1)
    ties = sum(int((scores.value[first] == scores.value[second]).sum()) for scores in (offline, online))
    return Agreement(
        models=n,
        spearman=spearman(offline.value, online.value),
        low=low,
        high=high,
        lower=lower,
        upper=upper,
        kendall=kendall(offline.value, online.value),
        kendall_low=kendall_low,
        kendall_high=kendall_high,
        p_value=chance_of_as_good(offline.value, online.value, rng),
        next_low=next_low,
        next_high=next_high,
        attenuation=float(np.sqrt(reliability(offline) * reliability(online))),
        ties=ties,
        reversals=reversals(offline, online, alpha),
    )
