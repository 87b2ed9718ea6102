"""Places of intervals and points in their boxes, in percent, and figures in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Row = Mapping[str, Any]
BOUNDS = ("value", "low", "high")


class Scale(NamedTuple):
    """From values to percent of the width."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Percent from the left, with a margin of three on both sides."""
        return round(3 + 94 * (value - self.low) / (self.high - self.low), 2)


def scale(values: Iterable[float | None]) -> Scale:
    """Holds all known values; of one value, or none, a scale around it."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if low == high:
        reach = abs(low) or 1.0
        return Scale(low - reach, high + reach)
    return Scale(low, high)


def scales(rows: Sequence[Row], zero: bool) -> dict[str, Scale]:
    """The scale that the lines of one box and one form share."""
    return {
        form: scale([*(row[key] for row in rows if row["form"] == form for key in BOUNDS), *([0.0] if zero else [])])
        for form in {row["form"] for row in rows}
    }


def axis(rows: Sequence[Row], name: str) -> Scale:
    """The scale of one axis of a scatter."""
    return scale(row[key] for row in rows for key in (name, f"{name}_low", f"{name}_high"))


def figure(value: float | None, form: str) -> str:
    """A value in words: a share or points (a difference of shares) in percent, a number in three digits."""
    if value is None or not math.isfinite(value):
        return "not known"
    if form == "share":
        return f"{100 * value:.1f}%"
    if form == "points":
        return f"{100 * value:+.1f} points"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def interval(row: Row) -> str:
    """A line's value with its bounds, where it has them."""
    told = figure(row["value"], row["form"])
    if row["value"] is None or row["low"] is None or row["high"] is None:
        return told
    low, high = (figure(row[key], row["form"]).removesuffix(" points").removesuffix("%") for key in ("low", "high"))
    return f"{told} [{low}, {high}]"


TONES = {
    "good": ("PASS", "trusted", "promote", "sound", "gate: pass", "screen: pass", "start", "ramp"),
    "bad": ("ROLLBACK", "rollback", "demoted", "reversed", "eliminated", "gate: fail", "biased", "worse", "reopened"),
}


def tone(status: str) -> str:
    """How a status is coloured beside its word: good, bad or open."""
    return next((name for name, told in TONES.items() if status in told), "open")
