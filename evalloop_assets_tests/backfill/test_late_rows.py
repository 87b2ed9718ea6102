"""A change is traced through the notes of the commits to the rows of the log that came late, and to nothing else."""

import json
from datetime import date

import pytest

from evalloop_assets.backfill.late_rows import Late, Traced, late_rows
from evalloop_assets.lake.commit_notes import NOTE, changes, days_computed
from evalloop_assets.lake.freshness import Definition

SESSIONS = Definition("sessions", {"turns": (0, 1)}, (), "s")
USERS = Definition("users", {"sessions": (0, 0), "people": (None, -1), "users": (None, -1)}, (1, 2), "u")
PEOPLE = Definition("people", {"signups": (0, 0)}, (), "p")
VERDICTS = Definition("verdicts", {"users": (-2, 0), "gate": (None, 0)}, (1,), "v")
LOGS = ("turns", "signups")


def day(number):
    return date(2026, 5, number)


class Commits:
    """Tables of some days, as their commits note them."""

    def __init__(self):
        self.notes = {table: [] for table in ("turns", "signups", "sessions", "people", "users", "gate", "verdicts")}

    def version(self, table):
        return len(self.notes[table]) - 1

    def commit(self, table, days, changed=None, inputs=None, watermark=None, **more):
        note = {
            "days": [day(one).isoformat() for one in days],
            "changed": [day(one).isoformat() for one in (days if changed is None else changed)],
            "inputs": {name: self.version(name) for name in inputs or () if self.notes[name]},
            "code": "",
            "watermark": day(watermark).isoformat() if watermark else None,
            **more,
        }
        self.notes[table].append(note)

    def derive(self, days, changed=(), watermark=4):
        """Everything but the verdict is computed for these days; of `changed`, tables, the rows are others."""
        for definition in (SESSIONS, PEOPLE, USERS):
            different = days if definition.table in changed else []
            self.commit(definition.table, days, different, definition.reads, watermark)

    def history(self, table):
        noted = [{"version": number, NOTE: json.dumps(note)} for number, note in enumerate(self.notes[table])]
        return [{"version": -1, "operation": "CREATE TABLE"}, *noted][::-1]

    def late(self, number=4):
        known = days_computed(self.history("verdicts"))[day(number)]
        definitions = {one.table: one for one in (SESSIONS, PEOPLE, USERS)}
        traced = Traced(definitions, {table: changes(table, self.history(table)) for table in self.notes}, LOGS)
        return late_rows(VERDICTS, day(number), known, traced)


ALL = ("sessions", "people", "users")


@pytest.fixture
def judged():
    """The log of four days, the last of them judged."""
    made = Commits()
    for number in (1, 2, 3, 4):
        made.commit("turns", [number], inputs=["turns"])
        made.commit("signups", [number])
    made.derive([1, 2, 3, 4], ALL)
    made.commit("gate", [1])
    made.commit("verdicts", [4], inputs=VERDICTS.reads, watermark=4)
    return made


def test_nothing_is_late_where_nothing_came(judged):
    assert judged.late() == set()


def test_late_rows_count_once_what_they_changed_has_been_computed_and_until_the_day_is_judged_anew(judged):
    judged.commit("turns", [3])
    assert judged.late() == set(), "what it is judged by is to be computed anew first"
    judged.derive([2, 3], ALL)
    assert judged.late() == {Late("turns", day(3), 4)}
    judged.commit("turns", [2])
    assert judged.late() == {Late("turns", day(3), 4)}, "nothing has taken in the newest"
    judged.commit("verdicts", [4], changed=[], inputs=VERDICTS.reads, watermark=4)
    assert judged.late() == set()


def test_late_rows_of_before_the_verdict_count_where_it_was_made_of_tables_that_had_not_seen_them():
    made = Commits()
    made.commit("turns", [3, 4])
    made.derive([2, 3, 4], ALL)
    made.commit("turns", [3])
    made.commit("verdicts", [4], inputs=VERDICTS.reads, watermark=4)
    made.derive([2, 3], ALL)
    assert made.late() == {Late("turns", day(3), 1)}


@pytest.mark.parametrize(("number", "found"), [(1, set()), (2, {2}), (4, {4})])
def test_only_days_within_the_windows_count(judged, number, found):
    judged.commit("turns", [number])
    judged.derive([number], ALL)
    assert {one.day.day for one in judged.late()} == found


def test_rows_of_days_that_were_open_when_it_was_judged_are_not_late(judged):
    judged.commit("turns", [5])
    judged.derive([4, 5], ALL, watermark=5)
    assert judged.late() == set()


