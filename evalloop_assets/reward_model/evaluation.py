"""How well a reward model tells the preferences of users it has never seen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.intervals import Estimate, mean_over_users, share_over_users
from evalloop_assets.reward_model.model import HORIZONS, Floats, RewardModel
from evalloop_assets.reward_model.pairs import Pairs

ALL = "all"


class Reading(NamedTuple):
    """One figure about a reward model on held-out pairs."""

    metric: str
    """accuracy, or log_loss in nats (0.693 is a coin's)."""
    horizon: str
    """One of HORIZONS: that head. `all`: the reward against every decided label, whatever its horizon."""
    source: str
    """tail, regeneration, battle, or `all`."""
    estimate: Estimate
    slice: str = ALL
    """`later days`, `locale=en-GB` and the like, or `all`."""


def evaluate(model: RewardModel, held_out: Pairs) -> list[Reading]:
    """Accuracy of the reward, then accuracy and log loss of each head that counts, over all sources and per source.

    A figure without a single label is left out.
    """
    if not len(held_out.ids):
        return []
    reward_margin, margins = model.margin(held_out.difference), model.values(held_out.difference)
    readings = []
    for source in (ALL, *sorted(set(held_out.sources.tolist()))):
        chosen = np.full(len(held_out.ids), True) if source == ALL else held_out.sources == source
        readings.append(Reading("accuracy", ALL, source, reward_accuracy(reward_margin, held_out, chosen)))
        for at, head in enumerate(model.config.heads):
            if head.weight > 0:
                margin, target = margins[:, at], held_out.targets[:, at]
                decided, known = chosen & held_out.decided[:, at], chosen & np.isfinite(target)
                hits = _hits(margin[decided], target[decided])
                loss = _log_loss(margin[known] / head.temperature, target[known])
                readings += [
                    Reading("accuracy", HORIZONS[at], source, share_over_users(hits, held_out.users[decided])),
                    Reading("log_loss", HORIZONS[at], source, mean_over_users(loss, held_out.users[known])),
                ]
    return [reading for reading in readings if reading.estimate.n]


def reward_accuracy(margin: Floats, pairs: Pairs, chosen: NDArray[np.bool_]) -> Estimate:
    """Share of decided labels that the reward's margin [n] agrees with; a pair counts once per decided horizon."""
    row, horizon = np.nonzero(pairs.decided & chosen[:, None])
    return share_over_users(_hits(margin[row], pairs.targets[row, horizon]), pairs.users[row])


class Comparison(NamedTuple):
    """Challenger against champion on the same labels of held-out users."""

    challenger: float
    """Accuracy of its reward; NaN without labels."""
    champion: float
    difference: Estimate
    """Challenger less champion, clustered by user."""


def compare(challenger: RewardModel, champion: RewardModel, held_out: Pairs, held_out_champion: Pairs) -> Comparison:
    """Both rewards against every decided label. The second set holds the same pairs in the champion's own features."""
    row, horizon = np.nonzero(held_out.decided)
    targets, users = held_out.targets[row, horizon], held_out.users[row]

    def hits(model: RewardModel, pairs: Pairs) -> Floats:
        return _hits(model.margin(pairs.difference)[row], targets)

    new, old = hits(challenger, held_out), hits(champion, held_out_champion)
    if not len(row):
        return Comparison(float("nan"), float("nan"), mean_over_users([], []))
    return Comparison(float(new.mean()), float(old.mean()), mean_over_users(new - old, users))


def _hits(margin: Floats, target: Floats) -> Floats:
    """1 where the margin agrees with a decided label, 0 where it does not, 0.5 where it is exactly 0."""
    return np.asarray(np.where(margin == 0, 0.5, (margin > 0) == (target == 1)), np.float64)


def _log_loss(logits: Floats, target: Floats) -> Floats:
    return np.asarray(np.logaddexp(0.0, logits) - target * logits, np.float64)
