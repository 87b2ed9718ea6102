"""Each kind of dirt of `dirty`, found from the landing files, then held against truth."""

from __future__ import annotations

from bisect import bisect_right
from functools import cache

import numpy as np
import pandas as pd
import pytest

from evalloop_assets_tests.simulator.planted.reading import (
    SEED,
    TRIAL,
    agree,
    ask,
    assert_rate,
    assert_within,
    day,
    faults,
    gap,
    one,
    truth_of_trial,
)
from evalloop_assets_tests.simulator.served import home

SILENT, AFTER_SILENCE = day(6), day(7)


@cache
def soiled(kind: str, table: str = "turns") -> set[str]:
    found = ask("dirty", f"SELECT row_id FROM truth_dirt WHERE kind = '{kind}' AND table_name = '{table}'")
    return set(found.row_id)


@cache
def landed() -> pd.DataFrame:
    """Turns of the log that keep the contract; `first` is the delivery that counts, `lag_s` from shown to received."""
    rows = ask("dirty", f"SELECT * FROM turns WHERE NOT ({faults('turns')}) ORDER BY file, place")
    return rows.assign(
        first=~rows.sort_values("received_at").duplicated("event_id").sort_index(),
        lag_s=(rows.received_at - rows.shown_at).dt.total_seconds(),
    )


def counted() -> pd.DataFrame:
    rows = landed()
    return rows[rows["first"]]


def test_dirty_malformed_copies():
    for table, ident in (("turns", "event_id"), ("visits", "visit_id")):
        rows = ask("dirty", f"SELECT {ident} AS id, {faults(table)} AS faulty FROM {table}")
        assert_rate(rows.faulty.sum(), (~rows.faulty).sum(), 0.005)
        bad = set(rows.id[rows.faulty])
        assert not bad & set(rows.id[~rows.faulty])  # an id of its own
        agree(bad, soiled("malformed", table))
    for table in ("battles", "assignments", "signups"):
        assert one("dirty", f"SELECT count(*) FILTER ({faults(table)}) FROM {table}") == (0,)


def test_dirty_duplicates():
    for table, ident in (("turns", "event_id"), ("visits", "visit_id"), ("battles", "battle_id")):
        rows = ask("dirty", f"SELECT {ident} AS id, file FROM {table} WHERE NOT ({faults(table)})")
        copies = rows.groupby("id").file.agg(["size", "min", "max"])
        twice = copies[copies["size"] > 1]
        assert (twice["size"] == 2).all()
        assert_rate(len(twice), len(copies), 0.02)
        assert_rate((twice["min"] == twice["max"]).sum(), len(twice), 0.5)
        apart = (twice["max"] - twice["min"]).dt.days
        assert apart[twice["max"] != AFTER_SILENCE].max() == 1
        due = soiled("duplicate", table) & set(copies.index[copies["max"] < day(9)])
        agree(set(twice.index), soiled("duplicate", table), recall=0)
        agree(set(twice.index), due, precision=0, recall=0.97)  # some copies of the last day are still to come


@cache
def skewed() -> pd.Series:
    """Users whose turns were received always equally long before or after they were shown, and by how much."""
    lags = counted().groupby("user_id").lag_s.quantile([0.25, 0.5, 0.75]).unstack()
    return lags[0.5][lags[0.5].abs().between(5, 3 * 3600) & (lags[0.75] - lags[0.25] < 1)]


def test_dirty_skewed_clocks():
    rows, off = counted(), skewed()
    assert_rate(len(off), rows.user_id.nunique(), 0.02)
    assert off.abs().max() <= 90 * 60 + 1
    assert off.min() < 0 < off.max()
    agree(set(off.index), set(rows.user_id[rows.event_id.isin(soiled("skewed"))]), 0.9, 0.9)
    opened = ask(
        "dirty",
        f"""
        SELECT t.user_id, t.shown_at - max(v.opened_at) < INTERVAL 10 MINUTE AS soon
        FROM (
            SELECT user_id, min(shown_at) AS shown_at FROM turns
            WHERE NOT ({faults("turns")}) GROUP BY user_id, conversation_id
        ) AS t JOIN visits AS v ON v.user_id = t.user_id AND v.opened_at <= t.shown_at GROUP BY t.user_id, t.shown_at
        """,
    )
    assert opened.soon[opened.user_id.isin(off.index)].mean() > 0.9  # visits are off by the same as turns


def test_dirty_apps_that_do_not_tell_the_time_in_front():
    rows = landed()
    told_of = rows[["foreground_ms", "scrolls", "clicks"]].notna().all(axis=1)
    none_of = rows[["foreground_ms", "scrolls", "clicks"]].isna().all(axis=1)
    assert (told_of | none_of).all()
    by_user = none_of.groupby(rows.user_id).agg(["mean", "size"])
    assert by_user["mean"].isin([0, 1]).all()  # always or never
    assert_rate(int(by_user["mean"].sum()), len(by_user), 0.4)
    clean = ask("padding", "SELECT foreground_ms, scrolls, clicks, dwell_ms FROM turns")
    assert clean.notna().all(axis=None)
    assert rows.dwell_ms.notna().all()


