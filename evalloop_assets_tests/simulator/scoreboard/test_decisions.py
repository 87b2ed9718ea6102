"""Error rates that the product promises, on runs small enough for a test; and that they are measured as stated."""

import re
from dataclasses import replace

import numpy as np
import pytest

from evalloop_assets.guardrails.verdict import verdict
from evalloop_assets.online_ab.results import compare
from evalloop_assets.simulator.scoreboard import decisions
from evalloop_assets.simulator.scoreboard.decision_figures import figures, median
from evalloop_assets.simulator.scoreboard.decisions import (
    Block,
    blocks,
    error_rates,
    limits_of,
    metrics_that_matter,
    records,
)
from evalloop_assets.simulator.scoreboard.experiment_plans import HARMFUL, PLANS, Estimate, Record
from evalloop_assets.simulator.scoreboard.experiment_rows import METRICS, RETURN, experiment
from evalloop_assets.simulator.scoreboard.experiments import Effects, World
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.naive import (
    NO_MARGIN,
    PEEKING,
    PEEKING_T_TEST,
    POOLED,
    T_TEST,
    ArmSums,
    naive_causes,
)


def chosen(rows, words, method=LOOP):
    """The one row of this method whose figure has all the words."""
    (found,) = [row for row in rows if row.method == method and all(word in row.figure for word in words.split())]
    return found.found


@pytest.fixture(scope="module")
def a_a():
    return figures(records(Block("a_a", 0, 200), seed=1))


@pytest.fixture(scope="module")
def padding():
    return figures(records(Block("padding", 0, 40), seed=1))


def test_a_conversation_t_test_of_users_is_wrong_four_times_as_often_as_it_says(a_a):
    naive = chosen(a_a, "false positives time spent", T_TEST)
    assert naive.low > 0.2
    for metric in ("time spent", "return"):
        loop = chosen(a_a, f"false positives {metric}")
        assert loop.low < 0.05 < loop.high
        assert loop.value < naive.value / 3


def test_by_conversation_the_loop_keeps_its_level_where_users_differ_in_the_effect():
    rows = figures(records(Block("a_a_by_conversation", 0, 400), seed=1))
    loop = chosen(rows, "false positives")
    assert loop.low < 0.05 < loop.high
    assert chosen(rows, "false positives", T_TEST).low > 0.06


def test_pooled_over_a_ramp_an_a_a_test_fires_and_within_epochs_it_does_not():
    rows = figures(records(Block("a_a_ramp", 0, 60), seed=1))
    assert chosen(rows, "false positives", POOLED).low > 0.5
    assert chosen(rows, "false positives").low < 0.06


def test_without_harm_the_loop_hardly_ever_fires_and_peeking_does(a_a):
    loop = chosen(a_a, "false alarm")
    assert loop.value <= 0.02
    for method, least in ((NO_MARGIN, 0.08), (PEEKING_T_TEST, 0.1)):
        assert chosen(a_a, "false alarm", method).low > max(least, loop.high)
    assert chosen(a_a, "false alarm", PEEKING).value >= loop.value
    assert chosen(a_a, "outside the bounds").value <= 0.05
    assert chosen(a_a, "outside the bounds", PEEKING).low > 0.15
    assert chosen(a_a, "promoted").value <= 0.05


def test_padding_is_rolled_back_for_its_gaming(padding):
    assert chosen(padding, "harm missed").value < 0.1
    assert chosen(padding, "right cause").value > 0.9
    assert 2 <= chosen(padding, "delay median").value <= 10
    assert chosen(padding, "delay mean", PEEKING).value <= chosen(padding, "delay mean").value


def test_padding_is_hardly_ever_promoted_and_its_effects_are_found_at_the_planned_look(a_a, padding):
    promoted = chosen(padding, "harmful promoted")
    assert promoted.n == 40
    assert promoted.value <= 0.05
    assert chosen(padding, "true effect found day time spent").value > 0.95
    assert chosen(padding, "true effect found day return").value > 0.9
    assert not [row for row in a_a if "true effect found" in row.figure or "harmful" in row.figure]


def test_a_harmful_promotion_is_counted_and_so_is_an_effect_that_is_not_found():
    missed = Estimate(-0.01, 0.0, True, False)
    known = [
        Record("novelty", number, {}, number % 4 and 9, {}, {RETURN: missed._replace(significant=number < 3)}, False)
        for number in range(8)
    ]
    rows = figures(known)
    assert {row.scenario for row in rows} == {"experiments: novelty"}
    assert chosen(rows, "harmful promoted").value == 0.75
    assert chosen(rows, "true effect found return").value == 3 / 8
    assert not [row for row in rows if "time spent" in row.figure]


