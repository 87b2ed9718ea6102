import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.ranking.matchups import POINTS, Pool, Shares, matchups, pool_of

SHARES = Shares(anchors=0.15, newcomers=0.2, uniform=0.1)
names = st.integers(0, 8)
shares = st.tuples(*[st.integers(0, 10)] * 3).filter(lambda some: sum(some) <= 30)


def by_pair(pool, shares=SHARES):
    return {(one.model_a, one.model_b): one.propensity for one in matchups(pool, shares)}


def test_each_pair_has_the_sum_of_its_shares():
    found = by_pair(Pool(("a", "b", "c"), ("r",), ("n",)))
    uniform = 0.1 / 10
    assert found["a", "b"] == pytest.approx(0.55 / 3 + uniform, abs=2 / POINTS)
    assert found["a", "r"] == pytest.approx(0.15 / 3 + uniform, abs=2 / POINTS)
    assert found["a", "n"] == pytest.approx(0.2 / 4 + uniform, abs=2 / POINTS)
    assert found["n", "r"] == found["a", "n"]
    assert len(found) == 10


def test_a_share_without_pairs_goes_to_the_others_in_proportion():
    found = by_pair(Pool(("a", "b"), ("r",), ()))
    assert found["a", "b"] == pytest.approx((0.55 + 0.1 / 3) / 0.8, abs=2 / POINTS)
    assert by_pair(Pool(("a", "b"), (), ())) == {("a", "b"): 1.0}


def test_newcomers_meet_each_other_where_nobody_is_known_yet():
    assert set(by_pair(Pool((), (), ("x", "y", "z")))) == {("x", "y"), ("x", "z"), ("y", "z")}


@pytest.mark.parametrize("pool", [Pool((), (), ()), Pool(("a",), (), ()), Pool((), ("r",), ())])
def test_no_battle_without_two_models(pool):
    assert matchups(pool, SHARES) == []


@given(names, names, names, shares)
def test_propensities_add_up_to_exactly_one_each_pair_once(survivors, anchors, newcomers, some):
    pool = Pool(
        tuple(f"s{k}" for k in range(survivors)),
        tuple(f"a{k}" for k in range(anchors)),
        tuple(f"n{k}" for k in range(newcomers)),
    )
    found = matchups(pool, Shares(*(one / 30 for one in some)))
    points = [one.propensity * POINTS for one in found]
    if found:
        assert sum(round(one) for one in points) == POINTS
    assert points == pytest.approx([round(one) for one in points], abs=1e-6)
    assert all(one.model_a < one.model_b for one in found)
    assert len({one[:2] for one in found}) == len(found)
    assert points == sorted(points, reverse=True)


def test_the_pool():
    fought = {"good": 300, "bad": 400, "new": 5, "ref": 10, "served": 0}
    pool = pool_of(fought, ["newest", "bad", "good"], ["ref", "gone"], "served", ["bad", "ref", "served"], 200)
    assert pool == Pool(("good", "served"), ("gone", "ref"), ("new", "newest"))
