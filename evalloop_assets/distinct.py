"""The distinct values of an array."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value", bound=np.generic)


def distinct(values: NDArray[Value]) -> NDArray[Value]:
    """Ascending, as numpy's `unique` gives them; that hashes what this sorts, which takes many times as long."""
    found: NDArray[Value] = np.unique(values, return_counts=True)[0]
    return found
