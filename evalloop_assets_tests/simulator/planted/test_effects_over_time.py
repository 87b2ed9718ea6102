"""Effects that come, go or turn in the course of a trial."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evalloop_assets_tests.simulator.planted.phrases import told
from evalloop_assets_tests.simulator.planted.reading import (
    Gap,
    ask,
    assert_within,
    day,
    gap,
    next_days,
    tastes,
    truth_of_trial,
    weights,
    win_rates,
)


def variety(name: str) -> pd.Series:
    """Per model, how many frames are in even use: the inverse of the chance that two sentences are the same."""
    said = told(name, "model_id", "locale")
    shares = said.groupby(["model_id", "locale"]).frame.value_counts(normalize=True)
    return 1 / (shares**2).groupby(level=[0, 1]).sum().groupby(level=0).mean()


@pytest.mark.parametrize(("name", "model"), [("slow_harm", "eroding"), ("novelty", "shiny")])
def test_few_phrases_wear_users_out(name, model):
    kinds = variety(name)
    assert kinds[model] < 0.6 * kinds["incumbent"]
    tired = truth_of_trial(name, "turns")
    early, late = tired[tired.trial_day == 0], tired[tired.trial_day >= 6]
    first = gap(early.satiety, early.treated, early.user_id)
    later = gap(late.satiety, late.treated, late.user_id)
    assert later.by > 3 * later.error
    assert later.by > first.by


def test_slow_harm_loses_nothing_on_the_first_day_and_much_from_the_seventh():
    users = truth_of_trial("slow_harm", "users")
    first, late = users[users.trial_day == 0], users[users.trial_day >= 6]
    assert_within(gap(first.return_probability, first.treated, first.user_id), -0.02, 0.02)
    lost = gap(late.return_probability, late.treated, late.user_id)
    assert_within(lost, -0.075, -0.02)
    assert lost.by < -lost.error
    talks = truth_of_trial("slow_harm", "conversations")
    time = gap(talks.read_s, talks.treated, talks.user_id)
    base = talks.read_s[~talks.treated].mean()
    assert_within(Gap(time.by / base, time.error / base), -0.08, 0.08)


def test_novelty_wins_on_two_days_and_loses_from_the_seventh():
    users = truth_of_trial("novelty", "users")
    early, late = users[users.trial_day <= 1], users[users.trial_day >= 6]
    gained = gap(early.return_probability, early.treated, early.user_id)
    assert_within(gained, 0.01, 0.08)
    lost = gap(late.return_probability, late.treated, late.user_id)
    assert_within(lost, -0.07, -0.005)
    assert gained.by - lost.by > np.hypot(gained.error, lost.error)


def test_shiny_is_attentive():
    judged = truth_of_trial("novelty", "turns")
    more = gap(judged.instant, judged.treated, judged.user_id)
    assert more.by > 5 * more.error
    assert win_rates("novelty")["shiny"] > win_rates("novelty")["incumbent"]


def test_drift_turns_values_and_tastes_on_day_5():
    rows = ask("drift", "SELECT * FROM truth_turns")
    before, after = rows[rows.served < day(5)], rows[rows.served >= day(5)]
    was, becomes = weights(before, before.utility), weights(after, after.utility)
    assert was.instant > 0 > becomes.instant
    assert becomes.momentum > 1.3 * was.momentum > 0
    assert becomes.payoff > 1.3 * was.payoff > 0
    assert after.instant.corr(after.utility) < before.instant.corr(before.utility) - 0.2
    assert after.momentum.corr(after.utility) > before.momentum.corr(before.utility)
    assert after.payoff.corr(after.utility) > before.payoff.corr(before.utility)
    for name, changed in (("drift", True), ("padding", False)):
        per = tastes(name).groupby(["user_id", "character_id", "model_id", "late"]).taste.mean().unstack().dropna()
        assert ((per[True] - per[False]).abs() > 1e-6).mean() == (1 if changed else 0)


def test_drift_lifts_plotting_and_drops_dazzling():
    users = truth_of_trial("drift", "users")
    for model, sign in (("plotting", 1), ("dazzling", -1)):
        tried = users[users.experiment_id == f"try-{model}"]
        found = [
            gap(rows.return_probability, rows.treated, rows.user_id)
            for _, rows in tried.groupby(tried.served >= day(5))
        ]
        assert sign * (found[1].by - found[0].by) > np.hypot(found[0].error, found[1].error)
        assert sign * found[1].by > 2 * found[1].error
    days = next_days("drift")
    late = days[(days.on_day >= day(5)) & (days.model_id != "incumbent")]
    seen = gap(late.returned, late.model_id == "plotting", late.user_id)
    assert seen.by > 2 * seen.error
