from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from evalloop_assets.backfill.plan import Known, Span, in_dependency_order, spans, stale
from evalloop_assets.days import WHOLE
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.commit_notes import Computed
from evalloop_assets.lake.freshness import Definition

SESSIONS = Definition("sessions", {"turns": (-1, 1)}, (), "s1")
USER_DAYS = Definition("user_days", {"sessions": (0, 0)}, (), "u1")
FIRST_SEEN = Definition("first_seen", {"user_days": (0, 0), "first_seen": (None, -1)}, (), "f1")
RETURNS = Definition("returns", {"user_days": (0, 8), "first_seen": (0, 0)}, (1, 7), "r1")
CHAIN = [SESSIONS, USER_DAYS, FIRST_SEEN, RETURNS]


def may(number: int) -> date:
    return date(2026, 5, 1) + timedelta(days=number - 1)


class History:
    """Ten days of logs in version 0 of `turns`, all of it computed once, in one commit a table, up to a watermark."""

    def __init__(self, watermark: int = 10) -> None:
        days = [may(number) for number in range(1, 11)]
        self.changed = {"turns": dict.fromkeys(days, 0)} | {one.table: dict.fromkeys(days, 1) for one in CHAIN}
        self.computed = {
            one.table: dict.fromkeys(
                days,
                Computed(1, 1, {name: 0 if name == one.table else 1 for name in one.reads}, one.code, may(watermark)),
            )
            for one in CHAIN
        }
        self.watermark = may(watermark)

    def known(self, chain: list[Definition] | None = None) -> Known:
        return Known(chain or CHAIN, self.computed, self.changed, Clock(self.watermark, None))

    def plan(self, first: int = 1, last: int = 30, chain: list[Definition] | None = None) -> list[Span]:
        return [span._replace(stale=()) for span in spans(stale(self.known(chain), may(first), may(last)))]

    def stale(self, table: str) -> dict[int, tuple[str, ...]]:
        found = stale(self.known(), may(1), may(30))
        return {item.day.day: item.reasons for item in found if item.table == table}

    def causes(self, table: str, day: int, chain: list[Definition] | None = None) -> list[str]:
        found = stale(self.known(chain), may(1), may(30))
        return [cause.detail for item in found if (item.table, item.day) == (table, may(day)) for cause in item.causes]


def test_what_is_up_to_date_is_left_alone():
    assert History().plan() == []


def test_an_empty_lake_is_computed_wherever_there_are_logs():
    history = History()
    history.computed = {}
    history.changed = {"turns": {may(3): 0, may(4): 0, may(9): 0}}
    assert history.plan() == [
        Span(may(3), may(4), ("sessions", "user_days", "first_seen", "returns"), ("never computed",)),
        Span(may(9), may(9), ("sessions", "user_days", "first_seen", "returns"), ("never computed",)),
    ]


def test_late_rows_reopen_the_days_whose_windows_they_touch():
    history = History()
    history.changed["turns"][may(5)] = 2
    assert history.stale("sessions") == dict.fromkeys((4, 5, 6), ("late rows",))
    assert history.stale("user_days") == dict.fromkeys((4, 5, 6), ("late rows",))
    assert history.stale("first_seen") == dict.fromkeys((4, 5, 6), ("late rows",))
    assert history.stale("returns") == dict.fromkeys((1, 2, 3, 4, 5, 6), ("late rows",))
    assert history.causes("returns", 1) == ["turns 2026-05-05 in version 2"]
    assert history.plan() == [Span(may(1), may(6), tuple(one.table for one in CHAIN), ("late rows",))]
    assert history.plan(first=5, last=5) == [Span(may(5), may(5), tuple(one.table for one in CHAIN), ("late rows",))]


def test_a_version_that_was_read_is_not_late():
    history = History()
    history.changed["turns"][may(5)] = 2
    history.computed["sessions"] = {
        day: Computed(2, 2, {"turns": 2}, "s1", known.watermark) for day, known in history.computed["sessions"].items()
    }
    assert history.plan() == []


def test_a_table_that_reads_its_past_is_stale_after_a_change_of_it_but_not_after_its_own_commit():
    history = History()
    history.changed["first_seen"][may(4)] = 2
    assert history.stale("first_seen") == dict.fromkeys(range(5, 11), ("earlier days changed",))
    assert 4 in history.stale("returns")


def test_changed_code_spreads_to_what_reads_it():
    history = History()
    newer = Definition("user_days", USER_DAYS.reads, (), "u2")
    (span,) = history.plan(chain=[SESSIONS, newer, FIRST_SEEN, RETURNS])
    assert span == Span(may(1), may(10), ("user_days", "first_seen", "returns"), ("code changed",))
    assert history.causes("returns", 3, [SESSIONS, newer, FIRST_SEEN, RETURNS]) == ["user_days u1 → u2"]


