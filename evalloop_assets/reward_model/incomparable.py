"""What no pair compares, such as the language: the texts of whole sessions differ in it, and those of a pair do not.

A pair compares replies of one session or to one message, so none says what one language is worth beside another. What a
fit of a thousand coefficients says of it all the same is chance; summed over a trajectory, which is in one language, it
would outweigh what the replies differ in. So it is taken off: what one model writes in the languages that are found is
worth the same on average, and so it is with whatever else tells sessions apart and not the replies of a pair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.directions import scatter
from evalloop_assets.reward_model.features import text_columns
from evalloop_assets.reward_model.model import LINEAR

if TYPE_CHECKING:
    from evalloop_assets.reward_model.bradley_terry import Fitted
    from evalloop_assets.reward_model.directions import Labelled
    from evalloop_assets.reward_model.encoder import Matrix

MOST_DIRECTIONS = 8
"""Principal directions of the sessions' means that are looked at: enough to tell nine languages apart."""
NOT_COMPARED = 0.1
"""Mean square of the difference within pairs along a direction, beside that of two replies drawn at random, below which
the pairs do not compare it."""
MODEL_PENALTY = 0.02
"""Weight of a model's squared effect beside the mean squared error: hardly shrunk where models mix languages, and next
to nothing where each has its own."""
LEAST_SESSIONS = 50
"""Sessions below which too little is known of what they differ in."""


def incomparable(difference: Matrix, replies: Labelled) -> Matrix:
    """Float32 [k, f], orthonormal directions of the features; k is 0 where there is none.

    `difference` [n, f] is of the pairs. Those of two models count, so what only models differ in is compared. Only what
    is read off the texts themselves counts (`features.text_columns`), which no fit scales: a share or likeness is a
    single number, and a few pairs suffice for its coefficient, however far sessions differ in it.

    One half of the sessions shows the directions in which their means differ most, the other half how far replies
    differ along them: along a direction found in the same replies, of more features than replies, they always would.
    """
    width = replies.features.shape[1]
    sessions, numbers = np.unique(replies.sessions, return_inverse=True)
    if len(sessions) < LEAST_SESSIONS or not len(difference):
        return np.zeros((0, width), np.float32)
    shows = numbers % 2 == 0
    texts = text_columns(width)
    _, between = scatter(replies.where(shows), np.ones(width, np.float32))
    most = np.linalg.eigh(between[texts, texts])[1][:, : -MOST_DIRECTIONS - 1 : -1]
    axes = np.zeros((width, most.shape[1]), np.float32)
    axes[texts] = most
    said, told = (replies.features @ axes)[~shows], difference @ axes
    at_random = 2 * np.cov(said, rowvar=False, dtype=np.float64).reshape(len(axes.T), -1)
    compared = np.asarray(told.T @ told, np.float64) / len(told)
    lacking, mixtures = np.linalg.eigh(NOT_COMPARED * at_random - compared)
    return np.asarray((axes @ mixtures[:, lacking > 1e-9]).T, np.float32)


def without_incomparable(fitted: Fitted, difference: Matrix, replies: Labelled) -> tuple[Fitted, int]:
    """The fit, less what its text columns say along the directions that its pairs do not compare, and their number.

    That is the regression of what they say of sessions, with the models as random effects: pairs compare models, so a
    model's lead is not the language's that it mostly speaks; where each speaks one alone, nothing tells the two apart.
    """
    directions = incomparable(difference, replies)
    linear = fitted.weights[LINEAR]
    if len(directions):
        texts = text_columns(replies.features.shape[1])
        models = replies.models[:, None] == np.unique(replies.models)
        along, said = replies.features @ directions.T, replies.features[:, texts] @ linear[texts]
        means = _of_sessions(np.concatenate([along, models, said], axis=1), replies.sessions)
        design, value = np.split(means, [along.shape[1] + models.shape[1]], axis=1)
        penalty = np.repeat([0.0, len(means) * MODEL_PENALTY], [along.shape[1], models.shape[1]])
        slopes = np.linalg.solve(design.T @ design + np.diag(penalty), design.T @ value)[: len(directions)]
        linear = np.asarray(linear - directions.T @ slopes, np.float32)
    return fitted._replace(weights={**fitted.weights, LINEAR: linear}), len(directions)


def _of_sessions(values: Matrix, sessions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Means of the columns over each session, less their mean."""
    _, numbers, sizes = np.unique(sessions, return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(numbers, column) for column in values.T], axis=1) / sizes[:, None]
    return np.asarray(means - means.mean(axis=0), np.float64)
