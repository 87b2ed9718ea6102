"""Means of slices with users as the unit of variance.

With n units and total s of user i, N the units and m = S/N the mean of a cell (a model in a slice), the user moves the
mean by (s − m·n)/N; its variance is the sum of the squares. A user in two cells moves their difference by the
difference of both influences, so whoever got both models, or is in both slices, is no two people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.evaluation.launch.figures import Z_95, Figure, skewed_reach, unknown

Floats = NDArray[np.float64]
Numbers = NDArray[np.intp]
LEAST_FREEDOM = 3.0


class UserCells(NamedTuple):
    """A row for each user and cell with units. Arrays of one length."""

    user: Numbers
    """Number of the user, from 0."""
    cell: Numbers
    """Number of the cell, from 0."""
    units: Floats
    total: Floats


@dataclass(frozen=True)
class CellMeans:
    """One value a cell; NaN where it has no units."""

    rows: UserCells
    units: Floats
    users: NDArray[np.int64]
    mean: Floats
    se: Floats
    """NaN with a single user."""
    freedom: Floats
    """Degrees of freedom of the standard error: fewer than users less one where it rests on a few of them."""
    skew: Floats
    """Third standardised moment of the mean, in [-1, 1]."""
    influence: Floats
    """Of each row on the mean of its cell."""

    def moved(self, cell: int, people: int) -> Floats:
        """By how much each of so many people moves the mean of a cell."""
        here = self.rows.cell == cell
        return np.bincount(self.rows.user[here], self.influence[here], people).astype(np.float64)


def cell_means(rows: UserCells, cells: int) -> CellMeans:
    """Means of so many cells; each user has one row a cell at most."""
    units, totals = (np.bincount(rows.cell, values, cells) for values in (rows.units, rows.total))
    users = np.bincount(rows.cell, minlength=cells)
    mean = np.divide(totals, units, out=np.full(cells, np.nan), where=units > 0)
    influence = (rows.total - mean[rows.cell] * rows.units) / units[rows.cell]
    told = (rows.cell, influence, users)
    errors, freedom, skew = _errors(*told), _freedom(*told), _skew(*told)
    return CellMeans(rows, units.astype(np.float64), users, mean, errors, freedom, skew, influence)


def less_the_rest(rows: UserCells, cells: int) -> tuple[Floats, Floats]:
    """Of each cell its mean less that of all other cells together, and the standard error."""
    value, error = (np.full(cells, np.nan) for _ in range(2))
    people = int(rows.user.max()) + 1 if len(rows.user) else 0
    for cell in range(cells):
        inside = (rows.cell == cell).astype(np.intp)
        sides = np.stack(
            [np.bincount(rows.user[inside == side], rows.units[inside == side], people) for side in (0, 1)]
        )
        sums = np.stack([np.bincount(rows.user[inside == side], rows.total[inside == side], people) for side in (0, 1)])
        whole = sides.sum(axis=1)
        if (whole == 0).any():
            continue
        means = sums.sum(axis=1) / whole
        moved = (sums - means[:, None] * sides) / whole[:, None]
        value[cell] = means[1] - means[0]
        error[cell] = _root(moved[1] - moved[0])
    return value, error


def interval(
    mean: float, se: float, units: float, users: int, is_share: bool, freedom: float | None = None, skew: float = 0.0
) -> Figure:
    """A mean with its 95% interval, Student's, bent by its `skew`; that of a share is Wilson's on the effective number
    of units.

    The effective number is units over the design effect, which is at least 1; where all units agree the design effect
    cannot be seen, and the users take their place (Kish, 1965, section 8.2). By how much the design effect is above 1
    is known with `freedom` degrees of freedom, with those of the users where it is not told.
    """
    from scipy.special import stdtrit

    if users < 2:
        return unknown(f"not enough data: {users} users", users)
    reach = float(stdtrit(users - 1, 0.975))
    if not is_share:
        below, above = skewed_reach(reach, skew)
        return Figure(mean, mean - below * se, mean + above * se, users)
    simple = mean * (1 - mean) / units
    effective = float(users)
    if simple > 0:
        wider = 1.0 if freedom is None else (float(stdtrit(freedom, 0.975)) / reach) ** 2
        effective = units / (1 + wider * max(0.0, se**2 / simple - 1))
    spread = reach**2 / effective
    middle = (mean + spread / 2) / (1 + spread)
    half = reach * np.sqrt(mean * (1 - mean) / effective + spread / (4 * effective)) / (1 + spread)
    return Figure(mean, min(mean, max(0.0, float(middle - half))), max(mean, min(1.0, float(middle + half))), users)


def error_of(figure: Figure) -> float:
    """The standard error that the width of an interval amounts to; above 0 for every share."""
    return (figure.high - figure.low) / (2 * Z_95)


def covariance(moved: Floats) -> Floats:
    """Of estimates from what each user moves them, (users, estimates)."""
    people = max(2, int(np.count_nonzero(np.any(moved != 0, axis=1))))
    found: Floats = moved.T @ moved * people / (people - 1)
    return found


def _errors(cell: Numbers, influence: Floats, users: NDArray[np.int64]) -> Floats:
    squares = np.bincount(cell, influence**2, len(users))
    more = np.divide(users, users - 1, out=np.full(len(users), np.nan), where=users > 1)
    found: Floats = np.sqrt(squares * more)
    return found


def _freedom(cell: Numbers, influence: Floats, users: NDArray[np.int64]) -> Floats:
    """By Satterthwaite's rule from the users' influences: what a few users bring about (a complaint in a hundred
    replies, most of them by the same people) is known as well as from so few users, not as from all of them. At least
    LEAST_FREEDOM, or those of the users: from fewer nobody can tell.
    """
    second, fourth = (np.bincount(cell, influence**power, len(users)) for power in (2, 4))
    most = np.maximum(1.0, users - 1.0)
    few = np.divide(second**2, fourth, out=most + 1, where=fourth > 0)
    found: Floats = np.clip(few - 1, np.minimum(LEAST_FREEDOM, most), most)
    return found


def _skew(cell: Numbers, influence: Floats, users: NDArray[np.int64]) -> Floats:
    second, third = (np.bincount(cell, influence**power, len(users)) for power in (2, 3))
    found: Floats = np.divide(third, second**1.5, out=np.zeros(len(users)), where=second > 0)
    return found


def _root(moved: Floats) -> float:
    return float(np.sqrt(covariance(moved[:, None])[0, 0]))
