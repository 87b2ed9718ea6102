"""Every command and query of every runbook, run in the order of its page on a home in the state that it is for."""

import re
import shlex
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from dagster import materialize

import evalloop_assets.definitions  # noqa: F401 - declares every table
from evalloop_assets.cli.instance import open_instance
from evalloop_assets.guardrails.alerts import runbook_of
from evalloop_assets.guardrails.assets import guardrail_readings
from evalloop_assets.guardrails.reopened import REOPENED, Finding, reopen
from evalloop_assets.guardrails.sensors import alert_sensor
from evalloop_assets.guardrails.stores import open_stores
from evalloop_assets.guardrails.watch import DEAD_MAN, RUN_FAILURE
from evalloop_assets.lake.catalogue import catalogue_path, rebuild_catalogue
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.online_ab.assets import decisions, experiment_results
from evalloop_assets.online_ab.reopening import ReadingId
from evalloop_assets.serving.ledger import Change, utc_now
from evalloop_assets.serving.transitions import roll_back
from evalloop_assets.settings import Settings
from evalloop_assets_tests.guardrails.test_loop import carry_out
from evalloop_assets_tests.guardrails.test_loop import tick as guardrail_tick
from evalloop_assets_tests.guardrails.test_sensors import tick
from evalloop_assets_tests.guardrails.world import DAY, World, a_world, experiment_rows, fill
from evalloop_assets_tests.homes import ROOT, copy_of

PAGES = ROOT / "docs" / "runbooks"
NOT_OURS = "erasure.md"
"""Has tests of its own."""
STEP = re.compile(r"^    (evalloop [^\n]+)$|^```sql\n(.+?)^```$", re.MULTILINE | re.DOTALL)
KINDS = {
    "README.md": "srm",
    "rollback.md": "gaming",
    "gaming.md": "gaming",
    "harm.md": "harm",
    "red_flag.md": "red_flag",
    "blind.md": "no_data",
    "srm.md": "srm",
    "multiple_exposure.md": "multiple_exposure",
    "dead_man.md": DEAD_MAN,
    "reopened.md": REOPENED,
    "run_failure.md": RUN_FAILURE,
    "undelivered.md": "srm",
}
"""Page to the kind of incident that it is about; the experiment that has it goes by the same name."""
ROLLED_BACK = {"gaming.md", "harm.md", "red_flag.md"}
EXPERIMENTS = sorted(set(KINDS.values()) - {RUN_FAILURE})
JUDGED = [experiment_results, decisions, guardrail_readings]


def day_of(kind):
    """Rows of experiment_users that get an experiment the verdict of that kind."""
    rows = {
        "gaming": lambda: experiment_rows(kind, retention_effect=-0.3, seconds_effect=30),
        "harm": lambda: experiment_rows(kind, retention_effect=-0.3),
        "srm": lambda: experiment_rows(kind, lost=0.4),
        "no_data": list,
    }.get(kind, lambda: experiment_rows(kind))()
    if kind == "multiple_exposure":
        return [row | ({"total": 1.0} if row["metric"] == "exposure" else {}) for row in rows]
    if kind == "red_flag":
        angry = [row | {"metric": "complaint", "total": 0.5 * (row["arm"] == "treatment")} for row in rows]
        return rows + [row for row, plain in zip(angry, rows, strict=True) if plain["metric"] == "chat_send"]
    return rows


