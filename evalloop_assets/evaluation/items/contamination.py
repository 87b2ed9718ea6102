"""Whether an item was learned from: the same text, the same n-grams, or the same meaning in the training data.

Wording that several users share is no sign of it: whoever writes such a text was seen before, whatever was learned. So
n-grams and likeness count only where fewer than COMMON_USERS users have them. How many items are flagged that cannot
have been learned, and how many edited copies are found, is measured by `python -m benchmarks.bad_cases`. A text of
fewer than LEAST_WORDS words shares most of its n-grams with somebody by chance, so of such texts only the same ones
count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.distinct import distinct
from evalloop_assets.reward_model.encoder import Encoder
from evalloop_assets.reward_model.lexical import Grams, Words, grams_of, words_in

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LEAST_WORDS = 8
COMMON_USERS = 3
"""Users of the training data from whom on a wording is common."""
OVERLAP = 0.6
"""Share of an item's n-grams, of one to three words, that are in one text of the training data."""
LEAST_SHARED = 5
"""Of these, those that are not common."""
LIKENESS = 0.7
"""Cosine of the encoder's centred vectors."""
LEAST_OWN = 8
"""An item's n-grams that are not common, below which its likeness says nothing."""
AT_ONCE = 64

Floats = NDArray[np.float64]


class Training(NamedTuple):
    """What was learned from, one entry a text."""

    texts: Sequence[str]
    users: Sequence[str]
    """Who has the text; two entries of one user are one user."""


class Contamination(NamedTuple):
    """Of each item, arrays of one length."""

    exact: NDArray[np.bool_]
    """The same words in the same order, whatever their case and the marks between them; those of a short text count
    where fewer than COMMON_USERS users have it, and a text without a word is the same as none."""
    overlap: Floats
    """Largest share of its n-grams that one training text has with which it shares LEAST_SHARED that are not common;
    0 where there is none."""
    likeness: Floats
    """Largest cosine with a training text, both less the mean of the training texts: what all texts share is no
    likeness (Mu & Viswanath, ICLR 2018). NaN where fewer than LEAST_OWN of its n-grams are not common."""
    alike: NDArray[np.int64]
    """Users with a text of at least that likeness, LIKENESS."""
    words: NDArray[np.int64]

    def rows(self, chosen: slice) -> Contamination:
        """Those of some items."""
        return Contamination(
            self.exact[chosen], self.overlap[chosen], self.likeness[chosen], self.alike[chosen], self.words[chosen]
        )

    @property
    def contaminated(self) -> NDArray[np.bool_]:
        like = (self.likeness >= LIKENESS) & (self.alike < COMMON_USERS)
        return self.exact | ((self.words >= LEAST_WORDS) & ((self.overlap >= OVERLAP) | like))


def contamination(items: Sequence[str], training: Training, encoder: Encoder) -> Contamination:
    """Hold every item against every text of the training data; of a text the first `lexical.MOST_WORDS` words."""
    own = Words.of(items)
    words = np.diff(own.starts)
    exact = np.zeros(len(items), np.bool_)
    overlap, likeness, alike = np.zeros(len(items)), np.full(len(items), np.nan), np.zeros(len(items), np.int64)
    if len(training.texts) and len(items):
        texts, has = _distinct(training)
        learned = Words.of(texts)
        exact = _exact(own, learned, has)
        ours, theirs = _presence(grams_of(own), grams_of(learned))
        rare = np.bincount((has @ theirs).indices, minlength=theirs.shape[1]) < COMMON_USERS
        overlap = _overlap(ours, theirs, rare)
        told = np.flatnonzero(ours[:, rare].sum(axis=1) >= LEAST_OWN)
        if len(told):
            likeness[told], alike[told] = _likeness([items[at] for at in told.tolist()], texts, has, encoder)
    return Contamination(exact, overlap, likeness, alike, words)


def _exact(own: Words, learned: Words, has: csr_array) -> NDArray[np.bool_]:
    words, said, users = np.diff(own.starts), own.keys(), has.tocsc()
    wanted, places = set(said), dict[bytes, list[int]]()
    for place, text in enumerate(learned.keys()):
        if text in wanted:
            places.setdefault(text, []).append(place)
    who = {text: len(np.unique(users[:, found].indices)) for text, found in places.items()}
    having = np.array([who.get(text, 0) for text in said], np.int64)
    return (having > 0) & (words > 0) & ((words >= LEAST_WORDS) | (having < COMMON_USERS))


def _presence(items: Grams, training: Grams) -> tuple[csr_array, csr_array]:
    """Which text has which of the items' n-grams, 0 or 1: (items, n-grams) and (training texts, n-grams)."""
    from scipy.sparse import csr_array

    vocabulary = distinct(items.keys)
    found = []
    for one in (items, training):
        place = np.searchsorted(vocabulary, one.keys).clip(max=max(0, len(vocabulary) - 1))
        known = vocabulary[place] == one.keys if len(vocabulary) else np.zeros(len(one.keys), np.bool_)
        marks = np.ones(int(known.sum()), np.int64)
        counts = csr_array((marks, (one.owner[known], place[known])), shape=(one.texts, len(vocabulary)))
        counts.sum_duplicates()
        counts.data[:] = 1
        found.append(counts)
    return found[0], found[1]


def _distinct(training: Training) -> tuple[list[str], csr_array]:
    """The different texts, and who has which, (users, texts)."""
    import pandas as pd
    from scipy.sparse import csr_array

    text, texts = pd.factorize(np.asarray(training.texts, object))
    user, users = pd.factorize(np.asarray(training.users, object))
    shape = (len(users), len(texts))
    return texts.tolist(), csr_array((np.ones(len(text), np.int64), (user, text)), shape=shape)


def _overlap(ours: csr_array, theirs: csr_array, rare: NDArray[np.bool_]) -> Floats:
    found = np.zeros(ours.shape[0])
    size, rare_of_theirs = np.maximum(ours.sum(axis=1), 1), theirs[:, rare].T.tocsr()
    for first in range(0, ours.shape[0], AT_ONCE):
        both = (ours[first : first + AT_ONCE][:, rare] @ rare_of_theirs).tocoo()
        near = both.data >= LEAST_SHARED
        item, text = both.row[near] + first, both.col[near]
        shared = (ours[item] * theirs[text]).sum(axis=1) if len(item) else np.zeros(0)
        np.maximum.at(found, item, shared / size[item])
    return found


def _likeness(
    items: Sequence[str], texts: Sequence[str], has: csr_array, encoder: Encoder
) -> tuple[Floats, NDArray[np.int64]]:
    """Largest cosine of each item, and the users with a text so alike."""
    from scipy.sparse import csr_array

    learned = encoder.encode(texts)
    centre = learned.mean(axis=0)
    vectors, others = _unit(encoder.encode(items) - centre), _unit(learned - centre)
    largest, alike = np.zeros(len(items)), np.zeros(len(items), np.int64)
    for first in range(0, len(items), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        cosines = vectors[part] @ others.T
        largest[part] = cosines.max(axis=1)
        near = csr_array((cosines >= LIKENESS).astype(np.int64))
        alike[part] = np.bincount((has @ near.T).indices, minlength=near.shape[0])
    return largest, alike


def plain_words(text: str) -> str:
    """The words of a text in their order, without case and marks."""
    return " ".join(words_in(text))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return unit
