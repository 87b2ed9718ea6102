"""Relative comparison: a filter that removes what is clearly worse, cheaply, and hands the rest to the A/B test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def rate(
    battles: pd.DataFrame,
    anchors: Mapping[str, float] | pd.Series | None = None,
    covariates: Sequence[str] = (),
    anchor_z: float = 4.0,
) -> pd.DataFrame:
    """Batch ratings with user-clustered bounds, the best model first (design, section 6).

    `battles` holds one choice a row: model_a, model_b, outcome (a, b, tie, both_bad), and user_id where it is known
    (each row without it is a user of its own, and bounds are too narrow where people have tastes). Ids are compared as
    text. A model against itself says nothing. `covariates` name columns of numbers that may decide beside skill, as the
    advantage of side a (say the logarithm of its length over that of side b); ratings are those of equal sides then.
    `anchors` are ratings that do not move: three at least, each released where it is `anchor_z` standard errors off by
    what the others say.

    Back: model_id, mu (skill points: a lead of 25/6·sqrt(2) wins 84%), sigma (as if every battle were a user's only
    one), low and high (95%, of the contrast against the mean of the anchors, else against the mean of the models that
    battles join with it), rank, tier (models that cannot be told from its first), battles.
    Models that no chain of battles joins with the most come last, in tiers of their own. Releasing an anchor moves the
    level: `attrs["level"]` says in words what low and high are relative to, `attrs["released_anchors"]` holds each
    released anchor with the z by which it is off.

    Raises UserError for what is no such frame.
    """
    from evalloop_assets.ranking.frame import rate as rate_frame

    return rate_frame(battles, anchors, covariates, anchor_z)
