"""Dirt: each kind at its rate and named in the truth, all else untouched, the same for the same seed."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest

from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets.logs.landing import deliver_landing
from evalloop_assets.simulator.arrow import arrow_schema, table
from evalloop_assets.simulator.delivery import write_table
from evalloop_assets.simulator.dirt import (
    TRUTH_DIRT,
    Dirt,
    OtherDevice,
)
from evalloop_assets.simulator.faults import faults
from evalloop_assets.simulator.soiling import HeldBack
from evalloop_assets.simulator.traffic import Assignment
from evalloop_assets_tests.simulator.soiled_world import (
    CLEAN,
    NOW,
    SEED,
    TURNS,
    all_files,
    columns_of,
    elapsed,
    ids,
    judged,
    named,
    near,
    soiled,
    untouched,
    without,
    world,
)
from evalloop_assets_tests.simulator.world import FIRST, HalfOfConversations, HalfOfUsers, day


def test_a_clean_log_stays_as_it_is():
    result = soiled(Dirt())
    assert list(result.tables)
    assert untouched(result, set())
    assert result.held == HeldBack()
    assert result.truth.num_rows == 0
    assert result.truth.schema == arrow_schema(TRUTH_DIRT)


def test_a_chunk_of_one_table_or_none_at_all_passes():
    result = soiled(Dirt(late=0.5), clean={"turns": CLEAN["turns"].slice(0, 0)})
    assert list(result.tables) == ["turns"]
    assert result.tables["turns"].num_rows == 0
    assert soiled(Dirt(late=0.5), clean={}).tables == {}
    with pytest.raises(ValueError, match="no tables"):
        soiled(Dirt(), clean={"sessions": CLEAN["turns"]})


@pytest.mark.parametrize("name", ["turns", "visits", "battles"])
def test_duplicates_come_twice_in_the_same_file_or_with_the_next(name):
    result = soiled(Dirt(duplicates=0.1))
    twice = named(result, name, "duplicate")
    assert near(len(twice), 0.1, CLEAN[name].num_rows)
    rows = result.tables[name]
    here = ids(name, rows)
    later = ids(name, result.held.tables[name])
    assert sorted(here + later) == sorted(ids(name, CLEAN[name]) + twice)
    assert near(len(later), 0.5, len(twice))
    assert set(result.held.tables[name]["deliver_on"].to_pylist()) == {day(1)}
    first = rows.take(pa.array(sorted({one: k for k, one in reversed(list(enumerate(here)))}.values())))
    assert first.equals(CLEAN[name])
    assert untouched(result, {"turns", "visits", "battles"})


def test_the_copy_of_a_turn_is_received_later_and_is_else_the_same():
    result = soiled(Dirt(duplicates=0.3))
    original = dict(zip(ids("turns", CLEAN["turns"]), CLEAN["turns"].to_pylist(), strict=True))
    received: dict[str, list[datetime]] = {}
    for row in result.tables["turns"].to_pylist() + result.held.tables["turns"].drop_columns("deliver_on").to_pylist():
        assert row | {"received_at": None} == original[row["event_id"]] | {"received_at": None}
        received.setdefault(row["event_id"], []).append(row["received_at"])
    assert all(min(times) == original[one]["received_at"] for one, times in received.items())
    assert all(times[0] < times[1] for times in received.values() if len(times) == 2)


def test_late_turns_come_once_on_the_promised_day_and_are_received_in_it():
    dirt = Dirt(late=0.2, late_days=3)
    files, results, _ = all_files(dirt, 6)
    for number in range(2):
        promised = {
            row["row_id"]: date.fromisoformat(row["about"].removeprefix("delivered on "))
            for row in results[number].truth.to_pylist()
        }
        assert near(len(promised), 0.2, TURNS)
        assert set(promised.values()) == {day(number + k) for k in (1, 2, 3)}
        for one, on in promised.items():
            assert [k for k, file in enumerate(files) if one in set(ids("turns", file["turns"]))] == [(on - FIRST).days]
        for file in files:
            for row in file["turns"].to_pylist():
                if row["event_id"] in promised:
                    assert row["received_at"].date() == promised[row["event_id"]]
                    assert row["shown_at"].date() == day(number)
        clean = world(number)
        assert untouched(results[number], {"turns"}, clean)
        assert results[number].tables["turns"].equals(without(clean["turns"], "turns", set(promised)))
    assert all(len(ids("turns", file["turns"])) == len(set(ids("turns", file["turns"]))) for file in files)


def test_turns_out_of_order_change_places_among_themselves():
    result = soiled(Dirt(out_of_order=0.1))
    moved = set(named(result, "turns", "out_of_order"))
    assert near(len(moved), 0.1, TURNS)
    before, after = ids("turns", CLEAN["turns"]), ids("turns", result.tables["turns"])
    assert {a for a, b in zip(before, after, strict=True) if a != b} == moved
    by_id = [("event_id", "ascending")]
    assert result.tables["turns"].sort_by(by_id).equals(CLEAN["turns"].sort_by(by_id))
    assert untouched(result, {"turns"})
    assert result.held == HeldBack()


def test_without_foreground_a_user_has_none_anywhere_and_others_keep_theirs():
    known = {"foreground_ms": 900, "scrolls": 2, "clicks": 1}
    clean = {"turns": table(LOG_TABLES["turns"], {**columns_of(CLEAN["turns"]), **known}, CLEAN["turns"].num_rows)}
    result = soiled(Dirt(no_foreground=0.3), clean=clean)
    after = result.tables["turns"]
    silent = {row["user_id"] for row in after.to_pylist() if row["scrolls"] is None}
    for row in after.to_pylist():
        expected = dict.fromkeys(known) if row["user_id"] in silent else known
        assert {name: row[name] for name in known} == expected
    assert after.drop_columns(list(known)).equals(clean["turns"].drop_columns(list(known)))
    users = set(after["user_id"].to_pylist())
    assert near(len(silent), 0.3, len(users))
    gone = [row["event_id"] for row in after.to_pylist() if row["user_id"] in silent]
    assert sorted(named(result, "turns", "no_foreground")) == sorted(gone)


def test_a_skewed_clock_is_off_by_the_same_for_a_user_everywhere_and_always():
    dirt = Dirt(skewed=0.2, skew_minutes=45)
    shifts: dict[str, set[timedelta]] = {}
    for number in range(2):
        clean = {name: rows.slice(0, rows.num_rows * 9 // 10) for name, rows in world(number).items()}
        result = soiled(dirt, number, clean)
        assert result.held == HeldBack()
        for name, schema in LOG_TABLES.items():
            if name not in clean or "user_id" not in schema.column_names:
                continue
            off = set()
            for before, after, one in zip(
                clean[name].to_pylist(), result.tables[name].to_pylist(), ids(name, clean[name]), strict=True
            ):
                by = after[schema.day_from] - before[schema.day_from]
                assert after | {schema.day_from: None} == before | {schema.day_from: None}
                shifts.setdefault(before["user_id"], set()).add(by)
                off |= {one} if by else set()
            assert sorted(off) == sorted(named(result, name, "skewed"))
    assert all(len(found) == 1 for found in shifts.values())
    by = [found.pop() for found in shifts.values()]
    assert near(sum(one != timedelta(0) for one in by), 0.2, len(shifts))
    assert max(by) > timedelta(minutes=30)
    assert min(by) < -timedelta(minutes=30)
    assert max(map(abs, by)) <= timedelta(minutes=45)


def test_lost_turns_never_come():
    result = soiled(Dirt(lost=0.15))
    gone = set(named(result, "turns", "lost"))
    assert near(len(gone), 0.15, TURNS)
    assert result.tables["turns"].equals(without(CLEAN["turns"], "turns", gone))
    assert untouched(result, {"turns"})
    assert result.held == HeldBack()


@pytest.mark.parametrize("name", ["turns", "visits"])
def test_malformed_copies_are_all_rejected_and_nothing_else_is(name):
    result = soiled(Dirt(malformed=0.2))
    faulty = set(named(result, name, "malformed"))
    assert near(len(faulty), 0.2, CLEAN[name].num_rows)
    accepted, rejected = judged(name, result.tables[name])
    assert rejected == faulty
    assert accepted == set(ids(name, CLEAN[name]))
    assert without(result.tables[name], name, faulty).equals(CLEAN[name])
    assert untouched(result, {"turns", "visits"})
    assert result.held == HeldBack()
    about = {row["about"] for row in result.truth.to_pylist() if row["table_name"] == name}
    assert about == {fault.about for fault in faults(LOG_TABLES[name])}


def test_malformed_copies_land_among_the_rejected_rows(lake, tmp_path):
    result = soiled(Dirt(malformed=0.2, duplicates=0.1))
    for name, rows in result.tables.items():
        write_table(tmp_path / name / f"{FIRST}.parquet", rows)
    landed = deliver_landing(lake, tmp_path, now=NOW, tolerance=timedelta(minutes=10), batch_rows=1000)
    assert landed.failures == ()
    for one in landed.deliveries:
        assert one.rows_rejected == len(named(result, one.table, "malformed"))
        assert one.rows_added == CLEAN[one.table].num_rows


def test_of_a_silent_day_nothing_comes_and_nothing_is_promised_for_it():
    dirt = Dirt(silent_days=(1, 2), late=0.5, late_days=1, duplicates=0.5)
    files, results, _ = all_files(dirt, 5)
    for number in (1, 2):
        assert all(rows.num_rows == 0 for rows in files[number].values())
        assert "turns" not in results[number].held.tables
        assert sorted(named(results[number], "turns", "silent")) == sorted(ids("turns", world(number)["turns"]))
    of_silent_days = {one for number in (1, 2) for one in ids("turns", world(number)["turns"])}
    assert not of_silent_days & {one for file in files for one in ids("turns", file["turns"])}
    assert set(ids("turns", world(0)["turns"])) <= {
        one for number in (0, 3, 4) for one in ids("turns", files[number]["turns"])
    }
    assert files[3]["characters"].num_rows == 3 * CLEAN["characters"].num_rows


def test_rows_of_a_later_day_wait_for_its_file_and_share_its_fate():
    ahead = timedelta(hours=12)
    clean = {name: elapsed(rows, name, ahead) for name, rows in CLEAN.items()}
    result = soiled(Dirt(), clean=clean)
    for name in ("turns", "visits", "battles"):
        today = pa.compute.less(clean[name][LOG_TABLES[name].day_from], pa.scalar(datetime(2026, 3, 3)))
        assert result.tables[name].equals(clean[name].filter(today))
        held = result.held.tables[name]
        assert held.drop_columns("deliver_on").equals(clean[name].filter(pa.compute.invert(today)))
        assert set(held["deliver_on"].to_pylist()) == {day(1)}
    assert result.truth.num_rows == 0
    silent = soiled(Dirt(silent_days=(1,), late=0.3, late_days=1), clean=clean)
    assert {row["shown_at"].date() for row in silent.tables["turns"].to_pylist()} == {FIRST}
    assert {row["shown_at"].date() for row in silent.held.tables["turns"].to_pylist()} == {FIRST}
    assert set(silent.held.tables["turns"]["deliver_on"].to_pylist()) == {day(2)}
    late = soiled(Dirt(late=0.5), clean=clean).held.tables["turns"].to_pylist()
    names = {row["event_id"] for row in late if row["received_at"].date() > day(1)}
    assert all(row["received_at"] > row["shown_at"] and row["received_at"].date() <= row["deliver_on"] for row in late)
    assert names
    moved = soiled(Dirt(out_of_order=0.2), clean=clean)
    assert near(len(named(moved, "turns")), 0.2, TURNS)


def test_what_a_clock_ahead_dates_tomorrow_waits_for_tomorrow():
    result = soiled(Dirt(skewed=1.0))
    held = result.held.tables["turns"]
    assert set(held["deliver_on"].to_pylist()) == {day(1)}
    assert {row["shown_at"].date() for row in held.to_pylist()} == {day(1)}
    assert max(result.tables["turns"]["shown_at"].to_pylist()).date() == FIRST


def test_lost_treatment_takes_conversations_with_their_assignment_and_leaves_control():
    result = soiled(Dirt(lost_treatment=0.3))
    gone = set(named(result, "assignments", "lost_treatment"))
    treated = [row for row in CLEAN["assignments"].to_pylist() if row["arm"] == "treatment"]
    assert near(len(gone), 0.3, len(treated))
    assert all(one.endswith("/treatment") for one in gone)
    assert result.tables["assignments"].equals(without(CLEAN["assignments"], "assignments", gone))
    chats = {one.split("/")[2] for one in gone}
    left = CLEAN["turns"].filter(pa.array([c not in chats for c in CLEAN["turns"]["conversation_id"].to_pylist()]))
    assert result.tables["turns"].equals(left)
    assert len(named(result, "turns", "lost_treatment")) == TURNS - left.num_rows
    assert untouched(result, {"turns", "assignments"})


@pytest.mark.parametrize("half", [HalfOfUsers, HalfOfConversations])
def test_from_another_device_users_meet_both_arms_where_users_are_randomised(half):
    flags = half("control", "treatment")
    device = OtherDevice(flags, 0.3, SEED)
    chats = CLEAN["assignments"].select(["user_id", "unit_id"]).to_pylist()
    plain = [flags.resolve(c["user_id"], c["unit_id"], datetime(2026, 3, 2)).arm for c in chats]
    found = [device.resolve(c["user_id"], c["unit_id"], datetime(2026, 3, 2)).arm for c in chats]
    changed = sum(a != b for a, b in zip(plain, found, strict=True))
    if half is HalfOfConversations:
        assert changed == 0
    else:  # the other device draws the other arm half of the time
        assert near(changed, 0.15, len(chats))


def test_turns_from_another_device_are_named_and_the_share_is_the_set_one():
    result = soiled(Dirt(both_arms=0.25))
    assert untouched(result, set())
    elsewhere = {one[:-4] for one in named(result, "turns", "both_arms")}
    assert near(len(elsewhere), 0.25, TURNS // 10)

    class Asked:
        def resolve(self, user_id: str, conversation_id: str, started_at: datetime) -> Assignment:
            return Assignment(user_id)

    device = OtherDevice(Asked(), 0.25, SEED)
    for chat in set(CLEAN["turns"]["conversation_id"].to_pylist()):
        asked = device.resolve("u-1", chat, datetime(2026, 3, 2)).model_id
        assert asked == ("u-1/2" if chat in elsewhere else "u-1")
