"""Battles as arrays, the form that the rating reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIN_A, WIN_B, DRAW = 0, 1, 2
OUTCOMES = {"a": WIN_A, "b": WIN_B, "tie": DRAW, "both_bad": DRAW}
"""Neither being better is a draw, whether both please or neither does."""


@dataclass(frozen=True)
class Battles:
    """Choices between two models in order of decision; a model against itself is left out."""

    models: tuple[str, ...]
    """Names, in order."""
    a: NDArray[np.int64]
    """Index of side a in `models`, one per battle."""
    b: NDArray[np.int64]
    outcome: NDArray[np.int64]
    """WIN_A, WIN_B or DRAW."""
    user: NDArray[np.int64]
    """Number of the user who chose, 0 … users - 1."""
    users: int

    @property
    def per_model(self) -> NDArray[np.int64]:
        """Battles that each model fought."""
        return np.bincount(np.concatenate([self.a, self.b]), minlength=len(self.models))

    @property
    def draw_share(self) -> float:
        return float(np.mean(self.outcome == DRAW)) if len(self.outcome) else 0.0


def battles(
    model_a: Iterable[str], model_b: Iterable[str], outcome: Iterable[str], user_id: Iterable[str] | None = None
) -> Battles:
    """Battles from columns in order of decision; without user ids each battle is a user of its own.

    Raises KeyError on an outcome that is none of a, b, tie, both_bad.
    """
    sides_a, sides_b = _strings(model_a), _strings(model_b)
    coded = np.array([OUTCOMES[one] for one in outcome], dtype=np.int64)
    users = np.arange(len(coded)).astype(str) if user_id is None else _strings(user_id)
    fought = sides_a != sides_b
    models, index = np.unique(np.concatenate([sides_a[fought], sides_b[fought]]), return_inverse=True)
    count = int(fought.sum())
    known, user = np.unique(users[fought], return_inverse=True)
    return Battles(
        models=tuple(str(name) for name in models),
        a=index[:count].astype(np.int64),
        b=index[count:].astype(np.int64),
        outcome=coded[fought],
        user=user.astype(np.int64),
        users=len(known),
    )


def _strings(values: Iterable[str]) -> NDArray[Any]:
    return np.array(list(values), dtype=object).astype(str)
