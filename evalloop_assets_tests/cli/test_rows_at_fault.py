"""Rows that break the contract: counted and explained, and the rest is loaded."""

import duckdb
import pytest

from evalloop_assets_tests.cli.conftest import reply

BAD_IDS = ['it\'s "quoted"', "a/b\\c", "../../etc/passwd", "two\nlines", "semi; DROP TABLE turns --", "[bold]x[/]"]


def rows(home, query):
    with duckdb.connect(str(home / "evalloop.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (reply(2, user=None), "user_id is missing"),
        (reply(2, id=None), "event_id is missing"),
        (reply(2, at="2999-01-01T00:00:00Z"), "shown_at is in the future: 2999-01-01T00:00:00Z"),
        (reply(2, at="last night"), "shown_at is no time: last night"),
        (reply(2, reply="x" * 2_000_000), "reply_text is 2000000 characters long"),
        (b'{"id": "e2", "user": "\xff\xfe"}', "the line holds bytes that are no UTF-8"),
        (b'{"id": "e2"', "the line is no JSON"),
    ],
)
def test_one_bad_row_among_good_ones(evalloop, home, log, mapping, bad, reason):
    said = evalloop("ingest", log(reply(1), bad, reply(3)), "--map", mapping())
    assert (said.status, said.complained) == (0, "")
    assert "3 rows read, 2 added on 1 days" in said.printed
    assert "1 rejected" in said.printed
    (told,) = [text for text in said.printed.splitlines() if text.startswith("  1 × ")]
    assert reason in told
    assert "(first at 2). " in told
    assert len(told) < 400
    assert rows(home, "SELECT event_id FROM turns ORDER BY event_id") == [("e1",), ("e3",)]
    ((source, position, found),) = rows(home, "SELECT source, position, reason FROM rejected_rows")
    assert (source, position) == ("log.jsonl", 2)
    assert reason in found


def test_a_csv_with_a_shifted_column(evalloop, home, mapping, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        "id,user,chat,model,at,reply\n"
        "e1,u,c,m,2026-03-01T10:00:00Z,hi\n"
        "e2,u,c,m,shifted,2026-03-01T10:01:00Z,hi\n"
        "e3,u,shifted,c,m,2026-03-01T10:01:00Z\n"
        "e4,u,c\n"
        "e5,u,c,m,2026-03-01T10:02:00Z,hi\n"
    )
    said = evalloop("ingest", path, "--map", mapping("csv"))
    assert said.status == 0
    assert "5 rows read, 2 added" in said.printed
    assert "the row has 7 fields, the header 6 (first at 3)" in said.printed
    assert "shown_at is no time: m" in said.printed
    assert rows(home, "SELECT position FROM rejected_rows ORDER BY position") == [(3,), (4,), (5,)]


def test_a_key_twice_counts_once(evalloop, home, log, mapping):
    said = evalloop("ingest", log(reply(1), reply(1), reply(2)), "--map", mapping())
    assert "3 rows read, 2 added on 1 days" in said.printed
    assert "1 duplicates" in said.printed


def test_the_same_file_twice_changes_nothing(evalloop, home, log, mapping):
    path = log(reply(1), reply(2, user=None), reply(3))
    first = evalloop("ingest", path, "--map", mapping())
    before = rows(home, "FROM turns"), rows(home, "FROM rejected_rows"), rows(home, "FROM log_deliveries")
    second = evalloop("ingest", path, "--map", mapping())
    assert "2 added" in first.printed
    assert "3 rows read, 0 added on 0 days, 2 duplicates, 1 rejected" in second.printed
    assert (rows(home, "FROM turns"), rows(home, "FROM rejected_rows"), rows(home, "FROM log_deliveries")) == before


def test_ids_of_every_kind_go_through_every_stage(evalloop, home, log, mapping):
    bad = [reply(number, id=text, user=text, chat=text, model=text) for number, text in enumerate(BAD_IDS)]
    assert f"{len(BAD_IDS)} added" in evalloop("ingest", log(*bad), "--map", mapping()).printed
    ran = evalloop("run")
    assert (ran.status, ran.complained) == (0, "")
    assert {user for (user,) in rows(home, "SELECT user_id FROM sessions")} == set(BAD_IDS)
    assert {event for (event,) in rows(home, "SELECT event_id FROM horizon_labels")} == set(BAD_IDS)
    assert evalloop("status").status == 0
