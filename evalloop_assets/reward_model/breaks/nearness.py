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
from evalloop_assets.reward_model.lexical import MULTIPLIER

LEAST_RUNS = 24
"""Different runs that a reply must have to be judged."""
RUNS_KEPT = 4_000
"""Runs after which no more are kept of a conversation."""
TURNS_AT_ONCE = 250
"""Replies that are looked at together, so that memory does not grow with a conversation."""
BITS, ONE = np.uint64(10), np.uint64(1)
"""Bits of a key that tell the text in which its run is."""

Keys = NDArray[np.uint64]
NONE: Keys = np.zeros(0, np.uint64)


def nearness(replies: Sequence[str], prompts: Sequence[str]) -> list[float | None]:
    """Of one speaker's replies in their order: the share of each one's different runs that are in its prompt, or in an
    earlier reply or prompt. None for one of fewer than LEAST_RUNS, and where nothing was heard before it.
    """
    found, heard = list[float | None](), NONE
    for first in range(0, len(replies), TURNS_AT_ONCE):
        turns = zip(prompts[first : first + TURNS_AT_ONCE], replies[first : first + TURNS_AT_ONCE], strict=True)
        near, heard = _near(heard, [_runs(text) for turn in turns for text in turn])
        found += near
    return found


def _near(before: Keys, texts: Sequence[Keys]) -> tuple[list[float | None], Keys]:
    """Of prompts and replies by turns, after what was heard `before`; also what is heard then."""
    parts = [before, NONE, *texts]
    part = np.repeat(np.arange(len(parts), dtype=np.uint64), [len(runs) for runs in parts])
    entries = distinct(np.concatenate(parts) | part)  # by run, and of one run by turn, its prompt first
    run, part = entries >> BITS, entries & ((ONE << BITS) - ONE)
    of_reply, turn = (part & ONE).astype(bool), (part >> ONE).astype(np.int64)
    begins = np.diff(run, prepend=~run[:1]) != 0
    first = turn[begins][np.cumsum(begins) - 1]
    asked = ~begins & (np.diff(turn, prepend=-1) == 0)
    new = np.bincount(turn[begins], minlength=len(parts) // 2)
    heard = np.cumsum(new) - new
    kept = (heard < RUNS_KEPT)[first]
    known = of_reply & (asked | ((first < turn) & kept))
    size, shared = (np.bincount(turn[which], minlength=len(new)) for which in (of_reply, known))
    judged = (size >= LEAST_RUNS) & (heard > 0)
    near = [
        one / whole if told else None
        for one, whole, told in zip(shared.tolist(), size.tolist(), judged.tolist(), strict=True)
    ]
    return near[1:], run[begins & kept] << BITS


@lru_cache(maxsize=1_000)
def _runs(text: str) -> Keys:
    """A key of each run, from the number that its UTF-16 is: of 64 bits, or of 32 where the text has a Chinese
    character. Its last BITS are 0."""
    letters = _NO_LETTERS.sub(" ", normal(text))
    coded = letters.encode("utf-16-le", "surrogatepass")
    number = np.dtype("<u4" if HAN.search(letters) else "<u8")
    runs = max(0, (len(coded) - number.itemsize) // 2 + 1)
    return np.ndarray(runs, number, coded, strides=(2,)).astype(np.uint64) * MULTIPLIER >> BITS << BITS


_NO_LETTERS = re.compile(r"[\W\d]+")
