"""The tables that the A/B stage writes besides `experiment_users`."""

from __future__ import annotations

from collections.abc import Mapping

from evalloop_assets.days import Window
from evalloop_assets.lake.schema import Column, TableSchema

READS: Mapping[str, Window] = {
    "experiment_users": (-13, 0),
    "experiment_returns": (-13, 0),
    "experiment_people": (None, 0),
    "assignments": (-13, 0),
}
"""What results are computed from."""

EXPERIMENT_RESULTS = TableSchema(
    name="experiment_results",
    row="one metric of one experiment over the 14 days up to this day, treatment less control",
    key=("day", "experiment_id", "unit", "metric"),
    columns=(
        Column("experiment_id", "VARCHAR", "the experiment"),
        Column("unit", "VARCHAR", "what was randomised: conversation or user"),
        Column("metric", "VARCHAR", "see docs/statistics.md"),
        Column("control", "VARCHAR", "model of the control"),
        Column("treatment", "VARCHAR", "model of the treatment"),
        Column("control_mean", "DOUBLE", "mean per unit, epochs weighted"),
        Column("treatment_mean", "DOUBLE", "mean per unit, epochs weighted"),
        Column(
            "effect",
            "DOUBLE",
            "treatment_mean less control_mean, adjusted for the users' behaviour before their first exposure",
        ),
        Column("se", "DOUBLE", "standard error of the effect, users as clusters"),
        Column("low", "DOUBLE", "lower 95% bound for one planned look"),
        Column("high", "DOUBLE", "upper 95% bound for one planned look"),
        Column("relative", "DOUBLE", "effect by control_mean, a share"),
        Column("relative_low", "DOUBLE", "lower 95% bound of it, delta method"),
        Column("relative_high", "DOUBLE", "upper 95% bound of it, delta method"),
        Column("p_value", "DOUBLE", "two-sided, for one planned look"),
        Column("always_low", "DOUBLE", "lower bound for daily looks; its limit: docs/statistics.md"),
        Column("always_high", "DOUBLE", "upper bound for daily looks; its limit: docs/statistics.md"),
        Column(
            "planned_low",
            "DOUBLE",
            "lower bound for one decision at ab.planned_users that may come early (Lan-DeMets); NULL where this look "
            "may decide nothing: the plan was reached on a day before, or no user is new",
        ),
        Column("planned_high", "DOUBLE", "upper bound, likewise"),
        Column("users_control", "BIGINT", "users with a known unit in the control"),
        Column("users_treatment", "BIGINT", "users with a known unit in the treatment"),
        Column(
            "srm_p", "DOUBLE", "p-value of the sample ratio, valid at every look; NULL where no propensity was logged"
        ),
        Column("coverage", "DOUBLE", "share of the units that are known and mature"),
        Column(
            "variance_reduction",
            "DOUBLE",
            "share of the variance of the effect that the users' behaviour before took away; NULL without adjustment",
        ),
    ),
)

EXPERIMENT_SLICES = TableSchema(
    name="experiment_slices",
    row="one metric of one experiment among the users of one slice, over the 14 days up to this day",
    key=("day", "experiment_id", "unit", "metric", "dimension", "value"),
    columns=(
        Column("experiment_id", "VARCHAR", "the experiment"),
        Column("unit", "VARCHAR", "what was randomised: conversation or user"),
        Column("metric", "VARCHAR", "see docs/statistics.md"),
        Column("dimension", "VARCHAR", "locale, channel, role_type, product_line or seniority, known before"),
        Column("value", "VARCHAR", "its value"),
        Column("control_mean", "DOUBLE", "mean per unit, epochs weighted"),
        Column("treatment_mean", "DOUBLE", "mean per unit, epochs weighted"),
        Column("effect", "DOUBLE", "treatment less control, adjusted as in experiment_results"),
        Column("se", "DOUBLE", "standard error of the effect, users as clusters"),
        Column("low", "DOUBLE", "lower 95% bound for one planned look at this slice alone"),
        Column("high", "DOUBLE", "upper 95% bound, likewise"),
        Column("p_value", "DOUBLE", "two-sided, for one planned look at this slice alone"),
        Column("p_adjusted", "DOUBLE", "the same by Holm over all slices of the experiment, unit and metric"),
        Column(
            "heterogeneity_p",
            "DOUBLE",
            "p-value that the effect is the same for all values of the dimension (Cochran's Q), by Holm over all "
            "dimensions; NULL where a value has no variance",
        ),
        Column("users_control", "BIGINT", "users with a known unit in the control"),
        Column("users_treatment", "BIGINT", "users with a known unit in the treatment"),
    ),
)

DECISIONS = TableSchema(
    name="decisions",
    row="what the results of one experiment say to do, before the guardrail's veto",
    key=("day", "experiment_id"),
    columns=(
        Column("experiment_id", "VARCHAR", "the experiment"),
        Column("control", "VARCHAR", "model of the control"),
        Column("treatment", "VARCHAR", "model of the treatment"),
        Column("action", "VARCHAR", "continue, advance (no harm left to fear), promote, hold or none"),
        Column("advisory", "BOOLEAN", "too few users or too little power, so nothing is done without a person"),
        Column("reason", "VARCHAR", "plain words with figures and limits"),
        Column("reopened", "VARCHAR", "what was done on this day's data that it no longer bears out; NULL: nothing"),
        Column("daily_users", "BIGINT", "users with a session on this day"),
        Column(
            "evidence",
            "VARCHAR",
            "JSON: figures with bounds, sample ratio and maturity, limits, versions of inputs and definitions",
        ),
    ),
)
