"""The product's landing folder."""

import json
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalloop_assets.logs.landing import deliver_landing
from evalloop_assets_tests.logs.world import NOW, TOLERANCE, everything, rows_of, turn


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "landing"


def land(folder, name, *rows, table="turns"):
    path = folder / table / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def declare(folder, content):
    folder.mkdir(exist_ok=True)
    (folder / "complete.json").write_text(content if isinstance(content, str) else json.dumps(content))


def passed(lake, folder, **options):
    return deliver_landing(lake, folder, **({"now": NOW, "tolerance": TOLERANCE, "batch_rows": 100} | options))


def test_takes_each_file_once_in_name_order_and_declares_the_day(lake, folder):
    land(folder, "2026-03-02", turn(2), turn(3))
    land(folder, "2026-03-01", turn(1))
    land(folder, "v", {"user_id": "u1", "opened_at": datetime(2026, 3, 1)}, table="visits")
    declare(folder, {"through": "2026-03-01"})
    named: list[str] = []
    first = passed(lake, folder, progress=named.append)
    assert named == ["turns/2026-03-01.parquet", "turns/2026-03-02.parquet", "visits/v.parquet"]
    assert [delivery.rows_added for delivery in first.deliveries] == [1, 2, 1]
    assert (first.failures, first.complete_through) == ((), date(2026, 3, 1))
    assert lake.clock().watermark == date(2026, 3, 1)
    before = everything(lake)
    second = passed(lake, folder, now=NOW + timedelta(hours=1))
    assert (second.deliveries, second.complete_through) == ((), None)
    assert everything(lake) == before


def test_nothing_landed_yet(lake, folder):
    assert passed(lake, folder).deliveries == ()


def test_files_being_written_are_left_alone(lake, folder):
    land(folder, "whole", turn(1))
    land(folder, ".part", turn(2))
    (folder / "turns" / "b.parquet.partial").write_bytes(b"PAR1")
    assert len(passed(lake, folder).deliveries) == 1


def test_a_file_at_fault_holds_the_declaration_until_it_is_mended(lake, folder):
    land(folder, "a", turn(1))
    broken = land(folder, "b", turn(2))
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    land(folder, "c", turn(3))
    declare(folder, {"through": "2026-03-04"})
    first = passed(lake, folder)
    assert [delivery.source for delivery in first.deliveries] == ["turns/a.parquet", "turns/c.parquet"]
    assert "b.parquet: is no whole Parquet file" in str(first.failures[0])
    assert first.complete_through is None
    assert lake.clock().watermark == date(2026, 2, 28)
    [rejected] = rows_of(lake, "rejected_rows")
    assert (rejected["source"], rejected["position"]) == ("turns/b.parquet", 0)
    before = everything(lake)
    assert len(passed(lake, folder).failures) == 1
    assert everything(lake) == before

    broken.write_bytes(whole)
    mended = passed(lake, folder)
    assert [delivery.source for delivery in mended.deliveries] == ["turns/b.parquet"]
    assert (mended.failures, mended.complete_through) == ((), date(2026, 3, 4))
    assert all(row["finished"] for row in rows_of(lake, "log_deliveries"))
    assert len(rows_of(lake, "turns")) == 3


def test_columns_outside_the_contract_are_refused_with_a_suggestion(lake, folder):
    land(folder, "a", turn(1, dwel_ms=5))
    [failure] = passed(lake, folder).failures
    assert "column dwel_ms: is not in the contract of turns. Did you mean `dwell_ms`?" in str(failure)
    [rejected] = rows_of(lake, "rejected_rows")
    assert rejected["reason"] == "a.parquet: column dwel_ms: is not in the contract of turns"
    land(folder, "a", {key: value for key, value in turn(1).items() if key != "user_id"})
    assert "says nothing of user_id" in str(passed(lake, folder).failures[0])


def test_a_folder_that_is_no_table(lake, folder):
    land(folder, "a", turn(1), table="trns")
    assert "trns: is no table of the log contract. Did you mean `turns`?" in str(passed(lake, folder).failures[0])


@pytest.mark.parametrize("content", ["{", "[]", '{"through": "soon"}', '{"thru": "2026-03-01"}', '{"through": 5}'])
def test_a_declaration_that_names_no_day(lake, folder, content):
    land(folder, "a", turn(1))
    declare(folder, content)
    landing = passed(lake, folder)
    assert len(landing.deliveries) == 1
    assert "complete.json: names no day" in str(landing.failures[0])


def test_a_day_that_is_not_over_is_not_complete(lake, folder):
    declare(folder, {"through": "2026-03-11"})
    assert "declares 2026-03-11 complete, which is not over" in str(passed(lake, folder).failures[0])
    assert lake.clock().watermark is None
