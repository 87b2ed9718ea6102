"""The status of a score, day by day, by hand."""

from datetime import date, timedelta

from evalloop_assets.evaluation.offline.ledger import Evidence, standing

FIRST = date(2026, 3, 1)
SURE = (0.9, 0.6, 0.4, 0.98, 0.01)
"""Correlation, low, lower, upper, p-value."""
OPEN = (0.6, -0.1, -0.4, 0.9, 0.2)
DOUBT = (0.3, -0.3, -0.5, 0.8, 0.4)
FAILED = (0.0, -0.2, -0.4, 0.4, 0.6)
THIN = (None,) * 5


def after(*days, bar=0.5):
    return standing([Evidence(FIRST + timedelta(days=k), *one, models=6) for k, one in enumerate(days)], bar)


def day(number):
    return FIRST + timedelta(days=number)


def test_nothing_is_known_at_first():
    assert after() is None
    assert after(THIN)[:3] == ("watch", FIRST, None)
    assert after(OPEN)[:3] == ("watch", FIRST, None)


def test_trust_is_earned_by_a_sure_order_that_is_no_chance():
    assert after(OPEN, SURE)[:2] == ("trusted", day(1))
    by_chance = (*SURE[:4], 0.06)
    assert after(OPEN, by_chance).status == "watch"


def test_trusted_stays_so_on_thin_days_and_is_watched_when_nothing_tells_it_from_zero():
    assert after(SURE, THIN, THIN)[:2] == ("trusted", day(0))
    assert "not enough data" in after(SURE, THIN).reason
    assert after(SURE, OPEN)[:2] == ("watch", day(1))
    still_told = (0.5, 0.1, -0.2, 0.8, 0.2)
    assert after(SURE, still_told)[:2] == ("trusted", day(0))


def test_demoted_by_the_upper_bound_and_it_says_since_when_it_failed():
    found = after(SURE, SURE, DOUBT, THIN, DOUBT, FAILED)
    assert found[:3] == ("demoted", day(5), day(2))
    assert "at most 0.40" in found.reason
    assert after(SURE, FAILED, bar=0.3).status == "watch"


def test_demoted_stays_so_until_evidence_shows_otherwise():
    assert after(FAILED, OPEN, THIN, DOUBT)[:2] == ("demoted", day(0))
    assert after(FAILED, OPEN, SURE)[:3] == ("trusted", day(2), None)


def test_a_good_estimate_ends_the_run_of_doubt():
    assert after(DOUBT, OPEN, DOUBT).doubtful_since == day(2)
