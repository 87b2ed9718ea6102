"""Reversals: of two models one is better overall, the other where it matters.

Three are looked for: the other is better within a slice; once the slices weigh the same for both models (what is better
overall may only have had the easier users: Simpson's paradox); and by the weights of the business lines. Each claims
two things at once, so it is as sure as the less sure of both (an intersection-union test: Berger, 1982), for a slice
also no surer than that the slices differ at all (the interaction, by Wald's test). Many are looked at, so the p-values
are adjusted by Benjamini and Hochberg: where there is none, one is claimed in at most 5% of the days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import erfc, sqrt

import numpy as np

from evalloop_assets.evaluation.launch.clustered import CellMeans, Floats, covariance
from evalloop_assets.evaluation.launch.figures import Z_95
from evalloop_assets.evaluation.launch.shrinkage import benjamini_hochberg

IN_A_SLICE, SAME_MIX, BUSINESS_WEIGHTS = "slice", "same mix", "business weights"
ALPHA = 0.05


@dataclass(frozen=True)
class Reversal:
    """One that was tested; the fields are columns of `slice_reversals`. Effects are positive for the better model."""

    metric: str
    dimension: str
    kind: str
    slice: str
    """The slice; `all` where slices are weighed."""
    better_overall: str
    better_there: str
    overall: float
    """By how much the first is better overall."""
    overall_low: float
    overall_high: float
    there: float
    """By how much the second is better there; below 0 where it is not."""
    there_low: float
    there_high: float
    interaction_p: float
    """That the effect is the same in all slices."""
    p_value: float
    p_adjusted: float = np.nan

    @property
    def claimed(self) -> bool:
        return bool(self.p_adjusted <= ALPHA)

    @property
    def words(self) -> str:
        return words(self.dimension, self.kind, self.slice, self.better_overall, self.better_there)


@dataclass(frozen=True)
class Compared:
    """One metric by slices of one dimension, cells numbered model by model."""

    metric: str
    dimension: str
    higher_is_better: bool
    models: Sequence[str]
    slices: Sequence[str]
    overall: CellMeans
    """A cell a model."""
    means: CellMeans
    """A cell a model and slice: number of the model times slices, plus number of the slice."""
    people: int


def possible_reversals(one: Compared, minimum_users: int, weights: Mapping[str, float]) -> list[Reversal]:
    """Every reversal that could be between two of the models, p-values not yet adjusted.

    A slice in which either model has fewer users than the minimum tells nothing. `weights` are by slice, of any sum;
    where one that weighs is not told, the weighted effect is not known.
    """
    enough = np.flatnonzero(one.overall.users >= minimum_users).tolist()
    found: list[Reversal] = []
    for place, first in enumerate(enough):
        for second in enough[place + 1 :]:
            found += _of_pair(one, first, second, minimum_users, weights)
    return found


def words(dimension: str, kind: str, slice: str, better_overall: str, better_there: str) -> str:
    """A reversal in plain words."""
    where = f"in {dimension}={slice}" if kind == IN_A_SLICE else f"by {kind} of {dimension}"
    return f"{better_overall} is better overall, {better_there} {where}"


def adjusted(found: Sequence[Reversal]) -> list[Reversal]:
    """With p-values adjusted for all that were tested."""
    p_values = benjamini_hochberg([one.p_value for one in found])
    return [replace(one, p_adjusted=float(p)) for one, p in zip(found, p_values, strict=True)]


def _of_pair(
    one: Compared, first: int, second: int, minimum_users: int, weights: Mapping[str, float]
) -> list[Reversal]:
    size = len(one.slices)
    users = one.means.users.reshape(-1, size)
    told = np.flatnonzero(np.minimum(users[first], users[second]) >= minimum_users).tolist()
    if not told:
        return []
    sign = 1.0 if one.higher_is_better else -1.0
    effects = sign * np.array(
        [one.overall.mean[first] - one.overall.mean[second]]
        + [one.means.mean[first * size + at] - one.means.mean[second * size + at] for at in told]
    )
    moved = sign * np.stack(
        [one.overall.moved(first, one.people) - one.overall.moved(second, one.people)]
        + [
            one.means.moved(first * size + at, one.people) - one.means.moved(second * size + at, one.people)
            for at in told
        ],
        axis=1,
    )
    if effects[0] < 0:
        first, second, effects, moved = second, first, -effects, -moved
    spread = covariance(moved)
    overall, overall_se = float(effects[0]), float(np.sqrt(spread[0, 0]))
    interaction = _same_everywhere(effects[1:], spread[1:, 1:])

    def reversal(kind: str, name: str, mix: Floats, least: float) -> Reversal:
        there, se = -float(mix @ effects[1:]), float(np.sqrt(mix @ spread[1:, 1:] @ mix))
        p_value = max(_above(overall, overall_se), _above(there, se), least)
        return Reversal(
            one.metric, one.dimension, kind, name, one.models[first], one.models[second],
            overall, overall - Z_95 * overall_se, overall + Z_95 * overall_se,
            there, there - Z_95 * se, there + Z_95 * se, interaction, p_value,
        )  # fmt: skip

    names = [one.slices[at] for at in told]
    found = []
    if len(told) > 1:
        single = np.eye(len(told))
        found = [reversal(IN_A_SLICE, name, single[at], interaction) for at, name in enumerate(names)]
        units = one.means.units.reshape(-1, size)[[first, second]].sum(axis=0)[told]
        found.append(reversal(SAME_MIX, "all", units / units.sum(), 0.0))
    asked = {name: weight for name, weight in weights.items() if weight > 0}
    if asked and set(asked) <= set(names):
        mix = np.array([asked.get(name, 0.0) for name in names])
        found.append(reversal(BUSINESS_WEIGHTS, "all", mix / mix.sum(), 0.0))
    return found


def _same_everywhere(effects: Floats, spread: Floats) -> float:
    """p-value of Wald's test that the effects are one and the same."""
    from scipy.special import chdtrc

    if len(effects) < 2:
        return 1.0
    against = np.eye(len(effects))[1:] - np.eye(len(effects))[:1]
    away = against @ effects
    statistic = float(away @ np.linalg.pinv(against @ spread @ against.T, hermitian=True) @ away)
    return float(chdtrc(len(away), max(0.0, statistic)))


def _above(value: float, se: float) -> float:
    """One-sided p-value that it is not above 0."""
    if se == 0:
        return 1.0
    return erfc(value / se / sqrt(2)) / 2
