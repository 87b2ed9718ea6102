import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from evalloop_assets.days import BEFORE, Days
from evalloop_assets.lake.engine import DataFile, DuckDBEngine, View, WrongColumns
from evalloop_assets.lake.registry import declare
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.lake.store import Inputs, Lake
from evalloop_assets_tests.conftest import connect

D1, D2, D3 = (date(2026, 1, day) for day in (1, 2, 3))
FRUIT = declare(
    TableSchema(
        "fruit", "one fruit", (Column("name", "VARCHAR", "its name"), Column("n", "BIGINT", "count")), ("name",)
    )
)
VEGETABLE = declare(TableSchema("vegetable", "one vegetable", FRUIT.columns, FRUIT.key))
DOUBLED = declare(TableSchema("doubled", "one fruit", (Column("n", "BIGINT", "twice"),), ("n",)))


def rows(*found: tuple[date, str, int]) -> pa.Table:
    days, names, counts = zip(*found, strict=True) if found else ((), (), ())
    return pa.table(
        {
            "day": pa.array(days, pa.date32()),
            "name": pa.array(names, pa.string()),
            "n": pa.array(counts, pa.int64()),
        }
    )


def put(lake: Lake, days: Days, *found: tuple[date, str, int]):
    return lake.replace(FRUIT, days, {}, lambda inputs: rows(*found))


def content(lake: Lake, version: int | None = None) -> list[tuple]:
    table = lake.read("fruit", version=version)
    return sorted(tuple(row.values()) for row in table.to_pylist())


def test_replaces_the_days_of_the_range_and_no_other(lake: Lake):
    put(lake, Days(D1, D2), (D1, "fig", 1), (D2, "fig", 2))
    commit = put(lake, Days(D2, D3), (D2, "kiwi", 9))
    assert content(lake) == [(D1, "fig", 1), (D2, "kiwi", 9)]
    assert commit.rows == {D2: 1, D3: 0}
    assert commit.changed == (D2,)


def test_rows_outside_the_range_are_dropped(lake: Lake):
    put(lake, Days.one(D2), (D1, "fig", 1), (D2, "fig", 2), (D3, "fig", 3))
    assert content(lake) == [(D2, "fig", 2)]


def test_same_rows_in_another_order_change_nothing_but_count_as_computed(lake: Lake):
    put(lake, Days.one(D1), (D1, "fig", 1), (D1, "kiwi", 2))
    files = lake.view("fruit").files
    other_order = rows((D1, "kiwi", 2), (D1, "fig", 1))
    again = lake.replace(FRUIT, Days.one(D1), {}, lambda inputs: other_order, code="2")
    assert again.changed == ()
    assert lake.view("fruit").files == files
    computed = lake.computed("fruit")[D1]
    assert (computed.version, computed.changed) == (again.version, again.version - 1)


def test_the_same_rows_from_the_same_versions_leave_no_trace(lake: Lake):
    put(lake, Days.one(D1), (D1, "fig", 1))
    double = "SELECT day, CAST(2 * n AS BIGINT) AS n FROM fruit"
    first = lake.replace(DOUBLED, Days.one(D1), {"fruit": (0, 0)}, lambda inputs: double, code="1")
    again = lake.replace(DOUBLED, Days.one(D1), {"fruit": (0, 0)}, lambda inputs: double, code="1")
    assert (again.version, again.changed) == (first.version, ())
    assert lake.version("doubled") == first.version
    past = {"fruit": (0, 0), "doubled": BEFORE}
    for _ in range(2):
        own_past = lake.replace(DOUBLED, Days.one(D1), past, lambda inputs: double, code="1")
    assert own_past.version == first.version, "a table that reads its own past cites a version that moves by itself"
    other_code = lake.replace(DOUBLED, Days.one(D1), {"fruit": (0, 0)}, lambda inputs: double, code="2")
    assert other_code.version == first.version + 1, "a new definition is noted, though it gives the same rows"


def test_one_changed_value_is_a_change(lake: Lake):
    put(lake, Days.one(D1), (D1, "fig", 1))
    assert put(lake, Days.one(D1), (D1, "fig", 2)).changed == (D1,)


def test_a_swap_between_rows_is_a_change(lake: Lake):
    put(lake, Days.one(D1), (D1, "fig", 1), (D1, "kiwi", 2))
    assert put(lake, Days.one(D1), (D1, "fig", 2), (D1, "kiwi", 1)).changed == (D1,)


