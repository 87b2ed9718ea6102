"""Which cases train and which evaluate: by a hash of their group of near duplicates, once and for good.

A case that is the same as one that was given before goes where that one went. One that links cases of both sides goes
to neither. So no case of one side is the same as a case of the other, on whatever days they came. The same is what
answers one message in one conversation, and what says nearly the same, be it as the bad reply or as the better one:
what one case trains as the reply to choose must not be what another one asks for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.evaluation.bad_cases.gram_sets import GramSets, gram_sets, joined
from evalloop_assets.evaluation.bad_cases.near_duplicates import Links, near_sets
from evalloop_assets.reward_model.pairs import place_of

TRAINING, EVALUATION, WITHHELD = "training", "evaluation", "withheld"
SIDES = (TRAINING, EVALUATION, WITHHELD)


class Cases(NamedTuple):
    """What tells that two cases are the same."""

    said: GramSets
    """Of the message and the bad reply to it, one entry a case."""
    better: GramSets
    """Of the message and the reply to it that behaviour preferred, one entry a case that has one."""
    has_better: NDArray[np.bool_]
    """Which cases have one."""
    turns: Sequence[str | None]
    """Names the message within its conversation, one entry a case; None where it is not known."""


def cases(texts: Sequence[str], better: Sequence[str | None], turns: Sequence[str | None]) -> Cases:
    """Cases from the texts of message and bad reply, and of message and better reply."""
    told = [text for text in better if text is not None]
    return Cases(gram_sets(texts), gram_sets(told), np.array([text is not None for text in better], bool), turns)


class Known(NamedTuple):
    """Cases that were given before."""

    cases: Cases
    groups: Sequence[str]
    """One entry a case, as `sides`."""
    sides: Sequence[str]


class Given(NamedTuple):
    """Where each case went, one entry each."""

    groups: list[str]
    """Cases of one group are near duplicates of each other, or are linked by some that are."""
    sides: list[str]


NOTHING_KNOWN = Known(cases((), (), ()), (), ())


def give(ids: Sequence[str], cases: Cases, known: Known, threshold: float, evaluation_share: float) -> Given:
    """Group the cases and give each group its side.

    `ids` name the cases, and a new group is named by a digest of its least id; `threshold` is that of
    `near_duplicates`, `evaluation_share` the share of new groups that go to evaluation.
    """
    component = components(cases, threshold)
    links = same(cases, known.cases, threshold)
    met: dict[int, set[tuple[str, str]]] = {}
    for mine, theirs in zip(component[links.left].tolist(), links.right.tolist(), strict=True):
        if known.sides[theirs] != WITHHELD:
            met.setdefault(mine, set()).add((known.groups[theirs], known.sides[theirs]))
    least: dict[int, str] = {}
    for name, of in zip(ids, component.tolist(), strict=True):
        least[of] = min(least.get(of, name), name)
    placed = {of: _placed(name, met.get(of, set()), evaluation_share) for of, name in least.items()}
    both = [placed[of] for of in component.tolist()]
    return Given([group for group, _ in both], [side for _, side in both])


def components(cases: Cases, threshold: float) -> NDArray[np.int64]:
    """Number of the group of each case: those that are the same, directly or by way of others."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = len(cases.turns)
    if not size:
        return np.zeros(0, np.int64)
    links = same(cases, cases, threshold)
    graph = coo_array((np.ones(len(links.left)), links), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def same(left: Cases, right: Cases, threshold: float) -> Links:
    """Every pair of cases that share a turn, or of which any two texts, of either reply, are near duplicates."""
    (ours, mine), (theirs, yours) = _all_texts(left), _all_texts(right)
    near = near_sets(ours, theirs, threshold)
    places: dict[str, list[int]] = {}
    for at, turn in enumerate(right.turns):
        if turn is not None:
            places.setdefault(turn, []).append(at)
    turns = [(at, other) for at, turn in enumerate(left.turns) if turn is not None for other in places.get(turn, ())]
    by_turn = np.array(turns, np.int64).reshape(-1, 2)
    return Links(np.concatenate([mine[near.left], by_turn[:, 0]]), np.concatenate([yours[near.right], by_turn[:, 1]]))


def _all_texts(cases: Cases) -> tuple[GramSets, NDArray[np.int64]]:
    """Texts with both replies, and whose each is."""
    owner = np.concatenate([np.arange(len(cases.turns)), np.flatnonzero(cases.has_better)])
    return joined([cases.said, cases.better]), owner


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
