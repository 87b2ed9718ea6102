"""The assets and checks of the stage, run by Dagster."""

from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster import AssetCheckSeverity, DagsterInstance, materialize

from evalloop_assets.days import Days
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.logs.assets import ASSETS
from evalloop_assets.logs.checks import CHECKS, contract_kept, event_ids_unique, few_rejected
from evalloop_assets.logs.contract import DELIVERED, TURNS
from evalloop_assets.settings import Settings
from evalloop_assets_tests.logs.world import DAY, TURNS_AS_THEY_ARE, take_in, turn, write_lines

DAYS = Days(DAY, date(2026, 3, 3))


def test_a_run_takes_in_the_landing_folder_and_reports_every_table(tmp_path):
    settings = Settings(home=tmp_path / "home")
    folder = settings.landing / "turns"
    folder.mkdir(parents=True)
    rows = [turn(1), turn(1), turn(2, user_text=None), turn(3, shown_at="2026-03-02T10:00:00Z"), turn(4, user_id=None)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")
    with DagsterInstance.ephemeral() as instance:
        result = materialize(
            [*ASSETS, *CHECKS],
            partition_key="2026-03-01",
            instance=instance,
            resources={"lake": lake_resource(settings), "settings": settings},
        )
        assert result.success
        events = {}
        for event in result.get_asset_materialization_events():
            events[event.asset_key.path[-1], event.partition] = event.materialization.metadata
        assert {name for name, _ in events} == set(DELIVERED)
        turns = events["turns", "2026-03-01"]
        assert turns["dagster/partition_row_count"].value == 2
        assert turns["coverage"].value["user_text"] == 0.5
        assert turns["coverage"].value["dwell_ms"] == 0
        assert "user_id" not in turns["coverage"].value
        assert (turns["rows_added"].value, turns["rows_duplicate"].value, turns["rows_rejected"].value) == (3, 1, 1)
        assert turns["dagster/column_schema"].value.columns[0].name == "day"
        assert events["turns", "2026-03-02"]["source"].value == "turns/a.parquet"
        verdicts = {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
        assert verdicts == {"contract": True, "event_ids_unique": True, "few_rejected": False}


def planted(lake, *rows):
    """Rows written past every validation."""
    table = pa.Table.from_pylist(list(rows), arrow_schema(TURNS))
    lake.replace(TURNS, Days(DAY, date(2026, 3, 3)), {}, lambda inputs: table)


def stored(number, day=DAY, **changes):
    shown = {"shown_at": datetime(day.year, day.month, day.day, 10), "day": day}
    return {**turn(number), **shown, **changes}


def test_contract_check(lake):
    planted(lake, stored(1), stored(2))
    assert contract_kept(lake, DAYS).passed
    planted(lake, stored(1), stored(2, user_id=None), stored(3, day=date(2026, 3, 2), shown_at=datetime(2026, 3, 1)))
    result = contract_kept(lake, DAYS)
    assert not result.passed
    assert result.description == "user_id: 1 rows; on_wrong_day: 1 rows"


@pytest.mark.parametrize("again", [DAY, date(2026, 3, 3)])
def test_unique_check(lake, again):
    planted(lake, stored(1), stored(2))
    assert event_ids_unique(lake, DAYS).passed
    planted(lake, stored(1), stored(1, day=again, reply_text="again"))
    assert not event_ids_unique(lake, Days.one(DAY)).passed
    assert not event_ids_unique(lake, Days.one(again)).passed


def test_rejected_check(lake, tmp_path):
    good = write_lines(tmp_path / "good.jsonl", (turn(number) for number in range(30)))
    take_in(lake, good)
    assert few_rejected(lake, DAYS).passed
    bad = write_lines(
        tmp_path / "bad.jsonl", (turn(number, user_id=None if number % 2 else "u") for number in range(8))
    )
    take_in(lake, bad, TURNS_AS_THEY_ARE)
    result = few_rejected(lake, DAYS)
    assert (result.passed, result.severity) == (False, AssetCheckSeverity.WARN)
    assert result.description == "10.5% of turns rejected"
    assert few_rejected(lake, Days.one(date(2026, 3, 5))).passed
