import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.online_ab.influence import UserSums, paired_user_effect

from .worlds import by_conversation, by_user, summed

REPLICATES = 3_000


def sums(*rows):
    user, epoch, treated, units, total = (np.array(column) for column in zip(*rows, strict=True))
    return UserSums(user, epoch, treated.astype(bool), units.astype(float), total.astype(float))


def test_a_hand_computed_table():
    """Users 0 and 1 have both arms, user 2 the treatment only. m0 = 6/3 = 2, m1 = 15/5 = 3, effect 1.

    inf_0 = (2 − 3)/5 − (2 − 4)/3 = 7/15, inf_1 = (7 − 6)/5 − (4 − 2)/3 = −7/15, inf_2 = (6 − 6)/5 = 0.
    """
    found = paired_user_effect(
        sums((0, 0, 0, 2, 2), (0, 0, 1, 1, 2), (1, 0, 0, 1, 4), (1, 0, 1, 2, 7), (2, 0, 1, 2, 6))
    )
    assert (found.control_mean, found.treatment_mean, found.effect, found.relative) == (2, 3, 1, 0.5)
    assert found.se == pytest.approx(np.sqrt(2) * 7 / 15)
    on_control = [-2 / 3, 2 / 3, 0]
    on_effect = [7 / 15, -7 / 15, 0]
    expected = np.sqrt(sum(((e - 0.5 * c) / 2) ** 2 for e, c in zip(on_effect, on_control, strict=True)))
    assert found.relative_se == pytest.approx(expected)
    assert (found.users_control, found.users_treatment, found.users) == (2, 3, 5)


@pytest.mark.parametrize("world", [by_conversation, by_user])
def test_one_epoch_equals_clustered_least_squares(world):
    user, treated, value = world(np.random.default_rng(1), effect=0.2)
    found = paired_user_effect(summed(user, np.zeros_like(user), treated, value))
    fit = sm.OLS(value, sm.add_constant(treated.astype(float))).fit(
        cov_type="cluster", cov_kwds={"groups": user, "use_correction": False}
    )
    assert found.effect == pytest.approx(fit.params[1], rel=1e-9)
    assert found.se == pytest.approx(fit.bse[1], rel=1e-9)
    assert found.p_value == pytest.approx(fit.pvalues[1], rel=1e-6)


def test_several_epochs_equal_a_saturated_clustered_model_with_their_weights():
    rng = np.random.default_rng(2)
    user, _, value = by_conversation(rng, users=300)
    epoch = rng.integers(0, 3, len(user))
    treated = rng.random(len(user)) < np.array([0.1, 0.5, 0.8])[epoch]
    value = value + epoch + 0.3 * treated * epoch
    found = paired_user_effect(summed(user, epoch, treated, value))

    cells = np.stack([(epoch == e) & (treated == arm) for e in range(3) for arm in (0, 1)], axis=1).astype(float)
    fit = sm.OLS(value, cells).fit(cov_type="cluster", cov_kwds={"groups": user, "use_correction": False})
    sizes = cells.sum(axis=0).reshape(3, 2)
    weight = sizes.prod(axis=1) / sizes.sum(axis=1)
    weight /= weight.sum()
    contrast = np.stack([-weight, weight], axis=1).ravel()
    assert found.effect == pytest.approx(contrast @ fit.params, rel=1e-9)
    assert found.se == pytest.approx(np.sqrt(contrast @ fit.cov_params() @ contrast), rel=1e-9)


def test_randomised_by_user_with_one_unit_each_it_is_the_classical_comparison_of_two_means():
    rng = np.random.default_rng(3)
    treated = rng.random(500) < 0.4
    value = rng.exponential(2.0, 500) + 0.5 * treated
    found = paired_user_effect(summed(np.arange(500), np.zeros(500, int), treated, value))
    one, other = value[treated], value[~treated]
    assert found.effect == pytest.approx(one.mean() - other.mean())
    assert found.se == pytest.approx(np.sqrt(one.var() / len(one) + other.var() / len(other)))


def test_the_relative_effect_is_covered_by_its_bounds():
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(600):
        user, treated, value = by_conversation(rng, users=150)
        found = paired_user_effect(summed(user, np.zeros_like(user), treated, value + 5 + 1.0 * treated))
        covered += abs(found.relative - 0.2) < 1.959964 * found.relative_se
    assert 0.92 < covered / 600 < 0.98


