"""`evalloop erase-user` as a user calls it."""

import json
import shutil
import uuid
from datetime import datetime

import pytest
import sqlalchemy as sa
from dagster import AssetMaterialization, DagsterInstance, DagsterRun

from evalloop_assets.cli.instance import storages_of
from evalloop_assets.guardrails.stores import open_stores
from evalloop_assets.lake import exports
from evalloop_assets.lake.errors import UserError
from evalloop_assets.serving.ledger import Change, Ledger
from evalloop_assets.settings import Settings
from evalloop_assets_tests.cli.conftest import MAPPING, line, reply, status_of, written
from evalloop_assets_tests.erasure.decoder import files_with
from evalloop_assets_tests.homes import ROOT, copy_of
from evalloop_assets_tests.postgresql import PASSWORD, connected, pages, reader_of, texts


@pytest.fixture(scope="module")
def taken_in(tmp_path_factory):
    """A home with the log of two people."""
    folder = tmp_path_factory.mktemp("taken-in")
    rows = [reply(number, user=f"user-{number % 2}x", chat=f"c{number % 2}") for number in range(1, 9)]
    mapping = folder / "jsonl.yaml"
    mapping.write_text(MAPPING.format(format="jsonl"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVALLOOP_HOME", str(folder / "home"))
        patch.delenv("DAGSTER_HOME", raising=False)
        assert status_of(patch, "ingest", written(folder / "log.jsonl", rows), "--map", mapping) == 0
    return folder / "home"


@pytest.fixture
def loaded(evalloop, taken_in, home):
    copy_of(taken_in, home)
    return evalloop


def test_it_says_what_went_where_the_receipt_is_and_what_is_not_ours(loaded, home):
    said = loaded("erase-user", "user-1x")
    assert said.status == 0, said
    for told in ("erased 4 rows of 1 tables", "nothing is left", "evalloop run", "evalloop ingest PATH", "receipt "):
        assert told in said.printed
    assert files_with(home, {"user-1x"}) == {}
    (receipt,) = (home / "erasures").glob("*.json")
    assert json.loads(receipt.read_text())["rows"] == {"turns": 4}
    assert "erased 1 people; 0 decisions cite" in loaded("status").printed
    assert "nothing is left of this person" in loaded("erase-user", "user-1x").printed


def test_the_id_is_refused_at_the_door_broken_rows_too(loaded, home, log, mapping):
    loaded("erase-user", "user-1x")
    broken = reply(11, user="user-1x", at="never")
    said = loaded("ingest", log(reply(9, user="user-1x"), broken, reply(10, user="user-0x")), "--map", mapping())
    assert "3 rows read, 1 added" in said.printed
    assert "0 rejected, 2 of erased people refused" in said.printed
    assert files_with(home, {"user-1x"}) == {}


def test_somebody_unknown_and_an_id_that_is_none(loaded, home):
    slip = line(loaded("erase-user", "../../etc/passwd"))
    assert slip.startswith("ID ../../etc/passwd: nobody of that id was found, and nothing was written")
    assert not list((home / "erasures").glob("*.json"))
    assert not (home / "lake" / "erasures").exists()
    assert "nobody of that id was found" in loaded("erase-user", "user-7x", "--unknown").printed
    assert list((home / "erasures").glob("*.json"))
    assert "nothing is left of this person" in loaded("erase-user", "user-7x").printed
    assert line(loaded("erase-user", "a\udcff")).startswith("ID: it is not UTF-8")
    assert line(loaded("erase-user", " ")).startswith("ID: no user id is empty or longer than 512")


def note_incident():
    """An incident and its alert, both of which name two people; the loop itself puts nobody there."""
    words = "user-1x and user-0x stayed away"
    with open_stores(Settings()) as (incidents, outbox, _):
        incidents.open("x", "harm", "x@1", {"reason": words}, datetime(2026, 5, 1))
        outbox.put("incident-1-opened", "incident-1", ["slack-1"], {"text": words}, datetime(2026, 5, 1))
        incidents.resolve(1, "user-1x wrote to us", datetime(2026, 5, 2))


@pytest.fixture
def on_postgresql(loaded, tmp_path, monkeypatch, postgresql_url):
    """The home with a ledger and Dagster's record on a server, both of which name two people."""
    folder = tmp_path / "dagster"
    folder.mkdir()
    shutil.copyfile(ROOT / "docs" / "dagster-postgres.yaml", folder / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgresql_url.replace("postgresql://", "postgresql+psycopg2://"))
    monkeypatch.setenv("EVALLOOP_LEDGER", postgresql_url)
    ledger = Ledger(postgresql_url)
    ledger.begin("m", Change("start", "ops", "user-1x and user-0x complained", datetime(2026, 5, 1), "first"))
    ledger.close()
    note_incident()
    with DagsterInstance.get() as instance:
        instance.report_runless_asset_event(AssetMaterialization("turns", metadata={"seen": "user-1x, user-0x"}))
    return loaded


def test_what_a_postgresql_holds_of_the_person_goes_too(on_postgresql, home, postgresql_url):
    engine = connected(postgresql_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE of_somebody_else (words TEXT)")
        connection.exec_driver_sql("INSERT INTO of_somebody_else VALUES ('user-1x')")
    before = texts(postgresql_url)
    naming = sum("user-1x" in text for text in before) - 1
    assert naming >= 5
    assert on_postgresql("erase-user", "user-1x").status == 0
    after = texts(postgresql_url)
    assert [text for text in after if "user-1x" in text] == ["user-1x"], "the table of somebody else"
    assert sum("user-0x" in text for text in after) == sum("user-0x" in text for text in before)
    ledger = Ledger(postgresql_url)
    assert [entry.reason for entry in ledger.history()] == ["[erased] and user-0x complained"]
    ledger.close()
    with engine.connect() as connection, pytest.raises(sa.exc.DatabaseError, match="append-only"):
        connection.exec_driver_sql("DELETE FROM allocation_ledger")
    (receipt,) = (home / "erasures").glob("*.json")
    assert PASSWORD not in receipt.read_text()
    elsewhere = json.loads(receipt.read_text())["elsewhere"]
    assert sum(found["values"] for name, found in elsewhere.items() if "postgresql" in name) == naming
    assert "nothing is left of this person" in on_postgresql("erase-user", "user-1x").printed


def test_words_of_people_about_an_incident_and_what_waits_to_be_sent_are_cleaned(loaded, home):
    note_incident()
    assert loaded("erase-user", "user-1x").status == 0
    with open_stores(Settings()) as (incidents, outbox, _):
        (one,), waiting = incidents.since(datetime.min), outbox.waiting()
    assert (one.content["reason"], one.resolution) == ("[erased] and user-0x stayed away", "[erased] wrote to us")
    assert [message.content["text"] for message in waiting] == ["[erased] and user-0x stayed away"]
    assert files_with(home, {"user-1x"}) == {}


def test_runs_alone_on_a_server_and_events_in_a_folder_elsewhere_are_cleaned(
    loaded, home, tmp_path, monkeypatch, postgresql_url
):
    folder = tmp_path / "dagster"
    folder.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    url = postgresql_url.replace("postgresql://", "postgresql+psycopg2://")
    runs = {"module": "dagster_postgres.run_storage", "class": "PostgresRunStorage", "config": {"postgres_url": url}}
    events = {
        "module": "dagster._core.storage.event_log",
        "class": "SqliteEventLogStorage",
        "config": {"base_dir": str(tmp_path / "events")},
    }
    (folder / "dagster.yaml").write_text(json.dumps({"run_storage": runs, "event_log_storage": events}))
    with DagsterInstance.get() as instance:
        instance.add_run(DagsterRun("x", run_id=str(uuid.uuid4()), tags={"why": "asked by user-1x"}))
        instance.report_runless_asset_event(AssetMaterialization("turns", metadata={"seen": "user-1x"}))
    assert files_with(tmp_path / "events", {"user-1x"})
    assert loaded("erase-user", "user-1x").status == 0
    assert not [text for text in texts(postgresql_url) if "user-1x" in text]
    assert files_with(tmp_path / "events", {"user-1x"}) == {}


def test_a_storage_that_cannot_be_cleaned_is_refused():
    with DagsterInstance.ephemeral() as instance, pytest.raises(UserError, match="neither SQLite nor PostgreSQL"):
        storages_of(instance)


def test_dagsters_server_that_is_gone_and_a_variable_that_is_not_set_are_named(loaded, home, tmp_path, monkeypatch):
    shutil.copyfile(ROOT / "docs" / "dagster-postgres.yaml", tmp_path / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setattr("dagster_postgres.utils.calculate_delay", lambda **_: 0)  # it tries six times
    told = f"the Dagster instance of {tmp_path}: it cannot be opened"
    monkeypatch.delenv("DAGSTER_POSTGRES_URL", raising=False)
    assert line(loaded("erase-user", "user-1x")).startswith(told)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", f"postgresql+psycopg2://evalloop:{PASSWORD}@127.0.0.1:1/gone")
    said = loaded("erase-user", "user-1x")
    assert line(said).startswith(told)
    assert PASSWORD not in said.complained
    assert not (home / "lake" / "erasures").exists()


def test_a_table_that_was_not_written_anew_is_when_the_erasure_is_run_again(on_postgresql, monkeypatch, postgresql_url):
    engine, table = connected(postgresql_url), "allocation_ledger"
    with reader_of(postgresql_url, table) as url:
        monkeypatch.setenv("EVALLOOP_LEDGER", url)
        assert f"must be owner of table {table}" in on_postgresql("erase-user", "user-1x").complained
    monkeypatch.setenv("EVALLOOP_LEDGER", postgresql_url)
    with engine.begin() as connection:  # as far as an erasure comes that is killed after its changes
        connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        connection.exec_driver_sql(f"UPDATE {table} SET reason = '[erased] and user-0x complained'")
        connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    assert b"user-1x" in pages(engine, table)
    assert on_postgresql("erase-user", "user-1x").status == 0
    assert b"user-1x" not in pages(engine, table)


def test_a_ledger_that_cannot_be_read_leaves_the_erasure_open(loaded, home, monkeypatch):
    monkeypatch.setenv("EVALLOOP_LEDGER", f"postgresql://evalloop:{PASSWORD}@127.0.0.1:1/gone")
    said = loaded("erase-user", "user-1x")
    assert line(said).startswith("the ledger at postgresql://127.0.0.1:1/gone: it could not be searched for the person")
    assert PASSWORD not in said.complained
    monkeypatch.delenv("EVALLOOP_LEDGER")
    assert "searched" in loaded("erase-user", "user-1x").printed
    assert files_with(home, {"user-1x"}) == {}


def test_a_ledger_file_outside_the_home_is_cleaned(loaded, tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'elsewhere.sqlite'}"
    ledger = Ledger(url)
    ledger.begin("m", Change("start", "ops", "user-1x complained", datetime(2026, 5, 1), "first"))
    ledger.close()
    monkeypatch.setenv("EVALLOOP_LEDGER", url)
    assert loaded("erase-user", "user-1x").status == 0
    assert b"user-1x" not in (tmp_path / "elsewhere.sqlite").read_bytes()


def test_exports_that_were_written_elsewhere_are_cleaned_and_their_manifests_follow(loaded, home, tmp_path):
    path = tmp_path / "out" / "pairs.jsonl"
    path.parent.mkdir()
    for name in (path, path.with_name("gone.jsonl")):
        with exports.writing(name) as part:
            part.write_text('{"user_id": "user-1x"}\n{"user_id": "user-0x"}\n')
            exports.publish(home, part, name, {"rows": 2})
    path.with_name("gone.jsonl").unlink()
    killed = path.with_name(".pairs.jsonl.17.part")
    killed.write_text('{"user_id": "user-1x"}')
    assert loaded("erase-user", "user-1x").status == 0
    assert path.read_text() == '{"user_id": "user-0x"}\n'
    assert "user-1x" not in killed.read_text()
    manifest = json.loads(exports.manifest_of(path).read_text())
    assert (manifest["rows"], manifest["sha256"]) == (1, exports.digest(path))
    assert [one["rows"] for one in manifest["erased"]] == [1]


def test_an_export_without_its_file_or_with_a_broken_manifest_holds_nothing_up(loaded, home, tmp_path):
    for name in ("folder", "broken", "cut"):
        path = tmp_path / f"{name}.jsonl"
        with exports.writing(path) as part:
            part.write_text('{"user_id": "user-1x"}\n{"user_id": "user-0x"}\n{"user_id": "user-0x"}\n')
            exports.publish(home, part, path, {"rows": 3})
    (tmp_path / "folder.jsonl").unlink()
    (tmp_path / "folder.jsonl").mkdir()
    exports.manifest_of(tmp_path / "broken.jsonl").write_text('{"rows": 1')
    (tmp_path / "cut.jsonl").write_text('{"user_id": "user-1x"}\n{"user_id": "user-0x"}\n')
    assert loaded("erase-user", "user-1x").status == 0
    assert "user-1x" not in (tmp_path / "broken.jsonl").read_text()
    manifest = json.loads(exports.manifest_of(tmp_path / "cut.jsonl").read_text())
    assert manifest["rows"] == 1
    assert [one["rows"] for one in manifest["erased"]] == [1], "the row that somebody cut is not the erasure's"


def test_what_an_erasure_that_failed_took_from_files_is_on_the_receipt(loaded, home, tmp_path, monkeypatch):
    path = home / "notes.jsonl"
    path.write_text('{"user_id": "user-1x"}\n')
    with monkeypatch.context() as patched:
        patched.setenv("EVALLOOP_LEDGER", f"postgresql://evalloop:{PASSWORD}@127.0.0.1:1/gone")
        assert loaded("erase-user", "user-1x").status == 2
    assert loaded("erase-user", "user-1x").status == 0
    (receipt,) = (home / "erasures").glob("*.json")
    assert json.loads(receipt.read_text())["elsewhere"][str(path)] == {"records": 1}


def test_history_tells_which_evidence_is_gone(loaded, home, tmp_path):
    from datetime import datetime

    from evalloop_assets.serving.ledger import Change, Ledger
    from evalloop_assets.settings import Settings

    ledger = Ledger(Settings().ledger_url)
    evidence = {"input_versions": {"turns": 1}, "effect": 0.5}
    ledger.begin("m", Change("start", "somebody", "about user-1x", datetime(2026, 3, 1), "first", evidence))
    loaded("erase-user", "user-1x")
    said = loaded("serving", "history").printed
    assert "its evidence cites turns version 1, erased on" in said
    assert "its figures stand" in said
    assert "about [erased]" in said
    assert ledger.head().evidence == evidence
    ledger.close()
    assert files_with(home, {"user-1x"}) == {}


def test_repeated_it_finds_a_plain_name_in_a_copy_of_the_log(evalloop, home, log, mapping):
    path = log(*(reply(number, user=("ana", "bo")[number % 2], chat=f"c{number % 2}") for number in range(1, 9)))
    assert evalloop("ingest", path, "--map", mapping()).status == 0
    first = evalloop("erase-user", "ana")
    assert "running text was not searched for the id" in first.printed
    copy = home / "copy.jsonl"
    copy.write_text(path.read_text())
    assert '"ana"' in copy.read_text()
    again = evalloop("erase-user", "ana")
    assert "nothing is left of this person" not in again.printed
    assert '"ana"' not in copy.read_text()
    assert copy.read_text().count('"bo"') == 4
