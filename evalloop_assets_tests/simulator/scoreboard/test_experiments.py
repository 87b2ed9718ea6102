"""The simulated users are what the world says, and the effects in the rows are the true ones."""

from dataclasses import replace

import numpy as np
import pytest

from evalloop_assets.online_ab.results import compare
from evalloop_assets.simulator.scoreboard.experiment_rows import FROM_DAY, METRICS, experiment
from evalloop_assets.simulator.scoreboard.experiments import WINDOW, Effects, World, chats, ramping

BIG = World(60_000)
CHANGED = Effects(duration=0.3, returning=(0.03, 0.03, -0.03), regeneration=0.04, complaint=0.005, padding=0.1)


def compared(one, last, metrics=METRICS):
    found = compare("x", one.world.unit, one.rows(last, metrics), {}, one.world.users, 0.05)
    return {result.metric: result for result in found}


def intra_class_correlation(user, value):
    """One-way analysis of variance with groups of unequal size."""
    n = np.bincount(user)
    n = n[n > 0]
    _, user = np.unique(user, return_inverse=True)
    sums, squares = np.bincount(user, value), np.bincount(user, value**2)
    groups, total = len(n), n.sum()
    between = ((sums**2 / n).sum() - value.sum() ** 2 / total) / (groups - 1)
    within = (squares.sum() - (sums**2 / n).sum()) / (total - groups)
    size = (total - (n**2).sum() / total) / (groups - 1)
    return (between - within) / (between + (size - 1) * within)


@pytest.mark.parametrize("icc", [0.0, 0.1, 0.3])
def test_seconds_have_the_stated_mean_variation_and_intra_class_correlation(icc):
    log = chats(replace(BIG, users=20_000, icc=icc), Effects(), np.random.default_rng(1))
    assert intra_class_correlation(log.user, log.seconds) == pytest.approx(icc, abs=0.02)
    assert log.seconds.mean() == pytest.approx(BIG.seconds, rel=0.02)
    assert log.seconds.var() / log.seconds.mean() ** 2 == pytest.approx(BIG.seconds_variation, rel=0.05)


def test_users_come_with_the_stated_base_and_differ():
    log = chats(replace(BIG, existing=0.0), Effects(), np.random.default_rng(2))
    assert log.chance.mean() == pytest.approx(0.45, abs=0.004)
    odds = np.log(log.chance / (1 - log.chance))
    inside = (log.chance > 0.07) & (log.chance < 0.93)
    assert odds[inside].std() == pytest.approx(1.0, abs=0.06)
    early = log.start <= 27 - 13
    days = np.bincount(log.user[log.opening & log.later], minlength=len(log.start))[early]
    assert days.mean() / 13 == pytest.approx(log.chance[early].mean(), abs=0.005)
    assert log.opening.mean() == pytest.approx(1 / BIG.conversations, rel=0.01)


def test_replies_and_what_is_counted_among_them_have_the_stated_rates():
    log = chats(BIG, Effects(), np.random.default_rng(3))
    assert log.replies.mean() == pytest.approx(6.0, rel=0.01)
    assert log.regenerations.sum() / log.replies.sum() == pytest.approx(0.06, rel=0.03)
    assert log.complaints.sum() / log.replies.sum() == pytest.approx(0.005, rel=0.05)
    assert log.abrupt.mean() == pytest.approx(0.15, rel=0.02)


def test_a_day_by_day_recount_gives_the_same_rows():
    """Of every user, day by day, as experiment_users.sql states it: at the end of day 9, with a window from day 0 on,
    and of day 20, when the window has moved on and early users are followed no longer."""
    one = experiment(World(60), Effects(returning=(-0.05,)), np.random.default_rng(4))
    log = one.chats
    for last in (9, 20):
        rows = one.rows(last)
        for number, metric in enumerate(METRICS[:-1]):
            expected = {}
            for user, start in enumerate(log.start.tolist()):
                sums = np.zeros(3)
                for day in range(max(last - 13, start), min(last, start + 13) + 1):
                    here = (log.user == user) & (log.day == day)
                    count, replies = here.sum(), log.replies[here].sum()
                    sums += {
                        "chat_send": (1, replies, 1),
                        "chat_duration": (1, log.seconds[here].sum(), 1),
                        "drop_off": (count, log.abrupt[here].sum(), count),
                        "regeneration": (replies, log.regenerations[here].sum(), replies),
                        "complaint": (replies, log.complaints[here].sum(), replies),
                        "padding": (replies, log.padded[here].sum(), replies),
                        **{
                            name: ((day < last) * 1, count > 0 and day < last, 1) if day >= start + since else (0, 0, 0)
                            for name, since in FROM_DAY.items()
                        },
                    }[metric]
                if sums[2] > 0:
                    expected[user] = (bool(log.arm[user]), *sums)
            here = rows.metric == number
            columns = (rows.treated, rows.units, rows.total, rows.eligible)
            got = {
                int(user): tuple(values)
                for user, *values in zip(rows.user[here], *(column[here] for column in columns), strict=True)
            }
            assert got.keys() == expected.keys(), metric
            for user, values in expected.items():
                assert got[user] == pytest.approx(values), (metric, user)


