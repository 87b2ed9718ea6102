"""The effect among the users of each slice, corrected for there being many, and whether slices differ.

Slices are told by what was known before the first exposure, so that each is an experiment of its own, and users are in
one value of a dimension only, so that the effects of its values are independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.online_ab.influence import Z_95, Effect, UserSums, paired_user_effect, winsorised
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
    randomised = exposed(rows, unit)
    found = []
    for number, metric in enumerate(rows.metrics):
        if metric == EXPOSURE:
            continue
        here = np.flatnonzero(rows.metric == number)
        sums = UserSums(rows.user[here], rows.epoch[here], rows.treated[here], rows.units[here], rows.total[here])
        sums = winsorised(sums, (caps or {}).get(metric, 1.0))
        found += _of_metric(experiment_id, unit, metric, rows, sums, randomised, minimum_users)
    return found


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


def _of_metric(
    experiment_id: str, unit: str, metric: str, rows: Units, sums: UserSums, randomised: UserSums, minimum_users: int
) -> list[SliceResult]:
    told: dict[str, dict[str, Effect]] = {}
    for dimension, (values, code) in rows.slices.items():
        every = {
            value: paired_user_effect(
                _where(sums, code[sums.user] == number),
                rows.covariates,
                _where(randomised, code[randomised.user] == number),
            )
            for number, value in enumerate(values)
        }
        large = {
            value: one
            for value, one in every.items()
            if one is not None and min(one.users_control, one.users_treatment) >= minimum_users
        }
        if len(large) > 1:
            told[dimension] = large
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
