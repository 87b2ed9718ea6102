"""`evalloop erase-user` as a user calls it."""

import json

import pytest

from evalloop_assets.lake import exports
from evalloop_assets_tests.cli.conftest import line, reply
from evalloop_assets_tests.erasure.decoder import files_with


@pytest.fixture
def loaded(evalloop, log, mapping):
    rows = [reply(number, user=f"user-{number % 2}x", chat=f"c{number % 2}") for number in range(1, 9)]
    path = log(*rows)
    assert evalloop("ingest", path, "--map", mapping()).status == 0
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
