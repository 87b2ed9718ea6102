"""States of candidates, replayed from a real ledger and from the tables of the stages."""

import json
from datetime import date, datetime, timedelta

import pytest
from dagster import DagsterInstance, materialize

from evalloop_assets.days import Days
from evalloop_assets.guardrails.assets import candidate_states
from evalloop_assets.guardrails.candidates import Happening, served, states
from evalloop_assets.online_ab.lifecycle import Event
from evalloop_assets.serving import transitions
from evalloop_assets.serving.ledger import Change, Ledger

from .world import DAY, START, a_world, fill

LATER = START + timedelta(days=30)


@pytest.fixture
def ledger(tmp_path):
    one = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    one.begin("old", Change("start", "ada", "first champion", START, "first"))
    yield one
    one.close()


def at(hours):
    return START + timedelta(hours=hours)


def apply(ledger, hours, action, transition, actor="ada"):
    change = Change(action, actor, f"{action} of the test", at(hours), f"{action}-{hours}")
    return ledger.apply(change, lambda state: transition(state, at(hours)))


def start(ledger, hours=1, name="x", treatment="new", weight=5.0):
    apply(
        ledger,
        hours,
        "start",
        lambda state, when: transitions.start_experiment(state, name, treatment, when, weight_percent=weight),
    )


def standing(ledger, more=()):
    return {row["model_id"]: row for row in states([*served(ledger.history()), *more], LATER)}


def told(ledger, more=()):
    return {name: (row["state"], row["weight_percent"]) for name, row in standing(ledger, more).items()}


def test_a_candidate_starts_ramps_is_crowned_dethroned_and_the_old_champion_comes_back(ledger):
    assert told(ledger) == {"old": ("champion", 100.0)}
    start(ledger)
    assert told(ledger)["new"] == ("in_ab", 5.0)
    apply(ledger, 30, "ramp", lambda state, when: transitions.ramp(state, "x", 25.0, when), "allocations")
    assert told(ledger)["new"] == ("ramping", 25.0)
    apply(ledger, 60, "promote", lambda state, when: transitions.promote(state, "x", when), "allocations")
    assert told(ledger) == {"old": ("cut", 0.0), "new": ("champion", 100.0)}
    apply(ledger, 90, "rollback", lambda state, when: transitions.roll_back(state, "x", when), "guardrail_sensor")
    found = standing(ledger)
    assert {name: row["state"] for name, row in found.items()} == {"old": "champion", "new": "rolled_back"}
    assert found["new"]["since"] == at(90)
    assert found["new"]["why"] == "rollback: rollback of the test"
    assert json.loads(found["new"]["evidence"])["undo"] == "evalloop serving undo 5"
    ledger.undo(4, Change("undo", "ada", "false alarm", at(91), "undo"))
    assert told(ledger) == {"old": ("cut", 0.0), "new": ("champion", 100.0)}
    ledger.undo(3, Change("undo", "ada", "not yet", at(92), "undo-2"), 6)
    assert told(ledger) == {"old": ("champion", 100.0), "new": ("ramping", 25.0)}
    assert all(row["refused"] is None for row in standing(ledger).values())


def test_what_is_stopped_or_ends_with_its_champion_is_cut_and_a_person_may_try_it_again(ledger):
    start(ledger, 1, "x", "new", 10.0)
    apply(ledger, 2, "stop", lambda state, when: transitions.stop(state, "x", when))
    assert told(ledger)["new"] == ("cut", 0.0)
    start(ledger, 3, "again", "new", 50.0)
    found = standing(ledger)["new"]
    assert (found["state"], found["weight_percent"], found["experiment_id"]) == ("in_ab", 50.0, "again")


def test_a_verdict_holds_and_releases_and_keeps_the_ramp(ledger):
    start(ledger)
    apply(ledger, 30, "ramp", lambda state, when: transitions.ramp(state, "x", 25.0, when))
    held = Happening(at(48), "new", Event("hold", verdict="BLIND"), "guardrail: BLIND", {}, "x")
    again = Happening(at(72), "new", Event("hold", verdict="HOLD"), "guardrail: HOLD", {}, "x")
    fine = Happening(at(96), "new", Event("resume", verdict="PASS"), "guardrail: PASS", {}, "x")
    found = standing(ledger, [held, again])["new"]
    assert (found["state"], found["weight_percent"], found["since"]) == ("held", 25.0, at(48))
    found = standing(ledger, [held, again, fine])["new"]
    assert (found["state"], found["since"]) == ("ramping", at(96))


def test_what_the_loop_does_against_a_state_is_told_and_changes_none(ledger):
    start(ledger)
    held = Happening(at(24), "new", Event("hold", verdict="HOLD"), "guardrail: HOLD", {}, "x")
    apply(ledger, 30, "ramp", lambda state, when: transitions.ramp(state, "x", 25.0, when), "allocations")
    found = standing(ledger, [held])["new"]
    assert (found["state"], found["weight_percent"]) == ("held", 5.0)
    assert found["refused"] == "ramp: ramp of the test: it is held"


def test_nothing_later_counts():
    later = Happening(LATER, "new", Event("rate"), "rated", {})
    assert states([later], LATER - timedelta(seconds=1)) == []
    (row,) = states([later], LATER)
    assert row["state"] == "ranked"


def test_every_stage_speaks_of_its_candidates_in_the_table(tmp_path):
    world = a_world(tmp_path)
    world.write(
        "policy_candidates",
        [
            {"model_id": name, "kind": "best_of_n", "base_model_id": "old", "created_on": date(2026, 5, 1)}
            for name in ("fresh", "turned-down", "new-x")
        ],
    )
    world.write("policy_screen", [{"model_id": "turned-down", "passed": False, "reason": "twice as long"}])
    world.write("ratings", [{"model_id": name} for name in ("rated", "worst")])
    world.write(
        "eliminations", [{"model_id": "worst", "against": "old", "eliminated": True, "z": -4.0, "reason": "low"}]
    )
    verdict = {"reading_id": "x@1", "experiment_id": "x", "treatment": "new-x", "verdict": "HOLD", "reason": "srm"}
    elsewhere = {"reading_id": "e@1", "experiment_id": "e", "treatment": "theirs", "verdict": "PASS", "reason": "fine"}
    world.write("guardrail_readings", [verdict, elsewhere])
    fill(world)
    with DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        done = materialize(
            [candidate_states], partition_key=DAY.isoformat(), instance=instance, resources=world.resources
        )
    found = {row["model_id"]: row for row in world.lake.read("candidate_states", Days.one(DAY)).to_pylist()}
    assert {name: row["state"] for name, row in found.items()} == {
        "fresh": "registered",
        "turned-down": "cut",
        "rated": "ranked",
        "worst": "eliminated",
        "old": "champion",
        "new-x": "held",
        "theirs": "in_ab",
    }
    assert found["turned-down"]["why"] == "offline gate: twice as long"
    assert found["new-x"]["since"] == datetime(2026, 5, 4)
    assert found["new-x"]["weight_percent"] == 50
    (event,) = done.asset_materializations_for_node("candidate_states")
    assert "| worst | eliminated | 2026-05-04 00:00 | ranking: low |" in event.metadata["states"].value
