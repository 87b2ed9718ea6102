"""Anchors are constants of the fit, and held against each other: one that drifts is released and fitted as the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from evalloop_assets.ranking.batch import fit
from evalloop_assets.ranking.battles import Battles

LEAST_ANCHORS = 3


class Drift(NamedTuple):
    """One anchor, fitted with the other anchors as constants, against its given value."""

    model_id: str
    value: float
    """Skill points by which it is off; above 0 it is better than its value."""
    z: float


def drifts(fought: Battles, anchors: Mapping[str, float]) -> list[Drift]:
    """How far each anchor is off by what the others say; user-clustered."""
    found = []
    for name, given in anchors.items():
        others = {other: value for other, value in anchors.items() if other != name}
        rated = fit(fought, others)
        weights = np.zeros(len(fought.models))
        weights[fought.models.index(name)] = 1
        value = float(rated.mu[fought.models.index(name)]) - given
        found.append(Drift(name, value, value / float(np.sqrt(rated.covariance.variance(weights)))))
    return found


def held(fought: Battles, anchors: Mapping[str, float], z_limit: float) -> tuple[dict[str, float], list[Drift]]:
    """The anchors that agree with each other, and those that were released, the worst first.

    An anchor that did not fight says nothing and is left out. With fewer than three nothing can be told apart: the rest
    is kept, and the caller rates without constants.
    """
    kept = {name: value for name, value in anchors.items() if name in fought.models}
    released = list[Drift]()
    while len(kept) >= LEAST_ANCHORS:
        worst = max(drifts(fought, kept), key=lambda drift: abs(drift.z))
        if abs(worst.z) <= z_limit:
            break
        released.append(worst)
        del kept[worst.model_id]
    return kept, released
