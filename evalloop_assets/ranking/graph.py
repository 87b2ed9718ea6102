"""Which models can be compared at all: a chain of battles must join them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.ranking.battles import Battles


def components(fought: Battles, constants: Collection[str] = ()) -> NDArray[np.int64]:
    """Number of each model's component; 0 is the one with most battles, and a single component is 0 everywhere.

    Models of known rating, the `constants`, are joined by what is known.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = len(fought.models)
    known = np.array([place for place, name in enumerate(fought.models) if name in constants], dtype=np.int64)
    met = np.divmod(np.flatnonzero(np.bincount(fought.a * size + fought.b)), max(size, 1))
    one, other = np.concatenate([met[0], known[:-1]]), np.concatenate([met[1], known[1:]])
    joined = coo_array((np.ones(len(one)), (one, other)), shape=(size, size))
    count, label = connected_components(joined, directed=False)
    order = np.argsort(-np.bincount(label, fought.per_model, count), kind="stable")
    place = np.empty(count, dtype=np.int64)
    place[order] = np.arange(count)
    found: NDArray[np.int64] = place[label]
    return found