def test_old_versions_stay_readable_by_number_and_by_time(lake: Lake):
    first = put(lake, Days.one(D1), (D1, "fig", 1))
    moment = datetime.now(UTC)
    put(lake, Days.one(D1), (D1, "fig", 2))
    assert lake.version_at("fruit", moment) == first.version
    assert content(lake, first.version) == [(D1, "fig", 1)]
    assert content(lake) == [(D1, "fig", 2)]


def test_a_commit_cites_the_versions_it_read_and_they_reproduce_it(lake: Lake):
    put(lake, Days.one(D1), (D1, "fig", 1))
    double = "SELECT day, CAST(2 * n AS BIGINT) AS n FROM fruit"
    commit = lake.replace(DOUBLED, Days.one(D1), {"fruit": (0, 0)}, lambda inputs: double)
    put(lake, Days.one(D1), (D1, "fig", 50))
    cited = lake.inputs({"fruit": (0, 0)}, Days.one(D1), commit.inputs)
    assert cited.query(double).to_pydict()["n"] == [2]
    assert lake.computed("doubled")[D1].inputs == commit.inputs


def test_one_step_reads_one_snapshot_though_others_write(lake: Lake):
    put(lake, Days.one(D1), (D1, "fig", 1))
    inputs = lake.inputs({"fruit": (None, None)}, Days.one(D1))
    put(lake, Days.one(D1), (D1, "fig", 2))
    assert inputs.query("SELECT n FROM fruit").to_pydict() == {"n": [1]}


def test_windows_are_cut_around_the_range(lake: Lake):
    put(lake, Days(D1, D3), (D1, "a", 1), (D2, "b", 2), (D3, "c", 3))

    def names(window: tuple[int | None, int | None]) -> list[str]:
        found = lake.inputs({"fruit": window}, Days(D2, D3)).query("SELECT name FROM fruit ORDER BY name")
        return found.to_pydict()["name"]

    assert names((0, 0)) == ["b", "c"]
    assert names((-1, -1)) == ["a", "b"]
    assert names((None, -1)) == ["a"], "`before` ends where the range begins"
    assert names((None, None)) == ["a", "b", "c"]


def seen_at_once(rows_at_once: int | None, tmp_path: Path) -> list[tuple[date, int]]:
    """Per day: how many rows the query saw, of the days computed at once and the day before; the days hold 1, 2, 3."""
    lake = Lake(str(tmp_path / str(rows_at_once)), DuckDBEngine(connect, rows_at_once=rows_at_once))
    put(lake, Days(D1, D3), *((day, f"{n}", n) for day, many in ((D1, 1), (D2, 2), (D3, 3)) for n in range(many)))
    query = "SELECT day, count(*) OVER () AS n FROM fruit QUALIFY row_number() OVER (PARTITION BY day) = 1"
    commit = lake.replace(DOUBLED, Days(D1, D3), {"fruit": (-1, 0)}, lambda inputs: query)
    assert commit.rows == {D1: 1, D2: 1, D3: 1}
    assert len(lake.computed("doubled")) == 3
    return [tuple(row.values()) for row in lake.read("doubled").sort_by("day").to_pylist()]


def test_a_range_is_computed_in_parts_that_fit_into_memory_and_committed_once(tmp_path: Path):
    assert seen_at_once(None, tmp_path) == [(D1, 6), (D2, 6), (D3, 6)]
    assert seen_at_once(6, tmp_path) == [(D1, 6), (D2, 6), (D3, 6)]
    assert seen_at_once(5, tmp_path) == [(D1, 3), (D2, 3), (D3, 5)]
    assert seen_at_once(2, tmp_path) == [(D1, 1), (D2, 3), (D3, 5)]


def test_a_table_that_reads_its_own_past_is_computed_whole(tmp_path: Path):
    lake = Lake(str(tmp_path), DuckDBEngine(connect, rows_at_once=1))
    put(lake, Days(D1, D3), (D1, "fig", 1), (D2, "fig", 2), (D3, "fig", 3))
    query = "SELECT unnest(days) AS day, 'fig' AS name, 1 + (SELECT count(*) FROM fruit) AS n FROM d"
    days = View({}, rows=pa.table({"days": [[D2, D3]]}))
    lake.replace(FRUIT, Days(D2, D3), {"fruit": BEFORE}, lambda inputs: query, constants=lambda clock: {"d": days})
    assert content(lake) == [(D1, "fig", 1), (D2, "fig", 2), (D3, "fig", 2)]