class Judged(NamedTuple):
    """A home after the day's verdicts, before any rollback."""

    home: Path
    requests: dict
    """Experiment to the rollback run that the sensor asks for."""


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    world = a_world(tmp_path_factory.mktemp("judged") / "home", experiments=EXPERIMENTS)
    fill(world, *map(day_of, EXPERIMENTS))
    world.write("turns", [turn(name, arm) for name in EXPERIMENTS for arm in ("control", "treatment")])
    with open_instance(world.settings) as instance:
        assert materialize(JUDGED, partition_key=DAY.isoformat(), instance=instance, resources=world.resources).success
        requests = {one.tags["evalloop/experiment"]: one for one in guardrail_tick(instance).run_requests}
        assert set(requests) == {"gaming", "harm", "red_flag"}
        tick(alert_sensor, world, instance)
    with open_stores(world.settings) as stores:
        stores.incidents.open(DEAD_MAN, DEAD_MAN, "source", {"since": "2026-05-02 00:00"}, utc_now())
        failed = {"run_id": "r", "steps": "sessions", "error": "ValueError"}
        stores.incidents.open("daily", RUN_FAILURE, "source", failed, utc_now())
    rebuild_catalogue(world.lake, catalogue_path(world.settings))
    return Judged(world.settings.home, requests)


def prepared(judged, home, page):
    """The home as it is when that page is opened; its world, and the number of its incident."""
    copy_of(judged.home, home)
    settings = Settings(home=home)
    world, kind = World(settings, lake_resource(settings)), KINDS[page]
    rebuild_catalogue(world.lake, catalogue_path(settings))
    if page in ROLLED_BACK:
        with open_instance(settings) as instance:
            carry_out(world, instance, [judged.requests[kind]])
            tick(alert_sensor, world, instance)
    if kind == REOPENED:
        reopened_by_late_rows(world)
    with open_stores(settings) as stores:
        [number] = [one.number for one in stores.incidents.since(datetime.min) if one.kind == kind]
    return world, number


def reopened_by_late_rows(world):
    """The experiment was rolled back on a day that now passes it."""
    reading, at = ReadingId(REOPENED, DAY), datetime(2026, 5, 4, 0, 30)
    change = Change("rollback", "guardrail_sensor", "fewer people came back", at, str(reading))
    world.ledger.apply(change, lambda state: roll_back(state, REOPENED, at))
    with open_stores(world.settings) as stores:
        findings = [Finding(reading, "verdict", "PASS", "No confirmed harm.")]
        reopen(stores.incidents, stores.ledger.history(), findings, utc_now())


def turn(name, arm):
    return {
        "event_id": f"{name}-{arm}", "user_id": "u", "conversation_id": "c", "model_id": arm, "experiment_id": name,
        "arm": arm,
        "reply_text": "Good evening.", "dwell_ms": 4_000, "latency_ms": 900, "error": False, "feedback": "complaint",
    }  # fmt: skip


def newest_rollback(world):
    entries = [entry.sequence for entry in world.ledger.history() if entry.action == "rollback"]
    return str(entries[-1]) if entries else ""


@pytest.mark.parametrize("page", sorted(KINDS))
def test_every_step_of_the_page_can_be_taken(page, judged, home, evalloop):
    world, number = prepared(judged, home, page)
    experiment = "srm" if page == "run_failure.md" else KINDS[page]
    steps = STEP.findall((PAGES / page).read_text(encoding="utf-8"))
    assert steps
    for command, query in steps:
        step = (command or query).replace("EXPERIMENT", experiment).replace("INCIDENT", str(number))
        step = step.replace("ENTRY", newest_rollback(world))
        if command:
            said = evalloop(*shlex.split(step)[1:])
            assert (said.status, said.complained) == (0, ""), f"{step}: {said}"
            assert "Traceback" not in said.printed
        else:
            with duckdb.connect(str(catalogue_path(world.settings)), read_only=True) as connection:
                connection.execute(step).fetchall()
    assert world.ledger.head().allocation.experiment(experiment).status == "running", "each page ends with its undo"


def test_every_page_is_reached_from_the_first_and_every_kind_of_incident_has_one():
    pages = {path.name for path in PAGES.glob("*.md")} - {NOT_OURS}
    assert pages == set(KINDS)
    linked = re.findall(r"\(([a-z_]+\.md)\)", (PAGES / "README.md").read_text(encoding="utf-8"))
    assert set(linked) == pages - {"README.md"}
    assert {runbook_of(kind) for kind in KINDS.values()} <= pages
