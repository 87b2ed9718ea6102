"""How conversations end, and what is said as they do."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from evalloop_assets_tests.simulator.planted.phrases import frames, told
from evalloop_assets_tests.simulator.planted.reading import ask


@cache
def closings() -> pd.DataFrame:
    """Last turns of conversations with what truth says about their end, over three scenarios."""
    return pd.concat(
        ask(
            name,
            """
            SELECT *, count(*) OVER (PARTITION BY conversation_id) AS seen FROM (
                SELECT t.conversation_id, t.event_id, t.user_text, t.reply_text, t.reply_chars, t.locale, t.dwell_ms,
                    t.foreground_ms - t.typing_ms AS own_ms, u.fate, u.turn, u.regenerated, c."end", c.closure,
                    max(t.shown_at) OVER (PARTITION BY t.conversation_id) = t.shown_at AS last
                FROM turns AS t JOIN truth_turns AS u USING (event_id)
                JOIN truth_conversations AS c ON c.conversation_id = t.conversation_id
            )
            """,
        ).assign(scenario=name)
        for name in ("healthy", "padding", "a_a")
    )


def test_users_who_are_done_say_so_in_words_that_come_nowhere_else():
    turns = closings()
    final = turns["last"] & turns.fate.isin(["natural", "abrupt", "interrupted"])
    said = final & turns.closure.isin(["farewell", "thanks", "goal", "resolved"])
    assert set(turns.closure[said]) == {"farewell", "thanks", "goal", "resolved"}
    words = turns[said].groupby("user_text").size()
    closing = set(words.index[words >= 10])
    assert turns.user_text[said].isin(closing).mean() > 0.99
    assert turns[~said & turns.user_text.isin(closing) & ~turns.regenerated].empty
    by_closure = turns[said & turns.user_text.isin(closing)].groupby("user_text").closure.nunique()
    assert (by_closure == 1).all()
    quiet = final & (turns.closure == "quiet")
    assert quiet.sum() > 100
    assert not turns.user_text[quiet].isin(closing).any()
    by_tongue = turns[said].groupby("locale").closure.apply(lambda closure: (closure == "thanks").mean())
    assert by_tongue["zh-CN"] >= 0.5 - 4 * np.sqrt(0.25 / (said & (turns.locale == "zh-CN")).sum())
    assert by_tongue["zh-CN"] - by_tongue["en-GB"] > 0.25


def test_farewells_and_story_ends_are_answered_with_a_close():
    each, said = frames("padding"), told("padding", "conversation_id", "last", "fate")
    closes = set(each.index[~each.about & (each["last"] > 0.95) & (each["count"] >= 10)])
    assert len(closes) >= 4
    natural = said[said["last"] & (said.fate == "natural")]
    end = (
        ask("padding", "SELECT conversation_id, closure FROM truth_conversations").set_index("conversation_id").closure
    )
    spoken = natural[natural.conversation_id.map(end) != "quiet"]
    assert spoken.frame.isin(closes).groupby(spoken.conversation_id).any().mean() > 0.98
    assert not natural[natural.conversation_id.map(end) == "quiet"].frame.isin(closes).any()


def test_who_leaves_quietly_lingers_and_who_leaves_abruptly_does_not():
    turns = closings()
    turns = turns.assign(pace=turns.own_ms / turns.reply_chars)
    for locale in ("en-GB", "zh-CN"):
        here = turns[(turns.locale == locale) & ~turns.regenerated]
        quiet = here.pace[here["last"] & (here.closure == "quiet")]
        ordinary = here.pace[(here.fate == "goes_on") & ~here["last"]]
        abrupt = here.pace[here.fate == "abrupt"]
        assert stats.mannwhitneyu(quiet, ordinary, alternative="greater").pvalue < 1e-4
        assert stats.mannwhitneyu(abrupt, ordinary, alternative="less").pvalue < 1e-4