@pytest.mark.parametrize("world", [by_conversation, by_user])
def test_a_better_treatment_has_a_positive_effect_and_swapping_the_arms_turns_the_sign(world):
    user, treated, value = world(np.random.default_rng(5), effect=0.6)
    epoch = np.zeros_like(user)
    found = paired_user_effect(summed(user, epoch, treated, value))
    swapped = paired_user_effect(summed(user, epoch, ~treated, value))
    assert found.effect > 3 * found.se
    assert swapped.effect == pytest.approx(-found.effect)
    assert swapped.se == pytest.approx(found.se)
    assert (swapped.control_mean, swapped.users_control) == (
        pytest.approx(found.treatment_mean),
        found.users_treatment,
    )


def false_positives(world, replicates=REPLICATES):
    rng = np.random.default_rng(6)
    hits = naive = 0
    for _ in range(replicates):
        user, treated, value = world(rng)
        hits += paired_user_effect(summed(user, np.zeros_like(user), treated, value)).p_value < 0.05
        one, other = value[treated], value[~treated]
        naive += abs(one.mean() - other.mean()) > 1.96 * np.sqrt(one.var() / len(one) + other.var() / len(other))
    return hits / replicates, naive / replicates


def test_a_a_randomised_by_conversation_fires_in_5_percent():
    rate, _ = false_positives(by_conversation)
    assert 0.04 < rate < 0.06


def test_a_a_randomised_by_user_fires_in_5_percent_where_conversations_as_units_fire_always_too_often():
    rate, naive = false_positives(by_user)
    assert 0.04 < rate < 0.06
    assert naive > 0.25


def ramp(rng, users=300):
    """Four days of a ramp; on the last, a weekend, everybody has a longer chat. No treatment effect."""
    parts = []
    for day, (weight, shift) in enumerate([(0.01, 0.0), (0.05, 0.0), (0.25, 0.0), (0.5, 1.0)]):
        user, treated, value = by_conversation(rng, users, busy=2.0, weight=weight)
        parts.append((user, np.full_like(user, day), treated, value + shift))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def test_a_ramp_with_a_weekend_is_calm_within_epochs_and_fires_always_when_pooled():
    rng = np.random.default_rng(7)
    within = pooled = 0
    for _ in range(1_500):
        user, epoch, treated, value = ramp(rng)
        within += paired_user_effect(summed(user, epoch, treated, value)).p_value < 0.05
        pooled += paired_user_effect(summed(user, np.zeros_like(epoch), treated, value)).p_value < 0.05
    assert 0.035 < within / 1_500 < 0.065
    assert pooled / 1_500 > 0.99


def test_an_epoch_with_one_arm_only_says_nothing():
    rows = [(0, 0, 0, 1, 1.0), (1, 0, 1, 1, 2.0), (2, 0, 0, 1, 3.0), (3, 0, 1, 1, 5.0)]
    alone = paired_user_effect(sums(*rows))
    with_full_ramp = paired_user_effect(sums(*rows, (4, 1, 1, 50, 900.0), (5, 1, 1, 50, 700.0)))
    assert with_full_ramp == alone


def test_nothing_to_compare_is_none_and_not_zero():
    assert paired_user_effect(sums((0, 0, 1, 1, 2.0))) is None
    assert paired_user_effect(sums((0, 0, 0, 1, 2.0), (1, 1, 1, 1, 2.0))) is None
    assert paired_user_effect(sums((0, 0, 0, 0, 0.0), (1, 0, 1, 1, 2.0))) is None
    empty = np.array([], int)
    assert paired_user_effect(UserSums(empty, empty, empty.astype(bool), empty.astype(float), empty * 1.0)) is None


def test_a_control_of_zero_has_no_relative_effect():
    found = paired_user_effect(sums((0, 0, 0, 1, 0.0), (1, 0, 1, 1, 1.0)))
    assert (found.effect, found.relative, found.relative_se) == (1.0, None, None)


cells = st.tuples(st.integers(0, 5), st.integers(0, 2), st.booleans(), st.integers(0, 4), st.integers(-20, 20))


@given(st.lists(cells, min_size=2, max_size=30), st.floats(-5, 5), st.floats(0.1, 5))
def test_a_shift_of_all_values_leaves_the_effect_and_a_scale_scales_it(rows, shift, scale):
    rows = [(u, e, t, n, s if n else 0) for u, e, t, n, s in rows]
    found = paired_user_effect(sums(*rows))
    moved = paired_user_effect(sums(*[(u, e, t, n, scale * (s + shift * n)) for u, e, t, n, s in rows]))
    assert (found is None) == (moved is None)
    if found is not None:
        assert moved.effect == pytest.approx(scale * found.effect, abs=1e-7)
        assert moved.se == pytest.approx(scale * found.se, abs=1e-7)
