import numpy as np
import pytest
import trueskill
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import football
from evalloop_assets.ranking.batch import cells
from evalloop_assets.ranking.battles import battles
from evalloop_assets.ranking.likelihood import MU, SIGMA, Scale, scale_of
from evalloop_assets.ranking.online import State, online_pass, passes

OUTCOMES = ["a", "b", "tie", "both_bad"]


def fight(*rows):
    return battles(*zip(*rows, strict=True))


def rated(fought, scale, anchors):
    state = online_pass(fought, scale, anchors)
    return state.mu, state.sigma


def by_package(rows, draw_probability, backend=None):
    env = trueskill.TrueSkill(MU, SIGMA, 25 / 6, 0.0, draw_probability, backend)
    rating = {name: env.create_rating() for row in rows for name in row[:2]}
    for a, b, outcome in rows:
        first, second = (b, a) if outcome == "b" else (a, b)
        rating[first], rating[second] = env.rate_1vs1(rating[first], rating[second], outcome in ("tie", "both_bad"))
    return rating


def test_one_win_gives_the_published_example():
    """The package's documented first match: 29.396 ± 7.171 and 20.604 ± 7.171 (draw probability 10%)."""
    mu, sigma = rated(fight(("x", "y", "a")), Scale(0.1), {})
    assert mu == pytest.approx([29.396, 20.604], abs=5e-4)
    assert sigma == pytest.approx([7.171, 7.171], abs=5e-4)


def test_one_draw_gives_the_published_example():
    """The package's documented first draw leaves both at 25 with sigma 6.458 (with tau 0: 6.4572)."""
    mu, sigma = rated(fight(("x", "y", "tie")), Scale(0.1), {})
    assert mu == pytest.approx([25, 25])
    assert sigma == pytest.approx([6.458, 6.458], abs=1e-3)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from(OUTCOMES)), min_size=1, max_size=25),
    st.floats(0.01, 0.9),
)
def test_a_pass_equals_the_package_with_exact_tails(rows, draw_probability):
    rows = [(f"m{a}", f"m{b}", outcome) for a, b, outcome in rows if a != b]
    if not rows:
        return
    fought = fight(*rows)
    mu, sigma = rated(fought, Scale(draw_probability), {})
    expected = by_package(rows, draw_probability, "scipy")
    assert mu == pytest.approx([expected[name].mu for name in fought.models], abs=1e-9)
    assert sigma == pytest.approx([expected[name].sigma for name in fought.models], abs=1e-9)


def test_the_winner_rises_whichever_side_it_sat_on():
    for row in (("good", "bad", "a"), ("bad", "good", "b")):
        fought = fight(row)
        mu, _ = rated(fought, Scale(0.1), {})
        assert mu[fought.models.index("good")] > MU > mu[fought.models.index("bad")]


def test_a_tie_and_both_bad_are_the_same_draw():
    first = rated(fight(("x", "y", "a"), ("x", "y", "tie")), Scale(0.2), {})
    second = rated(fight(("x", "y", "a"), ("x", "y", "both_bad")), Scale(0.2), {})
    assert np.array_equal(first, second)


def test_an_anchor_is_a_constant():
    fought = fight(*[("anchor", "x", "b")] * 50)
    mu, sigma = rated(fought, Scale(0.1), {"anchor": 30.0})
    assert (mu[0], sigma[0]) == (30.0, 0.0)
    assert mu[1] > 30.0


def test_the_draw_probability_is_the_share_of_draws():
    assert scale_of(fight(("x", "y", "a"), ("x", "y", "tie"), ("x", "y", "both_bad"), ("x", "y", "b"))) == Scale(0.5)
    assert scale_of(fight(("x", "y", "tie"))).draw_probability < 1


def test_a_model_against_itself_and_unknown_outcomes():
    assert fight(("x", "x", "a"), ("x", "y", "a")).models == ("x", "y")
    with pytest.raises(KeyError):
        fight(("x", "y", "maybe"))


def test_the_state_after_each_hour_is_that_of_the_battles_so_far():
    rows = [(f"m{n % 3}", f"m{(n + 1) % 3}", OUTCOMES[n % 4]) for n in range(30)]
    fought, scale = fight(*rows), Scale(0.3)
    kinds = cells(fought)
    for end, (mu, sigma) in zip((0, 7, 7, 30), passes(fought, scale, {}, (0, 7, 7, 30)), strict=True):
        state = State(fought.models, scale, {})
        state.take(kinds, kinds.place[:end])
        assert (mu.tolist(), sigma.tolist()) == (state.mu.tolist(), state.sigma.tolist())


def test_a_choice_among_three_is_rated_by_the_package():
    state = State(("x", "y", "z"), Scale(0.1), {})
    state.take_choice([0, 1, 2], [0, 1, 1])
    env = trueskill.TrueSkill(MU, SIGMA, 25 / 6, 0.0, 0.1, backend="scipy")
    expected = [one for (one,) in env.rate([(env.create_rating(),)] * 3, ranks=[0, 1, 1])]
    assert state.mu == pytest.approx([one.mu for one in expected])
    assert state.sigma == pytest.approx([one.sigma for one in expected])


def test_an_anchor_stays_where_it_is_in_a_choice_among_three():
    state = State(("x", "y", "z"), Scale(0.1), {"y": 30.0})
    state.take_choice([0, 1, 2], [0, 1, 2])
    assert (state.mu[1], state.variance[1]) == (30.0, 0.0)
    assert state.mu[0] > 25 > state.mu[2]


def test_forecasts_of_real_football_are_near_the_published_elo(shared_data):
    """10,255 games since 1980, each forecast before it is known; Elo knows the scores, the rating who won."""
    games = football.read(shared_data / "nfl_elo")
    ours, late = football.forecasts(games), games.since(football.CHOSEN_BEFORE)
    assert late.sum() > 10_000
    elo = football.brier(games.elo, games, late)
    assert elo < football.brier(ours, games, late) < elo + 0.004
    shuffled = np.random.default_rng(1).permutation(ours)
    assert football.brier(shuffled, games, late) > 0.25
