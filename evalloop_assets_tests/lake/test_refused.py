"""A commit that is refused leaves no file: what it wrote may hold somebody whom an erasure has looked for already."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from evalloop_assets.days import Days
from evalloop_assets.lake.engine import DuckDBEngine
from evalloop_assets.lake.registry import declare
from evalloop_assets.lake.removal import remove_rows
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.lake.store import Lake
from evalloop_assets_tests.conftest import connect

DAY = Days.one(date(2026, 1, 1))
SEEN = declare(TableSchema("seen", "one name", (Column("name", "VARCHAR", "whose"),), ("name",)))


def put(lake: Lake, *names: str) -> None:
    found = pa.table({"day": pa.array([DAY.first] * len(names), pa.date32()), "name": pa.array(names)})
    lake.replace(SEEN, DAY, {}, lambda inputs: found)


def files(lake: Lake) -> set[str]:
    return {str(path) for path in Path(lake.root, "seen").rglob("*.parquet")}


class Interrupted(DuckDBEngine):
    """Somebody else commits after its first write."""

    def __init__(self, root: str) -> None:
        super().__init__(connect)
        self.other, self.calls = Lake(root, DuckDBEngine(connect)), 0

    def write(self, *arguments):
        self.calls += 1
        written = super().write(*arguments)
        if self.calls == 1:
            put(self.other, "cleo", "dora")
        return written


def of_some_version(lake: Lake) -> set[str]:
    newest = lake.version("seen")
    assert newest is not None
    return {file for version in range(newest + 1) for file in lake.view("seen", version=version).files}


def test_a_computation(lake: Lake):
    put(lake, "anna")
    slow = Interrupted(lake.root)
    put(Lake(lake.root, slow), "bert")
    assert slow.calls == 2
    assert lake.read("seen").column("name").to_pylist() == ["bert"]
    assert files(lake) == of_some_version(lake)


def test_a_removal(lake: Lake):
    put(lake, "anna", "bert")
    slow = Interrupted(lake.root)
    removed = remove_rows(Lake(lake.root, slow), "seen", lambda columns: "name IN ('anna', 'cleo')", {}, "an erasure")
    assert slow.calls == 2
    assert removed.rows == 1
    assert lake.read("seen").column("name").to_pylist() == ["dora"]
    assert files(lake) == of_some_version(lake)


def test_what_the_store_took_though_it_refused_stays(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    put(lake, "anna")
    real, refused = DeltaTable.create_write_transaction, []

    def taken_and_refused(self, *arguments, **more):
        real(self, *arguments, **more)
        if not refused:
            refused.append(True)
            raise CommitFailedError("the answer was lost")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", taken_and_refused)
    put(lake, "bert")
    assert refused
    assert lake.read("seen").column("name").to_pylist() == ["bert"]
    assert of_some_version(lake) <= files(lake)