def test_estimates_are_unbiased_and_their_intervals_cover(a_a, padding):
    for rows in (a_a, padding):
        for metric in ("time spent", "return"):
            bias = chosen(rows, f"bias {metric}")
            assert abs(bias.value) <= 3 * (bias.high - bias.value) / 1.96
            covered = chosen(rows, f"interval holds the truth {metric}")
            assert covered.low < 0.95 < covered.high + 0.01


def test_regenerations_raise_the_red_flag_and_a_gain_is_promoted():
    rows = figures(records(Block("regen_spike", 0, 10), seed=1) + records(Block("gain", 0, 10), seed=1))
    assert chosen(rows, "right cause").value == 1
    assert chosen(rows, "with a gain promoted").value > 0.7


@pytest.mark.parametrize(
    "effects",
    [
        Effects(),
        Effects(duration=0.3, returning=(-0.05,)),
        Effects(regeneration=0.04, returning=(-0.03,)),
        Effects(complaint=0.01),
        Effects(padding=0.1),
        Effects(duration=-0.2, returning=(0.05,)),
    ],
)
def test_leaving_out_metrics_that_cannot_matter_changes_no_verdict(effects):
    """Nor any alarm of the naive methods that read the same results."""
    fired = 0
    for seed in range(3):
        one = experiment(World(3_000), effects, np.random.default_rng(seed))
        limits = limits_of(one.world.users)
        for last in range(0, 28, 2):
            some, all_of_them = (
                compare("x", "user", one.rows(last, metrics), {}, one.world.users, 0.05)
                for metrics in (
                    metrics_that_matter(one, last, limits),
                    METRICS,
                )
            )
            few, full = verdict(some, True, limits), verdict(all_of_them, True, limits)
            assert few[:2] == full[:2]
            assert naive_causes(some, limits) == naive_causes(all_of_them, limits)
            fired += full.word == "ROLLBACK"
    assert (fired > 0) == (effects not in (Effects(), Effects(duration=-0.2, returning=(0.05,))))


def test_sums_by_arm_are_those_of_the_conversations_of_the_window():
    from scipy.stats import ttest_ind

    one = experiment(World(800), Effects(duration=0.05), np.random.default_rng(3))
    log, arms = one.chats, ArmSums.of(one.chats, 28)
    for look in (2, 13, 25):
        here = (log.day <= look) & (log.day > look - 14)
        known = here & (log.day <= look - 2) & ~np.isnan(log.came_next_day)
        for arm in (0, 1):
            assert arms.conversations[look, arm] == (here & (log.treated == arm)).sum()
            assert arms.returned[look, arm] == log.came_next_day[known & (log.treated == arm)].sum()
            assert arms.followed[look, arm] == (known & (log.treated == arm)).sum()
        both = (log.seconds[here & (log.treated == arm)] for arm in (0, 1))
        p = ttest_ind(*both, equal_var=False).pvalue
        assert arms.seconds_differ(look) == (p < 0.05)


def test_the_median_delay_has_bounds_that_hold_it():
    assert median([])[3] == 0
    found = median(sorted([3] * 10 + [4] * 30 + [9] * 10))
    assert (found.value, found.low, found.high, found.n) == (4, 4, 4, 50)
    assert median([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])[1:3] == (2, 9)


def test_any_split_into_blocks_gives_the_same_figures(monkeypatch):
    small = {
        name: plan._replace(world=replace(plan.world, users=200)) for name, plan in PLANS.items() if name != "slow_harm"
    }
    monkeypatch.setattr(decisions, "PLANS", small)
    heard = []
    whole = error_rates(8, seed=5, progress=heard.append)
    assert len(heard) == len(blocks(8))
    monkeypatch.setattr(decisions, "BLOCK", 3)
    split = [records(block, seed=5) for block in blocks(8)]
    assert len(split) > len(heard)
    again = figures(record for block in reversed(split) for record in block)
    assert str(again) == str(whole)
    assert str(error_rates(8, seed=6, progress=heard.append)) != str(whole)


def test_every_figure_says_its_unit_and_what_is_good_and_stands_once(monkeypatch):
    small = {name: plan._replace(world=replace(plan.world, users=200)) for name, plan in PLANS.items()}
    monkeypatch.setattr(decisions, "PLANS", small)
    rows = error_rates(4, progress=lambda line: None)
    assert len({(row.scenario, row.stage, row.figure, row.method) for row in rows}) == len(rows)
    assert len({(row.figure, row.best) for row in rows}) == len({row.figure for row in rows})
    assert all(re.search(r", (share|points|days|seconds per user and day)( \(|$)", row.figure) for row in rows)
    assert not [row.figure for row in rows if "_" in row.figure]


def test_every_plan_is_run_and_every_harm_has_its_rows():
    wanted = {name: sum(b.experiments for b in blocks(100) if b.scenario == name) for name in PLANS}
    assert wanted["a_a"] == 100
    assert wanted["padding"] == 25
    assert min(wanted.values()) >= 25
    assert set(HARMFUL) < set(PLANS)
