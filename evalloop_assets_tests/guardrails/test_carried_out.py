"""From experiment data to a step of the ramp or a promotion, or to why there is none; all parts are real."""

import json
from datetime import date, datetime

import pytest

from .runs import carry_out, judge, rows, tick
from .world import DAY, a_world, experiment_rows, fill


def test_a_winner_is_promoted_once_and_mirrored(tmp_path, instance):
    world = a_world(tmp_path)
    fill(world, experiment_rows("x", retention_effect=0.3))
    for _ in range(2):
        judge(world, instance)
    (decision,) = rows(world, "decisions")
    assert (decision["action"], decision["advisory"], decision["treatment"]) == ("promote", False, "new-x")
    assert json.loads(decision["evidence"])["input_versions"]["experiment_results"] >= 0
    head = world.ledger.head()
    assert (head.sequence, head.action, head.actor, head.allocation.champion) == (3, "promote", "allocations", "new-x")
    assert head.at == datetime(2026, 5, 4, 0, 30)
    assert (
        json.loads(world.settings.flags.read_text())["flags"]["serving"]["variants"]["champion"]["model_id"] == "new-x"
    )

    judge(world, instance, date(2026, 5, 4))
    (mirrored,) = rows(world, "allocations", date(2026, 5, 4))
    assert (mirrored["sequence"], mirrored["action"], mirrored["champion"], mirrored["status"]) == (
        3,
        "promote",
        "new-x",
        "promoted",
    )


def flat_and_busier(name="x", users=40_000):
    """Retention as it was, to within half the margin of 4 points; no more replies than before."""
    return experiment_rows(name, users=users, metrics={"exposure", "drop_off", "daily_return"})


def test_a_step_of_the_ramp_is_taken_once_and_no_second_one_within_a_day(tmp_path, instance):
    world = a_world(tmp_path, weight_percent=5, retention_margin=0.04, planned_users=40_000)
    fill(world, flat_and_busier())
    for _ in range(2):
        done = judge(world, instance)
    (decision,) = rows(world, "decisions")
    assert (decision["action"], decision["advisory"], decision["reopened"]) == ("advance", False, None)
    head = world.ledger.head()
    assert (head.sequence, head.action, head.actor, head.request_id) == (
        3,
        "ramp",
        "allocations",
        "advance:x:x@2026-05-03",
    )
    assert head.allocation.experiment("x").weight_percent == 25
    assert head.evidence["decision"]["definition_versions"].keys() == {
        "experiment_users",
        "experiment_results",
        "decisions",
    }
    (event,) = done.asset_materializations_for_node("allocations")
    assert event.metadata["promotions"].value["x"].startswith("ramped to 25%: retention ")
    assert "evalloop serving undo 3" in event.metadata["promotions"].value["x"]
    assert json.loads(world.settings.flags.read_text())["metadata"]["sequence"] == 3


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"volume_floor": 5_000}, "advisory only"),
        ({"weight_percent": 100}, "the ramp is at its end"),
        ({"start": datetime(2026, 5, 3, 6)}, "its last step began on 2026-05-03 06:00:00, and a ramp takes one a day"),
    ],
)
def test_a_ramp_stays_where_it_is_on_advice_at_its_end_and_within_a_day(tmp_path, instance, change, why):
    world = a_world(tmp_path, **{"weight_percent": 5, "retention_margin": 0.04, "planned_users": 40_000} | change)
    fill(world, flat_and_busier())
    done = judge(world, instance)
    assert rows(world, "decisions")[0]["action"] == "advance"
    assert world.ledger.head().sequence == 2
    (event,) = done.asset_materializations_for_node("allocations")
    assert why in event.metadata["promotions"].value["x"]


@pytest.mark.parametrize("verdict", ["HOLD", "BLIND"])
def test_a_ramp_needs_the_guardrails_pass(tmp_path, instance, verdict):
    world = a_world(tmp_path, weight_percent=5, retention_margin=0.04, planned_users=40_000)
    fill(world, [one for one in flat_and_busier() if verdict == "HOLD" or one["metric"] != "drop_off"])
    if verdict == "HOLD":
        crossed = [dict(one, metric="exposure", total=1.0) for one in flat_and_busier() if one["metric"] == "exposure"]
        fill(world, [one for one in flat_and_busier() if one["metric"] != "exposure"], crossed)
    judge(world, instance)
    assert rows(world, "guardrail_readings")[0]["verdict"] == verdict
    assert world.ledger.head().sequence == 2


def test_late_data_that_no_longer_bears_out_what_was_done_is_told_and_reverses_nothing(tmp_path, instance):
    world = a_world(tmp_path)
    fill(world, experiment_rows("x", retention_effect=-0.3, seconds_effect=30))
    judge(world, instance)
    carry_out(world, instance, tick(instance).run_requests)
    fill(world, experiment_rows("x", seconds_effect=30))
    done = judge(world, instance)
    (reading,) = rows(world, "guardrail_readings")
    assert reading["verdict"] == "PASS"
    assert reading["reopened"].startswith("entry 3 (rollback) rests on this day, which now says PASS")
    assert reading["reopened"].endswith("evalloop serving undo 3")
    (event,) = done.asset_materializations_for_node("guardrail_readings")
    assert event.metadata["reopened"].value == {"x": reading["reopened"]}
    assert world.ledger.head().sequence == 3


def test_a_promotion_that_late_data_does_not_bear_out_is_told_by_decision_and_guardrail(tmp_path, instance):
    world = a_world(tmp_path)
    fill(world, experiment_rows("x", retention_effect=0.3))
    judge(world, instance)
    assert rows(world, "decisions")[0]["reopened"] is None
    fill(world, experiment_rows("x", retention_effect=-0.3))
    judge(world, instance)
    assert "entry 3 (promote) rests on this day, which now says hold" in rows(world, "decisions")[0]["reopened"]
    assert "which now says ROLLBACK" in rows(world, "guardrail_readings")[0]["reopened"]


@pytest.mark.parametrize(
    ("floor", "watermark", "why"),
    [(5_000, DAY, "advisory only"), (100, date(2026, 5, 4), "is not the newest complete day")],
)
def test_advice_and_the_past_promote_nobody(tmp_path, instance, floor, watermark, why):
    world = a_world(tmp_path, volume_floor=floor)
    world.complete_through(watermark, datetime(2026, 5, 5))
    fill(world, experiment_rows("x", retention_effect=0.3))
    done = judge(world, instance)
    assert world.ledger.head().sequence == 2
    (event,) = done.asset_materializations_for_node("allocations")
    assert why in event.metadata["promotions"].value["x"]


def test_a_promotion_needs_the_guardrails_pass(tmp_path, instance):
    """Return is up by daily_return, yet complaints are a confirmed red flag."""
    world = a_world(tmp_path)
    winner = experiment_rows("x", retention_effect=0.3)
    angry = [
        row | {"metric": "complaint", "units": 10, "eligible": 10, "total": 5.0 * (row["arm"] == "treatment")}
        for row in winner
        if row["metric"] == "chat_send"
    ]
    fill(world, winner, angry)
    done = judge(world, instance)
    assert rows(world, "decisions")[0]["action"] == "promote"
    assert rows(world, "guardrail_readings")[0]["cause"] == "red_flag"
    assert world.ledger.head().sequence == 2
    (event,) = done.asset_materializations_for_node("allocations")
    assert "the guardrail says ROLLBACK" in event.metadata["promotions"].value["x"]