def test_dirty_late():
    rows = counted()
    rows = rows[~rows.user_id.isin(skewed().index)]
    behind = (rows.file - rows.received_at.dt.normalize()).dt.days
    after = (rows.file - rows.shown_at.dt.normalize()).dt.days
    assert (behind == 0).all()  # received_at says so
    assert set(after[rows.file != AFTER_SILENCE]) == {0, 1, 2}  # what was due on the silent day came on the next
    due = rows.shown_at < day(8)
    assert_rate((due & (after > 0)).sum(), due.sum(), 0.02)
    early = set(rows.event_id[due])
    agree(set(rows.event_id[due & (after > 0)]), soiled("late") & early, recall=0.99)
    assert not soiled("late") & set(rows.event_id[after == 0])


def outside(times: list[int]) -> int:
    """How many have to be taken out for the others to be in order."""
    ends: list[int] = []
    for time in times:
        at = bisect_right(ends, time)
        ends[at : at + 1] = [time]
    return len(times) - len(ends)


def test_dirty_out_of_order():
    rows = landed()
    fresh = rows[rows["first"] & (rows.received_at.dt.normalize() == rows.file)]
    talks = fresh.assign(at=fresh.shown_at.astype("int64")).groupby(["file", "conversation_id"], sort=False).at
    moved = sum(outside(list(times)) for _, times in talks if len(times) > 1)
    assert_rate(moved, len(fresh), 0.02, slack=0.1)
    assert len(soiled("out_of_order")) / one("dirty", "SELECT count(*) FROM turns")[0] == pytest.approx(0.02, rel=0.1)
    other = one(
        "thin",
        """
        SELECT count(*) FROM (
            SELECT place < lag(place) OVER (PARTITION BY file, conversation_id ORDER BY shown_at) AS moved FROM turns
        ) WHERE moved
        """,
    )
    assert other == (0,)


def test_dirty_lost_turns():
    rows = counted().sort_values(["conversation_id", "shown_at"])
    same = rows.conversation_id == rows.conversation_id.shift(-1)
    meant = (rows.dwell_ms + rows.latency_ms.shift(-1)) / 1000
    hole = same & ((rows.shown_at.shift(-1) - rows.shown_at).dt.total_seconds() - meant > 0.1)
    due = rows.shown_at < day(8)
    assert_rate((hole & due).sum(), due.sum(), 0.01, slack=0.2)  # first and last turns leave no hole
    lost = {row.rsplit("-", 1)[0] for row in soiled("lost")}
    holed = set(rows.conversation_id[hole & due])
    assert len(holed & lost) >= 0.9 * len(holed)


@cache
def machines() -> pd.DataFrame:
    """Days of users who do not type, say one thing, and keep equal intervals around the clock."""
    rows = counted().sort_values(["user_id", "shown_at"])
    rows = rows.assign(on=rows.shown_at.dt.normalize())
    rows["step"] = rows.groupby(["user_id", "on"]).shown_at.diff().dt.total_seconds()
    rows["hour"] = rows.shown_at.dt.hour
    each = rows.groupby(["user_id", "on"]).agg(
        turns=("step", "size"), typing=("typing_ms", "max"), words=("user_text", "nunique"), hours=("hour", "nunique")
    )
    steps = rows.groupby(["user_id", "on"]).step.quantile([0.25, 0.5, 0.75]).unstack()
    regular = (steps[0.75] - steps[0.25]) / steps[0.5] < 0.01
    found = each[regular & (each.typing == 0) & (each.words == 1) & (each.turns >= 50) & (each.hours >= 22)]
    return found.reset_index()


def test_dirty_bots():
    found = machines()
    users, days = set(found.user_id), found.groupby("on").user_id.nunique()
    assert len(users) == 6
    assert len(days) == 9
    assert days.max() == 6
    assert days.sum() >= 9 * 6 - 8  # those in treatment may be among the conversations that are lost
    rows = counted()
    agree(set(rows.event_id[rows.user_id.isin(users)]), soiled("bot") & set(rows.event_id))
    assert not users & set(ask("dirty", "SELECT DISTINCT user_id FROM truth_turns").user_id)


def test_dirty_whale():
    rows = counted()
    loads = rows.groupby(["user_id", rows.shown_at.dt.normalize()]).size()
    huge = loads[loads > 5000]
    assert len(huge) == 1
    user, on = huge.index[0]
    assert on == day(4)
    assert 50_000 * 0.98 <= huge.iloc[0] <= 50_200  # less what is lost
    steps = rows[(rows.user_id == user) & (rows.shown_at.dt.normalize() == on)].shown_at.sort_values().diff()
    assert steps.dt.total_seconds().median() == pytest.approx(1.6, abs=0.05)
    agree(set(rows.event_id[(rows.user_id == user) & (rows.shown_at.dt.normalize() == on)]), soiled("whale"))


