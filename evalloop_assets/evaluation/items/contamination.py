"""Whether an item was learned from: the same text, the same n-grams, or the same meaning in the training data.

The shares at which an item counts as contaminated are measured on dialogues that have nothing to do with each other
(docs/evaluation/items.md). A text of fewer than LEAST_WORDS words shares most of its n-grams with somebody by chance,
so of such texts only the same ones count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.encoder import Encoder
from evalloop_assets.reward_model.lexical import WORD, share_within, signatures

LEAST_WORDS = 8
OVERLAP = 0.6
"""Share of an item's n-grams, of one to three words, that are in one text of the training data."""
LIKENESS = 0.7
"""Cosine of the encoder's centred vectors."""
AT_ONCE = 64


class Contamination(NamedTuple):
    """Of each item, arrays of one length."""

    exact: NDArray[np.bool_]
    """The same words in the same order, whatever their case and the marks between them."""
    overlap: NDArray[np.float64]
    """Largest share of its n-grams that one training text has; 0 where there is no training text."""
    likeness: NDArray[np.float64]
    """Largest cosine with a training text, both less the mean of the training texts: what all texts share is no
    likeness (Mu & Viswanath, ICLR 2018)."""
    words: NDArray[np.int64]

    @property
    def contaminated(self) -> NDArray[np.bool_]:
        long = self.words >= LEAST_WORDS
        return self.exact | (long & ((self.overlap >= OVERLAP) | (self.likeness >= LIKENESS)))


def contamination(items: Sequence[str], training: Sequence[str], encoder: Encoder) -> Contamination:
    """Hold every item against every text of the training data."""
    known = {_words(text) for text in training}
    own = [_words(text) for text in items]
    overlap, likeness = np.zeros(len(items)), np.zeros(len(items))
    if training and items:
        bits, learned = signatures(items), signatures(training)
        learned_vectors = encoder.encode(training)
        centre = learned_vectors.mean(axis=0)
        vectors, others = _unit(encoder.encode(items) - centre), _unit(learned_vectors - centre)
        for first in range(0, len(items), AT_ONCE):
            part = slice(first, first + AT_ONCE)
            overlap[part] = [share_within(one, learned).max() for one in bits[part]]
            likeness[part] = (vectors[part] @ others.T).max(axis=1)
    return Contamination(
        np.array([words in known for words in own], np.bool_),
        overlap,
        likeness,
        np.array([len(words.split()) for words in own], np.int64),
    )


def _words(text: str) -> str:
    return " ".join(WORD.findall(text.casefold()))


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return unit
