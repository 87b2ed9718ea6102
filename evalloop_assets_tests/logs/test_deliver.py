"""Deliveries into the lake: counted, deduplicated, repeated, late, in parallel."""

from datetime import date, datetime, timedelta

from evalloop_assets.lake.clock import Clock
from evalloop_assets_tests.logs.world import (
    DAY,
    NOW,
    TURNS_AS_THEY_ARE,
    everything,
    reasons,
    rows_of,
    take_in,
    turn,
    write_lines,
)


def versions(lake):
    return {name: lake.version(name) for name in lake.tables()}


def log(tmp_path, name, *rows):
    return write_lines(tmp_path / name, rows)


def test_counts_days_and_the_delivery_row(lake, tmp_path):
    rows = [turn(1), turn(1), turn(2), turn(3, shown_at="2026-03-03T10:00:00Z"), turn(4, user_id="")]
    delivery = take_in(lake, log(tmp_path, "a.jsonl", *rows), complete_through=date(2026, 3, 2))
    assert (delivery.rows_read, delivery.rows_added) == (5, 3)
    assert (delivery.rows_duplicate, delivery.rows_rejected) == (1, 1)
    assert delivery.days == (date(2026, 3, 1), date(2026, 3, 3))
    [row] = rows_of(lake, "log_deliveries")
    assert (row["rows_read"], row["rows_added"], row["rows_duplicate"], row["rows_rejected"]) == (5, 3, 1, 1)
    assert (row["first_day"], row["last_day"]) == (date(2026, 3, 1), date(2026, 3, 3))
    assert row["last_time"] == datetime(2026, 3, 3, 10)
    assert row["touched_days"] == "2026-03-01,2026-03-03"
    assert (row["day"], row["delivered_at"], row["finished"]) == (NOW.date(), NOW, True)
    [rejected] = rows_of(lake, "rejected_rows")
    assert (rejected["position"], rejected["reason"], rejected["source"]) == (5, "user_id is missing", "a.jsonl")


def test_the_clock_follows_deliveries(lake, tmp_path):
    assert lake.clock() == Clock(None, None)
    take_in(lake, log(tmp_path, "a.jsonl", turn(1, shown_at="2026-03-03T10:00:00Z")))
    assert lake.clock() == Clock(date(2026, 3, 2), datetime(2026, 3, 3, 10))
    take_in(lake, log(tmp_path, "b.jsonl", turn(2)), complete_through=date(2026, 3, 5))
    assert lake.clock() == Clock(date(2026, 3, 5), datetime(2026, 3, 6))


def test_the_same_file_twice_changes_nothing(lake, tmp_path):
    path = log(tmp_path, "a.jsonl", turn(1), turn(1), turn(2))
    take_in(lake, path)
    before, then = everything(lake), versions(lake)
    again = take_in(lake, path, now=NOW + timedelta(days=2))
    assert (again.rows_read, again.rows_added, again.rows_duplicate, again.days) == (3, 0, 3, ())
    assert (everything(lake), versions(lake)) == (before, then)


def test_the_same_file_twice_with_rejected_rows_changes_nothing(lake, tmp_path):
    path = log(tmp_path, "a.jsonl", turn(1), turn(2, user_id=None), turn(3, shown_at="no"))
    take_in(lake, path)
    before, then = everything(lake), versions(lake)
    again = take_in(lake, path, now=NOW + timedelta(days=2))
    assert (again.rows_added, again.rows_duplicate, again.rows_rejected) == (0, 1, 2)
    assert (everything(lake), versions(lake)) == (before, then)


def test_rows_rejected_as_future_come_in_when_their_time_has_come(lake, tmp_path):
    path = log(tmp_path, "a.jsonl", turn(1), turn(2, shown_at="2026-03-11T00:00:00Z"), turn(3, user_id=None))
    assert take_in(lake, path).rows_rejected == 2
    again = take_in(lake, path, now=NOW + timedelta(days=2))
    assert (again.rows_added, again.rows_duplicate, again.rows_rejected) == (1, 1, 1)
    assert reasons(lake) == {3: "user_id is missing"}
    [row] = rows_of(lake, "log_deliveries")
    assert (row["rows_added"], row["rows_duplicate"], row["rows_rejected"]) == (2, 0, 1)
    assert (row["delivered_at"], row["last_day"]) == (NOW, date(2026, 3, 11))


def test_only_days_that_change_are_committed(lake, tmp_path):
    take_in(lake, log(tmp_path, "a.jsonl", turn(1), turn(2, shown_at="2026-03-02T10:00:00Z")))
    before = lake.version("turns")
    late = take_in(lake, log(tmp_path, "b.jsonl", turn(1), turn(3, shown_at="2026-03-02T11:00:00Z")))
    assert late.days == (date(2026, 3, 2),)
    assert (late.rows_added, late.rows_duplicate) == (1, 1)
    assert lake.version("turns") == before + 1
    repeated = take_in(lake, log(tmp_path, "c.jsonl", turn(1), turn(3, shown_at="2026-03-02T11:00:00Z")))
    assert (repeated.rows_added, repeated.days) == (0, ())
    assert lake.version("turns") == before + 1


def test_the_earliest_received_stays_whatever_comes_first(lake, tmp_path):
    early = turn(1, received_at="2026-03-01T01:00:00Z", reply_text="early")
    late = turn(1, received_at="2026-03-01T02:00:00Z", reply_text="late")
    unknown = turn(1, reply_text="unknown")
    for name, row in (("a", late), ("b", unknown), ("c", early), ("d", late)):
        take_in(lake, log(tmp_path, f"{name}.jsonl", row))
    assert [row["reply_text"] for row in rows_of(lake, "turns")] == ["early"]


