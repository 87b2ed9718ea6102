"""Promises and payoffs, and the facts of characters."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from evalloop_assets_tests.simulator.planted.phrases import frames, promises, text, told
from evalloop_assets_tests.simulator.planted.reading import ATTENTIVE, TELLING, ask


@pytest.mark.parametrize("name", ["padding", "a_a", "healthy"])
def test_payoffs_come_after_a_promise_about_the_same_item(name):
    made, kept = promises()
    assert len(made) >= 4
    assert len(kept) >= 4
    assert not made & kept
    said = told(name, "conversation_id", "payoff")
    said = said[said.item.notna() & said.frame.isin(made | kept)]
    followed, other, true = [], [], []
    for _, spoken in said.groupby("conversation_id", sort=False):
        promised: list[str] = []
        for frame, item, payoff in zip(spoken.frame, spoken.item, spoken.payoff, strict=True):
            if frame in made:
                promised.append(item)
            else:
                followed.append(item in promised)
                other.append(any(before != item for before in promised))
                true.append(payoff)
    assert len(followed) > 1000
    assert np.mean(followed) > 0.95
    assert np.mean(other) < 0.8 * np.mean(followed)
    paid = np.array(true)
    assert (paid[np.array(followed)] > 0.5).mean() > 0.95
    promising = set(said.row[said.frame.isin(made)])
    neither = text(name).replies.drop(index=list(set(said.row))).payoff
    assert neither.max() <= 0 < text(name).replies.payoff.loc[list(promising)].min()


@pytest.mark.parametrize("name", ["padding", "a_a", "healthy"])
def test_characters_keep_and_contradict_the_facts_of_the_characters_table(name):
    people = ask(name, "SELECT DISTINCT character_id, locale, persona FROM characters").set_index("character_id")
    facts = {who: persona.split("\n")[1:] for who, persona in people.persona.items()}
    each = frames(name)
    own = each[~each.about & (each.own > 0.95) & (each["last"] < 0.5) & (each["count"] >= 5)]
    broken = own.broke > 0.99
    for who, about in facts.items():
        assert (own.character[~broken] == who).sum() == len(about)
        assert (own.character[broken] == who).sum() <= len(about)  # some are rare
    said = told(name, "broke")
    contradicted = said.frame.isin(own.index[broken])
    replies = text(name).replies
    assert set(said.row[contradicted]) <= set(replies.index[replies.broke])
    assert contradicted.sum() > 0.98 * replies.broke.sum()
    assert own.broke[~broken].max() < 0.02  # the same sentence is never now kept, now broken
    hits = []
    for locale, group in own.groupby(own.character.map(people.locale)):
        size = 1 if locale.startswith("zh") else 4
        mine = {who: facts[who] for who in people.index[people.locale == locale]}
        grams = {(who, fact): pieces(fact, size) for who, given in mine.items() for fact in given}
        rarity = Counter(piece for found in grams.values() for piece in found)
        for sentence, who in group.character.items():
            shared = {key: sum(1 / rarity[p] for p in pieces(sentence, size) & found) for key, found in grams.items()}
            hits.append(max(shared, key=shared.get)[0] == who)
    assert np.mean(hits) > 0.6  # one in five by chance


def pieces(words: str, size: int) -> set[str]:
    plain = re.sub(r"[^\w ]", "", words.lower())
    return {plain[at : at + size] for at in range(len(plain) - size + 1) if plain[at : at + size].strip()}


def test_healthy_attention_forgets_the_story():
    made, kept = promises()
    said = told("healthy", "model_id")
    replies = text("healthy").replies.groupby("model_id").size()
    per_reply = said[said.frame.isin(kept)].groupby("model_id").size() / replies
    assert per_reply[ATTENTIVE].max() < per_reply["incumbent"] < per_reply[TELLING].min()
    promised = said[said.frame.isin(made)].groupby("model_id").size() / replies
    assert promised[ATTENTIVE].max() < promised[TELLING].min()
    moves = text("healthy").replies.groupby("model_id").momentum.mean()
    assert moves[ATTENTIVE].max() < moves["incumbent"] < moves[TELLING].min()