@pytest.mark.parametrize("last", [6, 13, 27])
def test_a_large_experiment_by_user_finds_the_true_effects(last):
    one = experiment(BIG, CHANGED, np.random.default_rng(5))
    truth, found = one.truth(last), compared(one, last)
    assert set(found) <= set(truth) == set(METRICS)
    assert set(METRICS) - set(found) <= {"week_return"}
    for metric, result in found.items():
        assert abs(result.effect - truth[metric]) <= 3 * result.se, metric
    assert found["regeneration"].effect > 10 * found["regeneration"].se
    assert found["chat_duration"].effect > 5 * found["chat_duration"].se


def test_the_truth_on_return_is_what_the_days_since_the_assignment_add_up_to():
    """All start on day 0: by the end of day 3 two days are known, by the end of day 13 twelve, later ones fall off."""
    one = experiment(World(2_000, existing=0.0), Effects(returning=(0.03, 0.03, -0.03)), np.random.default_rng(6))
    one = replace(one, chats=replace(one.chats, start=np.zeros_like(one.chats.start)))
    assert one.truth(3)["daily_return"] == pytest.approx(0.03)
    assert one.truth(13)["daily_return"] == pytest.approx((2 * 0.03 - 10 * 0.03) / 12)
    assert one.truth(16)["daily_return"] == pytest.approx(-0.03)
    assert one.truth(13)["week_return"] == pytest.approx(-0.03)
    assert one.truth(3)["week_return"] == 0
    constant = experiment(World(2_000), Effects(returning=(-0.05,)), np.random.default_rng(6))
    assert constant.truth(27)["daily_return"] == pytest.approx(-0.05)
    slow = replace(one, effects=Effects(returning=ramping(-0.03, 14)))
    assert slow.truth(13)["daily_return"] == pytest.approx(-0.03 * np.mean(np.arange(1, 13)) / 14)


def test_a_large_experiment_by_conversation_finds_the_true_effects():
    world = World(20_000, days=14, unit="conversation", taste=0.3)
    one = experiment(world, Effects(duration=0.2, regeneration=0.02, complaint=0.003), np.random.default_rng(7))
    truth, found = one.truth(13), compared(one, 13)
    assert set(found) == set(METRICS) - set(FROM_DAY)
    for metric, result in found.items():
        assert abs(result.effect - truth[metric]) <= 3 * result.se, metric
    assert truth["chat_duration"] == 48.0
    both = found["chat_duration"]
    assert both.users_control + both.users_treatment > 1.5 * len(one.chats.start)


def test_the_difference_without_an_error_is_that_of_the_rows():
    one = experiment(World(500), CHANGED, np.random.default_rng(8))
    for last in (3, 20):
        for metric, result in compared(one, last, METRICS[:-1]).items():
            assert one.difference(metric, last) == pytest.approx(result.effect, abs=1e-9), metric
    assert np.isnan(one.difference("daily_return", 0))


def test_a_ramp_has_an_epoch_for_each_weight():
    world = World(3_000, days=6, unit="conversation", ramp=(0.1, 0.1, 0.5, 0.5, 0.5, 0.9), weekend=1.0)
    one = experiment(world, Effects(), np.random.default_rng(9))
    rows = one.rows(5, ("chat_duration",))
    assert list(rows.epochs) == ["weight_01000", "weight_05000", "weight_09000"]
    for epoch, weight in enumerate((0.1, 0.5, 0.9)):
        here = rows.epoch == epoch
        assert rows.units[here & rows.treated].sum() / rows.units[here].sum() == pytest.approx(weight, abs=0.03)
    mean = one.chats.seconds[one.chats.day == 5].mean() / one.chats.seconds[one.chats.day < 5].mean()
    assert mean == pytest.approx(2.0, rel=0.1)
    assert compared(one, 5)["exposure"].srm_p > 0.001


def test_equal_seeds_give_equal_rows_and_others_do_not():
    one, again, other = (experiment(World(300), CHANGED, np.random.default_rng(seed)) for seed in (10, 10, 11))
    for name in ("metric", "user", "treated", "units", "total", "eligible"):
        assert np.array_equal(getattr(one.rows(WINDOW), name), getattr(again.rows(WINDOW), name))
    assert not np.array_equal(one.chats.seconds[:50], other.chats.seconds[:50])


def test_what_cannot_be_simulated_is_refused():
    with pytest.raises(ValueError, match="no arm"):
        experiment(World(10, unit="conversation"), Effects(returning=(0.1,)), np.random.default_rng(1))
    with pytest.raises(ValueError, match="ramp needs"):
        World(10, ramp=(0.1,) * 28)
