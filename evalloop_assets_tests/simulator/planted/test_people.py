"""How users read, type, judge and remember."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evalloop_assets_tests.simulator.planted.reading import ask, icc, weights


def test_users_read_at_a_speed_of_their_own():
    read = ask(
        "healthy",
        """
        SELECT t.user_id, t.locale, t.reply_chars / u.read_s AS speed
        FROM turns AS t JOIN truth_turns AS u USING (event_id) WHERE u.fate = 'goes_on' AND u.read_s > 0
        """,
    )
    read = read.assign(log=np.log(read.speed))
    speeds = {}
    for locale, rows in read.groupby("locale"):
        each = rows.groupby("user_id").log.agg(["mean", "size"])
        own = each["mean"][each["size"] >= 10]
        speeds[locale] = np.exp(own.mean())
        assert abs(stats.skew(own)) < 0.5  # log-normal: symmetric in logarithms
        assert abs(stats.kurtosis(own)) < 1
        assert icc(rows.user_id, rows.log) > 0.1
    assert speeds["en-GB"] == pytest.approx(16.5, rel=0.15)  # hollow replies are skimmed, so only about
    assert speeds["zh-CN"] / speeds["en-GB"] == pytest.approx(0.42, rel=0.1)


def test_users_type_at_a_speed_of_their_own():
    typed = ask(
        "healthy",
        """
        SELECT user_id, locale, log(next_chars / typing_ms) AS speed FROM (
            SELECT *, lead(user_chars) OVER w AS next_chars, lead(replaces_event_id) OVER w AS again
            FROM turns WINDOW w AS (PARTITION BY conversation_id ORDER BY shown_at)
        ) WHERE typing_ms > 0 AND next_chars > 0 AND again IS NULL
        """,
    )
    english = typed[typed.locale == "en-GB"]
    assert icc(english.user_id, english.speed) > 0.1


def test_behaviour_follows_the_reply():
    seen = ask(
        "healthy",
        """
        SELECT t.feedback, t.interrupted, t.dwell_ms, t.foreground_ms, t.locale, t.scrolls, t.clicks, u.fate,
            u.regenerated, u.background_s, u.instant, u.momentum, u.hollow,
            lead(t.user_chars) OVER (PARTITION BY t.conversation_id ORDER BY t.shown_at) AS next_chars
        FROM turns AS t JOIN truth_turns AS u USING (event_id)
        """,
    )
    felt = seen.instant + seen.momentum
    by_feedback = felt.groupby(seen.feedback).agg(["mean", "size"])
    assert by_feedback["mean"]["like"] > felt.mean() + 0.2
    assert max(by_feedback["mean"][["dislike", "complaint"]]) < felt.mean() - 0.2
    assert felt[seen.regenerated].mean() < felt[~seen.regenerated].mean() - 0.2
    assert felt[seen.fate == "abrupt"].mean() < felt[seen.fate == "goes_on"].mean() - 0.2
    for locale in ("en-GB", "zh-CN"):
        chosen = (seen.locale == locale) & (seen.fate == "goes_on") & seen.next_chars.notna() & ~seen.regenerated
        assert stats.spearmanr(felt[chosen], seen.next_chars[chosen]).statistic > 0.1
    away = (seen.dwell_ms - seen.foreground_ms) / 1000
    assert (away - seen.background_s).abs().max() < 0.01
    assert 0 < (away > 0).mean() < 0.2
    assert (seen.fate == "interrupted").sum() > 0
    assert seen.interrupted[seen.fate == "interrupted"].all()
    assert min(seen.scrolls.sum(), seen.clicks.sum()) > 0


def test_hollow_words_are_remembered_and_hardly_felt_at_once():
    rows = pd.concat(ask(name, "SELECT * FROM truth_turns") for name in ("padding", "healthy", "slow_harm"))
    rows = rows[rows.fate.isin(["goes_on", "abrupt"])].reset_index()
    remembered = weights(rows, rows.utility)
    assert remembered.hollow < -remembered.momentum < 0
    left = weights(rows, rows.fate == "abrupt")
    assert left.momentum < 0 > left.instant
    assert left.hollow < 0.5 * abs(left.momentum)
    again = weights(rows, rows.regenerated)
    assert again.momentum < 0
    assert again.hollow < 0.5 * abs(again.momentum)


def test_phrases_wear_out_within_a_conversation():
    fresh = ask(
        "healthy", "SELECT least(turn, 8) AS turn, avg(freshness) AS f FROM truth_turns GROUP BY 1 ORDER BY 1"
    ).f
    assert (fresh.diff().dropna() < 0.02).all()
    assert fresh.iloc[0] - fresh.iloc[-1] > 0.2
