"""The evaluation pyramid: benchmarks, judges and people are early and cheap, and held against what users do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalloop_assets.evaluation.launch.report_card import ReportCard


def report_card(
    y_true: Iterable[object],
    y_pred: Iterable[object],
    slices: Iterable[object] | Mapping[str, Iterable[object]] | None = None,
    *,
    cost_usd: Iterable[float] | None = None,
    latency_ms: Iterable[float] | None = None,
    unsafe: Iterable[bool] | None = None,
    minimum_rows: int = 30,
) -> ReportCard:
    """How well predicted labels agree with true ones: every figure with its 95% interval, row for row by position.

    `y_true` and `y_pred` hold labels of any hashable kind, as a list, an array, a pandas Series; they are compared as
    Python compares them (True is 1). `slices` names a slice for each row, or holds several such columns by name (a
    mapping or a DataFrame); a row without a value is in no slice of that column. Slices of fewer than `minimum_rows`
    rows have no figures of their own, only the one shrunk towards the others. `cost_usd` (US dollars), `latency_ms`
    (milliseconds) and `unsafe` (true or false) tell of each row what its prediction cost, how long it took, and
    whether its text broke a safety rule.

    Rows are taken for independent: rows of one user or one document are alike, and intervals are too narrow then.

    Raises UserError, here a ValueError too, where there is no row, lengths differ, a label or prediction is missing, or
    predictions are probabilities. What cannot be known (the precision of a class that was never predicted) is NaN and
    says why.
    """
    from evalloop_assets.evaluation.launch.report_card import Extras, card

    extras = Extras(cost_usd=cost_usd, latency_ms=latency_ms, unsafe=unsafe)
    return card(y_true, y_pred, slices, extras, minimum_rows)
