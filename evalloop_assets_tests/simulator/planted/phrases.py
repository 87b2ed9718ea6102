"""Sentences, items and phrases, induced from the text of a log by how they recur."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from functools import cache
from typing import NamedTuple

import pandas as pd

from evalloop_assets_tests.simulator.planted.reading import ask

END = ".?!。？！"


def sentences(text: str | None) -> list[str]:
    return [one.strip() for one in re.findall(rf"[^{END}]+[{END}]?", text or "") if one.strip()]


def items_of(texts: list[str], chinese: bool) -> list[str]:
    """Names that go through many frames: spans in whose place many other spans stand, in many sentences."""
    frames: dict[tuple[str, str], set[str]] = defaultdict(set)
    glue, longest = ("", 6) if chinese else (" ", 4)
    for sentence in {one for text in texts for one in sentences(text)}:
        parts = list(sentence[:-1]) if chinese else sentence[:-1].split()
        for start in range(len(parts)):
            for end in range(start + 1, min(start + longest, len(parts)) + 1):
                frame = (glue.join(parts[:start]), glue.join(parts[end:]))
                frames[frame].add(glue.join(parts[start:end]))
    filled = Counter(span for spans in frames.values() if len(spans) >= 6 for span in spans)
    often = [span for span, count in filled.items() if count >= 6]
    return [span for span in often if not any(other != span and other in span for other in often)]


class Text(NamedTuple):
    replies: pd.DataFrame  # rows of turns, in the order of their conversations
    said: pd.DataFrame  # one row per sentence of a reply: row of the reply, frame (items blanked out), item or None
    items: re.Pattern[str]


@cache
def text(name: str) -> Text:
    replies = ask(
        name,
        """
        SELECT t.event_id, t.conversation_id, t.user_id, t.model_id, t.character_id, t.locale, t.shown_at, t.user_text,
            t.reply_text, t.reply_chars, t.replaces_event_id, u.turn, u.fate, u.broke, u.cut, u.instant, u.momentum,
            u.payoff, u.consistency, u.hollow
        FROM turns AS t JOIN truth_turns AS u USING (event_id) ORDER BY t.conversation_id, t.shown_at
        """,
    )
    replies = replies.assign(last=~replies.duplicated("conversation_id", keep="last"))
    items: list[str] = []
    for chinese in (False, True):
        texts = replies.user_text[replies.locale.str.startswith("zh") == chinese].dropna().unique()
        items += items_of(list(texts), chinese)
    pattern = re.compile("|".join(sorted(map(re.escape, items), key=len, reverse=True)))
    rows = []
    for row, reply in enumerate(replies.reply_text):
        for sentence in sentences(reply):
            named = pattern.search(sentence)
            rows.append((row, pattern.sub("_", sentence), named.group() if named else None))
    return Text(replies, pd.DataFrame(rows, columns=["row", "frame", "item"]), pattern)


def told(name: str, *columns: str) -> pd.DataFrame:
    """Sentences with columns of their replies."""
    known = text(name)
    return known.said.join(known.replies[list(columns)], on="row")


@cache
def frames(name: str) -> pd.DataFrame:
    """Per frame: how often, whether about an item, its share with one character, and in last replies."""
    said = told(name, "character_id", "last", "broke")
    by_character = pd.crosstab(said.frame, said.character_id)
    each = said.groupby("frame").agg(
        count=("row", "size"), about=("item", "count"), last=("last", "mean"), broke=("broke", "mean")
    )
    return each.assign(
        about=each["about"] > 0, character=by_character.idxmax(axis=1), own=by_character.max(axis=1) / each["count"]
    )


def hollow_words(name: str) -> set[str]:
    """Sentences that come again and again beside every item, with every character, anywhere in a conversation."""
    each = frames(name)
    return set(each.index[~each.about & (each.own < 0.5) & (each["last"] < 0.5) & (each["count"] >= 100)])


@cache
def promises() -> tuple[set[str], set[str]]:
    """Frames that promise and frames that keep, from order alone: the one comes before the other far too often.

    Only where both are about the same item. Learnt where every user hears one model's words, held for every scenario.
    """
    said = told("a_a", "conversation_id", "locale")
    said = said[said.item.notna()]
    common = set(said.frame.value_counts()[lambda uses: uses >= 50].index)
    made: set[str] = set()
    kept: set[str] = set()
    for _, tongue in said[said.frame.isin(common)].groupby("locale"):
        uses: Counter[str] = Counter()
        earlier: Counter[str] = Counter()
        pairs: Counter[tuple[str, str]] = Counter()
        for _, spoken in tongue.groupby(["conversation_id", "item"], sort=False).frame:
            seen: set[str] = set()
            for frame in spoken:
                uses[frame] += 1
                earlier.update(seen)
                pairs.update((before, frame) for before in seen)
                seen.add(frame)
        for (before, frame), count in pairs.items():
            if count / uses[frame] > 3 * earlier[before] / uses.total():
                made.add(before)
                kept.add(frame)
    return made, kept
