"""`slice_units` of a window as arrays: what each user got from each model within each slice of one dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evalloop_assets.evaluation.launch.clustered import Floats, Numbers, UserCells
from evalloop_assets.evaluation.launch.online_metrics import METRICS, OnlineMetric

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.lake.store import Inputs

OVERALL = "all"
COLUMNS = tuple(dict.fromkeys(name for one in METRICS.values() for name in (one.units, one.total)))
DIMENSIONS = "SELECT DISTINCT dimension FROM slice_units WHERE dimension <> 'all' ORDER BY 1"
ROWS = f"""
    SELECT user_id, model_id, slice, {", ".join(f"CAST(sum({name}) AS DOUBLE) AS {name}" for name in COLUMNS)}
    FROM slice_units
    WHERE dimension = $dimension
    GROUP BY user_id, model_id, slice
    ORDER BY user_id, model_id, slice
"""


class SliceRows(NamedTuple):
    """A row for each user, model and slice."""

    users: Sequence[str]
    models: Sequence[str]
    slices: Sequence[str]
    user: Numbers
    cell: Numbers
    """Number of the model times slices, plus number of the slice."""
    sums: Mapping[str, Floats]
    """By column of `slice_units`."""

    def of(self, metric: OnlineMetric) -> UserCells:
        """The rows with units of the metric."""
        known = self.sums[metric.units] > 0
        return UserCells(
            self.user[known], self.cell[known], self.sums[metric.units][known], self.sums[metric.total][known]
        )

    @property
    def cells(self) -> int:
        return len(self.models) * len(self.slices)


def slice_rows(inputs: Inputs, dimension: str, users: Sequence[str] = (), models: Sequence[str] = ()) -> SliceRows:
    """Rows of one dimension, numbered as these users and models, where they are given."""
    table = inputs.query(ROWS, {"dimension": dimension})
    user, people = _numbered(table.column("user_id"), users)
    model, names = _numbered(table.column("model_id"), models)
    place, slices = _numbered(table.column("slice"), ())
    sums = {name: table.column(name).to_numpy() for name in COLUMNS}
    return SliceRows(people, names, slices, user, model * max(1, len(slices)) + place, sums)


def dimensions(inputs: Inputs) -> list[str]:
    """Those that the window tells of."""
    found: list[str] = inputs.query(DIMENSIONS).column("dimension").to_pylist()
    return found


def _numbered(column: pa.ChunkedArray, names: Sequence[str]) -> tuple[Numbers, Sequence[str]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pa.array(names, pa.string()) if len(names) else pc.unique(column).sort()
    code = pc.index_in(column, value_set=known)
    return code.to_numpy().astype(np.intp), names if len(names) else known.to_pylist()
