import json
from datetime import date
from pathlib import Path

import duckdb
import pytest
from dagster import DagsterInstance

from evalloop_assets.backfill.vacuum import cited_versions
from evalloop_assets.days import Days
from evalloop_assets.definitions import build_definitions
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import Settings

DAY = Days.one(date(2026, 1, 1))


def put(lake: Lake, table: str, **values: object) -> int:
    """One row with these values; every other column is NULL."""
    schema = declared(table)
    listed = ", ".join(
        f"CAST({_literal(values.get(column.name))} AS {column.type}) AS {column.name}" for column in schema.columns
    )
    return lake.replace(schema, DAY, {}, lambda inputs: f"SELECT DATE '2026-01-01' AS day, {listed}").version


def _literal(value: object) -> str:
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


def test_citations_are_found_however_deep():
    evidence = [
        {"input_versions": {"sessions": 3}},
        {"decision": {"input_versions": {"sessions": 5, "exits": 2}}, "others": [{"input_versions": {"sessions": 3}}]},
        {"figures": {"duration": 1.5}},
    ]
    assert cited_versions(evidence) == {"exits": [2], "sessions": [3, 5]}


def test_what_a_decision_cites_stays_readable_and_the_rest_goes(tmp_path: Path):
    settings = Settings(home=tmp_path)
    lake = open_lake(settings)
    versions = [put(lake, "exits", session_id=f"s{number}") for number in range(3)]
    put(lake, "decisions", experiment_id="e", evidence=json.dumps({"input_versions": {"exits": versions[0]}}))
    with DagsterInstance.ephemeral() as instance:
        job = build_definitions(settings).resolve_job_def("vacuum")
        config = {"ops": {"delete_unneeded": {"config": {"retention_hours": 0}}}}
        assert job.execute_in_process(instance=instance, run_config=config).success
    assert lake.read("exits", version=versions[0]).column("session_id").to_pylist() == ["s0"]
    assert lake.read("exits").column("session_id").to_pylist() == ["s2"]
    with pytest.raises(duckdb.IOException):
        lake.read("exits", version=versions[1])
