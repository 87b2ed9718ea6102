"""Texts that say nearly the same: the Jaccard index of their n-grams (Broder, 1997), by `reward_model.lexical`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.lexical import signatures

Numbers = NDArray[np.int64]


class Links(NamedTuple):
    """Pairs of near duplicates, one text of either side."""

    left: Numbers
    right: Numbers


def near_duplicates(left: Sequence[str], right: Sequence[str], threshold: float) -> Links:
    """Every pair whose Jaccard index is at least `threshold`, in (0, 1]; texts without a word are all alike.

    The index is over the bits of the signatures: n-grams that share a bit by chance raise it, never by much
    (`lexical.share_within`).
    """
    ours, theirs = signatures(left), signatures(right)
    sizes, others = (np.bitwise_count(bits).sum(axis=1, dtype=np.int64) for bits in (ours, theirs))
    order = np.argsort(others, kind="stable")
    theirs, others = theirs[order], others[order]
    low = np.searchsorted(others, np.floor(sizes * threshold), "left")
    high = np.searchsorted(others, np.ceil(sizes / threshold), "right")
    found = np.array(_linked()(ours, sizes, theirs, others, low, high, threshold), np.int64).reshape(-1, 2)
    return Links(found[:, 0], order[found[:, 1]])


@cache
def _linked() -> Callable[..., list[tuple[int, int]]]:
    """Text by text, against those of like size: with fewer than `threshold` times the n-grams none is near."""
    from numba import njit

    ones, twos, fours, bytes_ = (
        np.uint64(bits) for bits in (0x5555555555555555, 0x3333333333333333, 0x0F0F0F0F0F0F0F0F, 0x0101010101010101)
    )
    one, two, four, top = (np.uint64(shift) for shift in (1, 2, 4, 56))

    @njit(nogil=True)
    def run(ours, sizes, theirs, others, low, high, threshold):  # type: ignore[no-untyped-def]
        found = [(at, at) for at in range(0)]  # the type of its elements
        for at in range(len(ours)):
            for other in range(low[at], high[at]):
                both = np.int64(0)
                for word in range(ours.shape[1]):
                    bits = ours[at, word] & theirs[other, word]
                    bits -= (bits >> one) & ones
                    bits = (bits & twos) + ((bits >> two) & twos)
                    bits = (bits + (bits >> four)) & fours
                    both += np.int64((bits * bytes_) >> top)
                if both >= threshold * (sizes[at] + others[other] - both):
                    found.append((at, other))
        return found

    return run
