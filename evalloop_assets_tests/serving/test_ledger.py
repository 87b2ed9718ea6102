import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalloop_assets.lake.errors import UserError
from evalloop_assets.serving.ledger import Conflict, Ledger
from evalloop_assets.serving.state import Epoch
from evalloop_assets.serving.transitions import begin, ramp, roll_back, start_experiment
from evalloop_assets_tests.processes import PROCESSES

from .cases import NOON, after, change
from .pools import ended


def running(ledger: Ledger) -> None:
    ledger.begin("old", change("start", "first"))
    ledger.apply(change("start", "exp"), lambda state: start_experiment(state, "exp", "new", NOON, weight_percent=5))


def take_back(url: str, request_id: str) -> tuple[int, bool]:
    ledger = Ledger(url)
    applied = ledger.apply(change("rollback", request_id, after(1)), lambda state: roll_back(state, "exp", after(1)))
    ledger.close()
    return applied.entry.sequence, applied.appended


def test_an_entry_says_who_why_when_and_what_is_served(ledger):
    ledger.begin("old", change("start", "first", evidence={"figure": 0.5}))
    entry = ledger.head()
    assert (entry.sequence, entry.actor, entry.reason, entry.action) == (
        1,
        "test",
        "because the test says so",
        "start",
    )
    assert (entry.at, entry.allocation, entry.evidence, entry.request_id) == (
        NOON,
        begin("old"),
        {"figure": 0.5},
        "first",
    )


def test_an_empty_ledger_has_no_head_and_takes_no_transition(ledger):
    assert ledger.head() is None
    with pytest.raises(UserError, match="empty"):
        ledger.apply(change("ramp", "r"), lambda state: state)


def test_compare_and_set_refuses_who_saw_an_older_entry(ledger):
    running(ledger)
    with pytest.raises(Conflict) as conflict:
        ledger.append(1, change("ramp", "late"), begin("old"))
    assert (conflict.value.expected, conflict.value.found) == (1, 2)
    with pytest.raises(Conflict):
        ledger.append(7, change("ramp", "ahead"), begin("old"))
    assert len(ledger.history()) == 2


def test_repeating_a_request_gives_the_earlier_entry_back(ledger):
    running(ledger)
    widen = change("ramp", "widen", after(2))
    first = ledger.apply(widen, lambda state: ramp(state, "exp", 25, after(2)))
    ledger.apply(change("ramp", "more", after(3)), lambda state: ramp(state, "exp", 50, after(3)))
    again = ledger.apply(widen, lambda state: ramp(state, "exp", 25, after(9)))
    assert first.appended
    assert (again.entry, again.appended) == (first.entry, False)
    assert ledger.append(4, widen, begin("x")) == (first.entry, False)
    assert len(ledger.history()) == 4


def test_a_change_that_changes_nothing_adds_nothing(ledger):
    running(ledger)
    applied = ledger.apply(change("ramp", "same"), lambda state: ramp(state, "exp", 5, after(2)))
    assert (applied.appended, len(ledger.history())) == (False, 2)


def test_an_undo_restores_a_named_entry_by_a_new_one(ledger, ledger_url):
    running(ledger)
    take_back(ledger_url, "reading-1")
    restored = ledger.undo(2, change("undo", "undo-1", after(2))).entry
    assert (restored.sequence, restored.action) == (4, "undo")
    again = restored.allocation.experiment("exp")
    assert (again.status, again.epochs) == ("running", (Epoch(after(2), 5),))
    with pytest.raises(UserError, match="ledger entry 99"):
        ledger.undo(99, change("undo", "undo-2"))


def test_an_undo_takes_nothing_back_that_came_after_what_is_known(ledger, ledger_url):
    running(ledger)
    ledger.apply(change("ramp", "w", after(2)), lambda state: ramp(state, "exp", 25, after(2)))
    take_back(ledger_url, "reading-1")
    for expected in (None, 3):
        with pytest.raises(UserError, match="would take back entry 4 too, and what is known is entry 3"):
            ledger.undo(2, change("undo", "undo-1", after(3)), expected)
    assert ledger.head().allocation.experiment("exp").status == "rolled_back"
    assert ledger.undo(2, change("undo", "undo-1", after(3)), 4).appended
    assert not ledger.undo(2, change("undo", "undo-1", after(4))).appended


