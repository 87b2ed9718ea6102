"""`evalloop run --dry-run`: what would be computed and why, and nothing else; and runs that change nothing."""

import json
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from evalloop_assets.cli.instance import open_instance
from evalloop_assets.cli.run import planned
from evalloop_assets.days import Days
from evalloop_assets.lake.assets import STEPS
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.settings import Settings
from evalloop_assets_tests.cli.conftest import reply
from evalloop_assets_tests.homes import run

pytestmark = pytest.mark.long

NEW = date(2026, 3, 6)


def state(home: Path) -> tuple[dict[str, int | None], int]:
    """Version of every table, and the number of runs."""
    settings = Settings(home=home)
    lake = open_lake(settings)
    with open_instance(settings) as instance:
        return {table: lake.version(table) for table in lake.tables()}, instance.get_runs_count()


def test_it_names_the_late_delivery_the_tables_and_the_days_and_does_nothing(computed, log, mapping, home):
    assert "nothing to do" in computed("run", "--dry-run").printed
    late = log(reply(9, at="2026-03-02T10:05:00Z", chat="c2"))
    assert computed("ingest", late, "--map", mapping()).status == 0
    before = state(home)
    said = computed("run", "--dry-run").printed
    assert re.search(rf"late rows: turns 2026-03-02 in version \d+ \({Path(late).name}\)", said)
    assert _days_of(said, "sessions") == 3
    assert "reward_model_report" not in said
    assert state(home) == before
    assert computed("run").status == 0
    after = state(home)
    assert after != before
    assert "nothing to do" in computed("run", "--dry-run").printed
    assert "nothing to do" in computed("run").printed
    assert state(home) == after


def test_no_table_is_computed_twice_on_a_new_day_and_none_before_what_it_reads(computed, log, mapping, home):
    more = log(reply(7, at="2026-03-05T23:50:00Z"), reply(8, at="2026-03-06T10:00:00Z"))
    assert computed("ingest", more, "--map", mapping()).status == 0
    settings = Settings(home=home)
    runs = planned(open_lake(settings), settings, None, None)
    assert {one.job for one in runs} == {"relabel", "daily"}
    assert runs[-1].days == Days.one(NEW)
    whole = [one for one in runs if NEW in one.days]
    on_the_day = [table for one in whole for table in one.tables]
    assert sorted(on_the_day) == sorted(STEPS)
    for number, one in enumerate(whole):
        met = {*STEPS} - {table for later in whole[number:] for table in later.tables}
        assert all(read in {*met, *one.tables} for table in one.tables for read in STEPS[table].reads if read in STEPS)
    learned = [one for one in runs if "rewards" in one.tables]
    assert [NEW in one.days for one in learned] == [False, True]
    assert learned[0].days.last == NEW - timedelta(days=1)


def test_it_names_the_old_and_the_new_definition(computed, home, monkeypatch):
    before = state(home)
    code = json.loads(_last_note(home, "horizon_labels"))["code"]
    monkeypatch.setenv("EVALLOOP_LABELS__FEEDBACK_WEIGHT", "0.5")
    said = " ".join(computed("run", "--dry-run").printed.split())
    assert f"code changed: horizon_labels {code} → " in said
    assert "sessions" not in said.split("every table")[0].split()
    assert state(home) == before


def test_a_process_that_has_declared_no_table_yet_finds_nothing_to_do_either(computed, home):
    assert "nothing to do" in run(home, "run", "--dry-run")


def test_what_waits_for_its_date_is_shown_by_status(computed):
    said = computed("status").printed
    assert "next to mature" in said
    assert "d7" in said


def _days_of(printed: str, table: str) -> int:
    (row,) = [line.replace("│", " ").replace("|", " ").split() for line in printed.splitlines() if f" {table} " in line]
    return int(row[row.index(table) + 1])


def _last_note(home: Path, table: str) -> str:
    from deltalake import DeltaTable

    return next(entry["evalloop"] for entry in DeltaTable(str(home / "lake" / table)).history() if "evalloop" in entry)
