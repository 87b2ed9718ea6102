"""Texts that say nearly the same: the Jaccard index of their runs of one to three words (Broder, 1997).

Of two sets that are near, one of the rarest members of either is in both: of m members, at least threshold × m are in
the other set too, so any m − threshold × m + 1 of them hold one that is (Chaudhuri, Ganti and Kaushik, 2006, ICDE). The
rarest of the left texts are indexed and the right texts, of which there may be a year, are looked up one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.evaluation.bad_cases.gram_sets import GramSets, gram_sets

Numbers = NDArray[np.int64]


class Links(NamedTuple):
    """Pairs of near duplicates, one text of either side."""

    left: Numbers
    right: Numbers


def near_duplicates(left: Sequence[str], right: Sequence[str], threshold: float) -> Links:
    """Every pair whose Jaccard index is at least `threshold`, in (0, 1]; texts without a word are all alike."""
    return near_sets(gram_sets(left), gram_sets(right), threshold)


def near_sets(left: GramSets, right: GramSets, threshold: float) -> Links:
    """As `near_duplicates`, of the sets of texts."""
    members, positions = np.unique(left.keys, return_inverse=True)
    found = [np.zeros((0, 2), np.int64)]
    if len(members):
        # The rarest member first, and of equally rare ones the least.
        rank = np.empty(len(members), np.int64)
        rank[np.argsort(np.bincount(positions), kind="stable")] = np.arange(len(members))
        from evalloop_assets.evaluation.bad_cases.linked import linked

        pairs = linked(left.keys, left.starts, rank[positions], members, rank, right.keys, right.starts, threshold)
        found.append(np.array(pairs, np.int64).reshape(-1, 2))
    empty, others = (np.flatnonzero(np.diff(sets.starts) == 0) for sets in (left, right))
    found.append(np.stack(np.meshgrid(empty, others, indexing="ij"), axis=-1).reshape(-1, 2))
    both = np.concatenate(found)
    return Links(both[:, 0], both[:, 1])
