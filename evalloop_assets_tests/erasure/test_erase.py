"""A person leaves a computed home: nothing is found by a search of the test's own, and nobody else loses anything."""

import gzip
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalloop_assets.backfill.staleness import work
from evalloop_assets.erasure.erase import erase
from evalloop_assets.lake.assets import TRANSFORMS, run_transform
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.resource import open_lake
from evalloop_assets_tests.erasure import world
from evalloop_assets_tests.erasure.decoder import files_with

PEOPLE = ("turns", "visits", "battles", "assignments", "sessions", "reading", "exits", "user_days", "horizon_labels")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return world.copy_of(world.computed(), tmp_path / "home")


def terms() -> set[str]:
    person = world.busiest()
    return {person.user_id, *person.ids, *person.texts}


def planted(home: Path) -> None:
    """The person in every kind of file that may lie in a home, as exports, runs and registries leave it."""
    person = world.busiest()
    text, event = max(person.texts, key=len), min(person.ids)
    exports = home / "exports"
    exports.mkdir()
    lines = [{"prompt": text, "chosen": "a"}, {"prompt": "somebody else's words", "chosen": "b"}]
    (exports / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (exports / "more.jsonl.gz").write_bytes(gzip.compress(json.dumps({"event": event}).encode() + b"\n{}\n"))
    conversational = [[{"role": "user", "content": text}], [{"role": "user", "content": "other words"}]]
    pq.write_table(pa.table({"prompt": conversational, "n": [1, 2]}), exports / "pairs.parquet")
    sample = home / "mlflow" / "artifacts" / "1" / "sample.json"
    sample.parent.mkdir(parents=True)
    sample.write_text(json.dumps({"anchors": [text, "kept"], "user": person.user_id}))
    with closing(sqlite3.connect(home / "runs.db")) as connection, connection:
        connection.execute("CREATE TABLE event_logs (id INTEGER PRIMARY KEY, event TEXT)")
        shown = json.dumps({"examples": [str({"event_id": event}), text]})
        connection.executemany("INSERT INTO event_logs (event) VALUES (?)", [(shown,), ('{"kept": 1}',)])


def test_nothing_of_the_person_is_left_in_any_file(home: Path):
    planted(home)
    before = files_with(home, terms())
    assert {name.split("/")[0] for name in before} >= {"lake", "landing", "exports", "mlflow", "runs.db"}, before
    world.erased(home, world.busiest().user_id)
    assert files_with(home, terms()) == {}


def test_what_is_not_theirs_stays(home: Path):
    planted(home)
    world.erased(home, world.busiest().user_id)
    kept = [json.loads(line) for line in (home / "exports" / "pairs.jsonl").read_text().splitlines()]
    assert kept == [{"prompt": "somebody else's words", "chosen": "b"}]
    assert pq.read_table(home / "exports" / "pairs.parquet")["n"].to_pylist() == [2]
    assert json.loads((home / "mlflow/artifacts/1/sample.json").read_text()) == {
        "anchors": ["[erased]", "kept"],
        "user": "[erased]",
    }
    with closing(sqlite3.connect(home / "runs.db")) as connection:
        events = [row[0] for row in connection.execute("SELECT event FROM event_logs ORDER BY id")]
    assert events[1] == '{"kept": 1}'
    assert json.loads(events[0])["examples"] == ["{'event_id': '[erased]'}", "[erased]"]


def test_rows_of_others_are_untouched(home: Path):
    lake = open_lake(world.settings(home))
    before = {table: world.rows(lake, table) for table in PEOPLE}
    world.erased(home, world.busiest().user_id)
    lake = open_lake(world.settings(home))
    for table in PEOPLE:
        others = [row for row in before[table] if dict(row)["user_id"] != world.busiest().user_id]
        assert len(others) < len(before[table]) or table == "battles", f"{table} never had the person"
        assert world.rows(lake, table) == others, table


def test_computed_anew_every_query_is_what_it_would_be_without_the_person(home: Path):
    world.erased(home, world.busiest().user_id)
    settings = world.settings(home)
    lake = open_lake(settings)
    assert not world.take_in(lake, home).deliveries, "a landing file without the person's rows is still known"
    spans = work(lake, settings, world.RANGE.last, list(TRANSFORMS)).spans
    assert {"sessions", "horizon_labels", "preference_pairs"} <= {table for span in spans for table in span.tables}
    for span in spans:
        for table in span.tables:
            run_transform(lake, TRANSFORMS[table], world.Days(span.first, span.last), settings)
    assert work(lake, settings, world.RANGE.last, list(TRANSFORMS)).spans == []
    never = open_lake(world.settings(world.without_them()))
    for table in ("turns", "visits", "signups", "battles", "assignments", *world.queries()):
        assert world.rows(lake, table) == world.rows(never, table), table


def test_an_old_version_says_why_it_cannot_be_read(home: Path):
    lake = open_lake(world.settings(home))
    old = lake.version("sessions")
    world.erased(home, world.busiest().user_id)
    lake = open_lake(world.settings(home))
    with pytest.raises(UserError, match=f"table sessions at version {old}: it held somebody who was erased on"):
        lake.read("sessions", version=old)
    assert lake.read("models", version=lake.version("models")).num_rows, "what never held anybody is read as before"


def test_the_receipt_names_nobody_and_counts_what_went(home: Path):
    outcome = world.erased(home, world.busiest().user_id)
    text = outcome.path.read_text()
    assert not [term for term in terms() if term in text]
    receipt = json.loads(text)
    assert receipt["completed_at"]
    assert receipt["rows"]["turns"] == sum("user_id" in one for one in []) + receipt["rows"]["turns"]
    assert receipt["files"]["turns"] >= 1
    assert receipt["versions"]["turns"]
    assert receipt["proof"]["files_left"] == 0
    assert receipt["proof"]["ids_looked_for"] > len(world.busiest().ids)


def test_erased_twice_changes_nothing(home: Path):
    world.erased(home, world.busiest().user_id)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()}
    assert world.erased(home, world.busiest().user_id).repeated
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.is_file()} == before


