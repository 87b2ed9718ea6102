"""A commit that is refused leaves no file: what it wrote may hold somebody whom an erasure has looked for already."""

from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from evalloop_assets.days import Days
from evalloop_assets.lake.removal import remove_rows
from evalloop_assets.lake.store import Lake
from evalloop_assets_tests.conftest import connect
from evalloop_assets_tests.lake.test_store import D1, D2, DOUBLED, Interrupted, content, put

DAY, BOTH = Days.one(D1), Days(D1, D2)


def files(lake: Lake, table: str) -> set[str]:
    return {str(path) for path in Path(lake.root, table).rglob("*.parquet")}


def of_some_version(lake: Lake, table: str) -> set[str]:
    newest = lake.version(table)
    assert newest is not None
    return {file for version in range(newest + 1) for file in lake.view(table, version=version).files}


def interrupted(lake: Lake, other: Callable[[], object], rows_at_once: int | None = None) -> tuple[Lake, list[None]]:
    """The same lake for a slow writer, after whose first write `other` happens; the list grows with every write."""
    engine, writes = Interrupted(connect, rows_at_once=rows_at_once), list[None]()

    def meanwhile() -> None:
        writes.append(None)
        if len(writes) == 1:
            other()

    engine.meanwhile = meanwhile
    return Lake(lake.root, engine), writes


def test_a_computation(lake: Lake):
    put(lake, DAY, (D1, "fig", 1))
    slow, writes = interrupted(lake, lambda: put(lake, DAY, (D1, "kiwi", 1)))
    put(slow, DAY, (D1, "lime", 1))
    assert len(writes) == 2
    assert content(lake) == [(D1, "lime", 1)]
    assert files(lake, "fruit") == of_some_version(lake, "fruit")


def test_a_removal(lake: Lake):
    put(lake, DAY, (D1, "fig", 1), (D1, "kiwi", 1))
    slow, writes = interrupted(lake, lambda: put(lake, DAY, (D1, "lime", 1), (D1, "plum", 1)))
    removed = remove_rows(slow, "fruit", lambda columns: "name IN ('fig', 'lime')", {}, "an erasure")
    assert len(writes) == 2
    assert removed.rows == 1
    assert content(lake) == [(D1, "plum", 1)]
    assert files(lake, "fruit") == of_some_version(lake, "fruit")


def test_a_computation_in_parts_that_loses_its_input_after_the_first(lake: Lake):
    put(lake, BOTH, (D1, "fig", 1), (D2, "fig", 1))
    old = files(lake, "fruit")

    def anew() -> None:
        put(lake, BOTH, (D1, "kiwi", 2), (D2, "kiwi", 2))
        for file in old:
            Path(file).unlink()

    slow, writes = interrupted(lake, anew, rows_at_once=1)
    slow.replace(DOUBLED, BOTH, {"fruit": (0, 0)}, lambda inputs: "SELECT day, 2 * n AS n FROM fruit")
    assert len(writes) == 3, "one part of the first attempt, two of the second"
    assert lake.read("doubled").column("n").to_pylist() == [4, 4]
    assert files(lake, "doubled") == of_some_version(lake, "doubled")


def test_what_the_store_took_though_it_refused_stays(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    put(lake, DAY, (D1, "fig", 1))
    real, refused = DeltaTable.create_write_transaction, list[None]()

    def taken_and_refused(self, *arguments, **more):
        real(self, *arguments, **more)
        if not refused:
            refused.append(None)
            raise CommitFailedError("the answer was lost")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", taken_and_refused)
    put(lake, DAY, (D1, "kiwi", 1))
    assert refused
    assert content(lake) == [(D1, "kiwi", 1)]
    assert of_some_version(lake, "fruit") <= files(lake, "fruit")
