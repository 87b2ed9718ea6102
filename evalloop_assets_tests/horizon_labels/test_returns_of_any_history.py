"""Returns and absences of any history of starts: equal to a plain count, whatever the cut into runs and the clock."""

from datetime import date, datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from evalloop_assets.settings import LabelSettings, Settings
from evalloop_assets_tests.denoise.world import Row, World, day

FIRST, LAST = day("05-01"), day("06-20")
LENGTH = (LAST - FIRST).days + 1
OFFSETS = {"utc": 0, "east": 480, "west": -300}
"""Minutes of local time ahead of UTC, by user."""
CHAIN = ("sessions", "user_days", "first_seen", "next_day_returns", "returns", "absences")
KNOWN_ON = {"returned_next_day": "next_day_matures_on", "d3": "d3_matures_on", "d7": "d7_matures_on"}

histories = st.fixed_dictionaries(
    {user: st.sets(st.integers(1, LENGTH - 2), min_size=1, max_size=12) for user in OFFSETS}
)


def visits(history: dict[str, set[int]]) -> list[Row]:
    """One opening at noon of each local day, counted from FIRST."""
    return [
        {
            "user_id": user,
            "opened_at": at_noon(number) - timedelta(minutes=OFFSETS[user]),
            "utc_offset_minutes": OFFSETS[user],
        }
        for user, numbers in history.items()
        for number in numbers
    ]


def at_noon(number: int) -> datetime:
    return datetime.combine(FIRST + timedelta(days=number), time(12))


def computed(history: dict[str, set[int]], absence_days: int, watermark: date, cut: int | None = None) -> World:
    labels = Settings(labels=LabelSettings(absence_days=absence_days))
    world = World(watermark=f"{watermark:%m-%d}", visits=visits(history), settings=labels)
    spans = [(0, LENGTH - 1)] if cut is None else [(0, cut), (cut + 1, LENGTH - 1)]
    for table in CHAIN:
        for first, last in spans:
            world.run(table, *(f"{FIRST + timedelta(days=number):%m-%d}" for number in (first, last)))
    return world


def rows(world: World, table: str) -> list[Row]:
    return sorted(world.tables[table].to_pylist(), key=repr)


@settings(max_examples=15)
@given(history=histories, absence_days=st.integers(1, 28))
def test_returns_and_absences_are_a_plain_count(history: dict[str, set[int]], absence_days: int):
    world = computed(history, absence_days, LAST + timedelta(days=40))
    local = {user: {FIRST + timedelta(days=number) for number in numbers} for user, numbers in history.items()}
    for row in rows(world, "returns"):
        mine, today = local[row["user_id"]], row["local_day"]
        before = max((other for other in mine if other < today), default=None)
        assert row["new_user"] is (before is None)
        assert row["absent_days"] == (None if before is None else min((today - before).days - 1, 28))
        assert row["reengaged"] == (None if before is None else (today - before).days > absence_days)
        for name, ahead in (("returned_next_day", 1), ("d1", 1), ("d3", 3), ("d7", 7)):
            came = today + timedelta(days=ahead) in mine
            assert row[name] == (came if name == "returned_next_day" or before is None else None)
    expected = {
        (user, last): any(timedelta(absence_days) < other - last <= timedelta(absence_days + 7) for other in days)
        for user, days in local.items()
        for last in days
        if not any(timedelta(0) < other - last <= timedelta(absence_days) for other in days)
    }
    # An absence that ends behind the last day that was computed has no row yet.
    end = {user: LAST - timedelta(days=absence_days + (offset < 0)) for user, offset in OFFSETS.items()}
    assert {(row["user_id"], row["last_local_day"]): row["reengaged"] for row in rows(world, "absences")} == {
        key: came for key, came in expected.items() if key[1] <= end[key[0]]
    }


@settings(max_examples=10)
@given(history=histories, absence_days=st.integers(1, 28), cut=st.integers(0, LENGTH - 2))
def test_the_cut_into_runs_changes_nothing(history: dict[str, set[int]], absence_days: int, cut: int):
    whole, parts = (computed(history, absence_days, LAST, where) for where in (None, cut))
    for table in ("returns", "absences"):
        assert rows(whole, table) == rows(parts, table)


@settings(max_examples=10)
@given(history=histories, absence_days=st.integers(1, 28), early=st.integers(0, LENGTH + 10))
def test_what_has_matured_never_changes_and_nothing_is_told_before(
    history: dict[str, set[int]], absence_days: int, early: int
):
    then = FIRST + timedelta(days=early)
    before, after = (computed(history, absence_days, mark) for mark in (then, LAST + timedelta(days=40)))
    final = {(row["user_id"], row["local_day"]): row for row in rows(after, "returns")}
    for row in rows(before, "returns"):
        for name, matures_on in KNOWN_ON.items():
            known = row[matures_on] is not None and row[matures_on] <= then
            assert row[name] == (final[row["user_id"], row["local_day"]][name] if known else None)
    told = {(row["user_id"], row["last_local_day"]): row["reengaged"] for row in rows(after, "absences")}
    for row in rows(before, "absences"):
        known = row["reengaged_matures_on"] <= then
        assert row["reengaged"] == (told[row["user_id"], row["last_local_day"]] if known else None)
