"""What is kept of a text to tell whether another says nearly the same: the set of its n-grams of one to three words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.distinct import distinct
from evalloop_assets.reward_model.lexical import TEXTS_AT_ONCE, grams

if TYPE_CHECKING:
    import pyarrow as pa


class GramSets(NamedTuple):
    """Sets of n-grams end to end; those of text i are `keys[starts[i] : starts[i + 1]]`."""

    keys: NDArray[np.int32]
    """A hash of 32 bits each, ascending within a text: two n-grams of a text and another share one by chance about
    once in 10⁵ pairs of texts of 150 n-grams.
    """
    starts: NDArray[np.int64]

    @property
    def size(self) -> int:
        """Texts."""
        return len(self.starts) - 1


def gram_sets(texts: Sequence[str]) -> GramSets:
    """The set of each text; empty for one without a word."""
    return joined(list(_parts(texts)))


def joined(parts: Sequence[GramSets]) -> GramSets:
    """The sets of all parts, one after another."""
    sizes = [np.diff(part.starts) for part in parts]
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate([np.zeros(0, np.int64), *sizes]))])
    return GramSets(np.concatenate([np.zeros(0, np.int32), *(part.keys for part in parts)]), starts.astype(np.int64))


def from_arrow(column: pa.ChunkedArray) -> GramSets:
    """The sets of a column of lists, empty where it is NULL."""
    import pyarrow.compute as pc

    sizes = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
    keys = pc.list_flatten(column).to_numpy()
    return GramSets(keys.astype(np.int32, copy=False), np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]))


def to_lists(sets: GramSets) -> list[NDArray[np.int32]]:
    """One array of keys a text."""
    return np.split(sets.keys, sets.starts[1:-1]) if sets.size else []


def _parts(texts: Sequence[str]) -> Iterator[GramSets]:
    for first in range(0, len(texts), TEXTS_AT_ONCE):
        found = grams(texts[first : first + TEXTS_AT_ONCE])
        key = (found.keys >> np.uint64(32)).astype(np.int64)
        told = distinct((found.owner << 32) | key)
        sizes = np.bincount(told >> 32, minlength=found.texts)
        keys = ((told & 0xFFFFFFFF) - 2**31).astype(np.int32)
        yield GramSets(keys, np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]))
