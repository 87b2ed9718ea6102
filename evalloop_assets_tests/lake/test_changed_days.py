"""Which days of a write are new: those whose rows are others, floats apart by rounding aside."""

from datetime import date

import pyarrow as pa
import pytest

from evalloop_assets.days import Days
from evalloop_assets.lake.engine import DuckDBEngine
from evalloop_assets.lake.registry import declare
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.lake.store import Lake

D1, D2, D3 = (date(2026, 1, day) for day in (1, 2, 3))
RANGE = Days(D1, D3)
WEIGHED = declare(
    TableSchema(
        "weighed",
        "one fruit on the scales",
        (Column("name", "VARCHAR", "it"), Column("kind", "VARCHAR", "its kind"), Column("kg", "DOUBLE", "weight, kg")),
        ("name",),
    )
)
Row = tuple[date, str, str, float]
STOOD: list[Row] = [(D1, "a", "fig", 0.1), (D1, "b", "fig", 0.2), (D2, "c", "kiwi", 0.3)]


def put(lake: Lake, *found: Row) -> tuple[date, ...]:
    days, names, kinds, weights = zip(*found, strict=True)
    table = pa.table({"day": pa.array(days, pa.date32()), "name": names, "kind": kinds, "kg": weights})
    return lake.replace(WEIGHED, RANGE, {}, lambda inputs: table).changed


@pytest.mark.parametrize(
    ("rows", "changed"),
    [
        pytest.param([STOOD[2], STOOD[1], STOOD[0]], (), id="another order"),
        pytest.param([*STOOD, (D3, "d", "plum", 0.4)], (D3,), id="a day that was empty"),
        pytest.param(STOOD[:2], (D2,), id="a day that is empty now"),
        pytest.param([STOOD[0], STOOD[2]], (D1,), id="a row less"),
        pytest.param([STOOD[0], STOOD[1], STOOD[0], STOOD[2]], (D1,), id="a row twice"),
        pytest.param([STOOD[0], STOOD[0], STOOD[2]], (D1,), id="another row, as many of them"),
        pytest.param([STOOD[0], (D1, "b", "date", 0.2), STOOD[2]], (D1,), id="another text"),
        pytest.param([STOOD[0], STOOD[1], (D2, "c", "kiwi", 0.3 * (1 + 1e-12))], (), id="a float rounded otherwise"),
        pytest.param([STOOD[0], STOOD[1], (D2, "c", "kiwi", 0.3 * (1 + 1e-6))], (D2,), id="another float"),
        pytest.param(
            [STOOD[0], (D1, "b", "date", 0.2), (D2, "c", "kiwi", 0.3 * (1 + 1e-12))],
            (D1,),
            id="another text on one day, a float rounded otherwise on the other",
        ),
    ],
)
def test_only_days_with_other_rows_are_changed(lake: Lake, rows: list[Row], changed: tuple[date, ...]):
    put(lake, *STOOD)
    assert put(lake, *rows) == changed


@pytest.mark.parametrize("name", ["exact", "whole", "t", "n", "old", "digest"])
def test_a_column_may_have_any_name(lake: Lake, name: str):
    """Another text, as many rows, the same value under that name."""
    columns = (Column("id", "VARCHAR", "it"), Column(name, "BOOLEAN", "said of it"), Column("kg", "DOUBLE", "weight"))
    schema = declare(TableSchema(f"named_{name}", "one fruit", columns, ("id",)))

    def written(*ids: str, said: bool | None) -> tuple[date, ...]:
        days = pa.array([D1] * len(ids), pa.date32())
        table = pa.table(
            {"day": days, "id": ids, name: pa.array([said] * len(ids), pa.bool_()), "kg": [0.1] * len(ids)}
        )
        return lake.replace(schema, Days.one(D1), {}, lambda inputs: table).changed

    assert written("a", "b", said=True) == (D1,)
    assert written("b", "a", said=True) == ()
    assert written("a", "c", said=True) == (D1,)
    assert written("a", "c", said=None) == (D1,)
    assert written("a", "d", said=None) == (D1,)


def test_files_are_read_again_only_where_the_numbers_of_rows_agree(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    read: list[int] = []
    fingerprints = DuckDBEngine.fingerprints
    monkeypatch.setattr(
        DuckDBEngine,
        "fingerprints",
        lambda self, view: read.append(len(view.files)) or fingerprints(self, view),
    )

    def files_read(*rows: Row) -> list[int]:
        read.clear()
        put(lake, *rows)
        return list(read)

    assert files_read(*STOOD) == []
    assert files_read(*STOOD[:1], STOOD[2]) == [1, 1]
    assert files_read(STOOD[0], STOOD[0]) == []
