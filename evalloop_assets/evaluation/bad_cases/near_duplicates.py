"""Texts that say nearly the same: the Jaccard index of their n-grams (Broder, 1997), by `reward_model.lexical`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.lexical import Signatures, signatures

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
    found = list(_linked(ours, theirs, threshold))
    empty = np.zeros(0, np.int64)
    return Links(
        np.concatenate([part.left for part in found] or [empty]),
        np.concatenate([part.right for part in found] or [empty]),
    )


def _linked(ours: Signatures, theirs: Signatures, threshold: float) -> Iterator[Links]:
    """Text by text, against those of like size: with fewer than `threshold` times the n-grams none is near."""
    sizes, others = (np.bitwise_count(bits).sum(axis=1, dtype=np.int64) for bits in (ours, theirs))
    order = np.argsort(others, kind="stable")
    theirs, others = theirs[order], others[order]
    low = np.searchsorted(others, np.floor(sizes * threshold), "left")
    high = np.searchsorted(others, np.ceil(sizes / threshold), "right")
    for one, (first, last) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        both = np.bitwise_count(ours[one] & theirs[first:last]).sum(axis=1, dtype=np.int64)
        union = sizes[one] + others[first:last] - both
        same = order[first:last][both >= threshold * union]
        yield Links(np.full(len(same), one, np.int64), same)
