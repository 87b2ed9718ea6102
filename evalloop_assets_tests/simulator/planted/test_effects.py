"""What the candidates do to their users, as far as it is the same on all days."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evalloop_assets_tests.simulator.planted.phrases import END, text
from evalloop_assets_tests.simulator.planted.reading import (
    ATTENTIVE,
    TELLING,
    TRIAL,
    Gap,
    ask,
    assert_within,
    gap,
    icc,
    next_days,
    one,
    tastes,
    truth_of_trial,
    win_rates,
)


def test_healthy_attention_wins_battles_and_the_story_brings_users_back():
    won = win_rates("healthy")
    assert won[ATTENTIVE].min() > won[["plotting", "faithful"]].max()
    error = np.sqrt(0.25 / (one("healthy", "SELECT count(*) FROM battles")[0] * 2 / 10))
    assert won[ATTENTIVE].mean() - won[TELLING].mean() > 3 * error
    users, back = truth_of_trial("healthy", "users"), {}
    for model in ATTENTIVE + TELLING:
        tried = users[users.experiment_id == f"try-{model}"]
        back[model] = gap(tried.return_probability, tried.treated, tried.user_id)
    effects = pd.Series({model: found.by for model, found in back.items()})
    errors = pd.Series({model: found.error for model, found in back.items()})
    assert stats.spearmanr(won[effects.index], effects).statistic <= 0.3
    more = effects[TELLING].mean() - effects[ATTENTIVE].mean()
    assert more > 2 * np.sqrt((errors**2).sum()) / 3


def test_padding_is_read_longer_and_brings_fewer_back():
    talks = truth_of_trial("padding", "conversations")
    longer = gap(talks.read_s, talks.treated, talks.user_id)
    base = talks.read_s[~talks.treated].mean()
    assert_within(Gap(longer.by / base, longer.error / base), 0.18, 0.42)
    users = truth_of_trial("padding", "users")
    assert_within(gap(users.return_probability, users.treated, users.user_id), -0.15, -0.06)


def test_padding_shows_in_the_log_alone():
    talks = ask(
        "padding",
        f"""
        SELECT conversation_id, any_value(user_id) AS user_id, any_value(arm) = 'treatment' AS treated,
            sum(foreground_ms - typing_ms) AS own_ms
        FROM turns WHERE arm IS NOT NULL AND shown_at >= DATE '{TRIAL:%Y-%m-%d}' GROUP BY 1
        """,
    )
    longer = gap(talks.own_ms, talks.treated, talks.user_id)
    base = talks.own_ms[~talks.treated].mean()
    assert_within(Gap(longer.by / base, longer.error / base), 0.18, 0.42)
    days = next_days("padding")
    fewer = gap(days.returned, days.treated, days.user_id)
    assert_within(fewer, -0.15, -0.06)
    assert fewer.by < -fewer.error


def test_same_has_the_voice_of_the_incumbent_and_other_candidates_have_not():
    for name, models in (("a_a", ["same"]), ("healthy", ATTENTIVE + TELLING)):
        per = tastes(name).groupby(["user_id", "character_id", "model_id"]).taste.mean().unstack()
        for model in models:
            moved = (per[model] - per["incumbent"]).dropna().abs()
            assert len(moved) > 10
            assert (moved.max() < 1e-6) if name == "a_a" else (moved.median() > 0.05)


def test_a_a_differs_in_nothing_and_a_t_test_on_conversations_says_it_does():
    users, talks, judged = (truth_of_trial("a_a", table) for table in ("users", "conversations", "turns"))
    metrics = ((users, "return_probability"), (talks, "read_s"), (talks, "turns"), (judged, "quality"))
    for rows, column in metrics:
        found = gap(rows[column], rows.treated, rows.user_id)
        assert abs(found.by) < 4 * found.error
    lengths = ask("a_a", "SELECT user_id, count(*) AS n FROM turns GROUP BY conversation_id, user_id")
    assert icc(lengths.user_id, lengths.n) == pytest.approx(0.3, abs=0.08)
    rng, said = np.random.default_rng(0), []
    users_of, names = pd.factorize(lengths.user_id)
    for _ in range(300):
        side = (rng.permutation(len(names)) % 2 == 0)[users_of]
        said.append(stats.ttest_ind(lengths.n[side], lengths.n[~side]).pvalue < 0.05)
    assert np.mean(said) > 0.12  # five in a hundred where it holds
    usual = ask("healthy", "SELECT user_id, count(*) AS n FROM turns GROUP BY conversation_id, user_id")
    assert icc(usual.user_id, usual.n) < 0.2


def test_thin_is_better_and_too_thin_to_tell():
    judged = truth_of_trial("thin", "turns")
    better = gap(judged.quality, judged.treated, judged.user_id)
    assert better.by > 2 * better.error
    users = truth_of_trial("thin", "users")
    true = users.return_probability[users.treated].mean() - users.return_probability[~users.treated].mean()
    days = next_days("thin")
    told_by_log = gap(days.returned, days.treated, days.user_id)
    assert days.user_id.nunique() < 130
    assert told_by_log.error > abs(true) / 1.5  # an effect of 1.5 errors is found one time in three at best
    assert abs(told_by_log.by) < 2.5 * told_by_log.error


def test_one_reply_in_eight_of_broken_off_ends_without_an_end_and_is_regenerated():
    replies = text("regen_spike").replies
    again = replies.event_id.isin(replies.replaces_event_id.dropna())
    cut = ~replies.reply_text.str.strip().str[-1].isin(list(END))
    broken = replies.model_id == "broken-off"
    assert not cut[~broken].any()
    assert (cut[broken] == replies.cut[broken]).mean() > 0.999
    talking = broken & (replies.fate == "goes_on")  # closes are short, and whole
    assert cut[talking].mean() == pytest.approx(1 / 8, abs=4 * np.sqrt(0.11 / talking.sum()))
    assert again[broken & cut].mean() > 5 * again[broken & ~cut].mean()
    judged = truth_of_trial("regen_spike", "turns")
    assert_within(gap(judged.regenerated, judged.treated, judged.user_id), 0.025, 0.06)
    in_trial = replies.shown_at >= TRIAL
    assert_within(gap(again[in_trial], broken[in_trial], replies.user_id[in_trial]), 0.025, 0.06)
    users = truth_of_trial("regen_spike", "users")
    assert_within(gap(users.return_probability, users.treated, users.user_id), -0.02, 0.02)
