"""Quality q of a reply, from its text and what was said before: density, non-repetition and progress.

`design.md`, section 6, and `003_c9bb702ef28bd78d.txt`, section 5.3: "information density, non-repetition, narrative
progress". Length is none of them: a long reply whose sentences all say something is as good as a short one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import chain
from math import exp
from typing import NamedTuple

from evalloop_assets.reward_model.wording import (
    CHARGED_HAN,
    CHARGED_WORDS,
    COMMON_HAN,
    COMMON_WORDS,
    HAN,
    SENTENCE,
    WORD,
    WORD_ASCII,
)

DENSE, DENSE_HAN = 0.42, 0.62
"""Share of content among words, and among Chinese characters, from which a reply counts as dense."""
MUCH_NEWS = 4.0
"""New content words of a reply at which its progress is 1 - 1/e."""
SHINGLE = 3
"""Words, or Chinese characters, of one phrase."""
SENTENCES_KEPT, SHORT = 20_000, 200
"""Sentences of at most so many characters that are kept as they were read: models and people repeat themselves."""


Phrase = str
"""Words with a blank between them."""


class Wording(NamedTuple):
    """A text as words, folded to lower case."""

    sentences: tuple[str, ...]
    words: tuple[str, ...]
    """In order; each Chinese character is one."""
    han: int
    """How many of them are Chinese characters."""
    content: frozenset[str]
    """The distinct words that are not common; of Chinese characters in a row each with the one before it."""
    content_words: int
    """How many of `words` are not common, each time counted."""
    phrases: tuple[Phrase, ...]
    """Runs of SHINGLE words within a sentence, in order; a shorter sentence is one phrase."""
    charged: int
    """How many signs of strong emotion are in the words."""


def read(text: str) -> Wording:
    """The words, content and phrases of a text of any length; a blank one has none."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text).replace("’", "'")
    sentences = tuple(SENTENCE.findall(plain.casefold()))
    parts = [_known(sentence) if len(sentence) <= SHORT else _read(sentence) for sentence in sentences]
    return Wording(
        sentences,
        tuple(chain.from_iterable([part.words for part in parts])),
        sum([part.han for part in parts]),
        frozenset().union(*[part.content for part in parts]),
        sum([part.content_words for part in parts]),
        tuple(chain.from_iterable([part.phrases for part in parts])),
        sum([part.charged for part in parts]),
    )


def _read(sentence: str) -> Wording:
    """One sentence, in lower case."""
    words = tuple((WORD_ASCII if sentence.isascii() else WORD).findall(sentence))
    phrases = _phrases(words)
    charged = sum(map(CHARGED_WORDS.__contains__, words))
    if not HAN.search(sentence):
        content = [word for word in words if word not in COMMON_WORDS]
        return Wording((sentence,), words, 0, frozenset(content), len(content), phrases, charged)
    charged += len(CHARGED_HAN.findall(sentence))
    content, han, before = [], 0, ""
    for word in words:
        if not HAN.match(word):
            before = ""
            if word not in COMMON_WORDS:
                content.append(word)
            continue
        han += 1
        if word in COMMON_HAN:
            before = ""
        else:
            content.append(before + word)
            before = word
    return Wording((sentence,), words, han, frozenset(content), len(content), phrases, charged)


def _phrases(words: Sequence[str]) -> tuple[Phrase, ...]:
    if len(words) < SHINGLE:
        return (" ".join(words),) if words else ()
    return tuple(map(" ".join, zip(*(words[at:] for at in range(SHINGLE)), strict=False)))


_known = lru_cache(maxsize=SENTENCES_KEPT)(_read)


def density(reply: Wording) -> float:
    """Share of content among the words, over that of a dense text and at most 1; 0 for a text without words."""
    wanted = DENSE * (len(reply.words) - reply.han) + DENSE_HAN * reply.han
    return min(1.0, reply.content_words / wanted) if wanted else 0.0


def repeated_share(reply: Wording, said: Collection[Phrase] = ()) -> float:
    """Share in [0, 1] of the phrases that stand earlier in the reply, or in `said`: the phrases of those before."""
    if not reply.phrases:
        return 0.0
    fresh = set(reply.phrases).difference(said)
    return 1.0 - len(fresh) / len(reply.phrases)


def new_content(reply: Wording, said: Collection[str]) -> int:
    """Distinct content words of the reply that are not among `said`, the content of what was said before."""
    return len(reply.content.difference(said))


def progress(news: float) -> float:
    """1 - exp(-news / MUCH_NEWS), in [0, 1): many new content words move the story, whatever stands around them.

    `news` is `new_content` of the reply.
    """
    return 1.0 - exp(-news / MUCH_NEWS)


def quality(density: float, non_repetition: float, progress: float) -> float:
    """q in [0, 1]: the geometric mean, since a reply that lacks one of the three wholly is no good reply."""
    return float((density * non_repetition * progress) ** (1 / 3))
