"""The sentences that models and users of the simulated product can say, as one indexed list.

A sentence is (pack, kind, template, filler). Every filler is written out once, so a text can be read back exactly:
split it into sentences and look each one up. Nothing else says what a sentence means; behaviour, truth and tests all
go through this list.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from evalloop_assets.simulator.arrays import Bools, Ints


class Kind(IntEnum):
    """What a sentence does in the story. Kinds below SAY_OPEN are said by models, the others by users."""

    ADVANCE = 0
    """Something happens: the state of the story changes."""
    DETAIL = 1
    """A concrete observation."""
    HOOK = 2
    """A promise about an item, to be kept later."""
    PAYOFF = 3
    """A promise about an item kept."""
    ECHO = 4
    """Takes up the item that the user spoke of."""
    ASK = 5
    """Hands the user a choice."""
    PERSONA = 6
    """A fact of the character, kept."""
    BREAK = 7
    """The same fact contradicted."""
    REPEAT = 8
    """The story spins in place."""
    SOOTHE = 9
    """A soothing template."""
    FILLER = 10
    """Words without information."""
    CLOSE = 11
    """A farewell."""
    ENDING = 12
    """The story comes to its end."""
    SAY_OPEN = 13
    SAY_ACT = 14
    SAY_ASK = 15
    SAY_SHORT = 16
    SAY_COMPLAINT = 17
    SAY_FAREWELL = 18
    SAY_THANKS = 19
    """Thanks without a goodbye, as most Chinese conversations end."""
    SAY_GOAL = 20
    """The user has what was wanted."""
    SAY_RESOLVED = 21
    """The user sees the story as told to its end."""


N_KINDS = len(Kind)
CLOSINGS = (Kind.SAY_FAREWELL, Kind.SAY_THANKS, Kind.SAY_GOAL, Kind.SAY_RESOLVED)
"""What users say before a natural end."""
HOLLOW = (Kind.REPEAT, Kind.SOOTHE, Kind.FILLER)
GAP = -2
"""Fills the rows of a matrix of sentence ids."""
FRAGMENT = -3
"""The text breaks off in the middle of a sentence."""
UNKNOWN, STRANGE_PHRASES = -10, 40
"""Sentences that no pack knows have ids UNKNOWN, UNKNOWN - 1, …: one of STRANGE_PHRASES, by their words alone, so that
whoever says the same again and again is known for it."""
NO_FILLER = -1
_SENTENCE = re.compile("[^.!?\u3002\uff01\uff1f]+[.!?\u3002\uff01\uff1f]+")
_ENDS = ".!?\u3002\uff01\uff1f"
_BROKEN_OFF = re.compile(r"[^.!?\u3002\uff01\uff1f]*[\w,\uff0c\u3001]\s*\Z")


@dataclass(frozen=True)
class Character:
    """A persona: its facts are the sentences that it may keep or contradict, pairwise."""

    name: str
    role_type: str
    facts: tuple[str, ...]
    kept: tuple[str, ...]
    broken: tuple[str, ...]


@dataclass(frozen=True)
class Pack:
    """The words of one language and story world.

    `templates` may hold `{x}`, which stands for each of `items` in turn; a template is one sentence with one
    terminator. All packs have the same number of items and of characters.
    """

    name: str
    locale: str
    joint: str
    """Between two sentences: a space in English, nothing in Chinese."""
    han: bool
    """Written in Chinese characters: each holds more, so fewer are read in a second, and thanks end a conversation."""
    items: tuple[str, ...]
    characters: tuple[Character, ...]
    templates: Mapping[Kind, tuple[str, ...]]


class Lexicon:
    """All sentences of some packs. `sentence_id = base[pack, kind] + template * width[kind] + filler`."""

    def __init__(self, packs: Sequence[Pack]) -> None:
        self.packs = tuple(packs)
        self.n_items = len(packs[0].items)
        self.n_characters = len(packs[0].characters)
        self.sentences: list[str] = []
        kinds: list[int] = []
        fillers: list[int] = []
        templates: list[int] = []
        self.base = np.zeros((len(packs), N_KINDS), dtype=np.int64)
        self.count = np.zeros((len(packs), N_KINDS), dtype=np.int64)
        self.width = np.ones(N_KINDS, dtype=np.int64)
        for number, pack in enumerate(self.packs):
            template_number = 0
            for kind in Kind:
                written = self._written(pack, kind)
                self.base[number, kind] = len(self.sentences)
                self.count[number, kind] = len(written)
                widths = {len(row) for row in written} | ({int(self.width[kind])} if number else set())
                if len(widths) > 1:
                    raise ValueError(f"pack {pack.name}: the templates of {kind.name} differ in their fillers")
                self.width[kind] = len(written[0])
                for row in written:
                    for filler, sentence in enumerate(row):
                        self.sentences.append(sentence)
                        kinds.append(kind)
                        fillers.append(filler if len(row) > 1 else NO_FILLER)
                        templates.append(template_number)
                    template_number += 1
        self.kind = np.array(kinds, dtype=np.int64)
        self.filler = np.array(fillers, dtype=np.int64)
        self.template = np.array(templates, dtype=np.int64)
        """Number of the template within its pack."""
        self.n_templates = int(self.template.max()) + 1
        self.n_phrases = self.n_templates + STRANGE_PHRASES
        """Templates of a pack, and behind them phrases that no pack knows."""
        self.han = np.array([pack.han for pack in self.packs])
        self.chars = np.array([len(sentence) for sentence in self.sentences], dtype=np.int64)
        self.id_of = {sentence: number for number, sentence in enumerate(self.sentences)}

    @staticmethod
    def _written(pack: Pack, kind: Kind) -> list[list[str]]:
        """(templates, fillers) of one kind; persona facts are filled by character, the rest by item or by nothing."""
        if kind in (Kind.PERSONA, Kind.BREAK):
            lines = [c.kept if kind is Kind.PERSONA else c.broken for c in pack.characters]
            return [list(row) for row in zip(*lines, strict=True)]
        rows = []
        for template in pack.templates[kind]:
            fillers = pack.items if "{x}" in template else ("",)
            filled = [template.replace("{x}", item) for item in fillers]
            rows.append([sentence[0].upper() + sentence[1:] for sentence in filled])
        return rows

    def ids(self, pack: Ints, kind: Ints | int, template: Ints, filler: Ints | int) -> Ints:
        """Sentence ids, elementwise; `filler` is ignored where the kind has none."""
        width = self.width[kind]
        return np.asarray(self.base[pack, kind] + template * width + np.where(width > 1, filler, 0))

    def text(self, ids: Sequence[int], joint: str) -> str:
        """The sentences of `ids` in order, without the gaps (ids below 0)."""
        sentences = self.sentences
        return joint.join([sentences[i] for i in ids if i >= 0])

    def read(self, text: str) -> list[int]:
        """Ids of the sentences of a text; UNKNOWN or less for what no pack knows, FRAGMENT at the end of one cut off.

        A text without any sentence is a strange phrase as a whole.
        """
        found = [sentence.strip() for sentence in _SENTENCE.findall(text)] or ([text] if text.strip() else [])
        look = self.id_of
        ids = [look[sentence] if sentence in look else _strange(sentence) for sentence in found]
        return [*ids, FRAGMENT] if text and text[-1] not in _ENDS and _BROKEN_OFF.search(text) else ids

    def phrase(self, ids: Ints) -> Ints:
        """Which phrase each sentence is, of `n_phrases`; 0 for what is no sentence."""
        strange = self.n_templates + UNKNOWN - ids
        return np.where(ids >= 0, self.template[ids], np.where(ids <= UNKNOWN, strange, 0))

    def read_batch(self, texts: Sequence[str]) -> Ints:
        """(texts, longest) sentence ids as `read` gives them, filled up with GAP."""
        rows = [self.read(text) for text in texts]
        longest = max((len(row) for row in rows), default=0)
        return np.array([row + [GAP] * (longest - len(row)) for row in rows], dtype=np.int64).reshape(
            len(rows), longest
        )


def said(ids: Ints) -> Bools:
    """Which of the ids are sentences, known or not."""
    return (ids >= 0) | (ids <= UNKNOWN)


def _strange(sentence: str) -> int:
    digest = hashlib.blake2b(sentence.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return UNKNOWN - int.from_bytes(digest, "big") % STRANGE_PHRASES
