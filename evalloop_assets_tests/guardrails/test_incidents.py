"""Incidents on real databases, changed by many at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from evalloop_assets.guardrails.incidents import Incidents

T = datetime(2026, 5, 4, 9)
MANY = 20


@pytest.fixture
def incidents(ledger_url):
    opened = Incidents(ledger_url)
    yield opened
    opened.close()


def at_once(url, change):
    """What `change` gives to each of many that do it at the same time."""

    def run(number):
        mine = Incidents(url)
        try:
            return change(mine, number)
        finally:
            mine.close()

    with ThreadPoolExecutor(MANY) as threads:
        return list(threads.map(run, range(MANY)))


def test_many_that_see_the_same_open_one_and_each_later_step_is_done_by_one(incidents, ledger_url):
    for source in ("one reading", "another reading for each"):
        opened = at_once(
            ledger_url,
            lambda mine, number, source=source: mine.open(
                "x", "harm", source if source == "one reading" else str(number), {"day": "d"}, T
            ),
        )
        assert sum(opened) == (source == "one reading")
    (one,) = incidents.open_ones()
    assert (one.topic, one.kind, one.content, one.state(T)) == ("x", "harm", {"day": "d"}, "open")
    assert sum(at_once(ledger_url, lambda mine, _: mine.told(one, T))) == 1
    assert sum(at_once(ledger_url, lambda mine, number: mine.resolve(one.number, str(number), T))) == 1


def test_another_topic_or_kind_is_another_incident_and_what_ended_may_come_again_from_another_source(incidents):
    assert incidents.open("x", "harm", "1", {}, T)
    assert incidents.open("x", "srm", "1", {}, T)
    assert incidents.open("y", "harm", "1", {}, T)
    assert incidents.resolve(1, "over", T)
    assert not incidents.open("x", "harm", "1", {}, T), "the same reading"
    assert incidents.open("x", "harm", "2", {}, T)
    assert [one.number for one in incidents.open_ones()] == [2, 3, 4]
    assert [one.number for one in incidents.since(T)] == [1, 2, 3, 4]
    assert [one.number for one in incidents.since(T + timedelta(seconds=1))] == [2, 3, 4]
