"""The report card of a classifier: what it gets right, for whom, and what that costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.evaluation.launch import confusion
from evalloop_assets.evaluation.launch.confusion import Averages, ClassFigures
from evalloop_assets.evaluation.launch.extras import extra_figures
from evalloop_assets.evaluation.launch.figures import Figure, difference, share, unknown
from evalloop_assets.evaluation.launch.label_columns import CARD, CardError, in_one_order, labelled, slice_columns
from evalloop_assets.evaluation.launch.markdown import figure_text, table
from evalloop_assets.evaluation.launch.shrinkage import benjamini_hochberg, shrunk_shares


class SliceFigures(NamedTuple):
    """The rows of one slice."""

    column: str
    """`slice`, or the name of the column of slices."""
    value: Any
    rows: int
    accuracy: Figure
    macro_f1: Figure
    shrunk: Figure
    """Accuracy drawn towards that of the column's other slices; known of the smallest slice too."""
    difference: Figure
    """Accuracy less that of all other rows."""
    p_value: float
    """Fisher's exact test of the difference; NaN where it is not tested."""
    p_adjusted: float
    """Over all slices of all columns (Benjamini and Hochberg): of those below 0.05, 5% are wrong."""


class Extras(NamedTuple):
    """What is known of each row beside its labels."""

    cost_usd: Iterable[float] | None = None
    latency_ms: Iterable[float] | None = None
    unsafe: Iterable[bool] | None = None


@dataclass(frozen=True)
class ReportCard:
    """Figures have `value`, `low` and `high` (95%), `n`, and `reason` where they are NaN."""

    rows: int
    labels: tuple[Any, ...]
    """Every label that is true or predicted somewhere."""
    confusion_matrix: tuple[tuple[int, ...], ...]
    """Rows by true label, columns by predicted one, both in the order of `labels`."""
    per_class: Mapping[Any, ClassFigures]
    accuracy: Figure
    macro: Averages
    """Every class weighs the same; a class of which a figure is NaN is left out of that figure's average."""
    weighted: Averages
    """Every class weighs as often as it is true."""
    kappa: Figure
    """Cohen's."""
    matthews: Figure
    """Matthews' correlation."""
    slices: tuple[SliceFigures, ...]
    extras: Mapping[str, Figure]
    """cost_usd (mean), latency_ms_median, latency_ms_p95, unsafe (share), as far as they were given."""

    @property
    def precision(self) -> Figure:
        """Of class 1 where labels are 0 and 1, false and true, or -1 and 1, as scikit-learn has it; else macro."""
        return self._whole.precision

    @property
    def recall(self) -> Figure:
        """Likewise."""
        return self._whole.recall

    @property
    def f1(self) -> Figure:
        """Likewise."""
        return self._whole.f1

    @property
    def _whole(self) -> Averages:
        if not (set(self.labels) <= {0, 1} or set(self.labels) == {-1, 1}):
            return self.macro
        if 1 in self.per_class:
            one = self.per_class[1]
            return Averages(one.precision, one.recall, one.f1)
        never = unknown(f"class 1 is neither true nor predicted in {self.rows:,} rows", self.rows)
        return Averages(never, never, never)

    def to_dict(self) -> dict[str, Any]:
        """Nested dictionaries and lists for JSON; NaN is None, a label that is no text, number or truth is its text."""
        found: dict[str, Any] = _plain(asdict(self) | self._whole._asdict())
        return found

    def to_markdown(self) -> str:
        """Tables for people."""
        matrix = table(
            ["true ↓ predicted →", *map(str, self.labels)],
            [
                [str(label), *(f"{count:,}" for count in counts)]
                for label, counts in zip(self.labels, self.confusion_matrix, strict=True)
            ],
        )
        classes = table(
            ["class", "rows", "precision", "recall", "F1"],
            [
                [str(label), f"{one.support:,}", *map(figure_text, (one.precision, one.recall, one.f1))]
                for label, one in self.per_class.items()
            ]
            + [
                [name, f"{self.rows:,}", *map(figure_text, averages)]
                for name, averages in (("macro average", self.macro), ("weighted average", self.weighted))
            ],
        )
        whole = {"accuracy": self.accuracy, "precision": self.precision, "recall": self.recall, "F1": self.f1}
        whole |= {"kappa": self.kappa, "Matthews": self.matthews, **self.extras}
        parts = [
            table(["figure", "value [95%]"], [[name, figure_text(one)] for name, one in whole.items()]),
            classes,
            matrix,
        ]
        if self.slices:
            parts.append(
                table(
                    ["slice", "rows", "accuracy", "shrunk", "less the rest", "adjusted p"],
                    [
                        [
                            f"{one.column}={one.value}",
                            f"{one.rows:,}",
                            *map(figure_text, (one.accuracy, one.shrunk, one.difference)),
                            "" if math.isnan(one.p_adjusted) else f"{one.p_adjusted:.3f}",
                        ]
                        for one in self.slices
                    ],
                )
            )
        return "\n\n".join(parts)


