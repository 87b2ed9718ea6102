"""From experiment data to a verdict, a sensor tick and a rollback run; all parts are real."""

import json
from datetime import datetime, timedelta

import pytest
from dagster import AssetKey, materialize

from evalloop_assets.backfill.vacuum import cited_versions
from evalloop_assets.guardrails.assets import guardrail_readings
from evalloop_assets.guardrails.rollback import (
    NOT_OURS,
    OUT_OF_DATE,
    OUTCOME_TAG,
    ROLLED_BACK,
    rollback,
    rollback_config,
    undo,
    undo_config,
)
from evalloop_assets.lake.errors import UserError
from evalloop_assets.serving.ledger import Change
from evalloop_assets.serving.transitions import promote, start_experiment, stop

from .runs import STEPS, carry_out, judge, rows, tick
from .world import DAY, a_world, an_empty_world, experiment_rows, fill


def test_padding_is_judged_requested_rolled_back_and_published(tmp_path, instance):
    world = a_world(tmp_path)
    fill(world, experiment_rows("x", retention_effect=-0.3, seconds_effect=30))
    judge(world, instance)
    (reading,) = rows(world, "guardrail_readings")
    assert (reading["reading_id"], reading["verdict"], reading["cause"]) == ("x@2026-05-03", "ROLLBACK", "gaming")
    assert reading["duration_low"] > 0 > reading["retention_high"]
    assert (reading["matured_users"], reading["daily_users"], reading["control"], reading["treatment"]) == (
        800,
        1_000,
        "old",
        "new-x",
    )
    assert reading["as_of"] == datetime(2026, 5, 4, 0, 30)

    (request,) = (found := tick(instance)).run_requests
    assert request.run_key.endswith("-x")
    assert request.tags["evalloop/experiment"] == "x"
    carry_out(world, instance, [request])
    head = world.ledger.head()
    assert (head.action, head.actor, head.request_id) == ("rollback", "guardrail_sensor", "x@2026-05-03")
    assert "Time spent rose while fewer people came back" in head.reason
    assert head.evidence["cause"] == "gaming"
    assert head.evidence["decided"]["high"] == reading["retention_high"] < head.evidence["decided"]["limit"] == 0
    assert head.evidence["decided"]["longer"]["low"] == reading["duration_low"]
    assert head.evidence["limits"]["alpha"] == world.settings.ab.alpha
    assert set(head.evidence["definition_versions"]) == {"experiment_users", "experiment_results", "guardrail_readings"}
    cited = cited_versions([head.evidence])
    assert cited["experiment_results"] == [world.lake.version("experiment_results")]
    assert cited["experiment_users"] == [world.lake.version("experiment_users")]
    assert head.at == datetime(2026, 5, 4, 0, 30)
    assert head.allocation.experiment("x").status == "rolled_back"
    published = json.loads(world.settings.flags.read_text())
    assert set(published["flags"]["serving"]["variants"]) == {"champion"}
    assert published["metadata"]["sequence"] == head.sequence

    idle = tick(instance, found.cursor)
    assert not idle.run_requests
    assert "No new guardrail reading" in idle.skip_reason.skip_message
    assert "x on 2026-05-03: ROLLBACK (gaming)" in idle.skip_reason.skip_message


