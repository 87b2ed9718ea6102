"""The effect of a treatment with users as the unit of variance, whatever was randomised (design, section 6).

Within an allocation epoch e, with n units and total s per user and arm, N the units and m = S/N the mean of an arm,
user i moves the difference of means by inf_i = (s1_i − m1·n1_i)/N1 − (s0_i − m0·n0_i)/N0. Epochs are combined with
weights N1·N0/(N1 + N0); a user's influences are added up over epochs before they are squared, so that whoever chats in
both arms or in several epochs counts as one. Pooled over a ramp instead, an A/A test fires always.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.online_ab.cuped import Known, adjust, filled, known_of

Z_95 = 1.959963984540054


@dataclass(frozen=True)
class UserSums:
    """One metric: a row for each user, epoch and arm. Arrays of one length."""

    user: NDArray[np.int64]
    """Number of the user, from 0."""
    epoch: NDArray[np.int64]
    """Number of the allocation epoch, from 0."""
    treated: NDArray[np.bool_]
    units: NDArray[np.float64]
    """Denominator: conversations, user-days, replies."""
    total: NDArray[np.float64]
    """Sum over these units."""


@dataclass(frozen=True)
class Effect:
    """Treatment less control, fixed-sample figures; positive when the treatment's mean is higher."""

    control_mean: float
    treatment_mean: float
    effect: float
    se: float
    """User-clustered standard error of `effect`."""
    relative: float | None
    """effect / control_mean; None where the control's mean is 0."""
    relative_se: float | None
    """By the delta method, the correlation of both means included."""
    users_control: int
    users_treatment: int
    variance_reduction: float | None = None
    """Share of the variance of `effect` that the covariates took away; None without covariates."""

    @property
    def users(self) -> int:
        return self.users_control + self.users_treatment

    @property
    def p_value(self) -> float:
        """Two-sided, normal, for one planned look."""
        if self.se == 0:
            return 1.0 if self.effect == 0 else 0.0
        return erfc(abs(self.effect) / self.se / sqrt(2))


def paired_user_effect(
    sums: UserSums, covariates: NDArray[np.float64] | None = None, exposed: UserSums | None = None
) -> Effect | None:
    """The effect over all epochs in which both arms have units; None where there is none.

    `covariates`, (users, covariates), tell what was known of each user before, NaN where nothing; then the effect is
    adjusted (see `cuped`), while the means stay as they are. `exposed` has the units with which they are weighed, those
    that were randomised; by default each user of `sums` is one in each epoch and arm. The units of `sums` would not do:
    where the treatment changes how many there are, covariates differ by it between the arms.
    """
    if covariates is None or not compared(sums).any():
        return user_effect(sums)
    weighed = replace(sums, units=np.ones(len(sums.user))) if exposed is None else exposed
    return user_effect(sums, known_before(filled(covariates), weighed))


def known_before(covariates: NDArray[np.float64], exposed: UserSums) -> Known | None:
    """What `covariates`, (users, covariates) without NaN, tell of the users that were `exposed`, for every metric of
    theirs; None where no epoch has both arms.
    """
    if not compared(exposed).any():
        return None
    told = (_contrast(exposed, exposed.units * column[exposed.user], len(covariates)) for column in covariates.T)
    return known_of([(one[1], one[2]) for one in told])


def user_effect(sums: UserSums, known: Known | None = None) -> Effect | None:
    """As `paired_user_effect`, adjusted by what is `known` of its users, whose number is that of `known.axes`."""
    counted = compared(sums)
    if not counted.any():
        return None
    people = int(sums.user.max()) + 1 if known is None else len(known.axes)
    mean, effect, on_effect, on_control = _contrast(sums, sums.total, people)
    reduction = None
    if known is not None:
        effect, on_effect, reduction = adjust(effect, on_effect, known, _distinct(sums.user[counted]))
    relative = relative_se = None
    if mean[0] != 0:
        relative = effect / mean[0]
        relative_se = float(np.sqrt(np.sum(((on_effect - relative * on_control) / mean[0]) ** 2)))
    return Effect(
        control_mean=mean[0],
        treatment_mean=mean[1],
        effect=effect,
        se=float(np.sqrt(np.sum(on_effect**2))),
        relative=relative,
        relative_se=relative_se,
        users_control=_distinct(sums.user[counted & ~sums.treated]),
        users_treatment=_distinct(sums.user[counted & sums.treated]),
        variance_reduction=reduction,
    )


def compared(sums: UserSums) -> NDArray[np.bool_]:
    """Rows with units, of epochs in which both arms have some."""
    both = np.all(_by_epoch_and_arm(sums, sums.units) > 0, axis=1)
    found: NDArray[np.bool_] = (sums.units > 0) & both[sums.epoch]
    return found


def winsorised(sums: UserSums, quantile: float) -> UserSums:
    """A user's mean per unit in an epoch and arm is cut at this quantile of all, both arms pooled.

    Of few users it is the second largest, so that one alone never decides.
    """
    known = sums.units > 0
    if quantile >= 1 or not known.any():
        return sums
    cap = np.quantile(sums.total[known] / sums.units[known], quantile, method="lower")
    return replace(sums, total=np.minimum(sums.total, cap * sums.units))


def _contrast(
    sums: UserSums, total: NDArray[np.float64], people: int
) -> tuple[tuple[float, float], float, NDArray[np.float64], NDArray[np.float64]]:
    """Means of control and treatment, their difference, and each user's influence on it and on the control's mean."""
    units, totals = (_by_epoch_and_arm(sums, values) for values in (sums.units, total))
    both: NDArray[np.bool_] = np.all(units > 0, axis=1)
    safe = np.where(units > 0, units, 1.0)
    mean = totals / safe
    weight = np.where(both, units[:, 0] * units[:, 1] / np.where(both, units.sum(axis=1), 1.0), 0.0)
    weight /= weight.sum()
    control_mean, treatment_mean = (float(weight @ mean[:, arm]) for arm in (0, 1))

    arm = sums.treated.astype(np.int64)
    deviation = weight[sums.epoch] * (total - mean[sums.epoch, arm] * sums.units) / safe[sums.epoch, arm]
    on_control, on_treatment = (
        np.bincount(sums.user, np.where(mine, deviation, 0.0), people).astype(np.float64)
        for mine in (~sums.treated, sums.treated)
    )
    return (control_mean, treatment_mean), treatment_mean - control_mean, on_treatment - on_control, on_control


def _distinct(numbers: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(np.bincount(numbers)))


def _by_epoch_and_arm(sums: UserSums, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums, (epochs, 2): control, treatment."""
    epochs = int(sums.epoch.max()) + 1 if len(sums.epoch) else 0
    cell = sums.epoch * 2 + sums.treated
    return np.bincount(cell, values, epochs * 2).astype(np.float64).reshape(epochs, 2)
