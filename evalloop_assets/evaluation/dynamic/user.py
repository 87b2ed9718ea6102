"""A simulated user: what it says next follows from scenario, seed and the conversation so far, and from nothing else.

A turn draws from a generator of its own, so that another reply changes what the user reacts to and no later draw.
Telling a fact, asking for it again and leaving what the role can know stand at fixed turns; between them the user
reacts to the reply: it presses where there is none, objects to a repetition, answers a question, takes up a word.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from evalloop_assets.evaluation.dynamic.grid import Scenario, phrases

CYCLE = ("open", "tell", "ask_on", "boundary", "ask_on", "recall", "ask_on")
"""What is planned, turn by turn; after these come `LATER` again and again."""
LATER = ("tell", "ask_on", "boundary", "ask_on", "recall", "ask_on")
SHORT = {"en": 12, "zh": 4}
"""Characters below which a reply counts as none."""
ALIKE = 0.8
"""Share of a reply's runs of characters that an earlier one held, from which it is a repetition."""
LONGEST_QUOTE = 12
GRAMS = 4
WORD = re.compile(r"[^\W\d_]{5,}")
HAN_RUN = re.compile(r"[\u3400-\u9fff]{2,}")


class Said(NamedTuple):
    """A message of the user."""

    act: str
    """open, tell, ask_on, answer, boundary, doubt, recall, remind, blank or repeated."""
    text: str
    keys: tuple[str, ...] = ()
    """Of a recall: beginnings of words of which a reply that remembers holds one."""


class Exchange(NamedTuple):
    """A message of the user and what came back; None where nothing did."""

    said: Said
    reply: str | None


def next_message(scenario: Scenario, seed: int, past: Sequence[Exchange]) -> Said:
    """What the user says after these exchanges; deterministic."""
    draw = random.Random(f"{seed}/{scenario.key}/{len(past)}")
    known = phrases(scenario.role.locale)
    planned = _planned(len(past))
    if planned == "open":
        opening = _of(draw, known["open"][scenario.intent], scenario)
        cast = _of(draw, known["casting"], scenario) if scenario.prompt_setting == "none" else ""
        return Said("open", cast + opening)
    if planned in ("tell", "recall"):
        fact = _fact(scenario, seed, len(past) if planned == "tell" else _told_at(len(past)))
        keys = tuple(fact["key"]) if planned == "recall" else ()
        return Said(planned, _of(draw, known[planned], scenario, fact=fact["fact"], question=fact["question"]), keys)
    if planned == "boundary":
        return Said(planned, _of(draw, known[planned], scenario))
    return _reaction(scenario, seed, past, draw)


def recalled(said: Said, reply: str | None) -> bool | None:
    """Whether the reply remembers what the user had told; None where the user did not ask."""
    if not said.keys:
        return None
    return any(re.search(rf"(?<![a-z]){re.escape(key)}", (reply or "").casefold()) for key in said.keys)


def grams(text: str) -> frozenset[str]:
    """Runs of four characters, blanks and case apart."""
    plain = re.sub(r"\s+", " ", text.casefold().strip())
    return frozenset(plain[at : at + GRAMS] for at in range(max(1, len(plain) - GRAMS + 1))) if plain else frozenset()


def _reaction(scenario: Scenario, seed: int, past: Sequence[Exchange], draw: random.Random) -> Said:
    known, locale = phrases(scenario.role.locale), scenario.role.locale
    last = past[-1]
    reply = (last.reply or "").strip()
    quote = _quote(reply, draw)
    if len(reply) < SHORT[locale]:
        return Said("blank", _of(draw, known["blank"], scenario))
    if any(_alike(reply, earlier.reply or "") for earlier in past[:-1]):
        return Said("repeated", _of(draw, known["repeated"], scenario))
    if recalled(last.said, reply) is False:
        fact = _fact(scenario, seed, _told_at(len(past) - 1))
        return Said("remind", _of(draw, known["remind"], scenario, fact=fact["fact"]))
    if last.said.act == "boundary":
        return Said("doubt", _of(draw, _quoting(known["doubt"], quote), scenario, quote=quote))
    asked_on = _of(draw, _quoting(known["ask_on"][scenario.intent], quote), scenario, quote=quote)
    if reply[-1] in "?？":
        return Said("answer", _of(draw, known["answer"], scenario, next=asked_on))
    return Said("ask_on", asked_on)


def _planned(turn: int) -> str:
    return CYCLE[turn] if turn < len(CYCLE) else LATER[(turn - len(CYCLE)) % len(LATER)]


def _told_at(turn: int) -> int:
    """The turn at which the fact was told that this one asks for."""
    return max(at for at in range(turn) if _planned(at) == "tell")


def _fact(scenario: Scenario, seed: int, turn: int) -> dict[str, Any]:
    """The fact told at that turn; none is told twice before all were."""
    facts = list(phrases(scenario.role.locale)["facts"])
    random.Random(f"{seed}/{scenario.key}/facts").shuffle(facts)
    number = sum(_planned(at) == "tell" for at in range(turn))
    return dict(facts[number % len(facts)])


def _of(draw: random.Random, forms: Sequence[str], scenario: Scenario, **more: str) -> str:
    return draw.choice(forms).format(**{**scenario.role.slots, **more})


def _quoting(forms: Sequence[str], quote: str) -> list[str]:
    """Those that can be said: without a quote, the ones that need none."""
    return [form for form in forms if quote or "{quote}" not in form]


def _quote(reply: str, draw: random.Random) -> str:
    """A word of the reply, one of its longest; empty where it has none."""
    words = sorted({found[:LONGEST_QUOTE] for found in HAN_RUN.findall(reply) or WORD.findall(reply)})
    longest = sorted(words, key=len, reverse=True)[:3]
    return draw.choice(longest) if longest else ""


def _alike(reply: str, earlier: str) -> bool:
    held = grams(reply)
    return bool(held) and len(held & grams(earlier)) / len(held) >= ALIKE
