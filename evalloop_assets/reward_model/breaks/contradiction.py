"""How strongly a message contradicts its persona or what its speaker said before, or mixes up who is who.

Every function gives evidence in [0, 1]; from 0.5 on it is a contradiction that the words leave little doubt about,
below that a hint. The weights were set on one half of CDConv and on sentences of our own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from evalloop_assets.reward_model.breaks.claims import Answer, Attribute, Claim, Said, asked_for, grams
from evalloop_assets.reward_model.breaks.clauses import ENDED, EVER, OPEN, OTHER, SELF, Clause
from evalloop_assets.reward_model.breaks.doing import ABSTAINS, HABIT, INTAKE, NOT_TAKEN, begins
from evalloop_assets.reward_model.breaks.lexicon import bare_verbs, lexicon_of_concepts

CONCEPT, STEM, VERB, PAIR = 1.0, 0.8, 0.7, 0.5
"""Weight of a shared concept, an English stem, a verb that says little by itself, a pair of Chinese characters."""
ENOUGH = 0.75
"""Shared weight without which two clauses are not about the same."""
DENIED_COVER = 0.6
"""Share of what a clause denies that the other must assert."""
COVER = 0.5
"""Share of the smaller clause that must be shared."""


DEGREE = re.compile(
    r"\b(?:not|never) (?:have |get |do )?"
    r"(?:a lot|much|many|very|too|really|so|always|exactly|all|every|often|any more)\b|"
    "不太|不怎么|不算|没那么|不是很|不一定|不总|不常|不大"
)


def weight(token: str) -> float:
    """What a token counts for; a concept and the wider one that it brings count once together."""
    if token[0] == "@":
        return CONCEPT
    if token[0] == "#":
        return -CONCEPT if ":@" in token else 0.0
    if token[0] > "\u3000":
        return PAIR
    return VERB if token in bare_verbs() else STEM


def polarity_conflict(earlier: Clause, later: Clause, persona: bool = False) -> float:
    """Evidence that one clause denies what the other says; 0 where they are not about the same."""
    shared = earlier.tokens.keys() & later.tokens.keys()
    for one, other in ((earlier, later), (later, earlier)):
        if shared and (one.fact < 0 or one.attitude < 0):
            shared = {token for token in shared if not _of_another_kind(one, other, token)}
    if not shared:
        return 0.0
    most = sum(map(weight, shared))
    if most < ENOUGH:
        return 0.0
    small = min(sum(map(weight, earlier.tokens)), sum(map(weight, later.tokens)))
    cover = most / small
    if cover < COVER:
        return 0.0
    if earlier.han and not any(token[0] == "@" for token in shared) and not _predicate_shared(earlier, later):
        return 0.0
    strength = max(_opposed(earlier, later, token) for token in shared)
    if not strength or not all(_covers(clause, shared, persona) for clause in (earlier, later)):
        return 0.0
    large = max(sum(map(weight, earlier.tokens)), sum(map(weight, later.tokens)))
    score = strength * (0.5 + 0.25 * cover + 0.25 * most / large)
    if _of_other_times(earlier, later, persona) or DEGREE.search(earlier.text) or DEGREE.search(later.text):
        score *= 0.5
    if not persona and SELF not in (earlier.subject, later.subject) and not any(token[0] == "@" for token in shared):
        score *= 0.5
    return min(score, 0.95)


def _of_other_times(earlier: Clause, later: Clause, persona: bool) -> bool:
    """Whether one clause speaks of the past and the other does not, so that both may hold."""
    if any(clause.fact < 0 and EVER.search(clause.text) for clause in (earlier, later)):
        return False
    was, now = (clause.past and not (persona and ENDED.search(clause.text)) for clause in (earlier, later))
    return was != now


def _of_another_kind(denying: Clause, said: Clause, concept: str) -> bool:
    """Whether the one clause, which denies or dislikes, does so only of kinds of the concept that the other does not
    speak of."""
    kinds = _kinds(denying, concept)
    return bool(kinds) and not kinds & _kinds(said, concept)


def _kinds(clause: Clause, concept: str) -> set[str]:
    return {token for token in clause.tokens if token[0] == "#" and token[1:].split(":")[0] == concept[1:]}


DENIED_ZH = re.compile("(?:从不|从没|从未|没有|不是|不会|不能|不敢|[不没未别无])([\u3400-\u9fff])")


def _predicate_shared(one: Clause, other: Clause) -> bool:
    """Whether what a Chinese clause denies is what the other says; that they name the same thing does not suffice."""
    return all(
        DENIED_ZH.search(denying.text) is None or any(word in said.text for word in DENIED_ZH.findall(denying.text))
        for denying, said in ((one, other), (other, one))
        if denying.fact < 0 <= said.fact
    )


def _covers(clause: Clause, shared: set[str], persona: bool) -> bool:
    """Whether what is shared is enough of what a clause denies or dislikes: who never wrote a letter may well have
    read one, and who hates spicy food may love food."""
    if clause.attitude < 0:
        return _concepts(shared) >= DENIED_COVER * _concepts(clause.tokens.keys() - {"@allergy"})
    if clause.fact > 0 or clause.attitude:
        return True
    most, concepts = sum(map(weight, shared)), _concepts(clause.tokens)
    whole = sum(weight(token) for token in clause.tokens if not (persona and concepts and token in bare_verbs()))
    return most >= DENIED_COVER * whole and (not persona or _concepts(shared) >= DENIED_COVER * concepts)


def _concepts(tokens: Iterable[str]) -> float:
    return sum(weight(token) for token in tokens if token[0] in "@#")


def supported(clause: Clause, index: Mapping[str, Sequence[Claim]]) -> bool:
    """Whether a persona says the same: then whatever was said otherwise before was the break."""
    return any(
        _stance(clause, token) == _stance(fact.clause, token)
        and sum(map(weight, clause.tokens.keys() & fact.clause.tokens.keys())) >= ENOUGH
        and not polarity_conflict(fact.clause, clause, True)
        for token in clause.tokens
        for fact in index.get(token, ())
    )


def _allergic(one: Clause, other: Clause) -> bool:
    """Whether an allergy is spoken of: one may love what one cannot stand, unless one takes it all the same."""
    return any("@allergy" in clause.tokens for clause in (one, other)) and not HABIT.search(f"{one.text} {other.text}")


def _stance(clause: Clause, token: str) -> int:
    """Whether a clause is for a token (1), by liking or by fact, or against it (-1)."""
    return (clause.attitude or clause.fact) * clause.tokens[token]


def _opposed(one: Clause, other: Clause, token: str) -> float:
    """How far two clauses differ on a token: 0 for no conflict, up to 1."""
    first, second = one.fact * one.tokens[token], other.fact * other.tokens[token]
    a, b = one.attitude, other.attitude
    if first == second == 1 and (begins(one.text, other.text) or begins(other.text, one.text)):
        return 0.8
    if a and b:
        return 0.9 if _stance(one, token) != _stance(other, token) and not _allergic(one, other) else 0.0
    if not a and not b:
        given = token in lexicon_of_concepts().consumed and NOT_TAKEN.search(one.text if first > 0 else other.text)
        return 0.85 if first != second and not given else 0.0
    attitude, fact, doing = (a * one.tokens[token], second, other) if a else (b * other.tokens[token], first, one)
    if attitude > 0 and fact < 0:
        return 0.65 if doing.tokens[token] < 0 or ABSTAINS.search(doing.text) else 0.4
    unasked = token in lexicon_of_concepts().unasked
    held = (not unasked and HABIT.search(doing.text)) or (
        "@allergy" in (one if a else other).tokens and INTAKE.search(doing.text)
    )
    return 0.7 if attitude < 0 < fact and held else 0.0


def attribute_conflict(earlier: Iterable[Attribute], later: Iterable[Attribute]) -> float:
    """Evidence that an attribute that can have one value has two."""
    known = {attribute.name: attribute for attribute in earlier}
    found = 0.0
    for attribute in later:
        before = known.get(attribute.name)
        if before is not None and not set(before.value.split("|")) & set(attribute.value.split("|")):
            found = max(found, 0.75 if before.sure and attribute.sure else 0.45)
    return found


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Shared share of two sets; 0 where one is empty."""
    return len(one & other) / len(one | other) if one and other else 0.0


