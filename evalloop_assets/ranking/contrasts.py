"""Ratings as contrasts, which is what may be reported: a mu by itself drifts with the pool (design, section 6)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import copysign, inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.ranking.anchors import LEAST_ANCHORS, Drift, held
from evalloop_assets.ranking.batch import Coefficient, Covariance, fit
from evalloop_assets.ranking.battles import Battles
from evalloop_assets.ranking.graph import components

Z_95 = 1.959963984540054
ANCHOR_Z = 4.0


class Contrast(NamedTuple):
    """How much better one model is than a reference level, in skill points (beta is 25/6)."""

    value: float
    se: float
    """User-clustered standard error; NaN where no chain of battles joins the two."""

    @property
    def z(self) -> float:
        """0 where nothing joins the two; two constants that differ are infinitely many standard errors apart."""
        if self.se == 0 and self.value != 0:
            return copysign(inf, self.value)
        return self.value / self.se if self.se > 0 else 0.0

    @property
    def low(self) -> float:
        """Lower 95% bound."""
        return self.value - Z_95 * self.se

    @property
    def high(self) -> float:
        return self.value + Z_95 * self.se


@dataclass(frozen=True)
class Ratings:
    """One batch fit. Arrays have one value per model, in the order of `models`."""

    models: tuple[str, ...]
    mu: NDArray[np.float64]
    sigma: NDArray[np.float64]
    """As if every battle were a user's only one, so no interval is made of it. 0 for constants."""
    covariance: Covariance
    battles: NDArray[np.int64]
    users: int
    """Who chose."""
    component: NDArray[np.int64]
    """Models of one number are joined by battles, or by constants; 0 is the component with most battles."""
    anchors: tuple[str, ...]
    """Models whose mean is the level of the contrasts; empty where fewer than three are known."""
    constant: bool
    """True where the anchors' values were given, False where they were fitted with the rest."""
    released: tuple[Drift, ...]
    """Given anchors that drifted, and so were fitted like the rest."""
    margin: float
    coefficients: Mapping[str, Coefficient]
    """Of the covariates, skill points per unit."""

    @property
    def level(self) -> str:
        """What the contrasts are relative to, in words."""
        gone = f"; released: {', '.join(f'{one.model_id} (z {one.z:+.1f})' for one in self.released)}"
        gone = gone if self.released else ""
        if not self.anchors:
            return f"the mean of all models: fewer than {LEAST_ANCHORS} anchors, so ratings are relative only{gone}"
        how = "constants" if self.constant else "fitted in this window"
        return f"the mean of the anchors {', '.join(self.anchors)} ({how}){gone}"

    @property
    def apart(self) -> tuple[str, ...]:
        """Models that no chain of battles joins with the component that fought most."""
        return tuple(name for name, number in zip(self.models, self.component, strict=True) if number > 0)

    def against_level(self, model: str) -> Contrast:
        """The model against the anchors' mean, or against the mean of all where there are no anchors."""
        base = self.anchors or tuple(name for name in self.models if self._number(name) == self._number(model))
        return self.against_mean(model, base)

    def against_mean(self, model: str, others: Collection[str]) -> Contrast:
        """The model against the mean of these."""
        weights = np.zeros(len(self.models))
        for name in others:
            weights[self.models.index(name)] -= 1 / len(others)
        weights[self.models.index(model)] += 1
        return self._contrast(weights)

    def against(self, model: str, other: str) -> Contrast:
        return self.against_mean(model, [other])

    @property
    def best(self) -> str:
        """The highest mu of those in the component that fought most."""
        return self.models[int(np.argmax(np.where(self.component == 0, self.mu, -np.inf)))]

    def surely_good(self, z: float) -> str:
        """The highest lower bound, `z` standard errors down, in the component that fought most, against its mean by
        battles: neither a newcomer's few wins lead to it, nor that no other model has fought much.
        """
        fought = np.where(self.component == 0, self.battles, 0)
        weights = np.eye(len(self.models)) - fought / fought.sum()
        low = weights @ self.mu - z * np.sqrt(self.covariance.variances(weights))
        return self.models[int(np.argmax(np.where(self.component == 0, low, -np.inf)))]

    def rank(self) -> dict[str, int]:
        """1 is the best; ties go by name. Models apart cannot be compared with the others and come after them."""
        order = np.lexsort((np.arange(len(self.models)), -self.mu, self.component))
        return {self.models[index]: place for place, index in enumerate(order, start=1)}

    def tiers(self, z_limit: float = Z_95) -> dict[str, int]:
        """Models of one tier cannot be told from its first, which leads it; 1 is the best tier. Models apart are in
        tiers of their own, after those of the others.
        """
        tier, leader, found = 0, "", dict[str, int]()
        for model in self.rank():
            apart = not leader or self._number(model) != self._number(leader)
            if apart or self.against(model, leader).z < -z_limit:
                tier, leader = tier + 1, model
            found[model] = tier
        return found

    def _number(self, model: str) -> int:
        return int(self.component[self.models.index(model)])

    def _contrast(self, weights: NDArray[np.float64]) -> Contrast:
        joined = len(set(self.component[weights != 0])) == 1
        se = float(np.sqrt(self.covariance.variance(weights))) if joined else float("nan")
        return Contrast(float(weights @ self.mu), se)


def rate(
    fought: Battles,
    anchors: Mapping[str, float] | None = None,
    references: Collection[str] = (),
    anchor_z: float = ANCHOR_Z,
) -> Ratings:
    """Rate every model that fought.

    `anchors` are constants of the fit (at least three of them must have fought and agree with each other up to
    `anchor_z` standard errors); failing these, `references` are fitted like the rest and their mean is the level; with
    fewer than three of either, contrasts are against the mean of all.
    """
    given = anchors or {}
    kept, released = held(fought, given, anchor_z)
    constants = kept if len(kept) >= LEAST_ANCHORS else {}
    known = sorted(constants or {name for name in {*references, *kept} if name in fought.models})
    rated = fit(fought, constants)
    return Ratings(
        models=fought.models,
        mu=rated.mu,
        sigma=rated.sigma,
        covariance=rated.covariance,
        battles=fought.per_model,
        users=fought.users,
        component=components(fought, constants),
        anchors=tuple(known) if len(known) >= LEAST_ANCHORS else (),
        constant=bool(constants),
        released=tuple(released),
        margin=rated.margin,
        coefficients=rated.coefficients,
    )
