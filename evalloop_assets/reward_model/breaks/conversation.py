"""One conversation, heard message by message: what each speaker has said, and what the next message breaks of it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from evalloop_assets.reward_model.breaks import contradiction
from evalloop_assets.reward_model.breaks.claims import Attribute, Claim, Said, read
from evalloop_assets.reward_model.breaks.clauses import SELF, clauses_of, normal
from evalloop_assets.reward_model.breaks.lexicon import HAN
from evalloop_assets.reward_model.breaks.nearness import nearness
from evalloop_assets.reward_model.breaks.promises import Promises
from evalloop_assets.reward_model.breaks.rupture import LEAST_REPLIES, Thread

REMEMBERED = 60
"""Messages of one speaker that a later one is held against."""
BREAK = 0.5
"""Evidence from which on it is a break."""
CONTRADICTION, PROMISE, RUPTURE = "contradiction", "promise", "rupture"


class Break(NamedTuple):
    """What one message breaks."""

    score: float
    kind: str | None


NONE = Break(0.0, None)


class Message(NamedTuple):
    """One message, and facts of its speaker, one a line; there may be none."""

    speaker: str
    text: str
    persona: str
    of_user: bool


def breaks_of(messages: Sequence[Message]) -> list[Break]:
    """What each message of one conversation breaks, in their order."""
    conversation, prompts, last = Conversation(), list[Message | None](), None
    for message in messages:
        prompts.append(last if last and last.speaker != message.speaker else None)
        last = message if message.text.strip() else last
    near = dict[int, float | None]()
    for speaker in {message.speaker for message in messages if not message.of_user}:
        own = [at for at, message in enumerate(messages) if message.speaker == speaker and not message.of_user]
        if len(own) <= LEAST_REPLIES + 1:  # nothing was heard before the first
            continue
        asked = [prompt.text if prompt else "" for prompt in map(prompts.__getitem__, own)]
        near.update(zip(own, nearness([messages[at].text for at in own], asked), strict=True))
    return [conversation.hear(*pair, near.get(at)) for at, pair in enumerate(zip(messages, prompts, strict=True))]


class Conversation:
    """Hears the messages of one conversation in their order."""

    def __init__(self) -> None:
        self._said: dict[str, list[Said]] = defaultdict(list)
        self._index: dict[str, dict[str, list[Claim]]] = defaultdict(lambda: defaultdict(list))
        self._attributes: dict[str, dict[str, Attribute]] = defaultdict(dict)
        self._promises: dict[str, Promises] = defaultdict(Promises)
        self._threads: dict[str, Thread] = defaultdict(Thread)

    def hear(self, message: Message, prompt: Message | None, near: float | None) -> Break:
        """What this message breaks, the user's nothing; `prompt` is what it answers, `near` how near it is to what was
        heard before.
        """
        speaker, text, persona, _ = message
        said = _read(text, prompt.text if prompt else "")
        if message.of_user:
            self._remember(speaker, said)
            return NONE
        rupture = self._threads[speaker].hear(text, prompt.text if prompt else "", near)
        found = self._held(speaker, said, rupture, prompt, persona) if text.strip() else NONE
        self._note(speaker, _kept(said, persona) if persona and found.score >= BREAK else said)
        return found

    def _held(self, speaker: str, said: Said, rupture: float, prompt: Message | None, persona: str) -> Break:
        asked = clauses_of(prompt.text) if prompt else ()
        users = self._said[prompt.speaker] if prompt else []
        own = self._said[speaker]
        index, attributes = _persona(persona) if persona else ({}, ())
        new = [claim for claim in said.claims if not contradiction.supported(claim.clause, index)]
        evidence = [
            contradiction.against(new, self._index[speaker], False),
            contradiction.attribute_conflict(self._attributes[speaker].values(), said.attributes),
            contradiction.within(said),
            max(
                (contradiction.answer_conflict(before.answer, said.answer) for before in own if before.answer),
                default=0.0,
            )
            if said.answer
            else 0.0,
            contradiction.forgotten(asked, said, users),
            contradiction.mixed_up(said, own, users),
        ]
        if persona:
            evidence += [
                contradiction.against(said.claims, index, True),
                contradiction.attribute_conflict(attributes, said.attributes),
            ]
        told = contradiction.out_of_character(said, persona, own)
        scores = {
            CONTRADICTION: _together(evidence),
            PROMISE: self._promises[speaker].broken(said, asked),
            RUPTURE: max(told, rupture),
        }
        kind = max(scores, key=lambda name: scores[name])
        return Break(scores[kind], kind) if scores[kind] > 0 else NONE

    def _note(self, speaker: str, said: Said) -> None:
        """What a later message of the speaker is held against."""
        index = self._index[speaker]
        for claim in said.claims:
            for token in claim.clause.tokens:
                index[token].append(claim)
        for attribute in said.attributes:
            self._attributes[speaker][attribute.name] = attribute
        self._promises[speaker].note(said)
        for forgotten in self._remember(speaker, said):
            for claim in forgotten.claims:
                for token in claim.clause.tokens:
                    if index[token] and index[token][0] is claim:
                        index[token].pop(0)

    def _remember(self, speaker: str, said: Said) -> list[Said]:
        """Keeps a message; what is forgotten for it."""
        past = self._said[speaker]
        past.append(said)
        forgotten = past[:-REMEMBERED]
        del past[:-REMEMBERED]
        return forgotten


def _together(evidence: Sequence[float]) -> float:
    """The strongest evidence, raised a little by the rest; hints alone never reach 0.5."""
    strongest = max(evidence, default=0.0)
    rest = 1.0
    for score in sorted(evidence)[:-1]:
        rest *= 1.0 - score
    raised = strongest + (1.0 - strongest) * 0.3 * (1.0 - rest)
    return min(raised, 0.99) if strongest >= 0.5 else min(raised, 0.49)


@lru_cache(maxsize=20_000)
def _read(text: str, prompt: str) -> Said:
    return read(text, clauses_of(prompt) if prompt else ())


@lru_cache(maxsize=5_000)
def _persona(persona: str) -> tuple[dict[str, list[Claim]], tuple[Attribute, ...]]:
    """Claims of a persona by token, and its attributes; whoever is named in it is the speaker."""
    lines = [line for line in persona.splitlines() if line.strip()]
    read_lines = [[clause._replace(subject=SELF) for clause in clauses_of(line)] for line in lines]
    named = {token for clauses in read_lines for clause in clauses for token in clause.tokens}
    if len(lines) > 2:
        held = {token: sum(any(token in clause.tokens for clause in line) for line in read_lines) for token in named}
        named = {token for token, lines_with in held.items() if lines_with > len(lines) / 2 and token[0] != "@"}
    else:
        named = set()
    index: dict[str, list[Claim]] = defaultdict(list)
    for clauses in read_lines:
        for clause in clauses:
            kept = {token: sign for token, sign in clause.tokens.items() if token not in named}
            for token in kept:
                index[token].append(Claim(clause._replace(tokens=kept)))
    attributes = [attribute for line in _in_first_person(lines) for attribute in read(line).attributes]
    return dict(index), tuple(attributes)


def _kept(said: Said, persona: str) -> Said:
    """What is left of a message without what contradicts its persona, which is not held against later ones."""
    index, attributes = _persona(persona)
    return said._replace(
        claims=tuple(claim for claim in said.claims if contradiction.against([claim], index, True) < BREAK),
        attributes=tuple(
            attribute
            for attribute in said.attributes
            if contradiction.attribute_conflict(attributes, [attribute]) < BREAK
        ),
    )


def _in_first_person(lines: Sequence[str]) -> list[str]:
    """Lines that begin with the name which most begin with, as their speaker would say them."""
    plain = [normal(line) for line in lines]
    firsts = Counter(_first_name(line) for line in plain)
    name, number = firsts.most_common(1)[0] if firsts else ("", 0)
    if not name or 2 * number <= len(plain):
        return plain
    said = []
    for line in plain:
        rest = line.removeprefix(name)
        if rest != line:
            line = f"我{rest}" if HAN.match(name) else "i" + THIRD_PERSON.sub(lambda verb: FIRST_PERSON[verb[1]], rest)
        said.append(line)
    return said


def _first_name(line: str) -> str:
    return line[:2] if HAN.match(line) else line.split(" ")[0]


FIRST_PERSON = {"is": " am", "has": " have", "works": " work", "lives": " live", "comes": " come", "was": " was"}
THIRD_PERSON = re.compile(rf"^ ({'|'.join(FIRST_PERSON)})\b")
