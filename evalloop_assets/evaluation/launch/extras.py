"""Cost, latency and safety of predictions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.evaluation.launch.figures import Figure, share, skew_of, skewed_reach, unknown
from evalloop_assets.evaluation.launch.label_columns import CARD, CardError, column


def extra_figures(given: Mapping[str, Iterable[float] | Iterable[bool] | None], rows: int) -> dict[str, Figure]:
    """Mean cost, median and 95th percentile of latency, share of unsafe texts; rows without a value are left out."""
    found: dict[str, Figure] = {}
    for name, values in given.items():
        if values is None:
            continue
        known = _numbers(values, name, rows)
        if name == "cost_usd":
            found["cost_usd"] = mean(known)
        elif name == "latency_ms":
            found["latency_ms_median"] = quantile(known, 0.5)
            found["latency_ms_p95"] = quantile(known, 0.95)
        else:
            if not np.isin(known, (0.0, 1.0)).all():
                raise CardError(CARD, "unsafe holds more than true and false", "Give true where a text broke a rule.")
            found["unsafe"] = share(int(known.sum()), len(known), "no row tells")
    return found


def mean(values: NDArray[np.float64]) -> Figure:
    """Mean of independent rows with Student's interval, bent as the rows are skewed."""
    from scipy.special import stdtrit

    n = len(values)
    if n < 2:
        return unknown("not enough data: fewer than two rows tell", n)
    middle, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(n))
    below, above = skewed_reach(float(stdtrit(n - 1, 0.975)), skew_of(values - middle))
    return Figure(middle, middle - below * error, middle + above * error, n)


def quantile(values: NDArray[np.float64], place: float) -> Figure:
    """A quantile with the interval between two of the sorted values, by the binomial distribution: right for any
    distribution of independent rows. A bound that so few rows do not have is infinite.
    """
    from scipy.stats import binom

    n = len(values)
    if not n:
        return unknown("no row tells")
    ordered = np.concatenate([[-np.inf], np.sort(values), [np.inf]])
    low = int(binom.ppf(0.025, n, place))
    high = int(binom.ppf(0.975, n, place)) + 1
    return Figure(float(np.quantile(values, place)), float(ordered[low]), float(ordered[high]), n)


def _numbers(values: Iterable[float] | Iterable[bool], name: str, rows: int) -> NDArray[np.float64]:
    import pandas as pd

    told = column(values, name)
    if len(told) != rows:
        raise CardError(CARD, f"{name} has {len(told)} rows and y_true {rows}", "Give a value for each row.")
    try:
        numbers = pd.to_numeric(told).to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise CardError(CARD, f"{name} holds something else than numbers ({error})", "Give numbers.") from error
    known: NDArray[np.float64] = numbers[~np.isnan(numbers)]
    if not np.isfinite(known).all() or (known < 0).any():
        raise CardError(CARD, f"{name} holds a number below 0 or an infinite one", "Give what was measured.")
    return known
