"""How well a reward model tells the preferences of users it has never seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.intervals import Estimate, mean_over_users, share_over_users
from evalloop_assets.reward_model.model import HORIZONS, Floats, RewardModel
from evalloop_assets.reward_model.pairs import Pairs

ALL = "all"
BINS = 10
DRAWS = 200


class Reading(NamedTuple):
    """One figure about a reward model on held-out pairs."""

    metric: str
    """accuracy, log_loss in nats (0.693 is a coin's), calibration_error, or one of probes.py."""
    horizon: str
    """One of HORIZONS: that head. `all`: the reward against every decided label, whatever its horizon."""
    source: str
    """tail, regeneration, battle, or `all`."""
    estimate: Estimate
    slice: str = ALL
    """`later days`, `locale=en-GB` and the like, or `all`."""


def evaluate(
    model: RewardModel, held_out: Pairs, slices: Mapping[str, NDArray[np.bool_]] | None = None
) -> list[Reading]:
    """Accuracy of the reward, then accuracy, log loss and calibration error of each head that counts.

    Over all pairs, per source, and per slice (name to the pairs [n] in it). A figure without a label is left out.
    """
    if not len(held_out.ids):
        return []
    margin, values = model.margin(held_out.difference), model.values(held_out.difference)
    everything = np.full(len(held_out.ids), True)
    parts = [(ALL, ALL, everything)]
    parts += [(source, ALL, held_out.sources == source) for source in sorted(set(held_out.sources.tolist()))]
    parts += [(ALL, name, chosen) for name, chosen in (slices or {}).items()]
    readings = []
    for source, part, chosen in parts:
        readings.append(Reading("accuracy", ALL, source, reward_accuracy(margin, held_out, chosen), part))
        for at, head in enumerate(model.config.heads):
            if head.weight > 0:
                found = _head_figures(values[:, at], head.temperature, held_out, at, chosen)
                readings += [Reading(name, HORIZONS[at], source, one, part) for name, one in found.items()]
    return [reading for reading in readings if reading.estimate.n]


def _head_figures(
    margin: Floats, temperature: float, pairs: Pairs, at: int, chosen: NDArray[np.bool_]
) -> dict[str, Estimate]:
    target = pairs.targets[:, at]
    decided, known = chosen & pairs.decided[:, at], chosen & np.isfinite(target)
    logits = margin[known] / temperature
    return {
        "accuracy": share_over_users(_hits(margin[decided], target[decided]), pairs.users[decided]),
        "log_loss": mean_over_users(_log_loss(logits, target[known]), pairs.users[known]),
        "calibration_error": calibration_error(1 / (1 + np.exp(-logits)), target[known], pairs.users[known]),
    }


def calibration_error(stated: Floats, target: Floats, users: NDArray[np.str_]) -> Estimate:
    """Mean over the labels of |stated probability - share preferred| of their bin, of BINS bins of equal width.

    The interval is that of DRAWS bootstrap draws of users. Even of a model that is right it is above 0, by noise.
    """
    names, owner = np.unique(users, return_inverse=True)
    if not len(names):
        return Estimate(np.nan, np.nan, np.nan, 0, 0)
    place = np.minimum((stated * BINS).astype(np.int64), BINS - 1)
    distance = np.bincount(owner * BINS + place, stated - target, len(names) * BINS).reshape(-1, BINS)
    size = np.bincount(owner, minlength=len(names))
    value = float(np.abs(distance.sum(axis=0)).sum() / len(target))
    if len(names) < 2:
        return Estimate(value, np.nan, np.nan, len(target), 1)
    drawn = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), DRAWS)
    again = np.abs(drawn @ distance).sum(axis=1) / np.maximum(drawn @ size, 1)
    half = 1.96 * float(again.std())
    return Estimate(value, max(0.0, value - half), value + half, len(target), len(names))


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
