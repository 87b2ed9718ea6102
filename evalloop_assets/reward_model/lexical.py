"""The words of a text as the model sees them beside the encoder's vector: n-gram counts, and which n-grams it has.

A text encoder keeps what a text means; which phrases it uses, and whether they were used before, it blurs. Both are
read from the same runs of one to three words; a Chinese or Japanese character counts as a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

COUNTS = 1_024
"""Columns of the counts: n-grams share one by chance."""
BITS = 8_192
WORDS_OF_BITS = BITS // 64
TEXTS_AT_ONCE = 2_048
MOST_WORDS = 2_000
"""Words of a text that are looked at, the first: a longer one costs no more, and never all of the memory."""
MOST_KEPT = 1_000
"""Characters of a text whose words are kept for the next time: what was said is looked at again as history."""
TEXTS_KEPT = 8 * TEXTS_AT_ONCE
"""Such texts, the newest: a block of replies with its history is looked at several times."""
WORDS_KEPT, LONGEST_KEPT = 100_000, 40
"""Words whose hash is kept, and their characters: a picture or a key in a text is one word of any length."""

WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
WORD_ASCII = re.compile(r"\w+", re.ASCII)
"""The same words in a text that is ASCII, found in half the time."""
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)

Matrix = NDArray[np.float32]
Signatures = NDArray[np.uint64]


class Words(NamedTuple):
    """The words of some texts, end to end; those of text i are `hashes[starts[i] : starts[i + 1]]`."""

    hashes: NDArray[np.uint64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Words:
        """Case does not count; the same text gives the same in every process."""
        words = [_words(text) if len(text) > MOST_KEPT else _kept_words(text) for text in texts]
        starts = np.cumsum([0, *(len(text) for text in words)], dtype=np.int64)
        return cls(np.concatenate([np.zeros(0, np.uint64), *words]), starts)

    def keys(self) -> list[bytes]:
        """Of each text what is the same for the same words in the same order."""
        return [self.hashes[first:last].tobytes() for first, last in pairwise(self.starts.tolist())]

    def rows(self, chosen: NDArray[np.int64]) -> Words:
        """Those of some texts, in this order."""
        sizes = np.diff(self.starts)[chosen]
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        return Words(self.hashes[np.arange(starts[-1]) + np.repeat(self.starts[chosen] - starts[:-1], sizes)], starts)


class Grams(NamedTuple):
    """All n-grams of some texts, end to end."""

    keys: NDArray[np.uint64]
    """A hash each."""
    owner: NDArray[np.int64]
    """Index of its text."""
    texts: int


def grams(texts: Sequence[str]) -> Grams:
    """Runs of one, two and three words."""
    return grams_of(Words.of(texts))


def grams_of(words: Words) -> Grams:
    """The same of the words of texts."""
    texts, one = len(words.starts) - 1, words.hashes
    owner = np.repeat(np.arange(texts), np.diff(words.starts))
    keys, owners = [_mixed(one)], [owner]
    run = one
    for length in (2, 3):
        run = run[:-1] * MULTIPLIER + one[length - 1 :]
        whole = owner[: len(run)] == owner[length - 1 :]
        keys.append(_mixed(run[whole]))
        owners.append(owner[: len(run)][whole])
    return Grams(np.concatenate(keys), np.concatenate(owners), texts)


def counts(words: Words) -> Matrix:
    """Float32 [n, COUNTS]: signed counts over the square root of how many n-grams a text has; blank gives 0."""
    found = grams_of(words)
    column = (found.keys & np.uint64(COUNTS - 1)).astype(np.int64)
    sign = np.where(found.keys >> np.uint64(63), 1.0, -1.0)
    size = np.bincount(found.owner, minlength=found.texts)
    weight = sign / np.sqrt(size[found.owner])
    flat = np.bincount(found.owner * COUNTS + column, weight, minlength=found.texts * COUNTS)
    return flat.reshape(found.texts, COUNTS).astype(np.float32)


def signatures(words: Words) -> Signatures:
    """One bit set per text, uint64 [n, BITS / 64]: a bit for each of its n-grams."""
    texts = len(words.starts) - 1
    packed = np.zeros((texts, WORDS_OF_BITS), np.uint64)
    for first in range(0, texts, TEXTS_AT_ONCE):
        found = grams_of(words.rows(np.arange(first, min(first + TEXTS_AT_ONCE, texts))))
        bits = np.zeros((found.texts, BITS), np.uint8)
        bits[found.owner, (found.keys >> np.uint64(16)) & np.uint64(BITS - 1)] = 1
        packed[first : first + found.texts] = np.packbits(bits, axis=1).view(np.uint64)
    return packed


def share_within(bits: Signatures, others: Signatures) -> Matrix:
    """Share of the bits of each set that the other has too, 0 for an empty set; shapes broadcast but for the last.

    Two n-grams that share a bit by chance overstate it, by some 6% against 500 of them.
    """
    size = np.bitwise_count(bits).sum(axis=-1, dtype=np.int64)
    both = np.bitwise_count(bits & others).sum(axis=-1, dtype=np.int64)
    return np.asarray(both / np.maximum(size, 1), np.float32)


def words_in(text: str) -> list[str]:
    """The words of a text in lower case, in their order."""
    found: list[str] = (WORD_ASCII if text.isascii() else WORD).findall(text.casefold())
    return found


def _words(text: str) -> NDArray[np.uint64]:
    """A hash of each word, in their order."""
    words = words_in(text)[:MOST_WORDS]
    return np.fromiter(map(_HASHES.__getitem__, words), np.uint64, len(words))


_kept_words = lru_cache(maxsize=TEXTS_KEPT)(_words)


class _Hashes(dict[str, int]):
    """Hash by word, computed when it is first asked for; not a long word's, and begun anew when WORDS_KEPT are kept."""

    def __missing__(self, word: str) -> int:
        value = 0xCBF29CE484222325
        for byte in word.encode("utf-8", "surrogatepass"):
            value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
        if len(word) <= LONGEST_KEPT:
            if len(self) >= WORDS_KEPT:
                self.clear()
            self[word] = value
        return value


_HASHES = _Hashes()


def _mixed(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = keys ^ (keys >> np.uint64(31))
    mixed = mixed * MULTIPLIER
    return np.asarray(mixed ^ (mixed >> np.uint64(29)), np.uint64)