def test_a_reply_that_comes_back_under_another_day_is_still_one(lake, tmp_path):
    first = turn(1, shown_at="2026-03-02T23:59:00Z", received_at="2026-03-03T08:00:00Z")
    moved = turn(1, shown_at="2026-03-01T00:01:00Z", received_at="2026-03-03T07:00:00Z")
    take_in(lake, log(tmp_path, "a.jsonl", first, turn(2, shown_at="2026-03-02T10:00:00Z")))
    delivery = take_in(lake, log(tmp_path, "b.jsonl", moved))
    assert (delivery.rows_added, delivery.rows_duplicate) == (0, 1)
    assert delivery.days == (date(2026, 3, 1), date(2026, 3, 2))
    found = rows_of(lake, "turns", ["event_id", "day"])
    assert found == [{"event_id": "e1", "day": DAY}, {"event_id": "e2", "day": date(2026, 3, 2)}]
    assert take_in(lake, log(tmp_path, "c.jsonl", first, turn(3))).rows_added == 1
    assert len(rows_of(lake, "turns")) == 3


def test_ids_survive_the_way_into_the_lake(lake, tmp_path):
    odd = ["o'brien", 'say "x"', "../../etc/passwd", "a/b\\c", "'; DROP TABLE turns; --", "用户 1", "day=2026-03-01"]
    rows = [turn(number, event_id=name, user_id=name) for number, name in enumerate(odd)]
    path = log(tmp_path, 'o\'dd "name".jsonl', *rows, turn(99, user_id=None))
    assert take_in(lake, path).rows_added == len(odd)
    assert {row["event_id"] for row in rows_of(lake, "turns")} == set(odd)
    assert rows_of(lake, "rejected_rows")[0]["source"] == 'o\'dd "name".jsonl'


ASSIGNMENTS = """
format: jsonl
table: assignments
columns: {experiment_id: x, unit: {value: user}, unit_id: u, user_id: u, arm: arm, model_id: m, assigned_at: at}
"""


def test_the_first_exposure_stays(lake, tmp_path):
    def exposed(at, arm="treatment"):
        return {"x": "x1", "u": "u1", "arm": arm, "m": "m1", "at": at}

    take_in(lake, log(tmp_path, "a.jsonl", exposed("2026-03-05")), ASSIGNMENTS)
    take_in(lake, log(tmp_path, "b.jsonl", exposed("2026-03-02"), exposed("2026-03-09")), ASSIGNMENTS)
    take_in(lake, log(tmp_path, "c.jsonl", exposed("2026-03-04"), exposed("2026-03-06", "control")), ASSIGNMENTS)
    found = [(row["arm"], row["day"]) for row in rows_of(lake, "assignments")]
    assert found == [("control", date(2026, 3, 6)), ("treatment", date(2026, 3, 2))]


CHARACTERS = "format: jsonl\ntable: characters\ncolumns: {character_id: id, persona: bio}\n"


def test_the_newest_description_of_a_character_stays(lake, tmp_path):
    old, new = ({"id": "fox", "bio": bio} for bio in ("sly", "gentle"))
    take_in(lake, log(tmp_path, "a.jsonl", old), CHARACTERS)
    changed = take_in(lake, log(tmp_path, "b.jsonl", new), CHARACTERS, now=NOW + timedelta(days=1))
    assert (changed.rows_added, changed.rows_duplicate, len(changed.days)) == (0, 1, 2)
    unchanged = take_in(lake, log(tmp_path, "c.jsonl", new, new), CHARACTERS, now=NOW + timedelta(days=5))
    assert unchanged.days == ()
    assert [(row["persona"], row["day"]) for row in rows_of(lake, "characters")] == [("gentle", date(2026, 3, 11))]


VISITS = "format: jsonl\ntable: visits\ncolumns: {user_id: u, opened_at: at, visit_id: {from: v}}\n"


def test_rows_of_one_visit_are_one_visit(lake, tmp_path):
    rows = [
        {"u": "u1", "v": "v1", "at": "2026-03-01T23:59:00Z"},
        {"u": "u1", "v": "v1", "at": "2026-03-02T00:10:00Z"},
        {"u": "u1", "v": None, "at": "2026-03-02T00:10:00Z"},
        {"u": "u2", "v": "v1", "at": "2026-03-02T00:10:00Z"},
    ]
    assert take_in(lake, log(tmp_path, "a.jsonl", *rows[1:]), VISITS).rows_added == 3
    assert take_in(lake, log(tmp_path, "b.jsonl", rows[0]), VISITS).rows_duplicate == 1
    found = [(row["user_id"], row["visit_id"], row["opened_at"].minute) for row in rows_of(lake, "visits")]
    assert found == [("u1", "v1", 59), ("u1", None, 10), ("u2", "v1", 10)]


def test_an_override_of_the_table_is_another_delivery(lake, tmp_path):
    path = log(tmp_path, "a.jsonl", {"character_id": "x", "model_id": "x"})
    content = "format: jsonl\ntable: characters\ncolumns: {character_id: character_id}\n"
    first = take_in(lake, path, content)
    second = take_in(lake, path, content.replace("character", "model"), table="models")
    assert (first.table, second.table) == ("characters", "models")
    assert first.delivery_id != second.delivery_id


def test_progress_counts_rows(lake, tmp_path):
    seen: list[int] = []
    path = log(tmp_path, "a.jsonl", *(turn(number) for number in range(25)))
    take_in(lake, path, TURNS_AS_THEY_ARE, batch_rows=10, progress=seen.append)
    assert seen == [10, 20, 25]


def test_a_log_without_rows(lake, tmp_path):
    delivery = take_in(lake, log(tmp_path, "a.jsonl"))
    assert (delivery.rows_read, delivery.days) == (0, ())
    assert lake.tables() == ["log_deliveries"]
