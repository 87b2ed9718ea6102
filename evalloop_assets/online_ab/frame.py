"""One experiment in a data frame: what the asset `experiment_results` computes, without a lake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import nan, sqrt
from numbers import Real
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.frames import require_frame, typed_column
from evalloop_assets.lake.schema import Column
from evalloop_assets.online_ab.influence import Effect, UserSums, paired_user_effect, winsorised
from evalloop_assets.online_ab.sequential import always_valid_bounds
from evalloop_assets.online_ab.srm import EpochCount, epoch_name, sample_ratio_p

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NUMBERS = {"boolean", "decimal", "floating", "integer", "mixed-integer-float"}
"""What pandas infers of columns that are metrics by themselves."""
RESERVED = ("user_id", "arm", "epoch", "propensity")
DENOMINATOR = "_denominator"
FIGURES = (
    "control", "treatment", "effect", "low", "high", "relative", "relative_low", "relative_high", "p_value",
    "always_low", "always_high", "users_control", "users_treatment",
)  # fmt: skip


def compare(
    units: pd.DataFrame,
    metrics: Mapping[str, str | tuple[str, str | None]] | None,
    control: str,
    treatment: str,
    covariates: Sequence[str],
    winsorise: float,
    weight: float | None,
    planned_users: int | None,
    alpha: float,
) -> pd.DataFrame:
    """As `evalloop_assets.online_ab.compare` says."""
    import pandas as pd

    require_frame(units, "Give one with the columns user_id, arm and a column of numbers for each metric.", "units")
    _require_share("winsorise", winsorise, "a quantile above 0 and at most 1", winsorise == 1)
    _require_share("alpha", alpha, "a level above 0 and below 1")
    _require_share("weight", 0.5 if weight is None else weight, "a share above 0 and below 1, or None")
    if planned_users is not None and not (isinstance(planned_users, Real) and planned_users > 0):
        raise UserError("planned_users", f"{planned_users!r} is no number of users", "Give one above 0, or none.")
    treated = _treated(units, control, treatment)
    user, first = _users(units)
    epoch, weights = _epochs(units, treated, weight)
    before = _covariates(units, covariates, user, first)
    exposed = _exposed(user, first, epoch, treated)
    srm_p = sample_ratio_p(_counts(exposed, weights))
    cells, cell = np.unique((epoch * 2 + treated) * len(first) + user, return_inverse=True)
    arms = cells // len(first)
    rows = []
    for name, values, denominators in _metrics(units, metrics, covariates):
        value, count = _column(units, values), _denominators(units, denominators)
        known = np.isfinite(value) & np.isfinite(count)
        counts, totals = (
            np.bincount(cell, np.where(known, one, 0.0), len(cells)).astype(np.float64) for one in (count, value)
        )
        sums = winsorised(UserSums(cells % len(first), arms // 2, arms % 2 == 1, counts, totals), winsorise)
        found = paired_user_effect(sums, before, exposed)
        rows.append({"metric": name, **_figures(sums, found, planned_users or len(first), alpha)})
    return pd.DataFrame(rows, columns=["metric", *FIGURES]).assign(srm_p=nan if srm_p is None else srm_p)


def _figures(sums: UserSums, found: Effect | None, planned_users: int, alpha: float) -> dict[str, float]:
    if found is None:
        arms = (len(np.unique(sums.user[(sums.units > 0) & (sums.treated == arm)])) for arm in (False, True))
        return dict.fromkeys(FIGURES, nan) | dict(zip(FIGURES[-2:], arms, strict=True))
    least = min(found.users_control, found.users_treatment)
    wider, half, p_value = _of_few(found, least, alpha)
    always = always_valid_bounds(found.effect, wider * found.se, found.users, planned_users, alpha)
    if least < 2:
        always = (nan, nan)
    relative = nan if found.relative is None else found.relative
    spread = nan if found.relative_se is None else half * found.relative_se
    values = (
        found.control_mean, found.treatment_mean,
        found.effect, found.effect - half * found.se, found.effect + half * found.se,
        relative, relative - spread, relative + spread, p_value, *always,
        found.users_control, found.users_treatment,
    )  # fmt: skip
    return dict(zip(FIGURES, values, strict=True))


def _of_few(found: Effect, least: int, alpha: float) -> tuple[float, float, float]:
    """By how much few users widen a normal bound, half of the fixed bounds in standard errors, and the p-value.

    With n users in the smaller arm the variance is n/(n − 1) times as large and Student's t with n − 1 degrees of
    freedom, the fewest that Welch's can be, stands for the normal; of one user nothing is known.
    """
    from scipy.special import stdtr, stdtrit

    if least < 2:
        return nan, nan, nan
    larger = sqrt(least / (least - 1))
    half = larger * float(stdtrit(least - 1, 1 - alpha / 2))
    p_value = found.p_value if found.se == 0 else 2 * float(stdtr(least - 1, -abs(found.effect) / found.se / larger))
    return half / NormalDist().inv_cdf(1 - alpha / 2), half, p_value


def _exposed(user: Ints, first: Ints, epoch: Ints, treated: NDArray[np.bool_]) -> UserSums:
    """What was randomised: rows, where most users who have several are in both arms; else users, in their first row."""
    crossed = np.bincount(user, treated != treated[first][user]) > 0
    if 2 * np.count_nonzero(crossed) <= np.count_nonzero(np.bincount(user) > 1):
        user, epoch, treated = user[first], epoch[first], treated[first]
    ones = np.ones(len(user))
    return UserSums(user, epoch, treated, ones, ones)


def _counts(exposed: UserSums, weights: Sequence[float | None]) -> Iterator[EpochCount]:
    counts = np.bincount(exposed.epoch * 2 + exposed.treated, minlength=2 * len(weights)).reshape(-1, 2)
    for weight, (control, treatment) in zip(weights, counts.tolist(), strict=True):
        if weight is not None:
            yield EpochCount(epoch_name(weight), control, treatment)


# --- columns ----------------------------------------------------------------------------------------------------------


def _treated(units: pd.DataFrame, control: str, treatment: str) -> NDArray[np.bool_]:
    if control == treatment:
        raise UserError("control and treatment", f"both are {control!r}", "Name two arms.")
    _require_column(units, "arm", f"{control!r} or {treatment!r}")
    code, arms = _factors(units, "arm")
    found = [None] * bool((code < 0).any()) + list(arms)
    wrong = [one for one in found if one not in (control, treatment)]
    if wrong:
        raise UserError(
            "column arm",
            f"{wrong[0]!r} is neither {control!r} nor {treatment!r}",
            "Leave its rows out, or name the arms with control= and treatment=.",
        )
    for name in (control, treatment):
        if name not in found:
            raise UserError("column arm", f"no row is of {name!r}", "Give the rows of both arms.")
    treated: NDArray[np.bool_] = code == found.index(treatment)
    return treated


def _users(units: pd.DataFrame) -> tuple[Ints, Ints]:
    """Number of each row's user, in the order in which users appear, and each user's first row."""
    _require_column(units, "user_id", "who was exposed")
    missing = int(units["user_id"].isna().sum())
    if missing:
        raise UserError("column user_id", f"{missing} values are missing", "Leave such rows out.")
    user = _factors(units, "user_id")[0]
    return user, np.flatnonzero(np.diff(np.maximum.accumulate(user), prepend=-1))


def _epochs(units: pd.DataFrame, treated: NDArray[np.bool_], weight: float | None) -> tuple[Ints, list[float | None]]:
    """Number of each row's epoch, and the share of treatment promised in each."""
    epoch = promised = np.zeros(len(units), np.int64)
    shares: Sequence[float | None] = [0.5 if weight is None and "epoch" not in units else weight]
    if "epoch" in units:
        if units["epoch"].isna().any():
            raise UserError("column epoch", "a value is missing", "Give each row its epoch, or leave the column out.")
        epoch = _factors(units, "epoch")[0]
    if "propensity" in units:
        given = _column(units, "propensity")
        if not ((given >= 0) & (given <= 1)).all():
            raise UserError(
                "column propensity",
                "a value is missing or no probability",
                "Give the chance with which each row got its arm, from 0 to 1, or leave the column out.",
            )
        told, promised = np.unique(np.round(np.where(treated, given, 1 - given), 4), return_inverse=True)
        shares = told.tolist()
    cells, number = np.unique(epoch * len(shares) + promised, return_inverse=True)
    if "propensity" in units and (np.bincount(number, treated) % np.bincount(number) == 0).all():
        raise UserError(
            "column propensity",
            "no share of treatment that it tells has rows of both arms",
            "Give the chance with which each row got the arm it has: 0.25 in treatment goes with 0.75 in control.",
        )
    return number, [shares[cell % len(shares)] for cell in cells.tolist()]