def test_a_rollback_that_is_asked_for_again_changes_nothing_and_an_undo_restores(tmp_path, instance):
    world = a_world(tmp_path)
    config = rollback_config(experiment_id="x", reading_id="x@1", reason="padding")
    for _ in range(3):
        done = rollback.execute_in_process(instance=instance, resources=world.resources, run_config=config)
        assert instance.get_run_by_id(done.run_id).tags[OUTCOME_TAG] == ROLLED_BACK
    assert [entry.action for entry in world.ledger.history()] == ["start", "start", "rollback"]

    config = undo_config(to_sequence=2, request_id="undo-1", reason="false alarm", actor="ada")
    for _ in range(2):
        assert undo.execute_in_process(instance=instance, resources=world.resources, run_config=config).success
    head = world.ledger.head()
    assert (head.sequence, head.action, head.actor) == (4, "undo", "ada")
    (again,) = head.allocation.experiments
    assert (again.status, again.weight_percent, again.epochs[0].starts_at) == ("running", 50, head.at)
    assert "x.user.treatment" in world.settings.flags.read_text()

    assert rollback.execute_in_process(
        instance=instance,
        resources=world.resources,
        run_config=rollback_config(experiment_id="x", reading_id="x@1", reason="padding"),
    ).success
    assert world.ledger.head().sequence == 4


def at_noon(world, action, day, transition):
    noon = datetime(2026, 5, day, 12)
    world.ledger.apply(Change(action, "test", "by the test", noon, f"{action}-{day}"), lambda a: transition(a, noon))


@pytest.mark.parametrize(
    ("day", "outcome"), [("2026-04-30", OUT_OF_DATE), ("2026-05-03", OUT_OF_DATE), ("2026-05-05", ROLLED_BACK)]
)
def test_a_day_judged_anew_dethrones_nobody_whom_a_later_day_promoted(tmp_path, instance, day, outcome):
    world = a_world(tmp_path)
    at_noon(world, "promote", 6, lambda state, at: promote(state, "x", at))
    config = rollback_config(experiment_id="x", reading_id=f"x@{day}", reason="padding", evidence={"day": day})
    done = rollback.execute_in_process(instance=instance, resources=world.resources, run_config=config)
    assert instance.get_run_by_id(done.run_id).tags[OUTCOME_TAG] == outcome
    assert world.ledger.head().allocation.champion == ("new-x" if outcome == OUT_OF_DATE else "old")


def test_an_experiment_that_has_left_the_allocation_is_a_green_run_that_says_so(tmp_path, instance):
    world = a_world(tmp_path)
    at_noon(world, "stop", 3, lambda state, at: stop(state, "x", at))
    at_noon(world, "start", 20, lambda state, at: start_experiment(state, "z", "new-z", at, weight_percent=5))
    config = rollback_config(
        experiment_id="x", reading_id="x@2026-05-02", reason="late", evidence={"day": "2026-05-02"}
    )
    done = rollback.execute_in_process(instance=instance, resources=world.resources, run_config=config)
    assert instance.get_run_by_id(done.run_id).tags[OUTCOME_TAG] == OUT_OF_DATE
    assert world.ledger.head().sequence == 4


def test_the_job_takes_back_no_later_entry_unasked(tmp_path, instance):
    world = a_world(tmp_path, experiments=("x", "y"))
    config = undo_config(to_sequence=1, request_id="undo-1", reason="not yet", actor="ada")
    with pytest.raises(UserError, match=r"would take back entry 3 too, and what is known is entry 2"):
        undo.execute_in_process(instance=instance, resources=world.resources, run_config=config)
    assert world.ledger.head().sequence == 3
    config = undo_config(to_sequence=1, expected_sequence=3, request_id="undo-1", reason="not yet", actor="ada")
    assert undo.execute_in_process(instance=instance, resources=world.resources, run_config=config).success
    assert world.ledger.head().allocation.experiments == ()


@pytest.mark.parametrize("ledger", ["others", "empty"])
def test_a_rollback_of_an_experiment_of_another_router_is_green_changes_nothing_and_says_where(
    tmp_path, instance, ledger
):
    world = a_world(tmp_path) if ledger == "others" else an_empty_world(tmp_path)
    before = world.ledger.history()
    config = rollback_config(experiment_id="elsewhere", reading_id="e@1", reason="padding")
    done = rollback.execute_in_process(instance=instance, resources=world.resources, run_config=config)
    assert done.success
    assert world.ledger.history() == before
    assert not world.settings.flags.exists()
    assert instance.get_run_by_id(done.run_id).tags[OUTCOME_TAG] == NOT_OURS
    (output,) = [event for event in done.all_node_events if event.is_successful_output]
    said = output.event_specific_data.metadata["said"].value
    assert "not ours to take out, and nothing was changed" in said
    assert "another router" in said
    assert said.endswith("The reading says: padding")


