"""Which two models meet in the battles to come, and how probable each meeting is.

Battles are drawn at random, so that what is learned of a model does not depend on whom it happened to meet: most
between survivors, some between a survivor and an anchor, some for newcomers, and some between any two of the pool. An
eliminated model is not in the pool, nor is one that was rolled back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, product
from math import floor
from typing import NamedTuple

from evalloop_assets.serving.matchups import POINTS


class Pool(NamedTuple):
    """Models that battle, each in one place, in order of name."""

    survivors: tuple[str, ...]
    anchors: tuple[str, ...]
    newcomers: tuple[str, ...]
    """Too few battles to be judged."""


class Shares(NamedTuple):
    """Of the battles, 0 to 1; the rest is between survivors."""

    anchors: float
    newcomers: float
    uniform: float


class Matchup(NamedTuple):
    """Two models that meet, in order of name; which is shown first is another draw."""

    model_a: str
    model_b: str
    propensity: float
    """Probability that a battle is between these two, a multiple of one over POINTS; all add up to 1."""
    why: str
    """The shares that it is part of, with what each adds."""


def pool_of(
    fought: Mapping[str, int],
    candidates: Collection[str],
    anchors: Collection[str],
    champion: str | None,
    out: Collection[str],
    least: int,
) -> Pool:
    """Who battles: all that fought and all candidates, anchors and the champion, but for those that are `out`.

    Of `least` battles a model is no newcomer any more; the champion never is one. Anchors and the champion stay, even
    if they were out before they became that.
    """
    kept = {*anchors} | ({champion} if champion else set())
    known = ({*fought, *candidates} - {*out}) | kept
    free = sorted(known - {*anchors})
    survivors = [name for name in free if name == champion or fought.get(name, 0) >= least]
    return Pool(tuple(survivors), tuple(sorted(anchors)), tuple(name for name in free if name not in survivors))


def matchups(pool: Pool, shares: Shares) -> list[Matchup]:
    """Every pair with its propensity, the most probable first; none where fewer than two models are left.

    A share that has no pairs goes to the others in proportion.
    """
    judged = [*pool.survivors, *pool.anchors]
    newcomers = list(product(pool.newcomers, judged)) if judged else list(combinations(pool.newcomers, 2))
    kinds = {
        "survivors": (1 - sum(shares), list(combinations(pool.survivors, 2))),
        "anchors": (shares.anchors, list(product(pool.survivors, pool.anchors))),
        "newcomers": (shares.newcomers, newcomers),
        "uniform": (shares.uniform, list(combinations(sorted([*judged, *pool.newcomers]), 2))),
    }
    given = sum(share for share, pairs in kinds.values() if pairs)
    if given <= 0:
        return []
    parts: dict[tuple[str, str], dict[str, float]] = {}
    for kind, (share, pairs) in kinds.items():
        for first, second in pairs if share > 0 else []:
            pair = (first, second) if first < second else (second, first)
            parts.setdefault(pair, {})[kind] = share / given / len(pairs)
    order = sorted(parts, key=lambda pair: (-sum(parts[pair].values()), pair))
    points = _points([sum(parts[pair].values()) for pair in order])
    return [
        Matchup(*pair, point / POINTS, ", ".join(f"{kind} {value:.4f}" for kind, value in parts[pair].items()))
        for pair, point in zip(order, points, strict=True)
        if point
    ]


def _points(shares: Sequence[float]) -> list[int]:
    """Whole points that add up to POINTS, by the largest remainder."""
    exact = [share * POINTS for share in shares]
    whole = [floor(one) for one in exact]
    by_remainder = sorted(range(len(exact)), key=lambda place: whole[place] - exact[place])
    for place in by_remainder[: POINTS - sum(whole)]:
        whole[place] += 1
    return whole