def _covariates(units: pd.DataFrame, covariates: Sequence[str], user: Ints, first: Ints) -> Floats | None:
    """(users, covariates)."""
    if isinstance(covariates, str):
        raise UserError("covariates", f"{covariates!r} is one text", f"Give a list: [{covariates!r}].")
    found = []
    for name in covariates:
        values = _column(units, name)
        told = values[first]
        if not np.array_equal(told[user], values, equal_nan=True):
            raise UserError(
                f"covariate {name}",
                "it differs between the rows of one user",
                "Give what was known of the user before the first exposure, the same in each row.",
            )
        found.append(told)
    return np.stack(found, axis=1) if found else None


def _metrics(
    units: pd.DataFrame, metrics: Mapping[str, str | tuple[str, str | None]] | None, covariates: Sequence[str]
) -> Iterator[tuple[str, str, str | None]]:
    """Name, column of values, column of denominators."""
    import pandas as pd

    if metrics is None:
        others = (name for name in units if isinstance(name, str) and name not in RESERVED and name not in covariates)
        numbers = [name for name in others if pd.api.types.infer_dtype(units[name]) in NUMBERS]
        below = {name: name + DENOMINATOR for name in numbers if name + DENOMINATOR in numbers}
        metrics = {name: (name, below.get(name)) for name in numbers if name not in below.values()}
        for name in numbers:
            if name + DENOMINATOR in units and name not in below:
                raise UserError(f"column {name}{DENOMINATOR}", "it holds no numbers", "Give some, or leave it out.")
    elif not isinstance(metrics, Mapping):
        raise UserError(
            "metrics", f"{metrics!r} is no mapping", 'Give the name of each with its column: {"m": "value"}.'
        )
    if not metrics:
        raise UserError("units", "no metric is in it", "Give a column of numbers for each metric.")
    for name, columns in metrics.items():
        match columns:
            case str() as values:
                yield name, values, None
            case (str() as values, str() | None as denominators):
                yield name, values, denominators
            case _:
                raise UserError(
                    f"metric {name}", f"{columns!r} names no columns", "Give values, or (values, denominators)."
                )


