"""What is carried out of a day's decisions, through a real lake and ledger, and when it takes effect."""

import json
from datetime import datetime, timedelta

import pytest

from evalloop_assets.days import Days
from evalloop_assets.guardrails.promotion import carry_out
from evalloop_assets.serving.flagd import publish
from evalloop_assets.serving.ledger import Change, Ledger
from evalloop_assets.serving.transitions import ramp, roll_back, start_experiment
from evalloop_assets_tests.serving.flag_reading import begun, models

from .world import DAY, START, World, an_empty_world

AS_OF = datetime(2026, 5, 4)
RUN = datetime(2026, 5, 4, 1, 10)
"""When the daily run comes to it."""


class Loop:
    """A ledger that runs `x`, and days that are decided and judged PASS."""

    def __init__(self, folder, weight_percent=5.0, recorded_at=START):
        self.world: World = an_empty_world(folder)
        self.ledger = Ledger(self.world.settings.ledger_url, lambda: recorded_at)
        self.ledger.begin("old", Change("start", "ada", "first champion", START, "first"))
        self.apply("start", START, lambda state: start_experiment(
            state, "x", "new", START, weight_percent=weight_percent, user_share=0
        ))  # fmt: skip
        publish(self.world.settings.flags, self.ledger)

    def apply(self, action, at, transition, actor="ada"):
        return self.ledger.apply(Change(action, actor, f"{action} of the test", at, f"{action}-{at}"), transition)

    def carry_out(self, action, day=DAY, now=RUN):
        as_of = AS_OF + (day - DAY)
        world, of = self.world, {"experiment_id": "x", "treatment": "new", "reason": "the test says so"}
        world.complete_through(day, as_of)
        world.write("decisions", [of | {"action": action, "advisory": False, "evidence": "{}"}], day)
        world.write("guardrail_readings", [of | {"reading_id": f"x@{day}", "verdict": "PASS", "as_of": as_of}], day)
        lake = world.lake
        inputs = lake.inputs(
            {"decisions": (0, 0), "guardrail_readings": (0, 0), "launch_gates": (None, 0)}, Days.one(day)
        )
        (outcome,) = carry_out(inputs, day, world.settings, self.ledger, lambda: now)
        return outcome

    @property
    def file(self):
        return json.loads(self.world.settings.flags.read_text())


@pytest.mark.parametrize(("action", "weight"), [("advance", 5.0), ("promote", 50.0)])
def test_conversations_that_run_when_it_is_published_keep_their_model(tmp_path, action, weight):
    loop = Loop(tmp_path, weight)
    running, later = begun(0, 20_000, AS_OF + timedelta(minutes=30)), begun(0, 20_000, RUN)
    before = models(loop.file, running)
    assert loop.carry_out(action).done
    assert loop.ledger.head().at == RUN
    assert (models(loop.file, running) == before).all()
    assert not (models(loop.file, later) == before).all()


def test_a_ledger_that_serves_past_days_is_changed_in_their_time(tmp_path):
    loop = Loop(tmp_path, recorded_at=datetime(2026, 11, 26))
    assert loop.carry_out("advance", now=datetime(2026, 11, 26)).done
    assert loop.ledger.head().at == AS_OF


def test_a_ramp_goes_on_next_day_though_the_run_comes_earlier(tmp_path):
    loop = Loop(tmp_path)
    assert loop.carry_out("advance").done == "ramped to 25%"
    assert loop.carry_out("advance", DAY + timedelta(days=1), RUN + timedelta(hours=23)).done == "ramped to 50%"


@pytest.mark.parametrize(("action", "weight"), [("advance", 5.0), ("promote", 50.0)])
def test_what_a_person_takes_back_stays_so_until_a_person_ramps(tmp_path, action, weight):
    loop = Loop(tmp_path, weight)
    assert loop.carry_out(action).done
    loop.ledger.undo(2, Change("undo", "ada", "legal forbids it", RUN + timedelta(hours=8), "undo-1"))
    for day in (DAY, DAY + timedelta(days=1), DAY + timedelta(days=2)):
        outcome = loop.carry_out(action, day, RUN + (day - DAY) + timedelta(hours=9))
        assert str(outcome).startswith("refused: entry 4 took it back (ada: legal forbids it), and nothing widens it")
    assert loop.ledger.head().sequence == 4
    again = RUN + timedelta(days=1)
    loop.apply("ramp", again, lambda state: ramp(state, "x", 10.0, again))
    assert loop.carry_out(action, DAY + timedelta(days=2), RUN + timedelta(days=2)).done


def test_an_undone_rollback_goes_on(tmp_path):
    loop = Loop(tmp_path)
    loop.apply("rollback", RUN, lambda state: roll_back(state, "x", RUN))
    assert loop.carry_out("advance").reason == "it is rolled_back"
    loop.ledger.undo(2, Change("undo", "ada", "false alarm", RUN, "undo-1"))
    assert loop.carry_out("advance", DAY + timedelta(days=1), RUN + timedelta(days=1)).done == "ramped to 25%"


def test_what_was_rolled_back_since_is_not_said_to_be_promoted(tmp_path):
    loop = Loop(tmp_path)
    assert loop.carry_out("promote").done
    loop.apply("rollback", RUN, lambda state: roll_back(state, "x", RUN))
    assert str(loop.carry_out("promote")) == "refused: it is rolled_back"