def test_a_new_day_brings_the_days_before_it_that_it_reads_but_not_as_late(judged):
    """Of a table that looks ahead, the day after the verdict's is first computed after it, from what was there."""
    ahead = Definition("users", {"days": (0, 1)}, (1, 2), "u")
    days = Definition("days", {"turns": (-1, 0)}, (), "d")

    def late():
        definitions = {one.table: one for one in (ahead, days)}
        traced = Traced(definitions, {table: changes(table, judged.history(table)) for table in judged.notes}, LOGS)
        known = days_computed(judged.history("verdicts"))[day(4)]
        return late_rows(VERDICTS, day(4), known, traced)

    judged.notes |= {"days": [], "users": [], "verdicts": []}
    judged.commit("days", [1, 2, 3, 4], inputs=days.reads)
    judged.commit("users", [1, 2, 3, 4], inputs=ahead.reads)
    judged.commit("verdicts", [4], inputs=VERDICTS.reads, watermark=4)
    judged.commit("turns", [5])
    judged.commit("days", [5], inputs=days.reads)
    judged.commit("users", [4, 5], inputs=ahead.reads)
    assert late() == set()
    judged.commit("turns", [4])
    judged.commit("days", [4, 5], inputs=days.reads)
    judged.commit("users", [3, 4, 5], inputs=ahead.reads)
    assert late() == {Late("turns", day(4), 5)}


def test_what_matured_is_not_late(judged):
    judged.derive([2, 3, 4], ["users"], watermark=6)
    assert judged.late() == set()


def test_late_rows_that_had_changed_nothing_do_not_make_late_what_matures_after_them(judged):
    judged.commit("turns", [3])
    judged.derive([2, 3], [])
    judged.derive([2, 3, 4], ["users"], watermark=6)
    assert judged.late() == set()


def test_late_rows_and_maturing_in_one_computation_are_late_rows(judged):
    judged.commit("turns", [3])
    judged.derive([2, 3], ALL, watermark=6)
    assert judged.late() == {Late("turns", day(3), 4)}


def test_another_log_counts_and_windows_without_a_beginning_reach_all_of_it(judged):
    judged.commit("signups", [1])
    judged.derive([1, 4], ["people", "users"])
    assert judged.late() == {Late("signups", day(1), 4)}


def test_a_chain_through_the_past_of_a_table_ends(judged):
    judged.commit("turns", [1])
    judged.derive([1], ALL)
    judged.derive([2, 3, 4], ["users"])
    assert judged.late() == {Late("turns", day(1), 4)}


def test_steps_that_learn_or_decide_are_not_followed(judged):
    judged.commit("gate", [2], inputs=["turns"])
    assert judged.late() == set()


def test_an_erasure_is_no_late_row(judged):
    for table in ("turns", "sessions", "users"):
        judged.commit(table, [3], erasure="e")
    judged.derive([2, 3], ["users"])
    assert judged.late() == set()


def test_without_a_complete_day_nothing_is_late():
    made = Commits()
    made.commit("turns", [4])
    made.derive([4], ALL, watermark=None)
    made.commit("verdicts", [4], inputs=VERDICTS.reads)
    made.commit("turns", [4])
    made.derive([3, 4], ALL, watermark=None)
    assert made.late() == set()


def test_what_another_definition_reads_for_the_first_time_is_not_late(judged):
    """An upgrade brings a table in between, made of the same turns."""
    speeds = Definition("speeds", {"turns": (0, 0)}, (), "new")
    users = Definition("users", {**USERS.reads, "speeds": (-27, 0)}, (1, 2), "other")
    verdicts = Definition("verdicts", {**VERDICTS.reads, "speeds": (0, 0)}, (1,), "other")

    def upgraded(turns):
        judged.commit("speeds", turns, inputs=["turns"], watermark=4, code="new")
        judged.commit("users", [1, 2, 3, 4], inputs=users.reads, watermark=4, code="other")

    def late():
        definitions = {one.table: one for one in (SESSIONS, PEOPLE, users, speeds)}
        traced = Traced(definitions, {table: changes(table, judged.history(table)) for table in judged.notes}, LOGS)
        return late_rows(verdicts, day(4), days_computed(judged.history("verdicts"))[day(4)], traced)

    judged.notes["speeds"] = []
    upgraded([1, 2, 3, 4])
    assert late() == set()
    judged.commit("turns", [3])
    upgraded([3])
    assert late() == {Late("turns", day(3), 4)}, "from then on it is an input like the others"


def test_an_input_that_did_not_exist_is_late_when_it_comes():
    made = Commits()
    made.commit("turns", [3, 4], inputs=["turns"])
    made.derive([2, 3, 4], ALL)
    made.commit("verdicts", [4], inputs=VERDICTS.reads, watermark=4)
    made.commit("signups", [3])
    made.derive([2, 3, 4], ["people", "users"])
    assert made.late() == {Late("signups", day(3), 0)}