def test_a_harmful_experiment_of_another_router_ends_in_a_green_run_that_names_it(tmp_path, instance):
    world = a_world(tmp_path, experiments=())
    fill(world, experiment_rows("elsewhere", retention_effect=-0.3))
    judge(world, instance)
    (request,) = tick(instance).run_requests
    carry_out(world, instance, [request])
    assert [entry.action for entry in world.ledger.history()] == ["start"]


def test_a_sample_ratio_mismatch_holds_fails_its_check_and_leaves_the_run_green(tmp_path, instance):
    world = a_world(tmp_path)
    fill(world, experiment_rows("x", retention_effect=-0.3, seconds_effect=30, lost=0.4))
    done = judge(world, instance)
    (reading,) = rows(world, "guardrail_readings")
    assert (reading["verdict"], reading["cause"]) == ("HOLD", "srm")
    assert rows(world, "decisions")[0]["action"] == "hold"
    passed = {one.check_name: one.passed for one in done.get_asset_check_evaluations()}
    assert passed == {"sample_ratio_match": False, "no_guardrail_fired": True}
    found = tick(instance)
    assert not found.run_requests
    assert "x on 2026-05-03: HOLD (srm)" in found.skip_reason.skip_message


def test_clean_experiments_pass_every_check_and_the_sensor_says_so(tmp_path, instance):
    world = a_world(tmp_path, experiments=("x", "y"))
    fill(world, experiment_rows("x"), experiment_rows("y", seed=2))
    done = judge(world, instance)
    assert all(one.passed for one in done.get_asset_check_evaluations())
    assert {row["verdict"] for row in rows(world, "guardrail_readings")} == {"PASS"}
    message = tick(instance).skip_reason.skip_message
    assert "x on 2026-05-03: PASS." in message
    assert "y on 2026-05-03: PASS." in message
    assert message.endswith("Nothing to roll back.")


def test_only_the_harmful_one_of_two_experiments_is_taken_out(tmp_path, instance):
    world = a_world(tmp_path, experiments=("good", "bad"))
    fill(world, experiment_rows("good"), experiment_rows("bad", retention_effect=-0.3))
    judge(world, instance)
    requests = tick(instance).run_requests
    assert [request.tags["evalloop/experiment"] for request in requests] == ["bad"]
    carry_out(world, instance, requests)
    statuses = {one.experiment_id: one.status for one in world.ledger.head().allocation.experiments}
    assert statuses == {"good": "running", "bad": "rolled_back"}


def test_an_experiment_in_flight_without_any_data_is_blind(tmp_path, instance):
    world = a_world(tmp_path)
    done = judge(world, instance)
    (reading,) = rows(world, "guardrail_readings")
    assert (reading["verdict"], reading["cause"], reading["retention_effect"]) == ("BLIND", "no_data", None)
    passed = {one.check_name: one.passed for one in done.get_asset_check_evaluations()}
    assert not passed["no_guardrail_fired"]
    assert tick(instance).run_requests in (None, [])


@pytest.mark.parametrize(
    ("start", "watermark"), [(datetime(2026, 5, 3, 23, 50), DAY), (datetime(2026, 5, 1), DAY - timedelta(days=1))]
)
def test_silence_is_no_blindness_on_the_day_of_the_start_nor_on_an_open_day(tmp_path, instance, start, watermark):
    world = a_world(tmp_path, start=start)
    world.complete_through(watermark, datetime(2026, 5, 3, 23, 55))
    judge(world, instance)
    (reading,) = rows(world, "guardrail_readings")
    assert (reading["verdict"], reading["cause"]) == ("HOLD", "immature")