def test_dirty_silent_day():
    for table in ("turns", "visits", "battles", "signups", "assignments"):
        assert not (home("dirty", SEED) / "landing" / table / f"{SILENT:%Y-%m-%d}.parquet").exists()
    rows = landed()
    right = rows[~rows.user_id.isin(skewed().index)]  # by other clocks, rows lie on the days beside
    assert not (right.shown_at.dt.normalize() == SILENT).any()
    assert not (right.received_at.dt.normalize() == SILENT).any()
    assert len(soiled("silent")) > 1000
    assert not soiled("silent") & set(rows.event_id)


def test_dirty_ramp_and_sample_ratio():
    drawn = ask("dirty", "SELECT * FROM assignments")
    treated = drawn.arm == "treatment"
    chance = drawn.propensity.where(treated, 1 - drawn.propensity)
    by_talk = drawn.unit == "conversation"
    on = drawn.assigned_at.dt.normalize()
    for first, last, share in ((2, 3, 0.1), (4, 6, 0.25), (7, 9, 0.5)):
        phase = chance[by_talk & (on >= day(first)) & (on <= day(last))]
        assert phase.mode().iloc[0] == pytest.approx(share)
    people = ~drawn.user_id.isin(machines().user_id)
    short = (treated[people].sum() - chance[people].sum()) / np.sqrt((chance * (1 - chance))[people].sum())
    assert short < -1.645  # one in twenty by chance
    fair = ask("padding", "SELECT arm FROM assignments").arm == "treatment"
    assert abs(fair.sum() - len(fair) / 2) < 3 * np.sqrt(len(fair) / 4)


def test_dirty_treatment_loses_conversations():
    talks = truth_of_trial("dirty", "conversations")
    whole = talks[~talks.served.isin([day(5), day(6), day(9)])]  # days that the silent day and the end cut into
    came = whole.conversation_id.isin(set(counted().conversation_id))
    assert (~came[~whole.treated]).mean() < 0.01  # of one turn, which is lost as others are
    assert_rate((~came[whole.treated]).sum(), whole.treated.sum(), 0.12)
    drawn = set(ask("dirty", "SELECT unit_id FROM assignments WHERE unit = 'conversation'").unit_id)
    assert not drawn & {row.rsplit("-", 1)[0] for row in soiled("lost_treatment")}
    empty = ask(
        "dirty",
        f"""
        WITH arms AS (
            SELECT user_id, any_value(arm) = 'treatment' AS treated FROM assignments WHERE unit = 'user'
            GROUP BY user_id HAVING count(DISTINCT arm) = 1
        )
        SELECT v.user_id, a.treated, NOT exists(
            SELECT 1 FROM turns AS t WHERE t.user_id = v.user_id
            AND t.shown_at BETWEEN v.opened_at AND v.opened_at + INTERVAL 10 MINUTE
        ) AS empty
        FROM (SELECT DISTINCT user_id, opened_at FROM visits WHERE NOT ({faults("visits")})) AS v
        JOIN arms AS a USING (user_id) WHERE v.opened_at >= TIMESTAMP '{TRIAL}'
        """,
    )
    seen = gap(empty["empty"], empty["treated"], empty["user_id"])
    assert_within(seen, 0.12 * 0.6, 0.12)  # not every visit has a conversation
    assert seen.by > 2 * seen.error


def test_dirty_users_in_both_arms():
    drawn = ask("dirty", "SELECT user_id, unit, arm FROM assignments")
    as_users = drawn[drawn.unit == "user"]
    switched = set(as_users.groupby("user_id").arm.nunique()[lambda n: n > 1].index)
    mixed = set(drawn.groupby("user_id").unit.nunique()[lambda n: n > 1].index)
    assert len(switched) >= 3
    assert len(mixed) >= 3
    begun = {row.rsplit("-", 1)[0] for row in soiled("both_arms")}
    talks = ask("dirty", "SELECT conversation_id, user_id, served FROM truth_conversations")
    elsewhere = talks.conversation_id.isin(begun)
    agree(switched | mixed, set(talks.user_id[elsewhere]), precision=0.8, recall=0)
    heard = ~talks.served.isin([day(5), day(6)])  # the silent day swallows the others
    assert_rate((elsewhere & heard).sum(), heard.sum(), 0.03)


def test_dirty_is_better_all_the_same():
    users = truth_of_trial("dirty", "users")
    better = gap(users.return_probability, users.treated, users.user_id)
    assert better.by > 3 * better.error


def test_dirty_truth_lists_every_kind_of_the_page():
    kinds = set(ask("dirty", "SELECT DISTINCT kind FROM truth_dirt").kind)
    assert kinds == {
        *("duplicate", "late", "out_of_order", "skewed", "no_foreground", "lost", "malformed"),
        *("bot", "whale", "silent", "lost_treatment", "both_arms"),
    }
