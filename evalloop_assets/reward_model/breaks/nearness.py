"""How much of a reply was heard before: of its runs of four letters, or of two Chinese characters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.distinct import distinct
from evalloop_assets.reward_model.breaks.clauses import normal
from evalloop_assets.reward_model.breaks.lexicon import HAN

LEAST_RUNS = 24
"""Different runs that a reply must have to be judged."""
RUNS_KEPT = 4_000
"""Runs after which no more are kept of a conversation."""
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
ONE = np.uint64(1)
NONE = np.zeros(0, np.uint64)


def nearness(replies: Sequence[str], prompts: Sequence[str]) -> list[float | None]:
    """Of one speaker's replies in their order: the share of each one's different runs that are in its prompt, or in an
    earlier reply or prompt. None for one of fewer than LEAST_RUNS, and where nothing was heard before it.
    """
    parts = [_runs(text) for both in zip(prompts, replies, strict=True) for text in both]
    bits = np.uint64(len(parts).bit_length())
    part = np.repeat(np.arange(len(parts), dtype=np.uint64), [len(runs) for runs in parts])
    # By run, of one run by part: of each reply its prompt comes first.
    entries = distinct(((np.concatenate([NONE, *parts]) * MULTIPLIER) >> bits << bits) | part)
    run, part = entries >> bits, entries & ((ONE << bits) - ONE)
    of_reply, turn = (part & ONE).astype(bool), (part >> ONE).astype(np.int64)
    begins = np.diff(run, prepend=~run[:1]) != 0
    first = turn[begins][np.cumsum(begins) - 1]
    asked = ~begins & (np.diff(turn, prepend=-1) == 0)
    new = np.bincount(turn[begins], minlength=len(replies))
    heard = np.cumsum(new) - new
    known = of_reply & (asked | ((first < turn) & (heard < RUNS_KEPT)[first]))
    size, shared = (np.bincount(turn[which], minlength=len(replies)) for which in (of_reply, known))
    judged = (size >= LEAST_RUNS) & (heard > 0)
    return [
        one / whole if told else None
        for one, whole, told in zip(shared.tolist(), size.tolist(), judged.tolist(), strict=True)
    ]


@lru_cache(maxsize=1_000)
def _runs(text: str) -> NDArray[np.uint64]:
    """Each run as the number that its UTF-16 is, of 64 bits, or of 32 where the text has a Chinese character."""
    letters = _NO_LETTERS.sub(" ", normal(text))
    coded = letters.encode("utf-16-le", "surrogatepass")
    number = np.dtype("<u4" if HAN.search(letters) else "<u8")
    runs = max(0, (len(coded) - number.itemsize) // 2 + 1)
    return np.ndarray(runs, number, coded, strides=(2,)).astype(np.uint64)


_NO_LETTERS = re.compile(r"[\W\d]+")
