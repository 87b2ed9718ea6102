"""The code location as a whole: what it holds, how it hangs together, and what importing it costs.

After an intended change of the graph, write the snapshot anew: python -m evalloop_assets_tests.test_definitions
"""

import json
import subprocess
import sys
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from dagster import DailyPartitionsDefinition

from evalloop_assets.definitions import defs
from evalloop_assets.lake.assets import STEPS, TRANSFORMS
from evalloop_assets.partitions import days_from

SNAPSHOT = Path(__file__).with_name("asset_graph.json")
LOOP = ["logs", "denoise", "horizon_labels", "reward_model", "policy_iteration", "online_ab", "backfill"]
HEAVY = ["torch", "transformers", "trl", "mlflow", "pyspark", "pandas", "matplotlib"]


def asset_graph() -> dict[str, dict[str, object]]:
    graph = defs.resolve_asset_graph()
    return {
        key.to_user_string(): {
            "group": graph.get(key).group_name,
            "reads": {
                parent.to_user_string(): list(STEPS[key.to_user_string()].reads[parent.to_user_string()])
                for parent in sorted(graph.get(key).parent_keys)
            },
            "checks": sorted(check.name for check in graph.get(key).check_keys),
        }
        for key in sorted(graph.get_all_asset_keys())
    }


def test_the_asset_graph_is_the_one_that_was_reviewed():
    assert asset_graph() == json.loads(SNAPSHOT.read_text(encoding="utf-8"))


def test_the_loop_runs_through_its_stages_in_order():
    graph = defs.resolve_asset_graph()
    edges = {
        (graph.get(parent).group_name, graph.get(key).group_name)
        for key in graph.get_all_asset_keys()
        for parent in graph.get(key).parent_keys
        if parent != key
    }
    crossing = {(first, second) for first, second in edges if first != second}
    rank = {group: place for place, group in enumerate(LOOP)}
    backwards = {edge for edge in crossing if edge[0] in rank and edge[1] in rank and rank[edge[0]] > rank[edge[1]]}
    assert backwards == set()
    for first, second in pairwise(LOOP):
        assert (first, second) in crossing, f"no table of {second} reads one of {first}"


@pytest.mark.parametrize("now", [None, "2015-12-31", "2016-01-01", "2016-03-01 00:00:01", "2026-11-25 23:59:59"])
def test_days_are_those_of_dagsters_own_calendar(now: str | None):
    time = datetime.fromisoformat(now) if now else None
    ours, theirs = days_from(date(2016, 1, 1)), DailyPartitionsDefinition("2016-01-01", end_offset=1)
    assert list(ours.get_partition_keys(time)) == list(theirs.get_partition_keys(time))
    assert ours.get_serializable_unique_identifier() == theirs.get_serializable_unique_identifier()


def test_every_asset_says_what_one_row_is_and_shows_its_columns():
    for key in defs.resolve_asset_graph().get_all_asset_keys():
        spec = defs.resolve_assets_def(key).specs_by_key[key]
        described = (spec.description or "").splitlines()
        assert "One row is " in described[0], key
        assert not [line for line in described if line.startswith("    ")], f"{key}: Markdown shows it as code"
        assert spec.metadata["dagster/column_schema"].columns, key
        assert spec.group_name != "default", key


def test_every_transform_is_an_asset_and_relabelling_covers_the_labels():
    job = defs.resolve_job_def("relabel")
    relabelled = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert relabelled == {*TRANSFORMS, "personas", "breaks", "reply_quality", "rewards", "pair_scores", "credit"}
    assert {"horizon_labels", "preference_pairs", "experiment_users"} <= relabelled


def test_importing_the_definitions_imports_nothing_heavy():
    code = f"import sys, evalloop_assets.definitions; print([name for name in {HEAVY!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
    assert "Warning" not in found.stderr


def test_guardrails_and_catalogue_watch_by_default():
    states = {sensor.name: sensor.default_status.value for sensor in defs.get_repository_def().sensor_defs}
    assert states["guardrail_sensor"] == "RUNNING"
    assert states["catalogue_sensor"] == "RUNNING"
    assert states["rejudge_sensor"] == "RUNNING"
    assert states["retrain_sensor"] == "RUNNING"


def test_judging_anew_carries_out_nothing():
    job = defs.resolve_job_def("rejudge")
    judged = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert judged == {"experiment_results", "guardrail_readings", "decisions"}


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(asset_graph(), indent=1) + "\n", encoding="utf-8")