class Interrupted(DuckDBEngine):
    """Lets others write after each part."""

    meanwhile: Callable[[], object]

    def write(self, query: str, views: Mapping[str, View], schema: TableSchema, folder: str) -> list[DataFile]:
        files = super().write(query, views, schema, folder)
        self.meanwhile()
        return files


@pytest.mark.parametrize("written", ["fruit", "vegetable"], ids=["anew", "for the first time"])
def test_all_parts_of_a_range_read_one_snapshot(tmp_path: Path, written: str):
    others = Lake(str(tmp_path), DuckDBEngine(connect))
    put(others, Days(D1, D3), (D1, "fig", 1), (D2, "fig", 1), (D3, "fig", 1))
    engine = Interrupted(connect, rows_at_once=1)
    many = rows(*((day, name, 1) for day in (D1, D2, D3) for name in "ab"))
    schema = {"fruit": FRUIT, "vegetable": VEGETABLE}[written]
    engine.meanwhile = lambda: others.replace(schema, Days(D1, D3), {}, lambda inputs: many)
    query = "SELECT day, count(*) AS n FROM (FROM fruit UNION ALL FROM vegetable) GROUP BY day"
    reads = {"fruit": (0, 0), "vegetable": (0, 0)}
    commit = Lake(str(tmp_path), engine).replace(DOUBLED, Days(D1, D3), reads, lambda inputs: query)
    assert others.read("doubled").to_pydict()["n"] == [1, 1, 1]
    assert commit.inputs.keys() == {"fruit"}


def test_a_table_never_written_reads_as_empty(lake: Lake):
    assert lake.inputs({"fruit": (0, 0)}, Days.one(D1)).query("SELECT count(n) AS n FROM fruit").to_pydict() == {
        "n": [0]
    }


def test_recomputes_when_somebody_else_committed_the_same_day(lake: Lake):
    seen = []

    def compute(inputs: Inputs) -> pa.Table:
        seen.append(inputs.versions.get("fruit"))
        if len(seen) == 1:
            put(lake, Days.one(D1), (D1, "theirs", 1))
        return rows((D1, "ours", len(seen)))

    lake.replace(FRUIT, Days.one(D1), {"fruit": (0, 0)}, compute)
    assert content(lake) == [(D1, "ours", 2)]
    assert len(seen) == 2
    assert seen[1] > seen[0]


def test_a_commit_to_another_day_is_no_conflict(lake: Lake):
    calls = []

    def compute(inputs: Inputs) -> pa.Table:
        calls.append(1)
        put(lake, Days.one(D2), (D2, "theirs", 1))
        return rows((D1, "ours", 1))

    lake.replace(FRUIT, Days.one(D1), {}, compute)
    assert len(calls) == 1
    assert content(lake) == [(D1, "ours", 1), (D2, "theirs", 1)]


def test_a_table_that_reads_its_own_past_recomputes_when_any_day_was_committed(lake: Lake):
    calls = []

    def compute(inputs: Inputs) -> pa.Table:
        calls.append(inputs.query("SELECT name FROM fruit").to_pydict()["name"])
        if len(calls) == 1:
            put(lake, Days.one(D1), (D1, "theirs", 1))
        return rows((D2, "ours", 1))

    lake.replace(FRUIT, Days.one(D2), {"fruit": BEFORE}, compute)
    assert calls == [[], ["theirs"]]


def test_wrong_columns_are_refused_and_nothing_is_written(lake: Lake):
    put(lake, Days.one(D1), (D1, "fig", 1))
    with pytest.raises(WrongColumns, match=r"fruit.*\"n\": \"BIGINT\".*\"n\": \"VARCHAR\""):
        lake.replace(FRUIT, Days.one(D1), {}, lambda inputs: "SELECT DATE '2026-01-01' AS day, 'x' AS name, 'y' AS n")
    assert content(lake) == [(D1, "fig", 1)]


def test_a_new_column_is_added_and_is_null_in_old_rows(lake: Lake):
    put(lake, Days(D1, D2), (D1, "fig", 1), (D2, "fig", 2))
    wider = TableSchema("fruit", FRUIT.row, (*FRUIT.columns, Column("colour", "VARCHAR", "its colour")), FRUIT.key)
    query = "SELECT DATE '2026-01-02' AS day, 'fig' AS name, CAST(2 AS BIGINT) AS n, 'green' AS colour"
    lake.replace(wider, Days.one(D2), {}, lambda inputs: query)
    found = lake.read("fruit").sort_by("day").to_pydict()["colour"]
    assert found == [None, "green"]


