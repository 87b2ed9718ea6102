"""Effects within slices: the right users, a family of tests that errs as often as it says, and slices that differ."""

import numpy as np
import pytest
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests

from evalloop_assets.online_ab.daily import slices_of
from evalloop_assets.online_ab.influence import Effect, paired_user_effect
from evalloop_assets.online_ab.results import Units
from evalloop_assets.online_ab.slices import heterogeneity, holm, sliced
from evalloop_assets.settings import ABSettings, Settings

from .tables_in_memory import experiment, inputs
from .worlds import summed


def test_holm_is_that_of_statsmodels():
    p = np.random.default_rng(1).random(12) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert holm([]) == []


def effect(value, se):
    return Effect(1.0, 1.0 + value, value, se, None, None, 200, 200)


def test_heterogeneity_is_that_of_statsmodels():
    values, errors = [0.1, 0.5, -0.2], [0.1, 0.2, 0.15]
    theirs = combine_effects(np.array(values), np.array(errors) ** 2).test_homogeneity()
    assert heterogeneity(list(map(effect, values, errors))) == pytest.approx(theirs.pvalue)
    assert heterogeneity([effect(0.1, 0.1)]) is None
    assert heterogeneity([effect(0.1, 0.1), effect(0.1, 0.0)]) is None


def people(rng, users=2_000, effects=(0.0, 0.0, 0.0, 0.0)):
    """One value a user; a locale of four decides the effect, the other dimensions are drawn at random."""
    locale = rng.integers(0, 4, users)
    treated = rng.random(users) < 0.5
    value = rng.normal(size=users) + np.array(effects)[locale] * treated
    sums = summed(np.arange(users), np.zeros(users, int), treated, value)
    same = np.zeros(len(sums.user), int)
    rows = Units(
        ["chat_send"], same, ["weight_05000"], sums.epoch, sums.user, sums.treated, sums.units, sums.total, sums.units,
        slices={
            "locale": (["de", "en", "fr", "zh"], locale),
            "channel": (["ads", "web"], rng.integers(-1, 2, users)),
            "seniority": (["existing", "new"], (rng.random(users) < 0.02).astype(int)),
        },
    )  # fmt: skip
    return rows, locale, sums


def test_a_slice_is_the_experiment_among_its_users():
    rows, locale, sums = people(np.random.default_rng(2), effects=(0, 0, 0.5, 0))
    found = {(one.dimension, one.value): one for one in sliced("x", "user", rows, 150)}
    assert set(found) == {("locale", name) for name in ("de", "en", "fr", "zh")} | {
        ("channel", n) for n in ("ads", "web")
    }
    mine = locale[sums.user] == 2
    alone = paired_user_effect(
        type(sums)(sums.user[mine], sums.epoch[mine], sums.treated[mine], sums.units[mine], sums.total[mine])
    )
    french = found["locale", "fr"]
    assert (french.effect, french.se, french.users_control) == (alone.effect, alone.se, alone.users_control)
    assert french.p_adjusted == pytest.approx(6 * french.p_value)
    assert french.p_adjusted < 0.001
    assert french.heterogeneity_p < 0.01
    assert found["channel", "ads"].heterogeneity_p > 0.05


def test_a_family_errs_in_5_percent_of_experiments_at_most_and_each_slice_alone_far_more_often():
    rng = np.random.default_rng(3)
    adjusted, plain, differ = 0, 0, 0
    for _ in range(500):
        found = sliced("x", "user", people(rng)[0], 150)
        adjusted += min(one.p_adjusted for one in found) < 0.05
        plain += min(one.p_value for one in found) < 0.05
        differ += min(one.heterogeneity_p for one in found) < 0.05
    print(f"any of six slices in A/A: {plain / 500:.1%}, adjusted {adjusted / 500:.1%}, differ {differ / 500:.1%}")
    assert plain / 500 > 0.15
    assert 0.01 < adjusted / 500 < 0.07
    assert 0.02 < differ / 500 < 0.08


def test_slices_are_read_from_what_was_known_of_the_people():
    locale = np.array(["en", "zh", None], dtype=object)[np.arange(900) % 3]
    tables = experiment(users=900, days=1, effect=3.0, locale=locale)
    found = slices_of(inputs(**tables), Settings(ab=ABSettings(minimum_users=100)))
    assert {(one.metric, one.dimension, one.value) for one in found} == {
        ("chat_send", "locale", name) for name in ("en", "zh")
    }
    assert all(one.users_control + one.users_treatment == 300 and one.low < 3.0 < one.high for one in found)
    assert slices_of(inputs(**tables), Settings(ab=ABSettings(minimum_users=200))) == []
