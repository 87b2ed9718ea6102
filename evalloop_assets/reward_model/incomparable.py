"""Directions of features that no pair compares, such as the language: those that whole sessions differ in.

A pair compares replies of one session or to one message, so none says what one language is worth beside another. What a
fit of a thousand coefficients says of it all the same is chance; summed over a trajectory, which is in one language, it
would outweigh what the replies differ in. The reward goes along none of these directions: the languages of a product
are worth the same on average, and so is whatever else no pair can compare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evalloop_assets.reward_model.directions import scatter

if TYPE_CHECKING:
    from evalloop_assets.reward_model.directions import Labelled
    from evalloop_assets.reward_model.encoder import Matrix

MOST_DIRECTIONS = 8
"""Principal directions that are looked at: enough to tell nine languages apart."""
NOT_COMPARED = 0.1
"""Mean square of the difference along a direction within pairs, beside that of two replies drawn at random, below which
the pairs do not compare it."""


def incomparable(difference: Matrix, replies: Labelled, scale: Matrix) -> Matrix:
    """Float32 [k, f], orthonormal, of the features times `scale` [f]; k is 0 where there is none.

    One half of the sessions shows the directions in which their means differ most, the other half how far replies
    differ along them: along a direction found in the same replies, of more features than replies, they always would.
    `difference` [n, f] is of the pairs. Those of two models count, so what only models differ in is compared.
    """
    shows = replies.sessions % 2 == 0
    shown, others = replies.where(shows), replies.where(~shows)
    if not len(others.labels) or not len(difference):
        return np.zeros((0, len(scale)), np.float32)
    _, between = scatter(shown, scale)
    most = np.linalg.eigh(between)[1][:, : -MOST_DIRECTIONS - 1 : -1]
    scaled = scale[:, None] * most
    compared = np.square(difference @ scaled).mean(axis=0)
    at_random = 2 * (others.features @ scaled).var(axis=0)
    return np.asarray(most.T[compared < NOT_COMPARED * at_random], np.float32)


def without(linear: Matrix, directions: Matrix) -> Matrix:
    """Coefficients [f, heads] of the scaled features, less their part along the orthonormal directions [k, f]."""
    return np.asarray(linear - directions.T @ (directions @ linear), np.float32)
