"""From fitted heads to one reward on a fixed scale: temperatures, weights of the horizons, anchors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.bradley_terry import Fitted
from evalloop_assets.reward_model.encoder import Matrix
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


def assemble(
    fitted: Fitted,
    tune: Pairs,
    anchors: Anchors,
    horizon_weights: Mapping[str, float],
    encoder: str,
    trained_through: str,
) -> RewardModel:
    """The model that scores. A horizon counts by its weight, unless it was not learned or tells the preferences of the
    tuning users no better than chance; where that leaves nothing, every learned horizon counts.

    ValueError where there are fewer than two anchors, or where all learned horizons have weight 0.
    """
    if len(anchors.features) < 2:
        raise ValueError("fewer than two anchors: nothing to standardise on")
    bare = RewardModel(_config(encoder, (), 1.0, anchors, trained_through), fitted.weights)
    margins = bare.raw(tune.a) - bare.raw(tune.b)
    raw = bare.raw(anchors.features)
    weights = _weights(fitted.learned, margins, tune, horizon_weights)
    heads = tuple(
        Head(
            horizon=horizon,
            weight=float(weights[at]),
            temperature=temperature(*_labelled(margins, tune, at)) if fitted.learned[at] else 1.0,
            mean=float(raw[:, at].mean()),
            sd=_positive(float(raw[:, at].std())),
        )
        for at, horizon in enumerate(HORIZONS)
    )
    unscaled = RewardModel(_config(encoder, heads, 1.0, anchors, trained_through), fitted.weights).reward(raw)
    sd = _positive(float(unscaled.std()))
    return RewardModel(_config(encoder, heads, sd, anchors, trained_through), fitted.weights)


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


def _config(encoder: str, heads: tuple[Head, ...], sd: float, anchors: Anchors, through: str) -> ModelConfig:
    return ModelConfig(
        encoder=encoder,
        heads=heads,
        reward_sd=sd,
        anchors=len(anchors.features),
        anchor_hash=anchors.digest,
        trained_through=through,
    )