def test_what_was_rolled_back_before_the_day_is_not_judged_again(tmp_path, instance):
    world = a_world(tmp_path)
    config = rollback_config(experiment_id="x", reading_id="x@1", reason="padding", at="2026-05-02T12:00:00")
    rollback.execute_in_process(instance=instance, resources=world.resources, run_config=config)
    fill(world, experiment_rows("x", retention_effect=-0.3))
    judge(world, instance)
    assert rows(world, "guardrail_readings") == []
    assert "No experiment is in flight." in tick(instance).skip_reason.skip_message


def test_what_the_reading_of_the_day_before_rolled_back_after_midnight_is_not_judged_again(tmp_path, instance):
    world = a_world(tmp_path)
    at = "2026-05-03T00:50:00"
    config = rollback_config(experiment_id="x", reading_id="x@2026-05-02", reason="harm", at=at)
    rollback.execute_in_process(instance=instance, resources=world.resources, run_config=config)
    fill(world, experiment_rows("x", retention_effect=-0.3))
    judge(world, instance)
    assert rows(world, "guardrail_readings") == []
    assert not tick(instance).run_requests


def test_the_reading_that_asked_for_a_rollback_within_its_day_is_judged_again(tmp_path, instance):
    world = a_world(tmp_path)
    at = "2026-05-03T14:00:00"
    config = rollback_config(experiment_id="x", reading_id="x@2026-05-03", reason="red flag", at=at)
    rollback.execute_in_process(instance=instance, resources=world.resources, run_config=config)
    fill(world, experiment_rows("x"))
    judge(world, instance)
    (reading,) = rows(world, "guardrail_readings")
    assert "which now says PASS" in reading["reopened"]


def test_an_experiment_of_another_router_is_judged_though_the_ledger_does_not_know_it(tmp_path, instance):
    world = a_world(tmp_path, experiments=())
    fill(world, experiment_rows("elsewhere", retention_effect=-0.3))
    judge(world, instance)
    assert [row["experiment_id"] for row in rows(world, "guardrail_readings")] == ["elsewhere"]


def test_the_sensor_reads_each_materialization_once_and_asks_again_for_a_new_one(tmp_path, instance):
    world = a_world(tmp_path)
    fill(world, experiment_rows("x", retention_effect=-0.3))
    judge(world, instance)
    first = tick(instance)
    assert len(first.run_requests) == 1
    assert not tick(instance, first.cursor).run_requests
    judge(world, instance)
    second = tick(instance, first.cursor)
    assert len(second.run_requests) == 1
    assert second.run_requests[0].run_key != first.run_requests[0].run_key
    carry_out(world, instance, [*first.run_requests, *second.run_requests])
    assert [entry.action for entry in world.ledger.history()].count("rollback") == 1


def test_an_instance_without_any_reading_is_no_error(instance):
    found = tick(instance)
    assert found.skip_reason.skip_message == "No new guardrail reading."
    assert guardrail_readings.key == AssetKey("guardrail_readings")


def test_of_a_range_only_the_last_day_is_judged_and_decided(tmp_path, instance):
    world = a_world(tmp_path)
    fill(world, experiment_rows("x", retention_effect=-0.3))
    days = [DAY - timedelta(days=k) for k in (2, 1, 0)]
    tags = {
        "dagster/asset_partition_range_start": days[0].isoformat(),
        "dagster/asset_partition_range_end": DAY.isoformat(),
    }
    assert materialize(STEPS, instance=instance, resources=world.resources, tags=tags).success
    for table in ("experiment_results", "decisions", "guardrail_readings", "allocations"):
        assert [len(rows(world, table, day)) > 0 for day in days] == [False, False, True]
    assert [request.tags["evalloop/reading"] for request in tick(instance).run_requests] == [f"x@{DAY}"]
