"""What a part of the page shows: one SELECT over tables of the lake, and how its rows are read."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["figures", "statements", "scatter"]
COLUMNS: dict[Kind, tuple[str, ...]] = {
    "figures": ("box", "name", "value", "low", "high", "n", "form", "note"),
    "statements": ("status", "subject", "words"),
    "scatter": ("box", "name", "x", "x_low", "x_high", "y", "y_low", "y_high"),
}
"""What the SELECT of a block gives.

figures: in each box lines with a value in an interval that `n` observations carry; `form` is share, points (a
difference of shares) or number. statements: what holds of a subject, in words. scatter: a panel a box, a point a line.
"""


class Block(NamedTuple):
    """One block."""

    key: str
    """Names it in links and tests."""
    title: str
    about: str
    """How its figures are to be read."""
    kind: Kind
    query: str | None
    """Over tables of the period, the rows in the order in which they are shown; None: the rows are given."""
    empty: str
    """What is said where there are no rows: what is missing, and how it would come."""
    zero: bool = False
    """Nought is marked in the intervals: they are differences."""


class Part(NamedTuple):
    """One part of the page: a layer of the pyramid, or what is said across them."""

    key: str
    title: str
    about: str
    blocks: tuple[Block, ...]
