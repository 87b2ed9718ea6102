"""From fitted heads to one reward on a fixed scale: temperatures, weights of the horizons, anchors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.bradley_terry import Fitted
from evalloop_assets.reward_model.encoder import Matrix
from evalloop_assets.reward_model.foreign import familiar
from evalloop_assets.reward_model.model import HORIZONS, Floats, Head, ModelConfig, RewardModel
from evalloop_assets.reward_model.pairs import Pairs

LEAST_LABELS = 20
"""Labels below which a temperature is left at 1 and a head is not judged."""


class Anchors(NamedTuple):
    """The frozen replies on which a version has mean 0 and standard deviation 1: its scale is arbitrary otherwise."""

    features: Matrix
    digest: str

    @classmethod
    def of(cls, features: Matrix) -> Anchors:
        return cls(features, hashlib.sha256(features.astype("<f4").tobytes()).hexdigest()[:16])


def temperature(margins: Floats, targets: Floats) -> float:
    """The T in [1/20, 20] that minimises the cross-entropy of sigmoid(margin / T) against targets in {0, 0.5, 1}."""
    from scipy.optimize import minimize_scalar

    def loss(log_t: float) -> float:
        scaled = margins / np.exp(log_t)
        return float(np.mean(np.logaddexp(0.0, scaled) - targets * scaled))

    if len(margins) < LEAST_LABELS:
        return 1.0
    return float(np.exp(minimize_scalar(loss, bounds=(-np.log(20), np.log(20)), method="bounded").x))


class Mix(NamedTuple):
    """How the heads and the components make one reward; from the settings."""

    horizons: Mapping[str, float]
    """Share of each horizon, summing to anything above 0."""
    alpha: float = 1.0
    """Share of the consistency."""
    beta: float = 1.0
    """Share of the progress."""


def assemble(
    fitted: Fitted, tune: Pairs, anchors: Anchors, mix: Mix, encoder: str, trained_through: str
) -> RewardModel:
    """The model that scores. A horizon counts by its weight, unless it was not learned or tells the preferences of the
    tuning users no better than chance; where that leaves nothing, every learned horizon counts.

    ValueError where there are fewer than two anchors, or where all learned horizons have weight 0.
    """
    if len(anchors.features) < 2:
        raise ValueError("fewer than two anchors: nothing to standardise on")
    known = familiar(anchors.features)
    weights = {**fitted.weights, "centre": known.centre, "axes": known.axes}
    config = ModelConfig(
        encoder=encoder,
        heads=(),
        alpha=mix.alpha,
        beta=mix.beta,
        reward_sd=1.0,
        anchors=len(anchors.features),
        anchor_hash=anchors.digest,
        trained_through=trained_through,
        farthest=known.farthest,
    )
    bare = RewardModel(config, weights)
    margins = bare.values(tune.difference)
    parts = bare.parts(anchors.features)
    values = parts.sum(axis=0)
    shares = _weights(fitted.learned, margins, tune, mix.horizons)
    heads = tuple(
        Head(
            horizon=horizon,
            weight=float(shares[at]),
            temperature=temperature(*_labelled(margins, tune, at)) if fitted.learned[at] else 1.0,
            mean=tuple(parts[:, :, at].mean(axis=1).tolist()),
            sd=_positive(float(values[:, at].std())),
        )
        for at, horizon in enumerate(HORIZONS)
    )
    unscaled = RewardModel(replace(config, heads=heads), weights)
    sd = _positive(float(unscaled.temporal(unscaled.reward_parts(parts)).std()))
    return RewardModel(replace(config, heads=heads, reward_sd=sd), weights)


def _weights(
    learned: tuple[bool, ...], margins: Floats, tune: Pairs, wanted: Mapping[str, float]
) -> NDArray[np.float64]:
    weights = np.array([wanted[horizon] if learned[at] else 0.0 for at, horizon in enumerate(HORIZONS)])
    if weights.sum() <= 0:
        raise ValueError("every horizon that was learned has weight 0")
    decided = tune.decided
    hopeless = np.array(
        [
            bool(decided[:, at].sum() >= LEAST_LABELS)
            and float(np.mean((margins[:, at] > 0)[decided[:, at]] == (tune.targets[:, at] == 1)[decided[:, at]]))
            <= 0.5
            for at in range(len(HORIZONS))
        ]
    )
    told = np.where(hopeless, 0.0, weights)
    chosen = told if told.sum() > 0 else weights
    return np.asarray(chosen / chosen.sum(), np.float64)


def _labelled(margins: Floats, pairs: Pairs, at: int) -> tuple[Floats, Floats]:
    known = np.isfinite(pairs.targets[:, at])
    return margins[known, at], pairs.targets[known, at]


def _positive(sd: float) -> float:
    return sd if sd > 1e-9 else 1.0