def test_a_window_of_weeks_is_reopened_as_a_whole_and_nothing_outside_it():
    history = History()
    speeds = Definition("returns", {"user_days": (-3, -1)}, (), "r1")
    history.changed["user_days"][may(2)] = 2
    found = stale(history.known([SESSIONS, USER_DAYS, speeds]), may(1), may(30))
    assert [(item.table, item.day.day) for item in found] == [("returns", 3), ("returns", 4), ("returns", 5)]


def test_what_its_own_past_reopens_does_not_travel_until_it_is_known_to_have_changed():
    history = History()
    history.changed["first_seen"][may(4)] = 2
    assert history.stale("returns") == {4: ("late rows",)}


def test_a_day_with_open_sessions_waits_for_the_log_to_go_on():
    history = History()
    at = datetime(2026, 5, 11)
    waiting = dict(history.computed["sessions"])
    waiting[may(10)] = waiting[may(10)]._replace(log_end=at, waits=True)
    waiting[may(9)] = waiting[may(9)]._replace(log_end=at)
    history.computed["sessions"] = waiting
    for log_end, found in ((at, []), (at + timedelta(minutes=1), [may(10)])):
        known = history.known()._replace(clock=Clock(may(10), log_end))
        assert [item.day for item in stale(known, may(1), may(30)) if item.table == "sessions"] == found


@pytest.mark.parametrize(("rescored_from", "days"), [(9, [9, 10]), (31, [])])
def test_a_new_model_scores_the_newest_days_anew_and_older_ones_stand(rescored_from: int, days: list[int]):
    history = History()
    scores = Definition("returns", RETURNS.reads, (), "r1/new", may(rescored_from))
    history.computed["returns"] = {
        day: known._replace(code="r1/old") for day, known in history.computed["returns"].items()
    }
    found = stale(history.known([SESSIONS, USER_DAYS, FIRST_SEEN, scores]), may(1), may(30))
    assert [(item.day.day, item.reasons) for item in found] == [(day, ("new reward model",)) for day in days]
    assert {cause.detail for item in found for cause in item.causes} <= {"old → new"}
    other_code = replace(scores, code="r2/new")
    assert len(stale(history.known([SESSIONS, USER_DAYS, FIRST_SEEN, other_code]), may(1), may(30))) == 10


@pytest.mark.parametrize(("rescored_from", "days"), [(9, [9, 10]), (31, []), (1, list(range(1, 11)))])
def test_what_is_read_as_a_whole_reopens_the_days_that_a_new_model_would(rescored_from: int, days: list[int]):
    history = History()
    history.changed["characters"] = {may(30): 2}
    personas = Definition("returns", {"user_days": (0, 0), "characters": WHOLE}, (), "r1", may(rescored_from))
    found = stale(history.known([SESSIONS, USER_DAYS, FIRST_SEEN, personas]), may(1), may(10))
    assert [(item.day.day, item.reasons) for item in found] == [(day, ("earlier days changed",)) for day in days]
    history.changed["user_days"][may(2)] = 2
    found = stale(history.known([SESSIONS, USER_DAYS, FIRST_SEEN, personas]), may(1), may(10))
    assert {item.day.day for item in found if item.table == "returns"} == {2, *days}


def test_what_matured_since_is_computed_anew_and_nothing_else():
    history = History(watermark=10)
    history.watermark = may(11)
    assert history.stale("returns") == {4: ("matured",), 10: ("matured",)}
    assert history.plan() == [
        Span(may(4), may(4), ("returns",), ("matured",)),
        Span(may(10), may(10), ("returns",), ("matured",)),
    ]


def test_a_first_watermark_matures_all_that_it_covers():
    history = History()
    history.computed["returns"] = {
        day: Computed(1, 1, known.inputs, known.code, None) for day, known in history.computed["returns"].items()
    }
    history.watermark = may(3)
    assert history.stale("returns") == {1: ("matured",), 2: ("matured",)}


def test_a_new_day_is_no_late_row_to_a_label_that_waits_for_it():
    history = History(watermark=10)
    history.changed["turns"][may(11)] = 2
    history.watermark = may(11)
    assert history.stale("sessions") == {10: ("late rows",), 11: ("never computed",)}
    # Day 10 was complete and changes with the session that runs into day 11; days 2, 3 to 9 only wait for theirs.
    assert history.stale("returns")[11] == ("never computed",)
    assert history.stale("returns")[4] == ("late rows", "matured")
    new_only = History(watermark=9)
    new_only.watermark = may(10)
    new_only.changed["user_days"][may(10)] = 2
    assert new_only.stale("returns") == {3: ("matured",), 9: ("matured",), 10: ("late rows",)}


def test_without_logs_there_is_nothing_to_do():
    assert stale(Known(CHAIN, {}, {}, Clock(None, None)), may(1), may(30)) == []


def test_definitions_may_come_in_any_order_and_a_circle_is_refused():
    assert [one.table for one in in_dependency_order(CHAIN[::-1])] == [one.table for one in CHAIN]
    circle = [Definition("a", {"b": (0, 0)}, (), ""), Definition("b", {"a": (0, 0)}, (), "")]
    with pytest.raises(ValueError, match="circle"):
        in_dependency_order(circle)
