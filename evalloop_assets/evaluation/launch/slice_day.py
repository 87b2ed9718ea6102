"""The rows of `slice_results`, `fairness_gaps` and `slice_reversals` of one day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import erfc, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from evalloop_assets.evaluation.launch.clustered import UserCells, cell_means, error_of, interval, less_the_rest
from evalloop_assets.evaluation.launch.fairness import gap
from evalloop_assets.evaluation.launch.figures import Z_95, Figure, unknown
from evalloop_assets.evaluation.launch.online_metrics import METRICS, OnlineMetric
from evalloop_assets.evaluation.launch.reversals import ALPHA, Compared, Reversal, adjusted, possible_reversals
from evalloop_assets.evaluation.launch.shrinkage import benjamini_hochberg, shrunk_means
from evalloop_assets.evaluation.launch.slice_rows import OVERALL, SliceRows, dimensions, slice_rows

if TYPE_CHECKING:
    from evalloop_assets.lake.store import Inputs
    from evalloop_assets.settings import LaunchSettings

Row = dict[str, Any]


def result_rows(inputs: Inputs, options: LaunchSettings) -> list[Row]:
    """Rows of `slice_results`."""
    found: list[Row] = []
    for dimension in (OVERALL, *dimensions(inputs)):
        rows = slice_rows(inputs, dimension)
        for metric in METRICS.values():
            found += _of_dimension(rows, dimension, metric, options.minimum_users)
    _adjust(found)
    return found


def gap_rows(results: Sequence[Mapping[str, Any]], seed: int) -> list[Row]:
    """Rows of `fairness_gaps`, from those of `slice_results`."""
    by_model: dict[tuple[str, str], dict[str, list[Mapping[str, Any]]]] = {}
    for row in results:
        if row["dimension"] != OVERALL:
            by_model.setdefault((row["model_id"], row["metric"]), {}).setdefault(row["dimension"], []).append(row)
    found: list[Row] = []
    for (model, metric), told in by_model.items():
        for dimension, rows in told.items():
            found.append(
                {"model_id": model, "metric": metric, "dimension": dimension, **_gap(rows, ALPHA / len(told), seed)}
            )
    return found


def reversals_of(inputs: Inputs, options: LaunchSettings) -> list[Reversal]:
    """Every reversal that was tested, p-values adjusted for all of them."""
    whole = slice_rows(inputs, OVERALL)
    found: list[Reversal] = []
    for dimension in dimensions(inputs):
        rows = slice_rows(inputs, dimension, whole.users, whole.models)
        weights = options.business_weights if dimension == "product_line" else {}
        for metric in (one for one in METRICS.values() if one.decides):
            compared = Compared(
                metric.name,
                dimension,
                metric.higher_is_better,
                rows.models,
                rows.slices,
                cell_means(whole.of(metric), whole.cells),
                cell_means(rows.of(metric), rows.cells),
                len(whole.users),
            )
            found += possible_reversals(compared, options.minimum_users, weights)
    return adjusted(found)


def _of_dimension(rows: SliceRows, dimension: str, metric: OnlineMetric, minimum_users: int) -> list[Row]:
    told, size = rows.of(metric), len(rows.slices)
    means = cell_means(told, rows.cells)
    found: list[Row] = []
    for number, model in enumerate(rows.models):
        cells = [number * size + at for at in range(size)]
        own = [
            interval(
                float(means.mean[at]),
                float(means.se[at]),
                float(means.units[at]),
                int(means.users[at]),
                metric.is_share,
                float(means.freedom[at]),
                float(means.skew[at]),
            )
            for at in cells
        ]
        drawn = _shrunk(own, metric.is_share) if size > 1 else own
        away, errors = less_the_rest(_of_model(told, cells[0], size), size)
        for at, name in enumerate(rows.slices):
            users = int(means.users[cells[at]])
            few = f"not enough data: {users} users, {minimum_users} are needed" if users < minimum_users else None
            shown, shrunk = (unknown(few, users) if few else own[at]), drawn[at]
            found.append(
                {
                    "model_id": model,
                    "metric": metric.name,
                    "dimension": dimension,
                    "slice": name,
                    "users": users,
                    "units": float(means.units[cells[at]]),
                    **_bounds(("mean", "low", "high"), shown),
                    **_bounds(("shrunk", "shrunk_low", "shrunk_high"), shrunk),
                    "less_rest": _stored(away[at]) if not few else None,
                    "p_value": None if few else _two_sided(float(away[at]), float(errors[at])),
                    "reason": shown.reason or None,
                }
            )
    return found


def _of_model(rows: UserCells, first: int, size: int) -> UserCells:
    """The rows of these cells, numbered from 0."""
    here = (rows.cell >= first) & (rows.cell < first + size)
    return UserCells(rows.user[here], rows.cell[here] - first, rows.units[here], rows.total[here])


def _shrunk(own: Sequence[Figure], is_share: bool) -> list[Figure]:
    """Each figure drawn towards the others; one with nothing to tell how sure it is stays as it is."""
    least, most = (0.0, 1.0) if is_share else (-np.inf, np.inf)
    sure = [at for at, one in enumerate(own) if one.known and error_of(one) > 0]
    found = list(own)
    if len(sure) > 1:
        drawn = shrunk_means([own[at].value for at in sure], [error_of(own[at]) for at in sure])
        for place, at in enumerate(sure):
            one = drawn.figure(place, own[at].n)
            found[at] = one._replace(low=max(least, one.low), high=min(most, one.high))
    return found


def _adjust(rows: Sequence[Row]) -> None:
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["model_id"], row["metric"]), []).append(row)
    for group in groups.values():
        p_values = [np.nan if row["p_value"] is None else row["p_value"] for row in group]
        for row, p in zip(group, benjamini_hochberg(p_values), strict=True):
            row["p_adjusted"] = _stored(float(p))


def _gap(rows: Sequence[Mapping[str, Any]], alpha: float, seed: int) -> Row:
    told = [row for row in rows if row["mean"] is not None and row["high"] > row["low"]]
    if len(told) < 2:
        few = f"not enough data: {len(told)} of {len(rows)} slices have enough users, two are needed"
        return {"slices": len(told), "reason": few}
    found = gap([row["mean"] for row in told], [(row["high"] - row["low"]) / (2 * Z_95) for row in told], seed, alpha)
    return {
        "gap": found.value,
        "low": found.low,
        "high": found.high,
        "naive": found.naive,
        "slices": found.groups,
        "users": min(row["users"] for row in told),
        "lowest": told[found.lowest]["slice"],
        "highest": told[found.highest]["slice"],
    }


def _two_sided(away: float, error: float) -> float | None:
    return erfc(abs(away) / error / sqrt(2)) if error > 0 else None


def _bounds(names: tuple[str, str, str], figure: Figure) -> Row:
    return dict(zip(names, map(_stored, figure[:3]), strict=True))


def _stored(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
