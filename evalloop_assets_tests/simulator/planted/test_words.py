"""Which words are said, and what is read back from them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evalloop_assets_tests.simulator.planted.phrases import hollow_words, text, told
from evalloop_assets_tests.simulator.planted.reading import ATTENTIVE, TELLING, TRIAL, gap


def test_truth_is_read_back_from_the_text():
    known = text("padding")
    codes, _ = pd.factorize(known.said.frame)
    counts = np.zeros((len(known.replies), codes.max() + 2), dtype=np.float32)
    np.add.at(counts, (known.said.row.to_numpy(), codes), 1)
    counts[:, -1] = 1
    squares = counts.T @ counts
    for dimension in ("instant", "momentum", "payoff", "consistency", "hollow"):
        judged = known.replies[dimension].to_numpy(np.float32)
        explained = counts @ np.linalg.lstsq(squares, counts.T @ judged, rcond=None)[0]
        assert 1 - np.var(judged - explained) / np.var(judged) > 0.9, dimension


def test_echoes_take_up_the_item_of_the_user_and_asks_end_a_reply_with_a_choice():
    known, said = text("healthy"), told("healthy", "user_text", "locale")
    spoken = said.user_text.fillna("").map(lambda words: set(known.items.findall(words)))
    both = said[said.item.notna() & (spoken.map(len) > 0)]
    same = pd.Series([item in named for item, named in zip(both.item, spoken[both.index], strict=True)], both.index)
    shares = same.groupby(both.frame).mean()
    echoes = set(shares.index[shares > 0.98])
    assert len(echoes) >= 2
    assert shares[shares <= 0.98].max() < 0.9  # a kind of its own
    replies = known.replies.assign(echo=False, choice=known.replies.reply_text.str.strip().str[-1].isin(list("?？")))
    replies.loc[said.row[said.frame.isin(echoes)].unique(), "echo"] = True
    assert replies.instant[replies.echo].mean() - replies.instant[~replies.echo].mean() > 0.5
    assert replies.momentum[replies.choice].mean() - replies.momentum[~replies.choice].mean() > 0.2
    echo = replies.groupby("model_id").echo.mean()
    choice = replies.groupby("model_id").choice.mean()
    assert echo[ATTENTIVE].min() > max(echo[TELLING].max(), echo["incumbent"])
    assert choice[["dazzling", "warm"]].max() < choice["plotting"]


def test_padding_adds_words_without_information():
    said, replies = told("padding", "model_id"), text("padding").replies
    hollow = hollow_words("padding")
    counts = replies.groupby("model_id").size()
    every = said.groupby("model_id").size() / counts
    idle = said[said.frame.isin(hollow)].groupby("model_id").size() / counts
    added = every["padding"] - every["incumbent"]
    assert added > 0.5
    assert idle["padding"] - idle["incumbent"] > 0.8 * added  # what is added is filler and comfort
    chars = np.log(replies.reply_chars)
    of_english = replies.locale == "en-GB"
    for tongue in (of_english, ~of_english):
        longer = gap(chars[tongue], replies.model_id[tongue] == "padding", replies.user_id[tongue])
        assert longer.by > 0.1
        assert longer.by > 5 * longer.error
    share = said.frame.isin(hollow).groupby(said.row).mean()
    assert share.corr(replies.hollow) > 0.6  # truth counts the same words as hollow, and repeats beside them


def spread(shares: pd.DataFrame) -> float:
    return float((shares.iloc[:, 0] - shares.iloc[:, 1]).abs().sum() / 2)


def test_same_speaks_as_the_incumbent_does():
    said = told("a_a", "model_id", "user_id", "shown_at")
    said = said[said.shown_at >= TRIAL + pd.Timedelta("1D")]
    assert set(said.frame[said.model_id == "same"]) == set(said.frame[said.model_id == "incumbent"])
    by_user = pd.crosstab(said.user_id, said.frame)
    rng, halves = np.random.default_rng(0), []
    for _ in range(50):
        side = pd.Series(rng.permutation(len(by_user)) % 2, by_user.index)
        halves.append(spread(by_user.groupby(side).sum().T.pipe(lambda counts: counts / counts.sum())))
    models = pd.crosstab(said.frame, said.model_id, normalize="columns")
    assert spread(models) < 1.3 * max(halves)
    assert spread(models) < 0.05
