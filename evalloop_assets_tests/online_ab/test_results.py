from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from evalloop_assets.online_ab.daily import units_of
from evalloop_assets.online_ab.figures import lowest_srm_p, multiple_exposure, per_conversation_first, retention
from evalloop_assets.online_ab.lan_demets import boundaries, planned_bounds
from evalloop_assets.online_ab.results import compare
from evalloop_assets.online_ab.sequential import always_valid_bounds

from .results import duration, exposure, result, returns

MODELS = {"control": "old", "treatment": "new"}


def units(*rows, day=0, last=0):
    """Rows of (metric, user, arm, units, total, eligible) in one epoch of weight one half; known from `day` to `last`.

    `day` is a number, or one for each row.
    """
    names = ("metric", "user_id", "arm", "units", "total", "eligible")
    first = np.broadcast_to(day, len(rows))
    days = [["weight_05000"] * len(rows), first, np.maximum(first, last)]
    return units_of(pa.table([*zip(*rows, strict=True), *days], [*names, "epoch", "first_day", "last_day"]))


def many(metric, seed=1, effect=0.0, size=400, known=1.0):
    rng = np.random.default_rng(seed)
    arms = rng.permutation(["control"] * (size // 2) + ["treatment"] * (size // 2))
    return [
        (metric, f"u{k}", arm, int(rng.random() < known), 0.0, 1) for k, arm in enumerate(arms)
    ] if metric == "exposure" else [
        (metric, f"u{k}", arm, 1, rng.normal(2.0 + effect * (arm == "treatment")), 1) for k, arm in enumerate(arms)
    ]  # fmt: skip


def test_one_result_holds_effect_bounds_and_who_is_behind_them():
    (found,) = compare("x", "user", units(*many("chat_send", effect=0.5)), MODELS, 1_000, 0.05)
    assert (found.experiment_id, found.unit, found.metric, found.control, found.treatment) == (
        "x",
        "user",
        "chat_send",
        "old",
        "new",
    )
    assert found.effect == pytest.approx(found.treatment_mean - found.control_mean)
    assert 0.2 < found.low < found.effect < found.high
    assert (found.always_low, found.always_high) == always_valid_bounds(found.effect, found.se, 400, 1_000, 0.05)
    assert found.always_low < found.low
    assert found.relative_low < found.relative == found.effect / found.control_mean < found.relative_high
    assert (found.users_control, found.users_treatment, found.users, found.least_users) == (200, 200, 400, 200)
    assert found.p_value < 1e-3


def test_the_sample_ratio_is_tested_on_units_exposed():
    fair = compare("x", "user", units(*many("exposure")), MODELS, 1_000, 0.05)
    assert fair[0].srm_p == 1.0
    lost = [row for row in many("exposure") if row[2] == "control" or int(row[1][1:]) % 2]
    assert compare("x", "user", units(*lost), MODELS, 1_000, 0.05)[0].srm_p < 1e-5


def test_coverage_is_the_share_of_units_that_are_known():
    rows = [
        ("chat_duration", f"u{k}", ("control", "treatment")[k % 2], int(k > 3), 9.0 * (k > 3), 1) for k in range(10)
    ]
    (found,) = compare("x", "conversation", units(*rows), {}, 100, 0.05)
    assert (found.coverage, found.users, found.control, found.control_mean) == (0.6, 6, None, 9.0)


def test_a_metric_that_one_arm_lacks_has_no_result():
    rows = [("daily_return", "u", "control", 1, 1.0, 1), ("daily_return", "v", "treatment", 0, 0.0, 1)]
    assert compare("x", "user", units(*rows), MODELS, 100, 0.05) == []


def test_planned_bounds_follow_the_users_known_by_the_end_of_each_day():
    """Of 400 users a quarter is new on each of four days; the plan is reached on the last, or on the day before."""
    rows, days = many("chat_send"), np.arange(400) // 100
    (found,) = compare("x", "user", units(*rows, day=days), MODELS, 400, 0.05)
    assert (found.planned_low, found.planned_high) == planned_bounds(
        found.effect, found.se, [100, 200, 300, 400], 400, 0.05, "obrien_fleming"
    )
    assert found.always_low < found.planned_low < found.low
    (late,) = compare("x", "user", units(*rows, day=days), MODELS, 300, 0.05)
    assert (late.planned_low, late.planned_high) == (None, None)
    (early,) = compare("x", "user", units(*rows, day=days), MODELS, 800, 0.05, "pocock")
    z = (early.effect - early.planned_low) / early.se
    assert z == pytest.approx(boundaries([0.125, 0.25, 0.375, 0.5], 0.05, "pocock")[-1])


def test_a_day_on_which_nobody_is_new_decides_nothing_by_the_plan():
    (found,) = compare("x", "user", units(*many("chat_send"), last=3), MODELS, 800, 0.05)
    assert found.planned_low is None


def test_without_days_there_are_no_planned_bounds():
    dayless = replace(units(*many("chat_send")), first_day=None, last_day=None)
    assert compare("x", "user", dayless, MODELS, 400, 0.05)[0].planned_low is None


def test_retention_is_read_where_users_are_randomised():
    diluted, first, later = (
        returns(0.1, unit=unit, metric=metric)
        for unit, metric in [("conversation", "next_day_return"), ("user", "next_day_return"), ("user", "daily_return")]
    )
    assert retention([diluted, first, later]) is later
    assert retention([diluted, first]) is first
    assert retention([diluted]) is diluted
    assert retention([duration(1.0)]) is None


def test_time_is_read_per_conversation_first():
    by_user, by_conversation = duration(1.0, unit="user"), duration(2.0)
    assert per_conversation_first([by_user, by_conversation], "chat_duration") is by_conversation
    assert per_conversation_first([by_user], "chat_duration") is by_user
    assert per_conversation_first([by_user], "complaint") is None


def test_the_worst_unit_speaks_for_the_sample_ratio_and_the_worst_arm_for_multiple_exposure():
    assert lowest_srm_p([result("user", "m", 0, 1, srm_p=0.2), result("user", "n", 0, 1, srm_p=None)]) == 0.2
    assert lowest_srm_p([result("user", "m", 0, 1, srm_p=None)]) is None
    both = [exposure(0.001), exposure(0.02, unit="user", treatment_mean=0.05), returns(0.0, control_mean=0.9)]
    assert multiple_exposure(both) == 0.05
    assert multiple_exposure([]) == 0.0