def test_the_state_as_of_a_moment_is_the_newest_that_had_taken_effect(ledger):
    running(ledger)
    ledger.apply(change("ramp", "w", after(2)), lambda state: ramp(state, "exp", 25, after(2)))
    assert ledger.as_of(after(-1)) is None
    assert ledger.as_of(after(1)).sequence == 2
    assert ledger.as_of(after(2)).sequence == 3


@pytest.mark.parametrize("statement", ["UPDATE allocation_ledger SET reason = 'x'", "DELETE FROM allocation_ledger"])
def test_entries_can_be_neither_changed_nor_deleted(ledger, statement):
    running(ledger)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), ledger._engine.begin() as connection:
        connection.exec_driver_sql(statement)
    assert len(ledger.history()) == 2


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_sqlite_runs_in_wal_mode(ledger):
    connection = sqlite3.connect(ledger._engine.url.database)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_hundred_concurrent_rollbacks_make_one_entry(ledger, ledger_url):
    running(ledger)
    with ThreadPoolExecutor(20) as threads:
        results = list(threads.map(lambda _: take_back(ledger_url, "reading-7"), range(100)))
    assert {sequence for sequence, _ in results} == {3}
    assert sum(appended for _, appended in results) == 1
    assert [entry.action for entry in ledger.history()] == ["start", "start", "rollback"]


def test_rollbacks_of_several_processes_and_readings_make_one_entry(ledger, ledger_url):
    running(ledger)
    with PROCESSES.Pool(4) as pool:
        results = pool.starmap(take_back, [(ledger_url, f"reading-{index % 5}") for index in range(40)])
        ended(pool)
    assert sum(appended for _, appended in results) == 1
    assert len(ledger.history()) == 3


def test_concurrent_different_changes_all_land_in_one_unbroken_sequence(ledger):
    running(ledger)

    def widen(step: int) -> None:
        at = after(1000 + step)
        request = change("ramp", f"w{step}", at)

        def wider(state):
            latest = state.experiment("exp").epochs[-1]
            return ramp(state, "exp", latest.weight_percent + 1, max(at, after(2000) + (latest.starts_at - NOON)))

        ledger.apply(request, wider)

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(widen, range(30)))
    history = ledger.history()
    assert [entry.sequence for entry in history] == list(range(1, 33))
    assert history[-1].allocation.experiment("exp").weight_percent == 35


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), max_size=8))
def test_whoever_asks_what_the_sequence_has_no_gap_and_no_request_twice(tmp_path_factory, requests):
    ledger = Ledger(f"sqlite:///{tmp_path_factory.mktemp('l')}/ledger.sqlite")
    ledger.begin("old", change("start", "first"))
    for name, expected in requests:
        try:
            ledger.append(expected, change("undo", name), begin(name))
        except Conflict:
            continue
    history = ledger.history()
    assert [entry.sequence for entry in history] == list(range(1, len(history) + 1))
    assert len({entry.request_id for entry in history}) == len(history)
    assert json.dumps(history[-1].allocation.to_json())
    ledger.close()


def test_many_that_open_a_new_ledger_at_once_all_find_it(ledger_url):
    with ThreadPoolExecutor(12) as threads:
        opened = list(threads.map(lambda _: Ledger(ledger_url), range(12)))
    assert [ledger.head() for ledger in opened] == [None] * 12
    for ledger in opened:
        ledger.close()


@pytest.mark.parametrize(
    "url",
    [
        "nonsense-with-secret",
        "mysql://me:secret@h/d",
        "postgresql://me:secret@127.0.0.1:1/d",
        "postgresql+x://me:secret@h/d",
    ],
)
def test_a_ledger_that_cannot_be_reached_says_why_and_keeps_the_password(url):
    with pytest.raises(UserError, match="EVALLOOP_LEDGER") as refused:
        Ledger(url)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
