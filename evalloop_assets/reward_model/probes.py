"""Probes of a reward model on held-out pairs: does it go by length, and what would a penalty on length cost?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.evaluation import ALL, Reading, reward_accuracy
from evalloop_assets.reward_model.intervals import Estimate, mean_over_users
from evalloop_assets.reward_model.model import Floats, RewardModel
from evalloop_assets.reward_model.pairs import Pairs

PENALTIES = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Reward taken off per unit of the log of the length."""


def probes(model: RewardModel, held_out: Pairs) -> list[Reading]:
    """Chance that the preferred side has the greater position, length, or reward; 0.5 says nothing of it.

    And the correlation of the reward's margin with the log length ratio. Figures without a label are left out.
    """
    if not len(held_out.ids):
        return []
    margin = model.margin(held_out.difference)
    leads = {
        "auc_of_position": held_out.position_lead,
        "auc_of_length": held_out.log_length_ratio,
        "auc_of_reward": margin,
    }
    found = [Reading(name, ALL, ALL, preferred_share(lead, held_out)) for name, lead in leads.items()]
    found.append(Reading("correlation_with_length", ALL, ALL, correlation(margin, held_out)))
    return [one for one in found if one.estimate.n]


def preferred_share(lead: Floats, pairs: Pairs) -> Estimate:
    """Share of decided labels whose preferred side has the greater lead [n]; unknown leads are left out."""
    return reward_accuracy(np.nan_to_num(lead), pairs, np.isfinite(lead))


def correlation(margin: Floats, pairs: Pairs) -> Estimate:
    """Correlation of margins [n] with the log length ratio, both taken about 0 since sides are drawn by lot."""
    length = pairs.log_length_ratio
    scale = float(np.sqrt(np.mean(margin**2) * np.mean(length**2)))
    return mean_over_users(margin * length / scale if scale > 0 else np.zeros(len(margin)), pairs.users)


class Frontier(NamedTuple):
    """What a penalty on length would do."""

    penalty: float
    """One of PENALTIES."""
    correlation: float
    """Of the penalised reward with length."""
    accuracy: float
    """Of the penalised reward on every decided label."""


def length_frontier(model: RewardModel, held_out: Pairs) -> list[Frontier]:
    """One point per penalty; empty without held-out labels."""
    if not held_out.decided.any():
        return []
    margin = model.margin(held_out.difference)
    everything: NDArray[np.bool_] = np.full(len(margin), True)
    return [
        Frontier(
            penalty,
            correlation(changed, held_out).value,
            reward_accuracy(changed, held_out, everything).value,
        )
        for penalty in PENALTIES
        for changed in [margin - penalty * held_out.log_length_ratio]
    ]
