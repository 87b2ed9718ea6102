"""Ratings as contrasts, which is what may be reported: a mu by itself drifts with the pool (design, section 6)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.ranking.battles import Battles
from evalloop_assets.ranking.clustered import Covariance, covariance
from evalloop_assets.ranking.trueskill_rating import online_pass, scale_of

LEAST_ANCHORS = 3
Z_95 = 1.959963984540054


class Contrast(NamedTuple):
    """How much better one model is than a reference level, in skill points (beta is 25/6)."""

    value: float
    se: float
    """User-clustered standard error."""

    @property
    def z(self) -> float:
        return self.value / self.se if self.se > 0 else 0.0


@dataclass(frozen=True)
class Ratings:
    """One fit. Arrays have one value per model, in the order of `models`."""

    models: tuple[str, ...]
    mu: NDArray[np.float64]
    sigma: NDArray[np.float64]
    """TrueSkill's own; it ignores that a user's votes hang together, so no interval is made of it. 0 for constants."""
    covariance: Covariance
    battles: NDArray[np.int64]
    anchors: tuple[str, ...]
    """Models whose mean is the level of the contrasts; empty where fewer than three are known."""
    constant: bool
    """True where the anchors' values were given, False where they were fitted with the rest."""
    draw_probability: float

    @property
    def level(self) -> str:
        """What the contrasts are relative to, in words."""
        if not self.anchors:
            return f"the mean of all models: fewer than {LEAST_ANCHORS} anchors, so ratings are relative only"
        how = "constants" if self.constant else "fitted in this window"
        return f"the mean of the anchors {', '.join(self.anchors)} ({how})"

    def against_level(self, model: str) -> Contrast:
        """The model against the anchors' mean, or against the mean of all where there are no anchors."""
        base = self.anchors or self.models
        weights = np.zeros(len(self.models))
        for name in base:
            weights[self.models.index(name)] -= 1 / len(base)
        weights[self.models.index(model)] += 1
        return self._contrast(weights)

    def against(self, model: str, other: str) -> Contrast:
        weights = np.zeros(len(self.models))
        weights[self.models.index(model)] += 1
        weights[self.models.index(other)] -= 1
        return self._contrast(weights)

    @property
    def best(self) -> str:
        return self.models[int(np.argmax(self.mu))]

    def rank(self) -> dict[str, int]:
        """1 is the best; ties go by name."""
        order = sorted(range(len(self.models)), key=lambda index: (-self.mu[index], self.models[index]))
        return {self.models[index]: place for place, index in enumerate(order, start=1)}

    def _contrast(self, weights: NDArray[np.float64]) -> Contrast:
        return Contrast(float(weights @ self.mu), float(np.sqrt(self.covariance.variance(weights))))


def rate(fought: Battles, anchors: Mapping[str, float] | None = None, references: Collection[str] = ()) -> Ratings:
    """Rate every model that fought.

    `anchors` are constants of the fit (at least three of them must have fought); failing these, `references` are fitted
    like the rest and their mean is the level; with fewer than three of either, contrasts are against the mean of all.
    """
    given = {name: value for name, value in (anchors or {}).items() if name in fought.models}
    constants = given if len(given) >= LEAST_ANCHORS else {}
    known = sorted(constants or {name for name in {*references, *given} if name in fought.models})
    scale = scale_of(fought)
    mu, sigma = online_pass(fought, scale, constants)
    return Ratings(
        models=fought.models,
        mu=mu,
        sigma=sigma,
        covariance=covariance(fought, mu, scale, constants),
        battles=fought.per_model,
        anchors=tuple(known) if len(known) >= LEAST_ANCHORS else (),
        constant=bool(constants),
        draw_probability=scale.draw_probability,
    )