def answer_conflict(earlier: Answer, later: Answer) -> float:
    """Evidence from two answers to like questions."""
    same = likeness(earlier.question, later.question)
    if same < 0.3 or (earlier.value and earlier.value == later.value):
        return 0.0
    if later.unknown and not earlier.unknown and earlier.value:
        return 0.3 + 0.2 * same
    if earlier.like * later.like < 0:
        both = likeness(earlier.value, later.value)
        return 0.6 if both > 0 else 0.0
    if earlier.denies != later.denies:
        return 0.15 + 0.2 * same
    return 0.1 * same


MINE = re.compile(r"\b(?:my|i|me|mine)\b|我")
RECALL = re.compile(r"\b(?:do you (?:know|remember|recall)|did i (?:tell|say)|what did i)\b|知道|记得|还记")


def forgotten(asked: Sequence[Clause], said: Said, told: Sequence[Said]) -> float:
    """Evidence that the speaker does not know what the user has told, though the user asks for just that."""
    question = next((clause for clause in reversed(asked) if clause.question), None)
    if question is None or said.answer is None or not MINE.search(question.text):
        return 0.0
    if question.subject == OTHER and not RECALL.search(question.text):
        return 0.0
    if not any(clause.subject == SELF for before in told for clause in before.clauses if not clause.question):
        return 0.0
    shared = any(
        sum(map(weight, clause.tokens.keys() & question.tokens.keys())) >= PAIR
        for before in told
        for clause in before.clauses
        if not clause.question
    )
    wanted = asked_for(question)
    shared = shared or any(attribute.name in wanted for before in told for attribute in before.attributes)
    if said.answer.unknown:
        return 0.65 if shared else 0.45
    if said.clauses and said.clauses[0].question:
        return 0.45
    return 0.0


