"""Hashed n-grams of many texts at once, in numpy: no vocabulary, no state, the same in every process."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HASHED = 248
"""Columns of the random projection, where nothing else is asked for."""
STATISTICS = 8
"""Columns of text statistics behind them."""

NONZEROS = 4
"""Columns that one n-gram touches: the sparsity of the random projection."""
FEATURE_BITS = 40
ORDER_WEIGHTS = np.array([1.0, 0.7, 0.5], np.float64)
"""Weight of words, word pairs, character trigrams."""

PRIME = np.uint64(0x100000001B3)
SEED = np.uint64(0x9E3779B97F4A7C15)

Codes = NDArray[np.uint32]
Keys = NDArray[np.uint64]
Owners = NDArray[np.int64]
Floats = NDArray[np.float64]


class Texts(NamedTuple):
    """Normalised texts laid end to end."""

    codes: Codes
    """Code points; each text starts and ends with a space."""
    owner: Owners
    """Index of the text that each code point belongs to."""
    rows: int
    """How many texts."""


def ngram_vectors(texts: Sequence[str], columns: int = HASHED) -> NDArray[np.float32]:
    """Float32 [len(texts), columns + STATISTICS]: unit-length hashed part, then statistics in [0, 1]; blank gives 0."""
    laid = _laid_out(texts)
    words, word_owner, word_lengths = _words(laid)
    pairs = _mixed(words[:-1] * PRIME + words[1:])
    within = word_owner[:-1] == word_owner[1:]
    trigrams, trigram_owner = _trigrams(laid)
    orders = (
        _distinct(words, word_owner),
        _distinct(pairs[within], word_owner[:-1][within]),
        _distinct(trigrams, trigram_owner),
    )
    hashed = np.zeros((laid.rows, columns))
    for order, (features, owner, counts) in enumerate(orders):
        hashed += ORDER_WEIGHTS[order] * _projected(features + np.uint64(order), owner, counts, laid.rows, columns)
    norms = np.linalg.norm(hashed, axis=1, keepdims=True)
    hashed /= np.where(norms > 0, norms, 1.0)
    distinct_words, distinct_trigrams = (
        _share(np.bincount(owner, minlength=laid.rows), np.bincount(owner, counts, minlength=laid.rows))
        for _, owner, counts in (orders[0], orders[2])
    )
    statistics = _statistics(laid, word_owner, word_lengths, distinct_words, distinct_trigrams)
    blank = np.array([not text.strip() for text in texts], bool)
    vectors = np.concatenate([hashed, statistics], axis=1)
    vectors[blank] = 0.0
    return vectors.astype(np.float32)


def _laid_out(texts: Sequence[str]) -> Texts:
    normal = [f" {' '.join(unicodedata.normalize('NFKC', text).casefold().split())} " for text in texts]
    codes = np.frombuffer("".join(normal).encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.fromiter((len(text) for text in normal), np.int64, len(normal))
    return Texts(codes, np.repeat(np.arange(len(normal)), lengths), len(normal))


@cache
def _letters() -> NDArray[np.bool_]:
    """True for each code point of the basic plane that is a letter, a mark or a number."""
    return np.array([unicodedata.category(chr(code))[0] in "LMN" for code in range(0x10000)])


def _is_letter(codes: Codes) -> NDArray[np.bool_]:
    return np.where(codes < 0x10000, _letters()[np.minimum(codes, 0xFFFF)], True)


def _stands_alone(codes: Codes) -> NDArray[np.bool_]:
    """Characters that are words by themselves: Chinese and Japanese script, and the planes with emoji."""
    cjk = ((codes >= 0x3040) & (codes < 0xA000)) | ((codes >= 0xF900) & (codes < 0xFB00))
    return cjk | (codes >= 0x10000)


def _words(laid: Texts) -> tuple[Keys, Owners, Owners]:
    """Hash, text and length of every word in reading order."""
    letter, alone = _is_letter(laid.codes), _stands_alone(laid.codes)
    before_letter = np.concatenate([[False], (letter & ~alone)[:-1]])
    begins = letter & (alone | ~before_letter)
    at = np.flatnonzero(letter)
    if not len(at):
        return np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64)
    starts = np.flatnonzero(begins[at])
    lengths = np.diff(np.append(starts, len(at)))
    position = np.arange(len(at)) - np.repeat(starts, lengths)
    powers = np.multiply.accumulate(np.full(int(lengths.max()), PRIME, np.uint64))
    sums = np.add.reduceat(_mixed(laid.codes[at].astype(np.uint64)) * powers[position], starts)
    return _mixed(sums), laid.owner[at[starts]], lengths


def _trigrams(laid: Texts) -> tuple[Keys, Owners]:
    codes = laid.codes.astype(np.uint64)
    if len(codes) < 3:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    keys = _mixed((codes[:-2] << np.uint64(42)) ^ (codes[1:-1] << np.uint64(21)) ^ codes[2:])
    within = laid.owner[:-2] == laid.owner[2:]
    return keys[within], laid.owner[:-2][within]


def _mixed(keys: Keys) -> Keys:
    """Well spread 64-bit keys (the finaliser of SplitMix64)."""
    keys = keys + SEED
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Keys = keys ^ (keys >> np.uint64(31))
    return mixed


def _distinct(keys: Keys, owner: Owners) -> tuple[Keys, Owners, Floats]:
    """Each n-gram once per text, with its count there."""
    shift = np.uint64(FEATURE_BITS)
    joined = (owner.astype(np.uint64) << shift) | (keys >> np.uint64(64 - FEATURE_BITS))
    found, counts = np.unique(joined, return_counts=True)
    mask = (np.uint64(1) << shift) - np.uint64(1)
    return found & mask, (found >> shift).astype(np.int64), counts.astype(np.float64)


def _projected(features: Keys, owner: Owners, counts: Floats, rows: int, columns: int) -> Floats:
    """Float64 [rows, columns]: each n-gram adds ±(1 + log count) to NONZEROS columns that its hash names."""
    total = np.zeros(rows * columns)
    weight = 1.0 + np.log(counts)
    for draw in np.arange(NONZEROS, dtype=np.uint64)[:, None]:
        bits = _mixed(features * PRIME + draw)
        column = ((bits >> np.uint64(32)) % np.uint64(columns)).astype(np.int64)
        sign = np.where(bits & np.uint64(1), 1.0, -1.0)
        total += np.bincount(owner * columns + column, sign * weight, minlength=rows * columns)
    return total.reshape(rows, columns)


def _share(part: NDArray[np.int64] | Floats, whole: NDArray[np.int64] | Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)


def _statistics(
    laid: Texts, word_owner: Owners, word_lengths: Owners, distinct_words: Floats, distinct_trigrams: Floats
) -> Floats:
    """Distinct words and trigrams, questions, exclamations, word length, Chinese or emoji, other marks, asterisks."""
    chars = np.bincount(laid.owner, minlength=laid.rows).astype(np.float64)

    def per_char(which: NDArray[np.bool_]) -> Floats:
        return _share(np.bincount(laid.owner[which], minlength=laid.rows), chars)

    codes = laid.codes
    words = np.bincount(word_owner, minlength=laid.rows)
    word_length = _share(np.bincount(word_owner, word_lengths, minlength=laid.rows), words)
    columns = (
        distinct_words,
        distinct_trigrams,
        20.0 * per_char(codes == ord("?")),
        20.0 * per_char(codes == ord("!")),
        word_length / 10.0,
        per_char(_stands_alone(codes)),
        5.0 * per_char(~_is_letter(codes) & (codes != ord(" "))),
        20.0 * per_char(codes == ord("*")),
    )
    return np.minimum(np.stack(columns, axis=1), 1.0)
