import numpy as np
import pytest
from scipy.stats import t

from evalloop_assets.reward_model.intervals import mean_over_users, share_over_users


def test_mean_by_hand():
    """Two users with sums of residuals -1 and +1 around the mean 2: SE = sqrt(2 * 2 / 1) / 4 = 0.5."""
    found = mean_over_users([1, 2, 2, 3], ["a", "a", "b", "b"])
    half = t.ppf(0.975, 1) * 0.5
    assert found == pytest.approx((2.0, 2.0 - half, 2.0 + half, 4, 2))


def test_share_with_one_row_a_user_is_wilson():
    """30 of 40: the small-sample factor 40/39 leaves 39 effective rows, and t with 39 degrees stands for z."""
    found = share_over_users([1] * 30 + [0] * 10, range(40))
    z2, n = t.ppf(0.975, 39) ** 2, 39
    centre = (0.75 + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * 0.75 * 0.25 / n + z2**2 / (4 * n**2)) / (1 + z2 / n)
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half))


def test_alike_rows_of_a_user_widen_the_interval():
    hits = np.repeat(np.tile([1, 0, 1, 1], 5), 10)
    alone = share_over_users(hits, np.arange(200))
    together = share_over_users(hits, np.repeat(np.arange(20), 10))
    assert together.high - together.low > 2.5 * (alone.high - alone.low)


def test_all_hits_of_few_users_stay_uncertain():
    found = share_over_users([1] * 300, np.repeat(np.arange(3), 100))
    assert found.value == 1.0
    assert found.low < 0.5


def test_nothing_and_a_single_user_have_no_bounds():
    assert np.isnan(share_over_users([], []).value)
    assert mean_over_users([], []).n == 0
    single = share_over_users([1, 0], ["a", "a"])
    assert single.value == 0.5
    assert np.isnan(single.low)
    assert np.isnan(mean_over_users([1, 2], ["a", "a"]).low)


def test_values_without_their_users_are_refused():
    with pytest.raises(ValueError, match="2 values but 1 users"):
        mean_over_users([1, 2], ["a"])


@pytest.mark.parametrize("estimate", [mean_over_users, share_over_users])
def test_covers_the_truth_where_users_differ(estimate):
    """600 worlds of 40 users whose own rates spread around 0.7: a 95% interval must hold it in 92 to 98%."""
    draw = np.random.default_rng(3)
    covered = 0
    for _ in range(600):
        rates = draw.beta(7, 3, size=40)
        users = np.repeat(np.arange(40), 12)
        found = estimate(draw.random(480) < rates[users], users)
        covered += found.low <= 0.7 <= found.high
    assert 0.92 <= covered / 600 <= 0.98
