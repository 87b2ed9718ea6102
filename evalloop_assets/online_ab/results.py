"""Results of one experiment and unit of randomisation: effect, bounds, sample ratio and coverage of each metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.distinct import distinct
from evalloop_assets.online_ab.cuped import filled
from evalloop_assets.online_ab.influence import Z_95, UserSums, compared, known_before, user_effect, winsorised
from evalloop_assets.online_ab.lan_demets import Spending, planned_bounds
from evalloop_assets.online_ab.sequential import always_valid_bounds
from evalloop_assets.online_ab.srm import EpochCount, always_valid_ratio_p

EXPOSURE = "exposure"


@dataclass(frozen=True)
class Result:
    """One row of `experiment_results`; the fields are its columns."""

    experiment_id: str
    unit: str
    metric: str
    control: str | None
    treatment: str | None
    control_mean: float
    treatment_mean: float
    effect: float
    se: float
    low: float
    high: float
    relative: float | None
    relative_low: float | None
    relative_high: float | None
    p_value: float
    always_low: float
    always_high: float
    planned_low: float | None
    planned_high: float | None
    users_control: int
    users_treatment: int
    srm_p: float | None
    coverage: float
    variance_reduction: float | None

    @property
    def users(self) -> int:
        return self.users_control + self.users_treatment

    @property
    def least_users(self) -> int:
        """Users of the smaller arm."""
        return min(self.users_control, self.users_treatment)


@dataclass(frozen=True)
class Units:
    """Rows of `experiment_users` of one experiment and unit, summed over days. Arrays of one length."""

    metrics: Sequence[str]
    metric: NDArray[np.int64]
    """Index in `metrics`."""
    epochs: Sequence[str]
    epoch: NDArray[np.int64]
    """Index in `epochs`."""
    user: NDArray[np.int64]
    """Number of the user, from 0."""
    treated: NDArray[np.bool_]
    units: NDArray[np.float64]
    total: NDArray[np.float64]
    eligible: NDArray[np.float64]
    first_day: NDArray[np.int64] | None = None
    """Number of the first day with a known unit, counted from any day; None where days are not told, and then no look
    can be placed in a plan. Of rows without units it means nothing."""
    last_day: NDArray[np.int64] | None = None
    """The same of the last day."""
    covariates: NDArray[np.float64] | None = None
    """(users, covariates): what was known of each user before the first exposure, NaN where nothing."""
    slices: Mapping[str, tuple[Sequence[str], NDArray[np.int64]]] = field(default_factory=dict, kw_only=True)
    """By dimension: its values, and (users,) the index of each user's, -1 where unknown."""


def compare(
    experiment_id: str,
    unit: str,
    rows: Units,
    models: Mapping[str, str],
    planned_users: float,
    alpha: float,
    spending: Spending = "obrien_fleming",
    caps: Mapping[str, float] | None = None,
) -> list[Result]:
    """One result for each metric that has known units in both arms of some epoch.

    `models` maps arm to model id; `caps` tells at which quantile the users' means of a metric are cut.
    """
    srm_p = always_valid_ratio_p(_exposures(rows))
    known = None if rows.covariates is None else known_before(filled(rows.covariates), exposed(rows, unit))
    results = []
    for number, metric in enumerate(rows.metrics):
        here = np.flatnonzero(rows.metric == number)
        sums = UserSums(rows.user[here], rows.epoch[here], rows.treated[here], rows.units[here], rows.total[here])
        sums = winsorised(sums, (caps or {}).get(metric, 1.0))
        found = user_effect(sums, None if metric == EXPOSURE else known)
        if found is None:
            continue
        low, high = always_valid_bounds(found.effect, found.se, found.users, planned_users, alpha)
        planned = planned_bounds(
            found.effect, found.se, _users_by_look(rows, here, sums), planned_users, alpha, spending
        ) or (None, None)
        relative, spread = found.relative, Z_95 * (found.relative_se or 0.0)
        results.append(
            Result(
                experiment_id=experiment_id,
                unit=unit,
                metric=metric,
                control=models.get("control"),
                treatment=models.get("treatment"),
                control_mean=found.control_mean,
                treatment_mean=found.treatment_mean,
                effect=found.effect,
                se=found.se,
                low=found.effect - Z_95 * found.se,
                high=found.effect + Z_95 * found.se,
                relative=relative,
                relative_low=None if relative is None else relative - spread,
                relative_high=None if relative is None else relative + spread,
                p_value=found.p_value,
                always_low=low,
                always_high=high,
                planned_low=planned[0],
                planned_high=planned[1],
                users_control=found.users_control,
                users_treatment=found.users_treatment,
                srm_p=srm_p,
                coverage=float(rows.units[here].sum() / rows.eligible[here].sum()),
                variance_reduction=found.variance_reduction,
            )
        )
    return results


def exposed(rows: Units, unit: str) -> UserSums:
    """What was randomised: conversations, or users, each once in an epoch and arm, whatever is known of them."""
    if unit == "conversation" and EXPOSURE in rows.metrics:
        here = rows.metric == list(rows.metrics).index(EXPOSURE)
        return UserSums(rows.user[here], rows.epoch[here], rows.treated[here], rows.units[here], rows.total[here])
    people = int(rows.user.max(initial=0)) + 1
    cells = distinct((rows.epoch * 2 + rows.treated) * people + rows.user)
    arms, ones = cells // people, np.ones(len(cells))
    return UserSums(cells % people, arms // 2, arms % 2 == 1, ones, ones)


def _users_by_look(rows: Units, here: NDArray[np.int64], sums: UserSums) -> list[int]:
    """Users of both arms known by the end of each day, up to the newest day with known units; empty without days."""
    if rows.first_day is None or rows.last_day is None:
        return []
    counted = compared(sums)
    first, last = rows.first_day[here][counted], rows.last_day[here][counted]
    person, begun = np.unique(sums.user[counted] * 2 + sums.treated[counted], return_inverse=True)
    earliest = np.full(len(person), last.max())
    np.minimum.at(earliest, begun, first)
    origin = int(first.min())
    found: list[int] = np.cumsum(np.bincount(earliest - origin, minlength=int(last.max()) - origin + 1)).tolist()
    return found


def _exposures(rows: Units) -> Iterable[EpochCount]:
    exposed = rows.metric == list(rows.metrics).index(EXPOSURE) if EXPOSURE in rows.metrics else np.zeros(0, np.bool_)
    for number, epoch in enumerate(rows.epochs if exposed.any() else ()):
        here = exposed & (rows.epoch == number)
        arms = (int(rows.units[here & (rows.treated == arm)].sum()) for arm in (False, True))
        yield EpochCount(epoch, *arms)
