"""Which models are clearly worse and leave the pool. A filter, never the final truth (design, section 6).

A model is looked at often and compared with whichever model happens to look best, so a limit of 3 standard errors alone
loses good ones (docs/statistics.md): it must also lie below the other by an always-valid bound whose error budget is
shared by all comparisons of the pool.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from evalloop_assets.ranking.contrasts import Contrast, Ratings
from evalloop_assets.sequential import always_valid_bounds


class Limits(NamedTuple):
    """What it takes to eliminate a model."""

    z: float
    """Standard errors below the other."""
    battles: int
    """Of the model in the window."""
    alpha: float
    """Chance over all looks that any model goes which is not worse."""
    planned_users: int
    """Users who battle in a window, at which the always-valid bound is to be tightest."""


class Elimination(NamedTuple):
    """One comparison of one model with the best or with the champion."""

    model_id: str
    against: str
    contrast: float
    """Skill points; below 0 the model is worse."""
    z: float
    always_high: float
    """Upper bound of the contrast that holds at every look and for every comparison of the pool together."""
    battles: int
    """Battles of the model in the window."""
    eliminated: bool
    reason: str


def eliminations(ratings: Ratings, champion: str | None, spared: Collection[str], limits: Limits) -> list[Elimination]:
    """Each model against the best, which is the one surely good, and against the served champion where it fought.

    The champion and the `spared` (anchors, references) are compared but never eliminated, nor is a model with too few
    battles, one that no chain of battles joins with the other, or one that is not clearly worse.
    """
    others = list(dict.fromkeys([ratings.surely_good(limits.z), *([champion] if champion in ratings.models else [])]))
    kept = {*spared, *ratings.anchors}
    return [
        _compare(ratings, model, str(other), champion, kept, limits)
        for model in ratings.models
        for other in others
        if other != model
    ]


def _compare(
    ratings: Ratings, model: str, other: str, champion: str | None, kept: set[str], limits: Limits
) -> Elimination:
    contrast = ratings.against(model, other)
    fought = int(ratings.battles[ratings.models.index(model)])
    high = _always_high(contrast, ratings, limits)
    out, reason = False, ""
    if model == champion:
        reason = "the served champion is judged by A/B tests, not by its rating"
    elif model in kept:
        reason = "an anchor is never eliminated"
    elif fought < limits.battles:
        reason = f"{fought} battles, {limits.battles} are needed"
    elif contrast.se != contrast.se:
        reason = f"no chain of battles joins it with {other}"
    elif contrast.z > -limits.z:
        reason = f"not clearly worse than {other}: z {contrast.z:.1f}, limit {-limits.z:.1f}"
    elif high >= 0:
        reason = f"not clearly worse than {other}: always-valid upper bound {high:+.2f}"
    else:
        out = True
        reason = f"{-contrast.value:.2f} skill points below {other}, z {contrast.z:.1f}, upper bound {high:+.2f}"
    return Elimination(model, other, contrast.value, contrast.z, high, fought, out, reason)


def _always_high(contrast: Contrast, ratings: Ratings, limits: Limits) -> float:
    """Upper end of an always-valid bound; the best could be any model, so all pairs of the pool share the budget."""
    pairs = len(ratings.models) * (len(ratings.models) - 1)
    _, high = always_valid_bounds(
        contrast.value, contrast.se, ratings.users, limits.planned_users, limits.alpha / max(pairs, 1)
    )
    return high
