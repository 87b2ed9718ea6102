"""Battles as arrays, the form that the rating reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

    Column: TypeAlias = Iterable[str | None] | pa.ChunkedArray

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
    covariates: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """What else may decide, as an advantage of side a: the same unit in every battle, 0 for none."""
    choice: NDArray[np.int64] | None = None
    """Number of the choice among more than two that the battle is a row of, -1 for none; None where there are none."""

    @property
    def per_model(self) -> NDArray[np.int64]:
        """Battles that each model fought."""
        return np.bincount(np.concatenate([self.a, self.b]), minlength=len(self.models))

    @property
    def draw_share(self) -> float:
        return float(np.mean(self.outcome == DRAW)) if len(self.outcome) else 0.0


def battles(
    model_a: Column,
    model_b: Column,
    outcome: Column,
    user_id: Column | None = None,
    covariates: Mapping[str, NDArray[np.float64]] | None = None,
    choice_id: Column | None = None,
) -> Battles:
    """Battles from columns in order of decision; each battle without a user id is a user of its own. `choice_id`
    joins a user's rows of one choice among more than two, and is None in the others.

    Raises KeyError on an outcome that is none of a, b, tie, both_bad.
    """
    import pyarrow as pa

    sides = pa.chunked_array([*_text(model_a).chunks, *_text(model_b).chunks], pa.string())
    models, side = _coded(sides)
    count = len(side) // 2
    a, b = side[:count], side[count:]
    fought = a != b
    names, coded = _coded(_text(outcome))
    kind = np.array([OUTCOMES[name] for name in names], dtype=np.int64)[coded]
    user = np.arange(count) if user_id is None else _numbers(_text(user_id))
    met = np.flatnonzero(np.bincount(side[np.tile(fought, 2)]))
    number = np.zeros(max(len(models), 1), dtype=np.int64)
    number[met] = np.arange(len(met))
    chose = np.flatnonzero(np.bincount(user[fought]))
    place = np.zeros(max(count, 1), dtype=np.int64)
    place[chose] = np.arange(len(chose))
    return Battles(
        models=tuple(models[one] for one in met),
        a=number[a[fought]],
        b=number[b[fought]],
        outcome=kind[fought],
        user=place[user[fought]],
        users=len(chose),
        covariates={name: np.asarray(values)[fought] for name, values in (covariates or {}).items()},
        choice=None if choice_id is None else _choices(_text(choice_id), user, fought),
    )


def _choices(ids: pa.ChunkedArray, user: NDArray[np.int64], fought: NDArray[np.bool_]) -> NDArray[np.int64] | None:
    """Number of each battle's choice, -1 for none; None where no battle has one."""
    joined = ~ids.is_null().to_numpy() & fought
    if not joined.any():
        return None
    names, place = _coded(ids.fill_null(""))
    number = np.full(len(user), -1, dtype=np.int64)
    number[joined] = np.unique(user[joined] * len(names) + place[joined], return_inverse=True)[1]
    return number[fought]


def _text(values: Column) -> pa.ChunkedArray:
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        return values.cast(pa.string())
    return pa.chunked_array([pa.array(list(values), pa.string())])


def _numbers(values: pa.ChunkedArray) -> NDArray[np.int64]:
    """One number for each different text, in order of appearance, then one for each value that is missing."""
    encoded = values.combine_chunks().dictionary_encode()
    numbers: NDArray[np.int64] = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
    missing = numbers < 0
    numbers[missing] = len(encoded.dictionary) + np.arange(missing.sum())
    return numbers


def _coded(values: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64]]:
    """The different texts in order, and the number of each value."""
    encoded = values.combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    number = np.empty(max(len(names), 1), dtype=np.int64)
    number[order] = np.arange(len(names))
    return [names[one] for one in order], number[encoded.indices.to_numpy(zero_copy_only=False)]
