"""The effect among the users of each slice, corrected for there being many, and whether slices differ.

Slices are told by what was known before the first exposure, so that each is an experiment of its own, and users are in
one value of a dimension only, so that the effects of its values are independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.online_ab.cuped import filled
from evalloop_assets.online_ab.influence import Z_95, Effect, UserSums, known_before, user_effect, winsorised
from evalloop_assets.online_ab.results import EXPOSURE, Units, exposed


@dataclass(frozen=True)
class SliceResult:
    """One row of `experiment_slices`; the fields are its columns."""

    experiment_id: str
    unit: str
    metric: str
    dimension: str
    value: str
    control_mean: float
    treatment_mean: float
    effect: float
    se: float
    low: float
    high: float
    p_value: float
    p_adjusted: float
    heterogeneity_p: float | None
    users_control: int
    users_treatment: int


def sliced(
    experiment_id: str, unit: str, rows: Units, minimum_users: int, caps: Mapping[str, float] | None = None
) -> list[SliceResult]:
    """One result for each metric and slice that has `minimum_users` users with known units in either arm.

    A dimension of which a single value has as many is left out: it says what the whole says. `caps` are as in
    `results.compare`; what is cut is told by all users together.
    """
    sums = {}
    for number, metric in enumerate(rows.metrics):
        if metric != EXPOSURE:
            here = np.flatnonzero(rows.metric == number)
            told = UserSums(rows.user[here], rows.epoch[here], rows.treated[here], rows.units[here], rows.total[here])
            sums[metric] = winsorised(told, (caps or {}).get(metric, 1.0))
    effects = _effects(rows, unit, sums, minimum_users)
    return [result for metric, told in effects.items() for result in _of_metric(experiment_id, unit, metric, told)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: below alpha with a chance of at most alpha that any of them is wrong (Holm, 1979)."""
    p = np.array(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    found: list[float] = adjusted.tolist()
    return found


def heterogeneity(effects: Sequence[Effect]) -> float | None:
    """p-value that independent effects are one and the same: Cochran's Q; None where one of them has no variance."""
    from scipy.special import chdtrc

    effect, se = (np.array([getattr(one, name) for one in effects]) for name in ("effect", "se"))
    if len(effect) < 2 or not (se > 0).all():
        return None
    weight = se**-2
    mean = weight @ effect / weight.sum()
    return float(chdtrc(len(effect) - 1, weight @ (effect - mean) ** 2))


def _effects(
    rows: Units, unit: str, sums: Mapping[str, UserSums], minimum_users: int
) -> dict[str, dict[str, dict[str, Effect]]]:
    """By metric and dimension, the effect in each value with enough users, of dimensions with more than one such.

    What was known of the users of a slice before is worked out once for all metrics.
    """
    randomised, covariates = exposed(rows, unit), None if rows.covariates is None else filled(rows.covariates)
    found: dict[str, dict[str, dict[str, Effect]]] = {metric: {} for metric in sums}
    for dimension, (values, code) in rows.slices.items():
        large: dict[str, dict[str, Effect]] = {metric: {} for metric in sums}
        for number, value in enumerate(values):
            among = _where(randomised, code[randomised.user] == number)
            known = None if covariates is None else known_before(covariates, among)
            for metric, told in sums.items():
                one = user_effect(_where(told, code[told.user] == number), known)
                if one is not None and min(one.users_control, one.users_treatment) >= minimum_users:
                    large[metric][value] = one
        for metric, effects in large.items():
            if len(effects) > 1:
                found[metric][dimension] = effects
    return found


def _of_metric(
    experiment_id: str, unit: str, metric: str, told: Mapping[str, Mapping[str, Effect]]
) -> list[SliceResult]:
    different = {dimension: heterogeneity(list(effects.values())) for dimension, effects in told.items()}
    tested = [dimension for dimension, p in different.items() if p is not None]
    different |= zip(tested, holm([p for p in different.values() if p is not None]), strict=True)
    slices = [(dimension, value, one) for dimension, effects in told.items() for value, one in effects.items()]
    return [
        SliceResult(
            experiment_id=experiment_id,
            unit=unit,
            metric=metric,
            dimension=dimension,
            value=value,
            control_mean=one.control_mean,
            treatment_mean=one.treatment_mean,
            effect=one.effect,
            se=one.se,
            low=one.effect - Z_95 * one.se,
            high=one.effect + Z_95 * one.se,
            p_value=one.p_value,
            p_adjusted=p_adjusted,
            heterogeneity_p=different[dimension],
            users_control=one.users_control,
            users_treatment=one.users_treatment,
        )
        for (dimension, value, one), p_adjusted in zip(slices, holm([one.p_value for *_, one in slices]), strict=True)
    ]


def _where(sums: UserSums, mine: NDArray[np.bool_]) -> UserSums:
    return UserSums(sums.user[mine], sums.epoch[mine], sums.treated[mine], sums.units[mine], sums.total[mine])
