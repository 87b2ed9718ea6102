"""A history of four days in a real lake, judged again, and the command that prints it."""

from datetime import date, datetime, timedelta

import pytest

from evalloop_assets.days import Days
from evalloop_assets.guardrails.backtest import Fired, harm_of, replays
from evalloop_assets.guardrails.limits import limits_of
from evalloop_assets.serving.ledger import Change
from evalloop_assets.serving.transitions import roll_back
from evalloop_assets.settings import ABSettings, GuardrailSettings
from evalloop_assets_tests.cli.conftest import evalloop, home, line  # noqa: F401 - fixtures
from evalloop_assets_tests.online_ab.results import result, returns

from .world import DAY, a_world, experiment_rows

FIRST, LAST = date(2026, 5, 3), date(2026, 5, 6)
PLAN = {"EVALLOOP_AB__PLANNED_USERS": "800", "EVALLOOP_FIRST_DAY": "2026-05-01"}


def history(folder):
    """`bad` loses return on four days, `late` from the third on, `good` never; `quiet` has no third day."""
    world = a_world(folder, experiments=("bad", "good", "late", "quiet"))
    for number in range(4):
        day = FIRST + timedelta(days=number)
        losses = {"bad": -0.15, "good": 0.0, "late": -0.3 if number > 1 else 0.0, "quiet": 0.0}
        rows = []
        for name, loss in losses.items():
            if name == "quiet" and number == 2:
                continue
            made = experiment_rows(name, users=400, retention_effect=loss, seed=number + 10)
            rows += [row | {"user_id": f"{row['user_id']}-{number}"} for row in made]
        world.write("experiment_users", rows, day)
    world.write(
        "assignments",
        [
            {"experiment_id": name, "unit": "user", "unit_id": arm, "user_id": arm, "arm": arm, "model_id": model,
             "assigned_at": datetime(2026, 5, 3, 12)}
            for name in ("bad", "good", "late", "quiet")
            for arm, model in (("control", "old"), ("treatment", f"new-{name}"))
        ],
    )  # fmt: skip
    world.write(
        "guardrail_readings",
        [
            {
                "reading_id": "bad@2026-05-05",
                "experiment_id": "bad",
                "verdict": "ROLLBACK",
                "cause": "harm",
                "reason": "r",
            }
        ],
        date(2026, 5, 5),
    )
    world.ledger.apply(
        Change("rollback", "guardrail_sensor", "r", datetime(2026, 5, 6), "bad@2026-05-05"),
        lambda state: roll_back(state, "bad", datetime(2026, 5, 6)),
    )
    return world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return history(tmp_path_factory.mktemp("history"))


def replayed(world, margin=0.01, days=None):
    limits = limits_of(world.settings.ab, GuardrailSettings(retention_margin=margin))
    found = replays(world.lake, days or Days(FIRST, LAST), world.settings, limits, world.ledger.history())
    return {one.experiment_id: one for one in found}


def test_each_day_is_judged_on_what_it_knew(world):
    found = replayed(world)
    assert found["bad"].would.day == FIRST
    assert found["bad"].would.cause == "harm"
    assert found["late"].would.day > date(2026, 5, 4)
    assert found["late"].words["PASS"] >= 2
    assert found["good"].would is None
    assert found["good"].words == {"PASS": 4}
    assert found["quiet"].words == {"PASS": 3, "BLIND": 1}
    assert found["good"].treatment == "new-good"


def test_beside_it_stands_what_did_fire_and_whether_rightly(world):
    found = replayed(world)
    assert (found["bad"].did.day, found["bad"].entry.actor) == (date(2026, 5, 5), "guardrail_sensor")
    assert (found["late"].did, found["late"].entry) == (None, None)
    assert {name: one.harm for name, one in found.items()}["bad"] == "confirmed"
    assert found["late"].harm == "confirmed"
    assert found["good"].harm != "confirmed"


def test_a_wider_margin_fires_later_or_never(world):
    strict, wide = replayed(world), replayed(world, margin=0.3)
    assert wide["bad"].would is None
    assert wide["bad"].words == {"PASS": 4}
    assert wide["bad"].harm == "contradicted"
    assert wide["late"].harm != "confirmed"
    assert strict["late"].would is not None
    assert wide["late"].would is None


def test_only_the_days_asked_for_are_judged(world):
    found = replayed(world, days=Days(FIRST, FIRST))
    assert {sum(one.words.values()) for one in found.values()} == {1}
    assert found["bad"].did is None
    assert found["late"].would is None


LIMITS = limits_of(ABSettings(), GuardrailSettings())


@pytest.mark.parametrize(
    ("fired", "results", "told"),
    [
        (None, [returns(-0.05)], "confirmed"),
        (None, [returns(0.0)], "contradicted"),
        (None, [returns(-0.01)], "undecided"),
        (None, [], "undecided"),
        (Fired(DAY, "gaming", ""), [returns(-0.005)], "confirmed"),
        (Fired(DAY, "gaming", ""), [returns(0.005)], "contradicted"),
        (Fired(DAY, "harm", ""), [returns(-0.005)], "contradicted"),
        (Fired(DAY, "red_flag", "complaint rose"), [result("user", "complaint", 0.02, 0.001)], "confirmed"),
        (Fired(DAY, "red_flag", "complaint rose"), [result("user", "complaint", 0.0, 0.001)], "contradicted"),
        (Fired(DAY, "red_flag", "error rose"), [result("user", "complaint", 0.02, 0.001)], "undecided"),
    ],
)
def test_the_end_tells_whether_the_harm_is_there(fired, results, told):
    assert harm_of(results, LIMITS, fired) == told


@pytest.fixture
def command(home, evalloop, monkeypatch):  # noqa: F811
    for name, value in PLAN.items():
        monkeypatch.setenv(name, value)
    return evalloop


def test_the_command_prints_one_line_an_experiment(home, command):  # noqa: F811
    history(home)
    said = command("backtest", "--from", FIRST, "--to", LAST)
    assert (said.status, said.complained) == (0, "")
    lines = {row.split(":")[0].split()[-1]: row for row in said.printed.splitlines() if ": new-" in row}
    assert set(lines) == {"bad", "good", "late", "quiet"}
    for words in ("2026-05-03 harm", "2026-05-05 harm", "entry 6, 2026-05-06, by guardrail_sensor", "rightly"):
        assert words in lines["bad"]
    assert "PASS 4" in lines["good"]
    assert "bad on 2026-05-03: Fewer people came back" in said.printed
    wide = command("backtest", "--margin", "0.2").printed
    assert "under margin 20 points" in wide
    assert "bad on" not in wide


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--from", "2026-05-05", "--to", "2026-05-04"), "the first day is after the last"),
        (("--from", "2026-06-01"), "experiments have data from 2026-05-03 to 2026-05-06"),
        (("--from", "2026-06-01", "--to", "2026-06-02"), "experiments have data from 2026-05-03 to 2026-05-06"),
        (("--margin", "2"), "--margin 2.0: is no share"),
        (("--alpha", "0"), "--alpha 0.0: must lie between 0 and 1"),
        (("--planned-users", "1"), "--planned-users 1: are too few"),
    ],
)
def test_impossible_questions_are_refused(world, command, monkeypatch, arguments, why):
    monkeypatch.setenv("EVALLOOP_HOME", str(world.settings.home))
    assert why in line(command("backtest", *arguments))


def test_without_experiments_it_says_what_to_do(command):
    assert line(command("backtest")).startswith("backtest: no experiment has any data yet. Run the loop")