def mixed_up(said: Said, own: Sequence[Said], users: Sequence[Said]) -> float:
    """Evidence that the speaker takes the user's part: tells the user what oneself claimed, or agrees with oneself."""
    found = 0.0
    mine = [
        claim.clause for message in own[-3:] for claim in message.claims if not claim.answers and claim.clause.tokens
    ]
    latest = users[-1].clauses if users else ()
    asked = next((clause for clause in reversed(latest) if clause.question and clause.subject == OTHER), None)
    told_by: set[str] | None = None
    for clause in said.clauses:
        if asked and clause.question and clause.subject == OTHER and likeness(grams(asked), grams(clause)) >= 0.4:
            found = max(found, 0.4)
        if clause.subject == OTHER and clause.tokens and not clause.unreal:
            for earlier in mine:
                if earlier.subject != SELF:
                    continue
                shared = clause.tokens.keys() & earlier.tokens.keys()
                if not shared:
                    continue
                if told_by is None:
                    told_by = _told_by(users)
                shared -= told_by
                if shared and sum(map(weight, shared)) >= 0.5 * sum(map(weight, clause.tokens)):
                    found = max(found, 0.35 if clause.question else 0.45)
        if mine and clause.subject == SELF and not clause.question and ALSO.search(clause.text):
            told = any(earlier.subject == SELF and not earlier.question for earlier in latest)
            if not told and not _share(clause, latest):
                found = max(found, 0.45 if _share(clause, mine) else 0.3)
    return found


def _share(clause: Clause, others: Iterable[Clause]) -> bool:
    """Whether the clause is about something that another one is about."""
    return any(clause.tokens.keys() & other.tokens.keys() for other in others)


def _told_by(users: Sequence[Said]) -> set[str]:
    """What the users' own statements, not about the other, are about."""
    return {
        token
        for message in users
        for clause in message.clauses
        if not clause.question and clause.subject != OTHER
        for token in clause.tokens
    }


ALSO = re.compile(r"\b(?:me too|i also|i am .* too|so do i)\b|我也")
MACHINE_NAMES = r"(?:ai|artificial intelligence|(?:large )?language model|chat ?bot|virtual assistant"
MACHINE = re.compile(
    rf"\bas an? {MACHINE_NAMES})\b|\bi am (?:just |only )?(?:an? )?{MACHINE_NAMES}|bot|robot|computer program)\b|"
    r"\b(?:trained|created|developed) by (?:openai|google|anthropic|meta)\b|"
    "作为(?:一个|一名)?(?:ai|人工智能|语言模型|机器人|虚拟助手)|"
    "我(?:只)?是(?:一个|一款|个)?(?:ai|人工智能|(?:大)?语言模型|(?:聊天)?机器人|虚拟助手|智能助手)"
)
MACHINE_PERSONA = re.compile(
    r"\b(?:ai|artificial|android|robot|bot|machine|cyborg|computer|assistant)\b|人工智能|机器人|仿生|助手|智能"
)


@lru_cache(maxsize=20_000)
def _as_machine(clause: str) -> bool:
    return bool(MACHINE.search(clause))


def out_of_character(said: Said, persona: str, earlier: Sequence[Said]) -> float:
    """Evidence that a persona speaks as the program behind it; 0 for a persona that is one."""
    if not any(clause.fact > 0 and _as_machine(clause.text) for clause in said.clauses):
        return 0.0
    if persona:
        return 0.0 if MACHINE_PERSONA.search(persona.casefold()) else 0.9
    return 0.6 if any(claim.clause.subject == SELF for before in earlier for claim in before.claims) else 0.0


def within(said: Said) -> float:
    """Evidence that one message contradicts itself."""
    found = 0.0
    claims = said.claims
    for place, later in enumerate(claims):
        for earlier in claims[:place]:
            found = max(found, 0.9 * polarity_conflict(earlier.clause, later.clause))
    names: dict[str, str] = {}
    for attribute in said.attributes:
        if names.setdefault(attribute.name, attribute.value) != attribute.value and attribute.name in (
            "age",
            "home",
            "name",
        ):
            found = max(found, 0.55)
    return found


def against(claims: Iterable[Claim], index: Mapping[str, Sequence[Claim]], persona: bool) -> float:
    """The strongest conflict of the claims with those of the index, which holds earlier claims by token."""
    found = 0.0
    for claim in claims:
        if persona and claim.clause.subject == OPEN and not claim.clause.han:
            continue
        seen: set[int] = set()
        for token in claim.clause.tokens:
            for earlier in index.get(token, ()):
                if id(earlier) not in seen:
                    seen.add(id(earlier))
                    found = max(found, polarity_conflict(earlier.clause, claim.clause, persona))
    return found
