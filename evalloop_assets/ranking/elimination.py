"""Which models are clearly worse and leave the pool. A filter, never the final truth (design, section 6)."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from evalloop_assets.ranking.contrasts import Ratings


class Elimination(NamedTuple):
    """One comparison of one model with the best or with the champion."""

    model_id: str
    against: str
    contrast: float
    """Skill points; below 0 the model is worse."""
    z: float
    battles: int
    """Battles of the model in the window."""
    eliminated: bool
    reason: str


def eliminations(
    ratings: Ratings, champion: str | None, spared: Collection[str], z_limit: float, minimum_battles: int
) -> list[Elimination]:
    """Each model against the best, and against the served champion where it fought.

    The champion and the `spared` (anchors, references) are compared but never eliminated, nor is a model with fewer
    than `minimum_battles`, nor one whose deficit is below `z_limit` standard errors.
    """
    others = list(dict.fromkeys([ratings.best, *([champion] if champion in ratings.models else [])]))
    kept = {*spared, *ratings.anchors}
    return [
        _compare(ratings, model, str(other), champion, kept, z_limit, minimum_battles)
        for model in ratings.models
        for other in others
        if other != model
    ]


def _compare(
    ratings: Ratings, model: str, other: str, champion: str | None, kept: set[str], z_limit: float, minimum: int
) -> Elimination:
    contrast = ratings.against(model, other)
    fought = int(ratings.battles[ratings.models.index(model)])
    if model == champion:
        out, reason = False, "the served champion is judged by A/B tests, not by its rating"
    elif model in kept:
        out, reason = False, "an anchor is never eliminated"
    elif fought < minimum:
        out, reason = False, f"{fought} battles, {minimum} are needed"
    elif contrast.z > -z_limit:
        out, reason = False, f"not clearly worse than {other}: z {contrast.z:.1f}, limit {-z_limit:.1f}"
    else:
        out, reason = (
            True,
            f"{-contrast.value:.2f} skill points below {other}, z {contrast.z:.1f}, limit {-z_limit:.1f}",
        )
    return Elimination(model, other, contrast.value, contrast.z, fought, out, reason)
