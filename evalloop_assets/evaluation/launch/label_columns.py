"""Labels of any kind as numbers, and what cannot be read as labels refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.lake.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

CARD = "report card"
MOST_LABELS = 2_000


class CardError(UserError, ValueError):
    """What was given is no pair of label columns, or tells nothing of their rows; a ValueError, as of scikit-learn."""


class Labelled(NamedTuple):
    """Rows with both labels."""

    labels: tuple[Any, ...]
    """In order where they have one, else as text."""
    true: NDArray[np.intp]
    """Number of the label, from 0."""
    predicted: NDArray[np.intp]


def labelled(y_true: Iterable[object], y_pred: Iterable[object]) -> Labelled:
    """Both columns with one numbering. CardError where they are no two columns of labels for the same rows."""
    import pandas as pd

    in_one_order(y_true, y_pred, "y_pred")
    true, predicted = (column(values, name) for values, name in ((y_true, "y_true"), (y_pred, "y_pred")))
    if len(true) != len(predicted):
        raise CardError(
            CARD, f"y_true has {len(true)} rows and y_pred {len(predicted)}", "Give one prediction for each row."
        )
    if not len(true):
        raise CardError(CARD, "there is no row", "Give at least one true label with its prediction.")
    codes, labels = _factorised(pd.concat([true, predicted], ignore_index=True))
    for half, name, mend in (
        (codes[: len(true)], "y_true", "Leave these rows out: nothing can be right or wrong on them."),
        (
            codes[len(true) :],
            "y_pred",
            "Leave these rows out, or give them a label of their own, which counts as wrong.",
        ),
    ):
        if missing := int((half < 0).sum()):
            raise CardError(CARD, f"{name} is missing in {missing} of {len(half)} rows", mend)
    if len(labels) > MOST_LABELS:
        raise CardError(CARD, f"there are {len(labels):,} different labels", "Give classes, not ids or texts.")
    _of_one_kind(labels, codes[: len(true)], codes[len(true) :])
    order = _order(labels)
    place = np.empty(len(labels), np.intp)
    place[order] = np.arange(len(labels))
    ranked = place[codes]
    return Labelled(tuple(labels[number] for number in order), ranked[: len(true)], ranked[len(true) :])


def slice_columns(
    slices: Iterable[object] | Mapping[str, Iterable[object]] | None, rows: int
) -> dict[str, tuple[NDArray[np.intp], tuple[Any, ...]]]:
    """Of each column of slices the number of each row's value, -1 where it has none, and the values."""
    if slices is None:
        return {}
    if not isinstance(slices, Mapping) and hasattr(slices, "columns") and hasattr(slices, "__getitem__"):
        slices = {str(name): slices[name] for name in slices.columns}
    columns = slices if isinstance(slices, Mapping) else {"slice": slices}
    found = {}
    for name, values in columns.items():
        told = column(values, f"slices {name}")
        if len(told) != rows:
            raise CardError(CARD, f"slices {name} has {len(told)} rows and y_true {rows}", "Give a value for each row.")
        codes, labels = _factorised(told)
        order = _order(labels)
        place = np.full(len(labels) + 1, -1, np.intp)
        place[order] = np.arange(len(labels))
        found[str(name)] = (place[codes], tuple(labels[number] for number in order))
    return found


def column(values: Iterable[object], name: str) -> pd.Series[Any]:
    """One column of hashable values, without its index. CardError for anything else."""
    import pandas as pd

    mend = "Give a list, an array or a Series with one value for each row."
    if isinstance(values, str | bytes | Mapping | Set) or not isinstance(values, Iterable):
        raise CardError(CARD, f"{name} is {type(values).__name__}, no column of values", mend)
    if getattr(values, "ndim", 1) != 1:
        shape = " × ".join(str(size) for size in getattr(values, "shape", ()))
        raise CardError(CARD, f"{name} has {values.ndim} dimensions ({shape})", mend)  # type: ignore[attr-defined]
    if isinstance(values, pd.Series):
        return values.reset_index(drop=True).astype(object)
    for plain in ("to_pylist", "tolist"):  # Arrow, Torch: their elements are no plain values
        if hasattr(values, plain):
            return pd.Series(getattr(values, plain)(), dtype=object)
    return pd.Series(list(values), dtype=object)


def _factorised(values: pd.Series[Any]) -> tuple[NDArray[np.intp], list[Any]]:
    import pandas as pd

    try:
        codes, labels = pd.factorize(values)
    except TypeError as error:
        raise CardError(
            CARD, f"a label cannot be compared ({error})", "Give labels such as texts or numbers."
        ) from error
    return codes, list(labels)


def in_one_order(y_true: object, other: object, name: str) -> None:
    """CardError where both are of pandas and name the same rows in another order: they are compared by position."""
    import pandas as pd

    kinds = (pd.Series, pd.DataFrame)
    if not (isinstance(y_true, kinds) and isinstance(other, kinds)):
        return
    first, second = y_true.index, other.index
    if len(first) == len(second) and not first.equals(second) and Counter(first) == Counter(second):
        raise CardError(
            CARD,
            f"the indexes of y_true and {name} name the same rows in another order",
            f"Sort one by the other ({name}.reindex(y_true.index)), or drop the indexes.",
        )


def _of_one_kind(labels: list[Any], true: NDArray[np.intp], predicted: NDArray[np.intp]) -> None:
    sides = [set(np.unique(side).tolist()) for side in (true, predicted)]
    ours, theirs = ([labels[number] for number in side] for side in sides)
    if any(_is_fraction(one) for one in theirs) and not any(_is_fraction(one) for one in ours):
        raise CardError(
            CARD, "y_pred holds fractions, y_true does not", "Cut scores at a threshold first: they are no labels."
        )
    kinds = [{_kind(one) for one in side} for side in (ours, theirs)]
    if not sides[0] & sides[1] and not kinds[0] & kinds[1]:
        told = [" and ".join(sorted(kind)) for kind in kinds]
        raise CardError(
            CARD,
            f"y_true holds {told[0]} and y_pred {told[1]}, and no label is in both",
            "Give both in one kind: '1' and 1 are two labels.",
        )


def _is_fraction(label: object) -> bool:
    return isinstance(label, Real) and not isinstance(label, Integral) and float(label) % 1 != 0


def _kind(label: object) -> str:
    return "numbers" if isinstance(label, Real) else "texts" if isinstance(label, str) else type(label).__name__


def _order(labels: list[Any]) -> list[int]:
    try:
        return sorted(range(len(labels)), key=lambda number: labels[number])
    except TypeError:
        return sorted(range(len(labels)), key=lambda number: str(labels[number]))