def card(
    y_true: Iterable[object],
    y_pred: Iterable[object],
    slices: Iterable[object] | Mapping[str, Iterable[object]] | None,
    extras: Extras,
    minimum_rows: int,
) -> ReportCard:
    """See `evalloop_assets.evaluation.report_card`."""
    if isinstance(minimum_rows, bool) or not isinstance(minimum_rows, Integral) or minimum_rows < 1:
        raise CardError(CARD, f"minimum_rows is {minimum_rows}", "Give a whole number of at least 1.")
    labels, true, predicted = labelled(y_true, y_pred)
    told = slices.items() if isinstance(slices, Mapping) else [("slices", slices)]
    for name, values in (*told, *extras._asdict().items()):
        in_one_order(y_true, values, str(name))
    counts = _counts(true, predicted, len(labels))
    columns = slice_columns(slices, len(true))
    classes = confusion.class_figures(counts)
    return ReportCard(
        rows=len(true),
        labels=labels,
        confusion_matrix=tuple(map(tuple, counts.tolist())),
        per_class=dict(zip(labels, classes, strict=True)),
        accuracy=confusion.accuracy(counts),
        macro=confusion.macro(counts, classes),
        weighted=confusion.weighted(counts),
        kappa=confusion.kappa(counts),
        matthews=confusion.matthews(counts),
        slices=_sliced(true, predicted, len(labels), columns, minimum_rows),
        extras=extra_figures(extras._asdict(), len(true)),
    )


def _counts(true: NDArray[np.intp], predicted: NDArray[np.intp], size: int) -> NDArray[np.int64]:
    return np.bincount(true * size + predicted, minlength=size * size).reshape(size, size)


def _sliced(
    true: NDArray[np.intp],
    predicted: NDArray[np.intp],
    size: int,
    columns: Mapping[str, tuple[NDArray[np.intp], tuple[Any, ...]]],
    minimum_rows: int,
) -> tuple[SliceFigures, ...]:
    right = true == predicted
    found: list[SliceFigures] = []
    for name, (codes, values) in columns.items():
        inside = codes >= 0
        rows = np.bincount(codes[inside], minlength=len(values))
        hits = np.bincount(codes[inside & right], minlength=len(values))
        if not len(values):
            continue
        drawn = shrunk_shares(hits, rows)
        for number, value in enumerate(values):
            here = codes == number
            own, f1 = _of_slice(true[here], predicted[here], size, minimum_rows)
            mine, whole = (int(hits[number]), int(rows[number])), (int(hits.sum()), int(rows.sum()))
            away, p_value = _against_rest(*mine, *whole, minimum_rows)
            shrunk = drawn.figure(number, mine[1])
            one = SliceFigures(name, value, mine[1], own, f1, shrunk, away, p_value, math.nan)
            found.append(one)
    adjusted = benjamini_hochberg([one.p_value for one in found])
    return tuple(one._replace(p_adjusted=float(p)) for one, p in zip(found, adjusted, strict=True))


def _of_slice(
    true: NDArray[np.intp], predicted: NDArray[np.intp], size: int, minimum_rows: int
) -> tuple[Figure, Figure]:
    """Accuracy, macro F1."""
    if len(true) < minimum_rows:
        said = unknown(_too_few(len(true), minimum_rows), len(true))
        return said, said
    counts = _counts(true, predicted, size)
    occurs = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    counts = counts[np.ix_(occurs, occurs)]
    return confusion.accuracy(counts), confusion.macro(counts, confusion.class_figures(counts)).f1


def _against_rest(hits: int, rows: int, all_hits: int, all_rows: int, minimum_rows: int) -> tuple[Figure, float]:
    from scipy.stats import fisher_exact

    others = all_rows - rows
    if min(rows, others) < minimum_rows:
        few = _too_few(rows, minimum_rows) if rows < minimum_rows else f"{_too_few(others, minimum_rows)} in the rest"
        return unknown(few, rows), math.nan
    matrix = [[hits, rows - hits], [all_hits - hits, others - (all_hits - hits)]]
    away = difference(share(hits, rows), share(all_hits - hits, others))
    return Figure(*away, rows), float(fisher_exact(matrix).pvalue)


def _too_few(rows: int, minimum_rows: int) -> str:
    return f"not enough data: {rows} rows, {minimum_rows} are needed"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_plain(key) if isinstance(key, str | int) else str(key): _plain(one) for key, one in value.items()}
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return None if math.isnan(value) else value
    return value if isinstance(value, str | int | None) else str(value)
