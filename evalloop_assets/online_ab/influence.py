"""The effect of a treatment with users as the unit of variance, whatever was randomised (design, section 6).

Within an allocation epoch e, with n units and total s per user and arm, N the units and m = S/N the mean of an arm,
user i moves the difference of means by inf_i = (s1_i − m1·n1_i)/N1 − (s0_i − m0·n0_i)/N0. Epochs are combined with
weights N1·N0/(N1 + N0); a user's influences are added up over epochs before they are squared, so that whoever chats in
both arms or in several epochs counts as one. Pooled over a ramp instead, an A/A test fires always.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

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

    @property
    def users(self) -> int:
        return self.users_control + self.users_treatment

    @property
    def p_value(self) -> float:
        """Two-sided, normal, for one planned look."""
        if self.se == 0:
            return 1.0 if self.effect == 0 else 0.0
        return erfc(abs(self.effect) / self.se / sqrt(2))


def paired_user_effect(sums: UserSums) -> Effect | None:
    """The effect over all epochs in which both arms have units; None where there is none."""
    units = _by_epoch_and_arm(sums, sums.units)
    total = _by_epoch_and_arm(sums, sums.total)
    both: NDArray[np.bool_] = np.all(units > 0, axis=1)
    if not both.any():
        return None
    safe = np.where(units > 0, units, 1.0)
    mean = total / safe
    weight = np.where(both, units[:, 0] * units[:, 1] / np.where(both, units.sum(axis=1), 1.0), 0.0)
    weight /= weight.sum()
    control_mean, treatment_mean = (float(weight @ mean[:, arm]) for arm in (0, 1))
    effect = treatment_mean - control_mean

    arm = sums.treated.astype(np.int64)
    deviation = weight[sums.epoch] * (sums.total - mean[sums.epoch, arm] * sums.units) / safe[sums.epoch, arm]
    people = int(sums.user.max()) + 1
    on_control = np.bincount(sums.user, np.where(sums.treated, 0.0, deviation), people)
    on_effect = np.bincount(sums.user, np.where(sums.treated, deviation, 0.0), people) - on_control

    relative = relative_se = None
    if control_mean != 0:
        relative = effect / control_mean
        relative_se = float(np.sqrt(np.sum(((on_effect - relative * on_control) / control_mean) ** 2)))
    counted = compared(sums)
    return Effect(
        control_mean=control_mean,
        treatment_mean=treatment_mean,
        effect=effect,
        se=float(np.sqrt(np.sum(on_effect**2))),
        relative=relative,
        relative_se=relative_se,
        users_control=_distinct(sums.user[counted & ~sums.treated]),
        users_treatment=_distinct(sums.user[counted & sums.treated]),
    )


def _distinct(numbers: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(np.bincount(numbers)))


def compared(sums: UserSums) -> NDArray[np.bool_]:
    """Rows with units, of epochs in which both arms have some."""
    both = np.all(_by_epoch_and_arm(sums, sums.units) > 0, axis=1)
    found: NDArray[np.bool_] = (sums.units > 0) & both[sums.epoch]
    return found


def _by_epoch_and_arm(sums: UserSums, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums, (epochs, 2): control, treatment."""
    epochs = int(sums.epoch.max()) + 1 if len(sums.epoch) else 0
    cell = sums.epoch * 2 + sums.treated
    return np.bincount(cell, values, epochs * 2).astype(np.float64).reshape(epochs, 2)