def _factors(units: pd.DataFrame, name: str) -> tuple[Ints, Sequence[object]]:
    """Number of each row's value, -1 where it is missing, and the values."""
    import pandas as pd

    try:
        code, values = pd.factorize(units[name])
    except TypeError:
        raise UserError(f"column {name}", "a value is a list or the like", "Give texts or numbers.") from None
    return np.asarray(code, dtype=np.int64), list(values)


def _denominators(units: pd.DataFrame, name: str | None) -> Floats:
    if name is None:
        return np.ones(len(units))
    found = _column(units, name)
    if (found < 0).any():
        raise UserError(f"column {name}", f"{np.nanmin(found):g} is no denominator", "Give numbers from 0.")
    return found


def _column(units: pd.DataFrame, name: str) -> Floats:
    """Numbers, NaN where unknown; true is 1."""
    import pandas as pd

    _require_column(units, name, "numbers, NaN where unknown")
    given = units[name]
    if pd.api.types.infer_dtype(given) == "boolean":
        given = given.astype("boolean").astype("Float64")
    about = Column(name, "DOUBLE", "NaN where it is unknown")
    found = np.array(typed_column(given, about).to_numpy(zero_copy_only=False), dtype=np.float64)
    if np.isinf(found).any():
        raise UserError(f"column {name}", "a value is infinite", "Give finite numbers, NaN where unknown.")
    return found


def _require_column(units: pd.DataFrame, name: str, about: str) -> None:
    if name not in units:
        raise UserError(f"column {name}", "it is missing", f"Give it: {about}.")


def _require_share(name: str, value: float, wanted: str, allowed: bool = False) -> None:
    if not (allowed or (isinstance(value, Real) and 0 < value < 1)):
        raise UserError(name, f"{value!r} is not {wanted}", "Give such a number.")
