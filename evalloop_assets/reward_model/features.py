"""What the model reads off a reply in its place: three disjoint groups of features, one for each component.

base         the reply and how it takes up the message: words (lexical.py), the encoder's vector, likeness to the
             message
consistency  likeness to the own earlier replies, exponentially forgotten in real time, and how it drifts from them
progress     what is new: the share of its n-grams that was said before, and how near the nearest earlier reply is

There is no feature of the message or of the history alone: a reply must not earn its score by what had come before it
(`003_c9bb702ef28bd78d.txt`, section 6.2, context contamination).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from evalloop_assets.reward_model.encoder import Encoder, Matrix, require_sound
from evalloop_assets.reward_model.history import MOST_EXCHANGES, Situations
from evalloop_assets.reward_model.lexical import COUNTS, Signatures, Words, counts, share_within, signatures

Array = TypeVar("Array", Matrix, Signatures)

TIME_CONSTANTS = (60.0, 600.0, 86_400.0)
"""Seconds after which an earlier exchange counts e times less: the last turns, a session, the sessions before."""
TURN_KEPT = 0.7
"""Weight of a repetition one reply further back."""
ROWS_AT_ONCE = 2_048

TAKEN_UP = 2
CONSISTENCY = len(TIME_CONSTANTS) + 2
PROGRESS = 5 + len(TIME_CONSTANTS) + 2
GROUPS = ("base", "consistency", "progress")


def width(dimension: int) -> int:
    """Number of features with an encoder of that dimension."""
    return COUNTS + dimension + TAKEN_UP + CONSISTENCY + PROGRESS


def group_slices(features: int) -> dict[str, slice]:
    """Columns of each group among so many features."""
    progress, consistency = features - PROGRESS, features - PROGRESS - CONSISTENCY
    return {
        "base": slice(0, consistency),
        "consistency": slice(consistency, progress),
        "progress": slice(progress, None),
    }


def shares_and_likenesses(features: int) -> slice:
    """Columns that are one number of a kind, which are standardised; the others count words or are the vector."""
    return slice(features - PROGRESS - CONSISTENCY - TAKEN_UP, None)


def text_columns(features: int) -> slice:
    """Columns that are read off the reply's text alone."""
    return slice(0, features - PROGRESS - CONSISTENCY - TAKEN_UP)


class Cached(NamedTuple):
    """All that is read off each text by itself; a row of zeros behind them stands for no text."""

    vectors: Matrix
    """[m + 1, d] of the encoder."""
    units: Matrix
    """[m + 1, d] the same with length 1."""
    bits: Signatures
    """[m + 1, words of bits] which n-grams it has."""
    words: Words
    """Of the m texts."""
    counts: Matrix | None
    """[m + 1, COUNTS] of n-grams; None where they are counted when they are needed, to save memory."""

    @classmethod
    def of(cls, texts: Sequence[str], encoder: Encoder, count: bool = True) -> Cached:
        """Of these texts; without `count` no n-grams are counted. UserError where the encoder gives unsound vectors."""
        vectors = _with_blank(require_sound(encoder.encode(texts), encoder, len(texts)))
        norms = np.linalg.norm(vectors, axis=1)
        units = np.asarray(vectors / np.where(norms > 0, norms, 1.0)[:, None], np.float32)
        words = Words.of(texts)
        return cls(vectors, units, _with_blank(signatures(words)), words, _with_blank(counts(words)) if count else None)


def features(places: Situations, encoder: Encoder) -> Matrix:
    """Float32 [n, width(encoder.dimension)]; a part without history is 0 in the groups that need one."""
    found = np.empty((len(places.reply), width(encoder.dimension)), np.float32)
    for rows, part in features_of(places, Cached.of(places.texts, encoder, count=False)):
        found[rows] = part
    return found


def features_of(places: Situations, cached: Cached) -> Iterator[tuple[slice, Matrix]]:
    """Features of some rows at once, with the rows."""
    for first in range(0, len(places.reply), ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        yield rows, _features(places.rows(rows), cached)


def _features(places: Situations, cached: Cached) -> Matrix:
    message, reply = cached.units[places.message], cached.units[places.reply]
    own, theirs = cached.units[places.earlier_replies], cached.units[places.earlier_messages]
    forgotten = _forgotten(places)
    own_bits, said_bits = cached.bits[places.reply], cached.bits[places.earlier_replies]
    likeness = (own @ reply[:, :, None])[:, :, 0]
    repeated = share_within(own_bits[:, None], said_bits)
    back = TURN_KEPT ** np.arange(MOST_EXCHANGES, dtype=np.float32)
    past = _likenesses(reply, _means(forgotten, own))
    said = counts(cached.words.rows(places.reply)) if cached.counts is None else cached.counts[places.reply]
    return np.concatenate(
        [
            said,
            cached.vectors[places.reply],
            np.sum(message * reply, axis=1)[:, None],
            share_within(own_bits, cached.bits[places.message])[:, None],
            past,
            likeness[:, :1],
            past[:, :1] - past[:, -1:],
            share_within(own_bits, np.bitwise_or.reduce(said_bits, axis=1))[:, None],
            share_within(own_bits, np.bitwise_or.reduce(cached.bits[places.earlier_messages], axis=1))[:, None],
            repeated.max(axis=1)[:, None],
            repeated[:, :1],
            (repeated * back).sum(axis=1)[:, None],
            (forgotten @ repeated[:, :, None])[:, :, 0],
            likeness.max(axis=1)[:, None],
            _likenesses(reply, _means(forgotten[:, 1:2], theirs)),
        ],
        axis=1,
        dtype=np.float32,
    )


def _forgotten(places: Situations) -> Matrix:
    """[n, time constants, H] weight of each earlier exchange: exp(-seconds / constant); 0 where there is none."""
    weights = np.exp(-places.seconds[:, None, :] / np.array(TIME_CONSTANTS)[None, :, None])
    return np.asarray(weights, np.float32)


def _means(weights: Matrix, vectors: Matrix) -> Matrix:
    """[n, k, d] weighted means of the vectors [n, H, d]; 0 without any."""
    total = weights.sum(axis=2, keepdims=True)
    return np.asarray((weights / np.where(total > 0, total, 1.0)) @ vectors, np.float32)


def _likenesses(reply: Matrix, means: Matrix) -> Matrix:
    """Cosines [n, k] of the unit vectors [n, d] with [n, k, d]."""
    norms = np.linalg.norm(means, axis=2)
    return np.asarray((means @ reply[:, :, None])[:, :, 0] / np.where(norms > 0, norms, 1.0), np.float32)


def _with_blank(rows: Array) -> Array:
    """The rows with one of zeros behind them, which the index NO_TEXT finds."""
    return np.concatenate([rows, np.zeros((1, rows.shape[1]), rows.dtype)])
