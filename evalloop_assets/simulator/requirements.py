"""Values that cannot be are refused where they are given, and named.

A bool is no number, nor are NaN and the infinities; numpy's integers and floats are. `name` says whose value it is and
which field holds it, such as "model steady: instant".
"""

from __future__ import annotations

from math import inf
from numbers import Integral, Real
from typing import Any

import numpy as np

from evalloop_assets.lake.errors import UserError

ONE_THAT_IS = "Give one that is."


def require_share(name: str, value: Any) -> None:
    """UserError unless the value is a number from 0 to 1."""
    if not _is_number(value) or not 0 <= value <= 1:
        raise UserError(name, f"{_shown(value)} is no share", "Give a number from 0 to 1.")


def require_number(name: str, value: Any, least: float | None = None, most: float | None = None) -> None:
    """UserError unless the value is a finite number within the bounds."""
    if not _is_number(value) or not _within(value, least, most):
        kind = "finite number" if least is most is None else "number"
        raise UserError(name, f"{_shown(value)} is no {kind}{_bounds(least, most)}", ONE_THAT_IS)


def require_count(name: str, value: Any, least: int = 0, most: int | None = None) -> None:
    """UserError unless the value is a whole number within the bounds; 1.0 is none."""
    if not _is_number(value) or not isinstance(value, Integral) or not _within(value, least, most):
        raise UserError(name, f"{_shown(value)} is no whole number{_bounds(least, most)}", ONE_THAT_IS)


def require_id(name: str, value: Any) -> None:
    """UserError unless the value is a text that names something."""
    if not isinstance(value, str) or not value.strip():
        raise UserError(name, f"{_shown(value)} is no id", "Give a name.")


def _is_number(value: Any) -> bool:
    real = isinstance(value, Real) and not isinstance(value, bool)
    return real and bool(-inf < value < inf)


def _within(value: Any, least: float | None, most: float | None) -> bool:
    return (least is None or bool(value >= least)) and (most is None or bool(value <= most))


def _bounds(least: float | None, most: float | None) -> str:
    if least is None:
        return "" if most is None else f" of at most {most}"
    return f" of at least {least}" if most is None else f" from {least} to {most}"


def _shown(value: Any) -> str:
    return repr(value.item() if isinstance(value, np.generic) else value)
