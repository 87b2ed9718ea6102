"""Dirt: each kind at its rate and named in the truth, all else untouched, the same for the same seed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from math import inf, nan

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalloop_assets.lake.errors import UserError
from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets.logs.landing import deliver_landing
from evalloop_assets.logs.validate import Validation
from evalloop_assets.simulator.arrow import arrow_schema, table, times_us
from evalloop_assets.simulator.delivery import write_table
from evalloop_assets.simulator.dirt import (
    MOST_WHALE_TURNS,
    ROW_IDS,
    TRUTH_DIRT,
    Dirt,
    OtherDevice,
    row_ids,
)
from evalloop_assets.simulator.faults import faults
from evalloop_assets.simulator.hashed import uniform
from evalloop_assets.simulator.packs import LEXICON
from evalloop_assets.simulator.soiling import HeldBack, Soiled, joined, soil
from evalloop_assets.simulator.strangers import BOT, WHALE, stranger_rows, strangers
from evalloop_assets.simulator.traffic import Assignment
from evalloop_assets_tests.simulator.world import FIRST, HalfOfConversations, HalfOfUsers, day

SEED = 11
NOW = datetime(2026, 5, 1)
TURNS, OTHERS = 4000, 2000


def world(number: int = 0, turns: int = TURNS, others: int = OTHERS) -> dict[str, pa.Table]:
    """Clean tables of the `number`-th day: 10 turns a conversation, two conversations a user."""
    at = day(number)
    user = [f"u-base-{k:05d}" for k in range(max(turns // 20, others, 1))]
    turn = np.arange(turns)
    conversation = [f"c-{at:%Y%m%d}-{k:05d}" for k in range(turns // 10 + 1)]
    shown = times_us(at, np.linspace(5, 86_300, turns))
    chat = turn // 10
    arm = np.where(chat % 2 == 0, "treatment", "control").astype(object)
    columns = {
        "event_id": [f"{conversation[c]}-{t % 10:03d}" for c, t in zip(chat, turn, strict=True)],
        "user_id": [user[t // 20] for t in turn],
        "conversation_id": [conversation[c] for c in chat],
        "model_id": arm,
        "shown_at": shown,
        "received_at": shown + 100_000,
        "user_text": "Go on.",
        "reply_text": "The door opens.",
        "dwell_ms": turn,
        "experiment_id": "exp",
        "arm": arm,
        "propensity": 0.5,
    }
    second = np.linspace(1, 86_000, others)
    units = np.arange(len(conversation))
    return {
        "characters": table(LOG_TABLES["characters"], {"character_id": ["a", "b"]}, 2),
        "turns": table(LOG_TABLES["turns"], columns, turns),
        "visits": table(
            LOG_TABLES["visits"],
            {
                "user_id": user[:others],
                "opened_at": times_us(at, second),
                "visit_id": [f"v-{at:%Y%m%d}-{k:06d}" for k in range(others)],
            },
            others,
        ),
        "signups": table(LOG_TABLES["signups"], {"user_id": user[:9], "signed_up_at": times_us(at, np.arange(9.0))}, 9),
        "battles": table(
            LOG_TABLES["battles"],
            {
                "battle_id": [f"b-{at:%Y%m%d}-{k:05d}" for k in range(others)],
                "user_id": user[:others],
                "model_a": "m",
                "model_b": "n",
                "outcome": "a",
                "decided_at": times_us(at, second),
            },
            others,
        ),
        "assignments": table(
            LOG_TABLES["assignments"],
            {
                "experiment_id": "exp",
                "unit": "conversation",
                "unit_id": conversation,
                "user_id": [user[k // 2] for k in units],
                "arm": np.where(units % 2 == 0, "treatment", "control").astype(object),
                "model_id": "m",
                "assigned_at": times_us(at, units.astype(float)),
            },
            len(units),
        ),
    }


CLEAN = world()


def columns_of(rows: pa.Table) -> dict[str, pa.ChunkedArray]:
    return {name: rows[name].combine_chunks() for name in rows.column_names}


def soiled(dirt: Dirt, number: int = 0, clean: dict[str, pa.Table] | None = None, seed: int = SEED) -> Soiled:
    at = day(number)
    rng = np.random.default_rng([seed, at.toordinal(), 9])
    return soil(dirt, world(number) if clean is None else clean, day=at, first_day=FIRST, seed=seed, rng=rng)


def named(result: Soiled, table_name: str, kind: str | None = None) -> list[str]:
    rows = result.truth.to_pylist()
    return [row["row_id"] for row in rows if row["table_name"] == table_name and kind in (None, row["kind"])]


def ids(name: str, rows: pa.Table) -> list[str]:
    return row_ids(name, rows).to_pylist()


def elapsed(rows: pa.Table, name: str, by: timedelta) -> pa.Table:
    """The rows with their times shifted."""
    for column in (LOG_TABLES[name].day_from, "received_at"):
        if column in rows.column_names:
            number = rows.schema.get_field_index(column)
            rows = rows.set_column(
                number, rows.schema.field(number), pa.compute.add(rows[column], pa.scalar(by)).cast("timestamp[us]")
            )
    return rows


def all_files(dirt: Dirt, days: int, seed: int = SEED) -> tuple[list[dict[str, pa.Table]], list[Soiled], HeldBack]:
    """The files of some days, as the product would deliver them."""
    held, files, results = HeldBack(), [], []
    for number in range(days):
        due, held = held.due(day(number))
        result = soiled(dirt, number, seed=seed)
        files.append(joined(result.tables, due))
        held = held.plus(result.held)
        results.append(result)
    return files, results, held


def near(found: int, share: float, of: int) -> bool:
    """Within 4.5 standard deviations of a binomial."""
    return abs(found - share * of) <= 4.5 * np.sqrt(of * share * (1 - share)) + 1e-9


def untouched(result: Soiled, but: set[str], clean: dict[str, pa.Table] = CLEAN) -> bool:
    """Whether the rows of the named tables alone have changed."""
    return all(result.tables[name].equals(rows) for name, rows in clean.items() if name not in but)


def without(rows: pa.Table, name: str, gone: set[str]) -> pa.Table:
    return rows.filter(pa.array([one not in gone for one in ids(name, rows)]))


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


def judged(name: str, rows: pa.Table) -> tuple[set[str], set[str]]:
    """Ids of the accepted and of the rejected rows."""
    n = rows.num_rows
    batch = rows.append_column("position", pa.array(range(n), pa.int64())).append_column(
        "detail", pa.nulls(n, "string")
    )
    result = Validation(LOG_TABLES[name], NOW, timedelta(minutes=10), NOW.date())(batch)
    known = ids(name, rows)
    return ({known[k] for k in result.accepted["position"].to_pylist()}, {
        known[k] for k in result.rejected["position"].to_pylist()
    })  # fmt: skip


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


SHARES = (
    "duplicates",
    "late",
    "out_of_order",
    "skewed",
    "no_foreground",
    "lost",
    "malformed",
    "lost_treatment",
    "both_arms",
)
rates = st.fixed_dictionaries({name: st.one_of(st.just(0.0), st.floats(0, 1)) for name in SHARES})


@settings(max_examples=60, deadline=None)
@given(rates=rates, seed=st.integers(0, 2**32), silent=st.sets(st.integers(0, 2)))
def test_whatever_the_rates_every_row_is_accounted_for(rates, seed, silent):
    dirt = Dirt(**rates, silent_days=tuple(silent))
    clean = world(1, turns=120, others=30)
    result, again = (soiled(dirt, 1, clean, seed) for _ in range(2))
    assert result.truth.equals(again.truth)
    for name in clean:  # in words, since a malformed row may hold a NaN
        assert str(result.tables[name].to_pylist()) == str(again.tables[name].to_pylist())
    held, held_again = (
        {name: str(rows.to_pylist()) for name, rows in one.held.tables.items()} for one in (result, again)
    )
    assert held == held_again
    keys = [(row["table_name"], row["row_id"], row["kind"]) for row in result.truth.to_pylist()]
    assert len(keys) == len(set(keys))
    for name, rows in clean.items():
        original = dict(zip(ids(name, rows), rows.to_pylist(), strict=True))
        held = result.held.tables.get(name)
        now = list(zip(ids(name, result.tables[name]), result.tables[name].to_pylist(), strict=True))
        later = (
            [] if held is None else list(zip(ids(name, held), held.drop_columns("deliver_on").to_pylist(), strict=True))
        )
        lost = {one for t, one, kind in keys if t == name and kind in ("lost", "lost_treatment", "silent")}
        if name == "characters":
            lost = set()
        about = {one for t, one, _ in keys if t == name}
        came = {one for one, _ in now + later}
        assert not lost & came
        assert set(original) == lost | (came & set(original))
        for one, row in now + later:
            assert one in about or row == original[one]
        assert held is None or min(held["deliver_on"].to_pylist()) > day(1)
        assert result.tables[name].schema == arrow_schema(LOG_TABLES[name])


@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize("value", [-0.01, 1.01, nan, inf, "half", None, True])
def test_a_share_that_is_none_is_refused(name, value):
    with pytest.raises(UserError, match=name):
        Dirt(**{name: value})


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("late_days", {"late_days": 0}),
        ("late_days", {"late_days": 366}),
        ("late_days", {"late_days": nan}),
        ("skew_minutes", {"skew_minutes": 0}),
        ("skew_minutes", {"skew_minutes": 1441}),
        ("bots", {"bots": -1}),
        ("bots", {"bots": 1.5}),
        ("whale_turns", {"whale_turns": -1}),
        ("whale_turns", {"whale_turns": MOST_WHALE_TURNS + 1}),
        ("whale_day", {"whale_day": -1}),
        ("whale_day", {"whale_turns": 10, "whale_day": 3, "silent_days": (3,)}),
        ("silent_days", {"silent_days": (1, -2)}),
        ("silent_days", {"silent_days": (0.5,)}),
        ("silent_days", {"silent_days": [1]}),
    ],
)
def test_a_count_that_cannot_be_is_refused(name, changes):
    with pytest.raises(UserError, match=name) as refused:
        Dirt(**changes)
    assert refused.value.why
    assert refused.value.mend


def test_the_share_of_another_device_is_checked_too():
    with pytest.raises(UserError, match="both_arms"):
        OtherDevice(HalfOfUsers("a", "b"), 1.5, SEED)


def test_hashed_draws_are_uniform_unrelated_and_the_same_in_any_company():
    names = [f"u-base-{k:05d}" for k in range(20_000)]
    x, y = uniform(names, 1, "a"), uniform(names, 1, "b")
    counts = np.histogram(x, 20, (0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 45
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.03
    assert abs(np.corrcoef(x[1:], x[:-1])[0, 1]) < 0.03
    assert abs(np.corrcoef(x, uniform(names, 2, "a"))[0, 1]) < 0.03
    assert uniform([names[7], "a much longer identifier: 海港"], 1, "a")[0] == x[7]
    assert len(uniform([], 1, "a")) == 0
    assert uniform(["u-base-00007"], 1, "a")[0] == pytest.approx(x[7])


BUSY = Dirt(bots=6, whale_turns=2000, whale_day=1)


def visitors(dirt: Dirt, number: int, served: Assignment, seed: int = SEED):
    who = strangers(dirt, LEXICON, day=day(number), first_day=FIRST, base_users=50, first_conversation=300, seed=seed)
    rng = np.random.default_rng([seed, day(number).toordinal(), 8])
    return who, stranger_rows(who, [served] * len(who), {"m": 0.01}, LEXICON, first_visit=70, rng=rng)


def test_strangers_keep_the_contract_and_stay_within_the_day():
    for unit in ("conversation", "user"):
        who, found = visitors(BUSY, 1, Assignment("m", "exp", "treatment", unit, 0.5))
        for name, rows in found.tables.items():
            assert rows.schema == arrow_schema(LOG_TABLES[name])
            accepted, rejected = judged(name, rows)
            assert not rejected
            assert len(accepted) == rows.num_rows
            times = rows[LOG_TABLES[name].day_from].to_pylist()
            assert {one.date() for one in times} == {day(1)}
            wanted = sorted(ids(name, rows))
            truth = [row["row_id"] for row in found.truth.to_pylist() if row["table_name"] == name]
            assert sorted(truth) == wanted
            assert len(set(wanted)) == len(wanted)
        expected = who.user_id if unit == "user" else who.conversation_id
        assert found.tables["assignments"]["unit_id"].to_pylist() == expected
    assert visitors(BUSY, 1, Assignment("m"))[1].tables["assignments"].num_rows == 0


def test_bots_say_the_same_at_regular_intervals_around_the_clock_without_typing():
    _, found = visitors(BUSY, 0, Assignment("m"))
    turns = found.tables["turns"].to_pandas()
    assert turns.user_id.nunique() == 6
    for _, own in turns.groupby("user_id"):
        gaps = own.shown_at.diff().dropna().dt.total_seconds()
        assert 60 <= len(own) < 500
        assert gaps.std() < 0.5
        assert gaps.max() < 30 * 60
        assert own.dwell_ms.std() < 500
        assert own.dwell_ms.min() > 0
        assert own.shown_at.dt.hour.nunique() == 24
        assert own.user_text.nunique() == 1
        assert own.reply_text.nunique() > 30
        assert set(own.typing_ms) == {0}
        following = (gaps * 1000).to_numpy() - own.latency_ms.to_numpy()[1:]
        assert np.abs(following - own.dwell_ms.to_numpy()[:-1]).max() <= 1
    assert {row["kind"] for row in found.truth.to_pylist()} == {BOT}


def test_bots_are_the_same_every_day_and_look_like_everybody_by_their_ids():
    first, second = visitors(BUSY, 0, Assignment("m"))[0], visitors(BUSY, 1, Assignment("m"))[0]
    assert first.user_id == second.user_id[:6]
    assert second.kind == [BOT] * 6 + [WHALE]
    assert first.message.tolist() == second.message[:6].tolist()
    many = strangers(
        Dirt(bots=500), LEXICON, day=FIRST, first_day=FIRST, base_users=50, first_conversation=0, seed=1
    ).user_id
    assert len(set(many)) == 500
    assert len(set(second.user_id)) == 7
    assert all(pa.compute.match_substring_regex(pa.array(many), r"^u-base-\d{5}$").to_pylist())
    assert first.conversation_id[0] == f"c-{FIRST:%Y%m%d}-00300"
    assert first.started_at[0].date() == FIRST


def test_the_whale_fits_its_turns_into_its_day():
    dirt = Dirt(whale_turns=MOST_WHALE_TURNS, whale_day=2)
    assert len(visitors(dirt, 1, Assignment("m"))[0]) == 0
    assert visitors(dirt, 1, Assignment("m"))[1].tables["turns"].num_rows == 0
    who, found = visitors(dirt, 2, Assignment("m"))
    turns = found.tables["turns"]
    assert turns.num_rows == MOST_WHALE_TURNS
    assert who.kind == [WHALE]
    shown = np.asarray(turns["shown_at"].cast(pa.int64())) / 1e6
    assert np.diff(shown).min() > 1.4
    assert np.diff(shown).max() < 1.8
    assert {one.date() for one in (turns["shown_at"][0].as_py(), turns["shown_at"][-1].as_py())} == {day(2)}
    assert len(set(ids("turns", turns))) == MOST_WHALE_TURNS


def test_strangers_are_the_same_for_the_same_seed():
    a, b = (visitors(BUSY, 1, Assignment("m"))[1] for _ in range(2))
    assert all(a.tables[name].equals(b.tables[name]) for name in a.tables)
    assert a.truth.equals(b.truth)
    other = visitors(BUSY, 1, Assignment("m"), seed=SEED + 1)[1]
    assert not a.tables["turns"].equals(other.tables["turns"])
    who = visitors(BUSY, 1, Assignment("m"))[0]
    with pytest.raises(ValueError, match="assignments"):
        stranger_rows(who, [], {}, LEXICON, first_visit=0, rng=np.random.default_rng(1))


def test_every_table_of_the_log_has_ids():
    assert set(ROW_IDS) == set(LOG_TABLES)
