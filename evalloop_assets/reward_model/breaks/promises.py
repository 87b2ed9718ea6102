"""Promises that a speaker made, and whether a later message goes back on one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from evalloop_assets.reward_model.breaks.claims import Said
from evalloop_assets.reward_model.breaks.clauses import OTHER, Clause

LATER = "(?:等会儿?|待会儿?|过会儿?|回头|明天|今晚|下次|改天)"
PROMISE = re.compile(
    r"\bi (?:will|am going to|shall|promise(?: to)?|swear to)\b(?! (?:not|never|be|have to|see)\b)|"
    r"\byou will hear\b|\bi promise\b|"
    f"我(?:会|一定|答应|保证|马上|{LATER})|{LATER}再?(?:我|给你|告诉你|说给你|讲给你|跟你)"
)
DENIED = re.compile(
    r"\bi (?:never|did not|have never|have not) (?:promised?|say|said|told|tell|agreed?)\b|\bwhat promise\b|"
    "我(?:可)?(?:没|没有|从没|从来没|不曾|哪有|什么时候)(?:答应|说过|说|保证|承诺)|谁答应"
)
REFUSED = re.compile(
    r"\bi (?:will not|am not going to|cannot|do not want to|refuse to|changed my mind)\b|\bforget (?:it|about it)\b|"
    "我(?:不想|不会|不能|不打算|反悔|改主意)|不给你|不告诉你"
)
REMINDED = re.compile(
    r"\byou (?:promised|said you|told me you|were going to|owe me)\b|\bwhere is (?:the|my|that)\b|\byour promise\b|"
    "你(?:答应|说过|说好|保证|承诺|不是说)|说好的"
)
OVERDUE_AFTER = 8
"""Messages of the speaker after which an open promise is overdue."""
OVERDUE = 0.3
"""Evidence of a promise that nobody took up again: a hint, since a story may still come to it."""
OPEN_AT_ONCE = 20


class Speech(NamedTuple):
    """What a clause does to promises."""

    promises: bool
    denies: bool
    refuses: bool
    reminds: bool


@lru_cache(maxsize=20_000)
def speech(clause: str) -> Speech:
    """Read off its words alone."""
    return Speech(*(bool(pattern.search(clause)) for pattern in (PROMISE, DENIED, REFUSED, REMINDED)))


class Promise(NamedTuple):
    """One promise, still open."""

    tokens: frozenset[str]
    made: int
    """Messages of the speaker before it."""


class Promises:
    """The open promises of one speaker."""

    def __init__(self) -> None:
        self._open: list[Promise] = []
        self._heard = 0

    def broken(self, said: Said, asked: Sequence[Clause]) -> float:
        """Evidence that the message goes back on an open promise: denied, or overdue when the user asks for it."""
        if not self._open:
            return 0.0
        spoken = [speech(clause.text) for clause in said.clauses]
        denied = any(act.denies for act in spoken)
        refused = {
            token for clause, act in zip(said.clauses, spoken, strict=True) if act.refuses for token in clause.tokens
        }
        tokens = {token for clause in said.clauses for token in clause.tokens}
        prompt = {token for clause in asked for token in clause.tokens}
        reminded = any(speech(clause.text).reminds for clause in asked)
        unknown = said.answer is not None and said.answer.unknown
        found = 0.0
        for promise in self._open:
            if denied and (reminded or promise.tokens & (tokens | prompt)):
                found = max(found, 0.85)
            elif promise.tokens and len(promise.tokens & refused) >= 0.6 * len(promise.tokens):
                found = max(found, 0.6)
            elif reminded and promise.tokens & prompt and not promise.tokens & tokens:
                found = max(found, 0.55 if unknown else 0.4)
            elif self._heard - promise.made == OVERDUE_AFTER and not promise.tokens & tokens:
                found = max(found, OVERDUE)
        return found

    def note(self, said: Said) -> None:
        """Adds the promises of a message, and closes those that it takes up."""
        told: set[str] = set()
        made: list[Promise] = []
        for clause in said.clauses:
            if not speech(clause.text).promises:
                if self._open:
                    told |= clause.tokens.keys()
            elif not clause.question and not clause.unreal and clause.subject != OTHER:
                made.append(Promise(frozenset(clause.tokens), self._heard))
        self._open = [
            promise for promise in self._open
            if not (promise.tokens and len(promise.tokens & told) >= 0.5 * len(promise.tokens))
        ]  # fmt: skip
        self._open += made
        self._open = self._open[-OPEN_AT_ONCE:]
        self._heard += 1
