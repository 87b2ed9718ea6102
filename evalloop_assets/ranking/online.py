"""The online pass of TrueSkill in compiled code: battles in order of decision, anchors as constants.

The update is the closed form for two players without partial play; the tests hold it to the `trueskill` package with
the scipy backend. tau is 0: within one window a model does not change, and the package's default would stall sigma at
0.77. A choice that ranks more than two models is rated by the package itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.ranking.batch import Cells, cells
from evalloop_assets.ranking.battles import DRAW, WIN_B, Battles
from evalloop_assets.ranking.choices import rankings
from evalloop_assets.ranking.likelihood import MU, SIGMA, Scale

Floats = NDArray[np.float64]


class State:
    """mu and variance of every model after the battles so far; a pass goes on from it."""

    def __init__(self, models: Sequence[str], scale: Scale, anchors: Mapping[str, float]) -> None:
        self.models, self.scale = tuple(models), scale
        self.mu = np.array([anchors.get(name, MU) for name in models], dtype=np.float64)
        self.variance = np.array([0.0 if name in anchors else SIGMA**2 for name in models], dtype=np.float64)
        self._twice, self._margin = 2 * scale.beta**2, scale.margin

    @property
    def sigma(self) -> Floats:
        return np.sqrt(self.variance)

    def take(self, kinds: Cells, order: NDArray[Any]) -> None:
        """Choices between two models in order, each by its cell."""
        from evalloop_assets.ranking.fold import fold

        sides = (kinds.a, kinds.b, kinds.outcome, WIN_B, DRAW)
        fold(self.mu, self.variance, *sides, order, self._twice, self._margin)

    def take_choice(self, members: Sequence[int], ranks: Sequence[int]) -> None:
        """One choice among several models by the `trueskill` package; a lower rank is better, equal ones are drawn."""
        env = self.scale.env
        groups = [(env.create_rating(self.mu[one], max(sqrt(self.variance[one]), 1e-12)),) for one in members]
        for one, (rated,) in zip(members, env.rate(groups, ranks=list(ranks)), strict=True):
            if self.variance[one] > 0:
                self.mu[one], self.variance[one] = rated.mu, rated.sigma**2


def online_pass(fought: Battles, scale: Scale, anchors: Mapping[str, float]) -> State:
    """The state after the last battle."""
    (state,) = _states(fought, scale, anchors, [len(fought.a)])
    return state


def passes(
    fought: Battles, scale: Scale, anchors: Mapping[str, float], ends: Sequence[int]
) -> Iterator[tuple[Floats, Floats]]:
    """mu and sigma after each number of battles; `ends` ascends."""
    for state in _states(fought, scale, anchors, ends):
        yield state.mu.copy(), state.sigma


def _states(fought: Battles, scale: Scale, anchors: Mapping[str, float], ends: Sequence[int]) -> Iterator[State]:
    """One state, each time that so many battles are in it. A choice that ranks its models counts with its last row."""
    state, kinds, begun = State(fought.models, scale, anchors), cells(fought), 0
    ranked = deque(rankings(fought))
    pair = np.ones(len(fought.a), dtype=bool)
    for choice in ranked:
        pair[choice.rows] = False
    for end in ends:
        while ranked and ranked[0].rows[-1] < end:
            choice = ranked.popleft()
            last = int(choice.rows[-1])
            state.take(kinds, kinds.place[begun:last][pair[begun:last]])
            state.take_choice(choice.members, choice.ranks)
            begun = last
        state.take(kinds, kinds.place[begun:end][pair[begun:end]])
        begun = end
        yield state
