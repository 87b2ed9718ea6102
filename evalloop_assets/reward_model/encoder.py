"""Text encoders: what turns a text into a vector, named and versioned so that a cache never mixes two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model.ngrams import HASHED, STATISTICS, ngram_vectors
from evalloop_assets.reward_model.sentence_transformer import PREFIX, load_sentence_transformer

Matrix = NDArray[np.float32]

CHARS_PER_BATCH = 1_000_000
NARROW, WIDE = 120, 504
"""Columns of the projection of `hashed-ngrams-128/1` and `hashed-ngrams-512/1`, beside the default."""


class Encoder(Protocol):
    """One text encoder. The same text gives the same vector in every process and on every day."""

    @property
    def name(self) -> str:
        """Name with version; a change of any vector changes it."""

    @property
    def dimension(self) -> int:
        """Length of one vector."""

    def encode(self, texts: Sequence[str]) -> Matrix:
        """One row per text, float32 [len(texts), dimension], all finite; a blank text is all zero."""


class HashedNgrams:
    """Words, word pairs and character trigrams, hashed and projected by a fixed sparse random projection.

    Needs no download and serves English and Chinese (there each character counts as a word). The last columns are
    statistics of the text such as its share of distinct words. Length is deliberately none of them: it is a covariate
    of the reward model's training and is dropped at scoring (design, section 6).
    """

    name = "hashed-ngrams-256/1"
    dimension = HASHED + STATISTICS

    def __init__(self, hashed: int = HASHED) -> None:
        """`hashed` columns hold the projection."""
        self.hashed = hashed
        if hashed != HASHED:
            self.dimension = hashed + STATISTICS
            self.name = f"hashed-ngrams-{self.dimension}/1"

    def encode(self, texts: Sequence[str]) -> Matrix:
        distinct = list(dict.fromkeys(texts))
        place = {text: row for row, text in enumerate(distinct)}
        vectors = np.zeros((len(distinct), self.dimension), np.float32)
        for first, last in _batches([len(text) for text in distinct], CHARS_PER_BATCH):
            vectors[first:last] = ngram_vectors(distinct[first:last], self.hashed)
        return vectors[[place[text] for text in texts]]


def _batches(lengths: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Consecutive ranges of at most `most` characters together (one text may be longer), so that memory is bounded."""
    ranges: list[tuple[int, int]] = []
    first = taken = 0
    for at, length in enumerate(lengths):
        if at > first and taken + length > most:
            ranges.append((first, at))
            first, taken = at, 0
        taken += length
    if first < len(lengths):
        ranges.append((first, len(lengths)))
    return ranges


def text_hash(text: str) -> str:
    """The key of a cached embedding: equal to `md5(text)` of the SQL engine."""
    return hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def find_encoder(name: str) -> Encoder:
    """The encoder of that name and version; UserError where this release has none or its model is missing."""
    if name.startswith(PREFIX):
        return load_sentence_transformer(name)
    known: dict[str, Encoder] = {encoder.name: encoder for encoder in map(HashedNgrams, (NARROW, HASHED, WIDE))}
    if name not in known:
        raise UserError(
            f"text encoder {name!r}",
            "this release does not have it",
            f"Set reward.encoder to one of: {', '.join(sorted(known))}, {PREFIX}MODEL",
        )
    return known[name]


def require_sound(vectors: Matrix, encoder: Encoder, texts: int) -> Matrix:
    """The vectors; UserError where they are not float numbers [texts, encoder.dimension], all finite."""
    if vectors.shape != (texts, encoder.dimension):
        reason = f"it gave an array of shape {vectors.shape} for {texts} texts and dimension {encoder.dimension}"
    elif not np.isfinite(vectors).all():
        reason = f"{int((~np.isfinite(vectors).all(axis=1)).sum())} of {texts} vectors are not finite"
    else:
        return vectors
    raise UserError(f"text encoder {encoder.name!r}", reason, "Set reward.encoder to another one, or mend the model.")
