"""Models compared within blocks: on the same days, on the same items, on the same pair of replies.

A score is an effect of its model and an effect of its block, fitted by least squares: a model that was served on
weekends only, or was asked the easy items only, is held against those that were there too. Errors are clustered (by
user, by item) through the scores of the normal equations (Liang and Zeger's sandwich, with the factor G/(G − 1)).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.evaluation.offline.scores import Floats, Scores, quasi_variances

Ints = NDArray[np.int64]
ROUND_OFF = 1e-12


class Cells(NamedTuple):
    """Observations, arrays of one length."""

    model: Ints
    """Number of the model, from 0."""
    block: Ints
    """Number of the block, from 0."""
    cluster: Ints
    """Number of whatever varies as one, from 0."""
    units: Floats
    """Observations behind the row, above 0; may be a share of one."""
    total: Floats
    """Sum over them."""


class Effects(NamedTuple):
    """Models joined by blocks in which they met; those of other components are left out."""

    kept: Ints
    """(kept,) numbers of the models."""
    value: Floats
    """(kept,) mean as if each had been in every block, up to a constant that is the mean of all."""
    covariance: Floats
    """(kept, kept) clustered."""
    units: Floats
    """(kept,)"""
    clusters: Ints
    """(kept,) clusters in which the model was."""


def effects(cells: Cells, models: int) -> Effects | None:
    """None where no two models met, or where all of it is one cluster."""
    if len(cells.model) == 0:
        return None
    blocks, groups = (int(numbers.max()) + 1 for numbers in (cells.block, cells.cluster))
    kept = _largest_component(cells, models, blocks)
    if len(kept) < 2:
        return None
    place = np.full(models, -1)
    place[kept] = np.arange(len(kept))
    mine = place[cells.model] >= 0
    cells = Cells(
        place[cells.model[mine]], cells.block[mine], cells.cluster[mine], cells.units[mine], cells.total[mine]
    )
    found = _exact(_fitted(cells, kept, blocks, groups), float(np.abs(cells.total / cells.units).max()))
    present = int(np.count_nonzero(np.bincount(cells.cluster)))
    return found._replace(covariance=found.covariance * present / (present - 1)) if present > 1 else None


def scores_of(found: Effects, names: list[str]) -> Scores:
    """The effects with the models' names and quasi-standard errors."""
    models = tuple(names[number] for number in found.kept.tolist())
    return Scores(models, found.value, np.sqrt(quasi_variances(found.covariance)))


def _exact(found: Effects, largest: float) -> Effects:
    """Without the round-off of the solution: values that differ by no more than ROUND_OFF of the largest observation
    are equal, as those of models with equal observations must be, and what varies by no more does not vary.
    """
    least = ROUND_OFF * largest
    order = np.argsort(found.value, kind="stable")
    ranked = found.value[order]
    begins = np.diff(ranked, prepend=-np.inf) > least
    value = np.empty_like(ranked)
    value[order] = ranked[begins][np.cumsum(begins) - 1]
    varies = np.diag(found.covariance).max() > least**2
    return found._replace(value=value, covariance=found.covariance if varies else np.zeros_like(found.covariance))


def _fitted(cells: Cells, kept: Ints, blocks: int, groups: int) -> Effects:
    from scipy.sparse import csr_array

    n = len(kept)

    def table(values: Floats) -> Floats:
        cell = cells.block * n + cells.model
        return np.bincount(cell, values, blocks * n).astype(np.float64).reshape(blocks, n)

    units, totals = table(cells.units), table(cells.total)
    in_block = np.maximum(units.sum(axis=1), 1e-300)
    share = units / in_block[:, None]
    laplacian = np.diag(units.sum(axis=0)) - units.T @ share
    inverse = np.linalg.pinv(laplacian, rcond=1e-10, hermitian=True)
    effect = inverse @ (totals.sum(axis=0) - share.T @ totals.sum(axis=1))
    base = (totals.sum(axis=1) - units @ effect) / in_block
    residual = cells.total - cells.units * (base[cells.block] + effect[cells.model])
    own = csr_array((residual, (cells.cluster, cells.model)), shape=(groups, n))
    of_block = csr_array((residual, (cells.cluster, cells.block)), shape=(groups, blocks))
    moved = (own.toarray() - of_block @ share) @ inverse
    level = (totals.sum() - units.sum(axis=0) @ effect) / units.sum()
    present = csr_array((np.ones(len(cells.model)), (cells.cluster, cells.model)), shape=(groups, n)) > 0
    return Effects(
        kept=kept,
        value=effect + level,
        covariance=moved.T @ moved,
        units=units.sum(axis=0),
        clusters=np.asarray(present.sum(axis=0)).ravel().astype(np.int64),
    )


def _largest_component(cells: Cells, models: int, blocks: int) -> Ints:
    """Models that the blocks join, of the component with most of them; of equal ones that with most units."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = (np.ones(len(cells.model)), (cells.model, cells.block + models))
    _, label = connected_components(coo_array(edges, shape=(models + blocks,) * 2), directed=False)
    seen = np.flatnonzero(np.bincount(cells.model, minlength=models))
    if not len(seen):
        return seen
    size = np.bincount(label[seen], minlength=label.max() + 1)
    units = np.bincount(label[cells.model], cells.units, label.max() + 1)
    best = np.lexsort((units, size))[-1]
    return np.asarray(seen[label[seen] == best])
