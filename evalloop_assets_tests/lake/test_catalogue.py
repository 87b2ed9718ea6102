from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from evalloop_assets.days import Days
from evalloop_assets.lake.catalogue import rebuild_catalogue
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.lake.store import Lake

FRUIT = TableSchema("fruit", "one fruit", (Column("name", "VARCHAR", "its name"),), ("name",))
DAY = Days.one(date(2026, 1, 1))


def put(lake: Lake, *names: str) -> None:
    rows = [{"day": DAY.first, "name": name} for name in names]
    lake.replace(FRUIT, DAY, {}, lambda inputs: pa.Table.from_pylist(rows, arrow_schema(FRUIT)))


def test_shows_the_newest_rows_and_can_be_swapped_while_it_is_open(lake: Lake, tmp_path: Path):
    path = tmp_path / "evalloop.duckdb"
    put(lake, "fig")
    assert rebuild_catalogue(lake, path) == 1
    with duckdb.connect(str(path), read_only=True) as reader:
        put(lake, "kiwi")
        rebuild_catalogue(lake, path)
        assert reader.execute("SELECT name FROM fruit").fetchall() == [("fig",)]
    with duckdb.connect(str(path), read_only=True) as reader:
        assert reader.execute("SELECT day, name FROM fruit").fetchall() == [(date(2026, 1, 1), "kiwi")]
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".catalogue")] == []


def test_an_empty_lake_gives_an_empty_catalogue(lake: Lake, tmp_path: Path):
    assert rebuild_catalogue(lake, tmp_path / "evalloop.duckdb") == 0


def test_a_table_without_rows_can_be_asked_too(lake: Lake, tmp_path: Path):
    put(lake)
    assert rebuild_catalogue(lake, tmp_path / "evalloop.duckdb") == 1
    with duckdb.connect(str(tmp_path / "evalloop.duckdb"), read_only=True) as reader:
        described = reader.execute("DESCRIBE fruit").fetchall()
        assert [column[:2] for column in described] == [("day", "DATE"), ("name", "VARCHAR")]
        assert reader.execute("SELECT count(*) FROM fruit").fetchone() == (0,)
