"""A person leaves a computed home: nothing is found by a search of the test's own, and nobody else loses anything."""

import gzip
import json
import random
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalloop_assets.backfill.staleness import work
from evalloop_assets.days import Days
from evalloop_assets.erasure.erase import Outcome, erase
from evalloop_assets.lake import erasures
from evalloop_assets.lake.assets import TRANSFORMS, run_transform
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.resource import open_lake
from evalloop_assets_tests.erasure import world
from evalloop_assets_tests.erasure.decoder import files_with
from evalloop_assets_tests.processes import PROCESSES

pytestmark = pytest.mark.long

PEOPLE = ("turns", "visits", "assignments", "sessions", "reading", "exits", "user_days", "returns", "horizon_labels")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return world.copy_of(world.computed(), tmp_path / "home")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A home with its log taken in and nothing computed."""
    return world.copy_of(world.taken_in(), tmp_path / "home")


class Gone(NamedTuple):
    """A home in which files of every kind named the busiest user, who was then erased."""

    home: Path
    before: dict[str, set[str]]
    """Files that named them."""
    outcome: Outcome
    seconds: float


@pytest.fixture(scope="module")
def gone(tmp_path_factory: pytest.TempPathFactory) -> Gone:
    home = world.copy_of(world.computed(), tmp_path_factory.mktemp("gone") / "home")
    planted(home)
    before, begun = files_with(home, terms()), time.monotonic()
    outcome = world.erased(home, world.busiest().user_id)
    return Gone(home, before, outcome, time.monotonic() - begun)


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


def test_nothing_of_the_person_is_left_in_any_file(gone: Gone):
    assert {name.split("/")[0] for name in gone.before} >= {"lake", "landing", "exports", "mlflow", "runs.db"}
    assert files_with(gone.home, terms()) == {}


def test_what_is_not_theirs_stays_in_other_files(gone: Gone):
    exports = gone.home / "exports"
    kept = [json.loads(line) for line in (exports / "pairs.jsonl").read_text().splitlines()]
    assert kept == [{"prompt": "somebody else's words", "chosen": "b"}]
    assert gzip.decompress((exports / "more.jsonl.gz").read_bytes()) == b"{}\n"
    assert pq.read_table(exports / "pairs.parquet")["n"].to_pylist() == [2]
    assert json.loads((gone.home / "mlflow/artifacts/1/sample.json").read_text()) == {
        "anchors": ["[erased]", "kept"],
        "user": "[erased]",
    }
    with closing(sqlite3.connect(gone.home / "runs.db")) as connection:
        events = [row[0] for row in connection.execute("SELECT event FROM event_logs ORDER BY id")]
    assert json.loads(events[0])["examples"] == ["{'event_id': '[erased]'}", "[erased]"]
    assert events[1] == '{"kept": 1}'


def test_rows_of_others_are_untouched(gone: Gone):
    before, after = (open_lake(world.settings(home)) for home in (world.computed(), gone.home))
    for table in PEOPLE:
        rows = world.rows(before, table)
        others = [row for row in rows if dict(row)["user_id"] != world.busiest().user_id]
        assert others, table
        assert len(others) < len(rows), f"{table} never had the person"
        assert world.rows(after, table) == others, table


def test_computed_anew_every_query_is_what_it_would_be_without_the_person(gone: Gone, tmp_path: Path):
    home = world.copy_of(gone.home, tmp_path / "home")
    settings = world.settings(home)
    lake = open_lake(settings)
    assert not world.take_in(lake, home).deliveries, "a landing file without the person's rows is still known"
    spans = work(lake, settings, world.RANGE.last, list(TRANSFORMS)).spans
    assert {"sessions", "horizon_labels", "preference_pairs"} <= {table for span in spans for table in span.tables}
    for span in spans:
        for table in span.tables:
            run_transform(lake, TRANSFORMS[table], Days(span.first, span.last), settings)
    assert work(lake, settings, world.RANGE.last, list(TRANSFORMS)).spans == []
    never = open_lake(world.settings(world.without_them()))
    for table in ("turns", "visits", "signups", "battles", "assignments", *world.queries()):
        assert world.rows(lake, table) == world.rows(never, table), table


def test_an_old_version_says_why_it_cannot_be_read(gone: Gone):
    before, lake = (open_lake(world.settings(home)) for home in (world.computed(), gone.home))
    old = before.version("sessions")
    with pytest.raises(UserError, match=f"table sessions at version {old}: it held somebody who was erased on"):
        lake.read("sessions", version=old)
    assert lake.read("models", version=before.version("models")).num_rows, "what held nobody is read as before"


def test_the_receipt_names_nobody_and_counts_what_went(gone: Gone):
    text = gone.outcome.path.read_text()
    assert not [term for term in terms() if term in text]
    receipt = json.loads(text)
    before = open_lake(world.settings(world.computed()))
    for table in PEOPLE:
        assert receipt["rows"][table] == len(world.rows(before, table, world.busiest().user_id)), table
        assert receipt["files"][table] >= 1, table
        assert receipt["versions"][table], table
    assert receipt["completed_at"]
    assert receipt["proof"]["files_left"] == 0
    assert receipt["proof"]["ids_looked_for"] > len(world.busiest().ids)


def test_erased_twice_changes_nothing(gone: Gone):
    before = {path: path.read_bytes() for path in gone.home.rglob("*") if path.is_file()}
    assert world.erased(gone.home, world.busiest().user_id).repeated
    assert {path: path.read_bytes() for path in gone.home.rglob("*") if path.is_file()} == before


def test_the_person_does_not_come_back(gone: Gone, tmp_path: Path):
    home = world.copy_of(gone.home, tmp_path / "home")
    holding = next(name for name in gone.before if name.startswith("landing/turns/"))
    lake = open_lake(world.settings(home))
    shutil.copyfile(world.served() / holding, home / holding)
    (same,) = world.take_in(lake, home).deliveries
    assert (same.rows_added, same.days) == (0, ()), "the very file that was taken in before"
    late = home / "landing" / "turns" / "late.parquet"
    pq.write_table(pq.read_table(world.served() / holding), late, compression="gzip")
    delivery = next(one for one in world.take_in(lake, home).deliveries if one.source == "turns/late.parquet")
    assert delivery.rows_erased > 0
    assert delivery.rows_added == 0
    assert delivery.rows_read == delivery.rows_duplicate + delivery.rows_rejected + delivery.rows_erased
    assert world.rows(lake, "turns", world.busiest().user_id) == []
    assert set(files_with(home, terms())) == {holding, "landing/turns/late.parquet"}
    assert not world.erased(home, world.busiest().user_id).repeated, "delivered files are cleaned by erasing again"
    assert files_with(home, terms()) == {}


def test_somebody_unknown_leaves_a_receipt_and_is_refused(logs: Path):
    outcome = world.erased(logs, "nobody-0815", unknown=True)
    assert erasures.find(open_lake(world.settings(logs)), "nobody-0815").completed_at
    assert not outcome.receipt.found
    assert outcome.path.exists()
    assert "nobody-0815" not in outcome.path.read_text()


def test_orphans_of_killed_writers_go_and_broken_ones_too(logs: Path):
    whole = next(path for path in (logs / "lake" / "turns").rglob("*.parquet") if "_delta_log" not in path.parts)
    orphan, torn = whole.with_name("orphan.parquet"), whole.with_name("torn.parquet")
    orphan.write_bytes(whole.read_bytes())
    torn.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    spilled = logs / "spill" / "of-a-killed-step" / "block"
    spilled.parent.mkdir(parents=True)
    spilled.write_bytes(b"anything")
    world.erased(logs, world.busiest().user_id)
    assert not torn.exists()
    assert not spilled.exists()
    assert files_with(logs, terms()) == {}


def test_what_a_killed_erasure_left_half_written_goes_with_the_next(logs: Path):
    """Its own files are younger than the request."""

    class Killed(Exception):
        pass

    def dies(step: str) -> None:
        if step == "deleting old files":
            raise Killed

    person, settings = world.busiest().user_id, world.settings(logs)
    with pytest.raises(Killed):
        erase(world.scope_of(settings), person, world.SALT, world.wall_clock, dies)
    folder = next((logs / "lake" / "turns").glob("day=*"))
    torn = folder / "torn.parquet"
    torn.write_bytes(next(folder.glob("*.parquet")).read_bytes()[:-100])
    theirs = sum(
        row["user_id"] == person for row in open_lake(world.settings(world.taken_in())).read("turns").to_pylist()
    )
    assert world.erased(logs, person).receipt.rows["turns"] == theirs, "the receipt tells of both attempts"
    assert not torn.exists()
    assert files_with(logs, terms()) == {}


def test_a_file_that_nobody_can_read_is_named_before_the_traces_of_the_person_go(logs: Path):
    (logs / "exports").mkdir()
    (logs / "exports" / "torn.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match=r"torn\.parquet: it still holds the person, or nobody can tell"):
        world.erased(logs, world.busiest().user_id)
    pq.write_table(pa.table({"prompt": sorted(world.busiest().texts)}), logs / "exports" / "torn.parquet")
    world.erased(logs, world.busiest().user_id)
    assert files_with(logs, terms()) == {}, "what was mended is searched for words that only the old logs told"


def test_rejected_rows_of_the_person_go_by_their_place_in_the_delivered_file(tmp_path: Path):
    home = world.copy_of(world.served(), tmp_path / "home")
    path = sorted((home / "landing" / "turns").glob("*"))[0]
    table = pq.read_table(path)
    users = table.column("user_id").to_pylist()
    broken = [f"feedback of {user}" if place % 50 == 0 or user == world.busiest().user_id else None
              for place, user in enumerate(users)]  # fmt: skip
    column = table.column_names.index("feedback")
    pq.write_table(table.set_column(column, "feedback", pa.array(broken)), path)
    lake = open_lake(world.settings(home))
    world.take_in(lake, home)
    theirs, others = users.count(world.busiest().user_id), lake.row_count("rejected_rows")
    world.erased(home, world.busiest().user_id)
    assert open_lake(world.settings(home)).row_count("rejected_rows") == others - theirs
    assert files_with(home, terms()) == {}


def test_what_old_decisions_cite_is_told_and_vacuum_spares_the_rest(gone: Gone, tmp_path: Path):
    home = world.copy_of(gone.home, tmp_path / "home")
    lake, old = open_lake(world.settings(home)), open_lake(world.settings(world.computed()))
    cited = {"sessions": [old.version("sessions")], "models": [old.version("models")]}
    (told,) = erasures.erased_citations(cited, erasures.unreadable(lake))
    assert told.startswith(f"sessions version {old.version('sessions')}, erased on ")
    lake.vacuum(cited, retention_hours=0)
    assert lake.read("models", version=old.version("models")).num_rows
    assert world.rows(lake, "sessions")


def test_killed_at_random_moments_and_run_again_it_completes(gone: Gone, tmp_path: Path):
    home, chance, kills = tmp_path / "home", random.Random(3), 0
    while kills < 3:
        if not home.exists():
            planted(world.copy_of(world.computed(), home))
        child = PROCESSES.Process(target=world.erased, args=(home, world.busiest().user_id))
        child.start()
        child.join(chance.uniform(0.2, gone.seconds))
        if child.is_alive():
            child.kill()
            kills += 1
        elif kills < 3:
            assert child.exitcode == 0
            shutil.rmtree(home)
        child.join()
    world.erased(home, world.busiest().user_id)
    assert files_with(home, terms()) == {}
    lake, never = (open_lake(world.settings(one)) for one in (home, world.without_them()))
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