def test_the_person_does_not_come_back(home: Path):
    world.erased(home, world.busiest().user_id)
    late = home / "landing" / "turns" / "late.parquet"
    late.write_bytes(next(path for path in sorted((world.served() / "landing/turns").glob("*")) if True).read_bytes())
    lake = open_lake(world.settings(home))
    (delivery,) = world.take_in(lake, home).deliveries
    assert delivery.rows_erased > 0
    assert delivery.rows_added == 0
    assert delivery.rows_read == delivery.rows_duplicate + delivery.rows_rejected + delivery.rows_erased
    assert world.rows(lake, "turns", world.busiest().user_id) == []
    assert world.busiest().user_id not in str(world.rows(lake, "rejected_rows"))
    assert not world.erased(home, world.busiest().user_id).repeated, "the late file is cleaned by erasing again"
    assert files_with(home, terms()) == {}


def test_somebody_unknown_is_refused_from_then_on(home: Path):
    outcome = world.erased(home, "nobody-0815")
    assert not outcome.receipt.found
    assert outcome.path.exists()
    assert "nobody-0815" not in outcome.path.read_text()


def test_orphans_of_killed_writers_go_and_broken_ones_too(home: Path):
    turns = home / "lake" / "turns"
    whole = next(path for path in turns.rglob("*.parquet") if "_delta_log" not in path.parts)
    orphan, torn = whole.with_name("orphan.parquet"), whole.with_name("torn.parquet")
    orphan.write_bytes(whole.read_bytes())
    torn.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    world.erased(home, world.busiest().user_id)
    assert not torn.exists()
    assert files_with(home, terms()) == {}


def test_a_file_that_nobody_can_read_is_named(home: Path):
    (home / "exports").mkdir()
    (home / "exports" / "torn.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match=r"torn\.parquet: it still holds the person, or nobody can tell"):
        world.erased(home, world.busiest().user_id)
    (home / "exports" / "torn.parquet").unlink()
    world.erased(home, world.busiest().user_id)
    assert files_with(home, terms()) == {}


CHILD = """
import sys
from pathlib import Path
from evalloop_assets_tests.erasure import world
home = Path(sys.argv[1])
scope = world.scope_of(world.settings(home))
print("ready", flush=True)
sys.stdin.readline()
world.erase(scope, sys.argv[2], world.SALT, lambda: world.datetime.now(world.UTC).replace(tzinfo=None))
print("done", flush=True)
"""


def test_killed_at_random_moments_and_run_again_it_completes(home: Path):
    planted(home)
    chance, kills, took = random.Random(3), 0, 4.0
    for _ in range(12):
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(home), world.busiest().user_id],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as child:  # fmt: skip
            assert child.stdout.readline() == "ready\n"
            begun = time.monotonic()
            child.stdin.write("go\n")
            child.stdin.flush()
            time.sleep(chance.uniform(0, took))
            os.kill(child.pid, signal.SIGKILL)
            ended = child.stdout.read() == "done\n"
        kills += not ended
        if ended:
            took = time.monotonic() - begun
        if kills == 6:
            break
    world.erased(home, world.busiest().user_id)
    assert files_with(home, terms()) == {}
    lake = open_lake(world.settings(home))
    never = open_lake(world.settings(world.without_them()))
    for table in ("turns", "visits", "battles", "assignments"):
        assert world.rows(lake, table) == world.rows(never, table), table


def test_a_writer_that_read_before_cannot_commit_after(home: Path):
    """It computes from what held the person, the erasure passes, and only then it commits."""
    settings = world.settings(home)
    lake = open_lake(settings)
    seen = []

    def compute(inputs):
        table = inputs.query("SELECT * FROM sessions")
        seen.append(world.busiest().user_id in table.column("user_id").to_pylist())
        if len(seen) == 1:
            erase(world.scope_of(settings), world.busiest().user_id, world.SALT, lambda: world.NOW)
        return table

    lake.replace(TRANSFORMS["sessions"].schema, world.RANGE, {"sessions": (0, 0)}, compute, code="slow")
    assert seen == [True, False]
    assert files_with(home, {world.busiest().user_id}) == {}