def test_vacuum_spares_what_is_cited(lake: Lake):
    first = put(lake, Days.one(D1), (D1, "fig", 1))
    second = put(lake, Days.one(D1), (D1, "fig", 2))
    put(lake, Days.one(D1), (D1, "fig", 3))
    removed = lake.vacuum({"fruit": [first.version]}, retention_hours=0)
    assert len(removed["fruit"]) == 1
    assert content(lake, first.version) == [(D1, "fig", 1)]
    assert content(lake) == [(D1, "fig", 3)]
    with pytest.raises(duckdb.IOException):
        content(lake, second.version)


@pytest.mark.parametrize("name", ["../up", "a/b", "A", "", "1a", "a;b"])
def test_a_table_name_cannot_leave_the_root(lake: Lake, name: str):
    with pytest.raises(ValueError, match="no table name"):
        lake.view(name)


def test_fingerprints_do_not_depend_on_files_or_order(lake: Lake):
    first = View({}, rows=None)
    assert lake.reader.fingerprints(first) == {}
    put(lake, Days.one(D1), (D1, "a", 1), (D1, "b", 2))
    one = lake.reader.fingerprints(lake.view("fruit"))
    put(lake, Days.one(D1), (D1, "b", 2))
    put(lake, Days.one(D1), (D1, "b", 2), (D1, "a", 1))
    assert lake.reader.fingerprints(lake.view("fruit")) == one


def test_many_that_make_a_table_at_once_all_get_their_day_in(lake: Lake):
    start_together = threading.Barrier(8)

    def first(number: int) -> None:
        own = Lake(lake.root, DuckDBEngine(connect))
        start_together.wait()
        put(own, Days.one(date(2026, 2, number + 1)), (date(2026, 2, number + 1), "fig", number))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(first, range(8)))
    assert [row[2] for row in content(lake)] == list(range(8))


FIGURES = declare(
    TableSchema(
        "figures",
        "one figure",
        (Column("name", "VARCHAR", "its name"), Column("x", "DOUBLE", "its value"), Column("n", "BIGINT", "count")),
        ("name",),
    )
)


@pytest.mark.parametrize(
    ("value", "changed"),
    [
        ("1e0 + 1e-12", False),
        ("1e0 - 1e-12", False),
        ("1e0 + 1e-6", True),
        ("NULL", True),
        ("'NaN'::DOUBLE", True),
        ("'inf'::DOUBLE", True),
    ],
)
def test_the_last_digits_of_a_float_are_no_change_and_others_are(lake: Lake, value: str, changed: bool):
    def figures(lake: Lake, x: str, n: int = 1):
        query = f"""
            SELECT DATE '2026-01-01' AS day, name, CAST(x AS DOUBLE) AS x, {n}::BIGINT AS n
            FROM (VALUES ('a', {x}), ('none', NULL), ('nan', 'NaN'::DOUBLE)) AS t(name, x)"""
        return lake.replace(FIGURES, Days.one(D1), {}, lambda inputs: query)

    figures(lake, "1e0")
    files = lake.view("figures").files
    assert bool(figures(lake, value).changed) is changed
    assert (lake.view("figures").files == files) is not changed
    assert figures(lake, "1e0", n=2).changed == (D1,), "a whole number is compared exactly"


def test_two_floats_that_change_places_are_a_change(lake: Lake):
    def figures(first: str, second: str):
        query = f"""SELECT DATE '2026-01-01' AS day, 'a' AS name, {first} AS x, 1::BIGINT AS n
            UNION ALL SELECT DATE '2026-01-01', 'b', {second}, 1::BIGINT"""
        return lake.replace(FIGURES, Days.one(D1), {}, lambda inputs: query)

    figures("1e0", "2e0")
    assert figures("2e0", "1e0").changed == (D1,)


@pytest.mark.parametrize("folder", ["two words", "用户", "it's", "ü+&=,;@~"])
def test_a_lake_in_any_folder_gives_back_its_rows(tmp_path: Path, folder: str):
    lake = Lake(str(tmp_path / folder / "lake"), DuckDBEngine(connect))
    put(lake, Days(D1, D2), (D1, "fig", 1), (D2, "date", 2))
    put(lake, Days.one(D2), (D2, "kiwi", 3))
    found = lake.replace(DOUBLED, Days(D1, D2), {"fruit": (0, 0)}, lambda inputs: "SELECT day, 2 * n AS n FROM fruit")
    assert found.rows == {D1: 1, D2: 1}
    assert set(lake.computed("doubled")) == {D1, D2}
