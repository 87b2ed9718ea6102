"""What an asset tells the UI, and which days its checks look at."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetSelection,
    DagsterInstance,
    Definitions,
    asset_check,
    define_asset_job,
    materialize,
)

from evalloop_assets.days import Days
from evalloop_assets.denoise.assets import ASSETS
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.report import dagster_schema, shown_coverage
from evalloop_assets.lake.resource import LakeResource, lake_resource
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.logs.contract import TURNS
from evalloop_assets.settings import Settings

DAYS = Days(date(2026, 3, 1), date(2026, 3, 2))
SESSIONS = [one for one in ASSETS if one.key.to_user_string() == "sessions"]


def reply(day: int, user: str) -> dict[str, object]:
    shown = datetime(2026, 3, day, 10)
    ids = {"event_id": f"{user}{day}", "user_id": user, "conversation_id": f"c-{user}", "model_id": "m"}
    return {"day": shown.date(), "shown_at": shown, "character_id": "anna" if user == "u" else None, **ids}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home whose log holds one reply of each of two users on the first day, and of three on the second."""
    settings = Settings(home=tmp_path / "home")
    rows = [reply(1, "u"), reply(1, "v"), reply(2, "u"), reply(2, "v"), reply(2, "w")]
    table = pa.Table.from_pylist(rows, arrow_schema(TURNS))
    lake_resource(settings).open().replace(TURNS, DAYS, {}, lambda inputs: table)
    return settings


def resources(settings: Settings) -> dict[str, object]:
    return {"lake": lake_resource(settings), "settings": settings}


def test_an_asset_tells_rows_of_the_table_and_of_the_day_coverage_and_where_columns_come_from(settings: Settings):
    for day, rows, known in (("2026-03-01", 2, 0.5), ("2026-03-02", 5, 0.3333)):
        done = materialize(SESSIONS, partition_key=day, resources=resources(settings))
        [event] = done.asset_materializations_for_node("sessions")
        assert event.metadata["dagster/row_count"].value == rows
        assert event.metadata["coverage"].value["character_id"] == known
        assert "user_id" not in event.metadata["coverage"].value
    assert event.metadata["dagster/partition_row_count"].value == 3
    shown = {record.data["column"]: record.data["comes from"] for record in event.metadata["column_lineage"].records}
    assert shown["user_id"] == "turns.user_id"
    assert shown["session_id"] == "turns.conversation_id, turns.shown_at, turns.user_id"
    deps = event.metadata["dagster/column_lineage"].value.deps_by_column["user_id"]
    assert [(dep.asset_key.to_user_string(), dep.column_name) for dep in deps] == [("turns", "user_id")]


def test_coverage_without_a_gap_is_a_sentence():
    assert shown_coverage({}).value == "every column is known in every row"
    assert shown_coverage({"dwell_ms": 0.0}).value == {"dwell_ms": 0.0}


def test_the_columns_of_the_key_and_the_required_ones_are_marked():
    columns = (
        Column("a", "VARCHAR", "first"),
        Column("b", "BIGINT", "second", required=True),
        Column("c", "DATE", "x"),
    )
    table = TableSchema("marked", "one thing", columns, ("a",))
    shown = {column.name: column.constraints for column in dagster_schema(table).columns}
    assert [name for name, known in shown.items() if not known.nullable] == ["day", "a", "b"]
    assert [name for name, known in shown.items() if known.unique] == ["a"]
    composite = dagster_schema(TableSchema("marked", "one thing", columns, ("a", "day")))
    assert not any(column.constraints.unique for column in composite.columns)


@asset_check(asset="sessions")
def days_seen(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    days = days_to_check(context, lake.open(), "sessions")
    return AssetCheckResult(passed=True, metadata={"days": [str(days.first), str(days.last)]})


def test_a_check_looks_at_every_day_of_its_run_and_by_itself_at_the_newest(settings: Settings):
    whole = define_asset_job("whole", AssetSelection.assets("sessions"))
    alone = define_asset_job("alone", AssetSelection.checks(days_seen))
    defs = Definitions(SESSIONS, asset_checks=[days_seen], jobs=[whole, alone], resources=resources(settings))
    span = {"start": str(DAYS.first), "end": str(DAYS.last)}
    with DagsterInstance.ephemeral() as instance:

        def seen(job: str, **more: Any) -> list[str]:
            done = defs.resolve_job_def(job).execute_in_process(instance=instance, **more)
            [found] = done.get_asset_check_evaluations()
            return found.metadata["days"].value

        with pytest.raises(UserError, match="table sessions: no day of it was computed yet"):
            seen("alone")
        tags = {f"dagster/asset_partition_range_{side}": day for side, day in span.items()}
        assert seen("whole", tags=tags) == ["2026-03-01", "2026-03-02"]
        assert seen("whole", partition_key="2026-03-01") == ["2026-03-01", "2026-03-01"]
        assert seen("alone") == ["2026-03-02", "2026-03-02"]
