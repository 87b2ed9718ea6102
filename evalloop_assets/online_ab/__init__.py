"""Online A/B: what the treatment does to behaviour, how sure that is, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def compare(
    units: pd.DataFrame,
    metrics: Mapping[str, str | tuple[str, str | None]] | None = None,
    control: str = "control",
    treatment: str = "treatment",
    covariates: Sequence[str] = (),
    winsorise: float = 1.0,
    weight: float | None = None,
    planned_users: int | None = None,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Treatment less control for one experiment, with users as the unit of variance (docs/statistics.md).

    `units` holds one row for each unit that was randomised, so several a user where conversations were: user_id, arm
    (`control` or `treatment`), where known epoch (a span of constant weights; effects are taken within epochs) and
    propensity (the chance with which the row got its arm, which makes epochs of its own), and a value a metric.
    `metrics` maps a metric's name to its column of values, or to (values, denominators): ("complaints", "replies")
    compares complaints per reply, a denominator left out counts each row as one. By default every other column of
    numbers is a metric, and NAME_denominator beside NAME its denominator. NaN is censored, not zero: such a row is left
    out of that metric, and of that one only.

    `covariates` are columns known of a user before the first exposure, the same in all its rows, NaN where there is
    nothing to know; effects are then adjusted (CUPED), means are not. `winsorise` is the quantile at which a user's
    mean per unit in an arm is cut, both arms pooled, 1 not at all; leave it so for shares. `weight` is the share of
    treatment that was promised where there is no propensity; None is 0.5, or unknown where there are epochs, and then
    the sample ratio is not tested. `planned_users` are those at which the bounds for many looks are tightest; set it
    beforehand. By default it is those of the frame.

    Back, a row a metric: metric, control, treatment (means), effect, low, high (1 − alpha, for one planned look),
    relative, relative_low, relative_high (shares of the control's mean), p_value (two-sided), always_low, always_high
    (1 − alpha, for all looks together), users_control, users_treatment, srm_p (sample ratio: of rows where most users
    with several are in both arms, else of users by their first row; NaN where nothing was promised). Figures of a
    metric that one arm lacks are NaN, and so are bounds and p-value where an arm has one user; few widen them.

    Raises UserError for what is no such frame.
    """
    from evalloop_assets.online_ab.frame import compare as compare_frame

    return compare_frame(units, metrics, control, treatment, covariates, winsorise, weight, planned_users, alpha)
