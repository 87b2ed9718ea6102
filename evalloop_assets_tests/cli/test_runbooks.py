"""Every command and query of every runbook, run in the order of its page on a home in the state that it is for."""

import re
import shlex

import duckdb
import pytest
from dagster import materialize

import evalloop_assets.definitions  # noqa: F401 - declares every table
from evalloop_assets.cli.instance import open_instance
from evalloop_assets.guardrails.alerts import runbook_of
from evalloop_assets.guardrails.assets import guardrail_readings
from evalloop_assets.guardrails.sensors import alert_sensor
from evalloop_assets.guardrails.stores import open_stores
from evalloop_assets.guardrails.watch import DEAD_MAN, RUN_FAILURE
from evalloop_assets.lake.catalogue import catalogue_path, rebuild_catalogue
from evalloop_assets.online_ab.assets import experiment_results
from evalloop_assets.serving.ledger import utc_now
from evalloop_assets_tests.guardrails.test_alerts import SRM
from evalloop_assets_tests.guardrails.test_loop import carry_out
from evalloop_assets_tests.guardrails.test_loop import tick as guardrail_tick
from evalloop_assets_tests.guardrails.test_sensors import tick
from evalloop_assets_tests.guardrails.world import DAY, a_world, experiment_rows, fill
from evalloop_assets_tests.homes import ROOT

PAGES = ROOT / "docs" / "runbooks"
NOT_OURS = "erasure.md"
"""Has tests of its own."""
STEP = re.compile(r"^    (evalloop [^\n]+)$|^```sql\n(.+?)^```$", re.MULTILINE | re.DOTALL)
GAMING = experiment_rows("x", retention_effect=-0.3, seconds_effect=30)
HARM = experiment_rows("x", retention_effect=-0.3)
CLEAN = experiment_rows("x")
LOST = experiment_rows("x", lost=0.4)


def with_totals(metric, total, units=1):
    """Clean data but for one metric of the treated."""
    return CLEAN + [
        row | {"metric": metric, "units": units, "eligible": units, "total": total * (row["arm"] == "treatment")}
        for row in CLEAN
        if row["metric"] == "chat_send"
    ]


BOTH = [row | ({"total": 1.0} if row["metric"] == "exposure" else {}) for row in CLEAN]
JUDGED = [experiment_results, guardrail_readings]
SEEN = {
    "rollback.md": (GAMING, "gaming"),
    "gaming.md": (GAMING, "gaming"),
    "harm.md": (HARM, "harm"),
    "red_flag.md": (with_totals("complaint", 5.0, 10), "red_flag"),
    "blind.md": ([], "no_data"),
    "srm.md": (LOST, "srm"),
    "multiple_exposure.md": (BOTH, "multiple_exposure"),
}
"""Page to the day's experiment data and the kind of incident that they open."""
UNSEEN = {"README.md": "srm", "dead_man.md": DEAD_MAN, "run_failure.md": RUN_FAILURE, "undelivered.md": "srm"}
"""Pages that need no verdict of the day, only an incident of this kind."""
ROLLED_BACK = {"rollback.md", "gaming.md", "harm.md", "red_flag.md"}


def prepared(home, page):
    """The home as it is when that page is opened."""
    world = a_world(home)
    world.write("turns", [turn(arm) for arm in ("control", "treatment")])
    kind = UNSEEN.get(page) or SEEN[page][1]
    if page in UNSEEN:
        seen = {**SRM, "since": "2026-05-02 00:00", "run_id": "r", "steps": "sessions", "error": "ValueError"}
        with open_stores(world.settings) as stores:
            stores.incidents.open("daily" if kind == RUN_FAILURE else "x", kind, "source", seen, utc_now())
    else:
        judge(world, SEEN[page][0], page in ROLLED_BACK)
    with open_stores(world.settings) as stores:
        assert stores.incidents.get(1).kind == kind
    rebuild_catalogue(world.lake, catalogue_path(world.settings))
    return world


def judge(world, rows, is_rolled_back):
    """The day's verdict, the rollback that it asks for, and the incident."""
    if rows:
        fill(world, rows)
    with open_instance(world.settings) as instance:
        assert materialize(JUDGED, partition_key=DAY.isoformat(), instance=instance, resources=world.resources).success
        requests = guardrail_tick(instance).run_requests or []
        carry_out(world, instance, requests)
        assert bool(requests) == is_rolled_back
        tick(alert_sensor, world, instance)


def turn(arm):
    return {
        "event_id": arm, "user_id": "u", "conversation_id": "c", "model_id": arm, "experiment_id": "x", "arm": arm,
        "reply_text": "Good evening.", "dwell_ms": 4_000, "latency_ms": 900, "error": False, "feedback": "complaint",
    }  # fmt: skip


def newest_rollback(world):
    entries = [entry.sequence for entry in world.ledger.history() if entry.action == "rollback"]
    return str(entries[-1]) if entries else ""


@pytest.mark.parametrize("page", sorted({*SEEN, *UNSEEN}))
def test_every_step_of_the_page_can_be_taken(page, home, evalloop):
    world = prepared(home, page)
    steps = STEP.findall((PAGES / page).read_text(encoding="utf-8"))
    assert steps
    for command, query in steps:
        step = (command or query).replace("EXPERIMENT", "x").replace("INCIDENT", "1")
        step = step.replace("ENTRY", newest_rollback(world))
        if command:
            said = evalloop(*shlex.split(step)[1:])
            assert (said.status, said.complained) == (0, ""), f"{step}: {said}"
            assert "Traceback" not in said.printed
        else:
            with duckdb.connect(str(catalogue_path(world.settings)), read_only=True) as connection:
                connection.execute(step).fetchall()
    assert world.ledger.head().allocation.experiment("x").status == "running", "each page ends with its undo"


def test_every_page_is_reached_from_the_first_and_every_kind_of_incident_has_one():
    pages = {path.name for path in PAGES.glob("*.md")} - {NOT_OURS}
    assert pages == {*SEEN, *UNSEEN}
    linked = re.findall(r"\(([a-z_]+\.md)\)", (PAGES / "README.md").read_text(encoding="utf-8"))
    assert set(linked) == pages - {"README.md"}
    for kind in [*UNSEEN.values(), *(kind for _, kind in SEEN.values())]:
        assert runbook_of(kind) in pages
