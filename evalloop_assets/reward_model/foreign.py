"""Texts unlike any that the model was trained on: far from the subspace in which its replies lie.

The spread of an ensemble does not tell them; distance does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.encoder import Matrix
from evalloop_assets.reward_model.features import text_columns

AXES = 64
QUANTILE = 0.99
"""Share of replies like those of the training that pass."""

SMALLEST = 1e-6
"""Least unit of distance: of replies that are all the same, any other is far."""

Floats = NDArray[np.float64]


class Familiar(NamedTuple):
    """Where replies of the training lie."""

    centre: Matrix
    """[t] of the t features that are read off the reply's text alone."""
    axes: Matrix
    """[t, k] principal axes, orthonormal."""
    farthest: float
    """Distance that QUANTILE of such replies keep within."""


def familiar(features: Matrix) -> Familiar:
    """From features [n, f] of replies: every other one gives centre and axes, the rest the distance."""
    texts = features[:, text_columns(features.shape[1])]
    seen, others = texts[::2], texts[1::2]
    centre = seen.mean(axis=0)
    _, axes = np.linalg.eigh((seen - centre).T @ (seen - centre))
    axes = np.ascontiguousarray(axes[:, ::-1][:, :AXES])
    far = _distances(others if len(others) else seen, centre, axes)
    return Familiar(centre, axes, float(np.quantile(far, QUANTILE)))


def distances(features: Matrix, known: Familiar) -> Floats:
    """Distance [n] of replies with features [n, f] from where those of the training lie, in units of `farthest`.

    Above 1 a reply is foreign.
    """
    texts = features[:, text_columns(features.shape[1])]
    return _distances(texts, known.centre, known.axes) / max(known.farthest, SMALLEST)


def _distances(texts: Matrix, centre: Matrix, axes: Matrix) -> Floats:
    moved = texts - centre
    return np.asarray(np.linalg.norm(moved - (moved @ axes) @ axes.T, axis=1), np.float64)
