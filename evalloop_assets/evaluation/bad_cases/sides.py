"""Which cases train and which evaluate: by a hash of their group of near duplicates, once and for good.

A case that is a near duplicate of one that was given before goes where that one went. One that links cases of both
sides goes to neither. So no case of one side is a near duplicate of a case of the other, on whatever days they came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.evaluation.bad_cases.near_duplicates import near_duplicates
from evalloop_assets.reward_model.pairs import place_of

TRAINING, EVALUATION, WITHHELD = "training", "evaluation", "withheld"
SIDES = (TRAINING, EVALUATION, WITHHELD)


class Known(NamedTuple):
    """Cases that were given before, one entry each."""

    texts: Sequence[str]
    groups: Sequence[str]
    sides: Sequence[str]


class Given(NamedTuple):
    """Where each case went, one entry each."""

    groups: list[str]
    """Cases of one group are near duplicates of each other, or are linked by some that are."""
    sides: list[str]


NOTHING_KNOWN = Known((), (), ())


def give(ids: Sequence[str], texts: Sequence[str], known: Known, threshold: float, evaluation_share: float) -> Given:
    """Group the cases and give each group its side.

    `ids` name the cases, and a new group is named by a digest of its least id; `threshold` is that of
    `near_duplicates`, `evaluation_share` the share of new groups that go to evaluation.
    """
    component = components(texts, threshold)
    used = [at for at, side in enumerate(known.sides) if side != WITHHELD]
    links = near_duplicates(texts, [known.texts[at] for at in used], threshold)
    met: dict[int, set[tuple[str, str]]] = {}
    for mine, theirs in zip(component[links.left].tolist(), links.right.tolist(), strict=True):
        met.setdefault(mine, set()).add((known.groups[used[theirs]], known.sides[used[theirs]]))
    least: dict[int, str] = {}
    for name, of in zip(ids, component.tolist(), strict=True):
        least[of] = min(least.get(of, name), name)
    placed = {of: _placed(name, met.get(of, set()), evaluation_share) for of, name in least.items()}
    both = [placed[of] for of in component.tolist()]
    return Given([group for group, _ in both], [side for _, side in both])


def components(texts: Sequence[str], threshold: float) -> NDArray[np.int64]:
    """Number of the group of each text: those that are near duplicates, directly or by way of others."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not texts:
        return np.zeros(0, np.int64)
    links = near_duplicates(texts, texts, threshold)
    graph = coo_array((np.ones(len(links.left)), links), shape=(len(texts), len(texts)))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _placed(name: str, met: set[tuple[str, str]], evaluation_share: float) -> tuple[str, str]:
    sides = {side for _, side in met}
    if len(sides) > 1:
        return _group(name), WITHHELD
    if met:
        return min(met)
    group = _group(name)
    return group, EVALUATION if place_of(group, "bad-case-side") < evaluation_share else TRAINING


def _group(name: str) -> str:
    return hashlib.sha256(f"bad-case-group/{name}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
