"""What a step of this stage hands back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from evalloop_assets.lake.schema import TableSchema

if TYPE_CHECKING:
    import pyarrow as pa


class Step(NamedTuple):
    """Rows of the table, and what the UI shows beside them."""

    rows: pa.Table
    metadata: dict[str, Any]


def rows_of(schema: TableSchema, rows: Sequence[Mapping[str, object]]) -> pa.Table:
    """Rows of a table as Arrow, without `day`, which the lake adds."""
    import pyarrow as pa

    from evalloop_assets.lake.delta import arrow_schema

    full = arrow_schema(schema)
    return pa.Table.from_pylist(list(rows), schema=full.remove(full.get_field_index("day")))
