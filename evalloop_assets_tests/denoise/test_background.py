"""How well absences are told from reading, on readers whose truth is known and who are no simulated product's."""

import numpy as np
import pandas as pd
import pytest

from evalloop_assets.denoise.reading import effective_reading
from evalloop_assets.simulator.scoreboard.measure import auc
from evalloop_assets_tests.denoise.readers import Readers, drawn, pareto_absence

TIMES_IN_FRONT = ["foreground_ms"]
ALL_SIGNS = ["foreground_ms", "scrolls", "clicks"]


def told(who: Readers, missing: list[str], seed: int = 3) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """What is told of these readers, the seconds they truly read, and whether they were away."""
    log, read_s, away = drawn(who, seed)
    return effective_reading(log.drop(columns=missing)), read_s, away


def scores(found: pd.DataFrame, away: np.ndarray) -> tuple[float, float]:
    """AUC of the score, and of yes and no."""
    return tuple(auc(found[name].to_numpy(float), away) for name in ("background_score", "background"))  # type: ignore[return-value]


@pytest.mark.parametrize(
    "who",
    [
        Readers(),
        Readers(absence=pareto_absence),
        Readers(away=0.25),
        Readers(pace=0.4, between=0.5),
        Readers(within=0.5, between=0.5),
        Readers(chars=8),
        Readers(scrolling=False),
        Readers(han=1),
    ],
    ids=["plain", "heavy tail", "often away", "second language", "erratic", "short replies", "no scrolls", "Chinese"],
)
def test_times_alone_tell_absences(who: Readers):
    for missing, least, least_yes in ((TIMES_IN_FRONT, 0.96, 0.92), (ALL_SIGNS, 0.96, 0.92)):
        found, read_s, away = told(who, missing)
        score, yes = scores(found, away)
        assert score >= least, missing
        assert yes >= least_yes, missing
        assert found["background"][~away].mean() <= 0.07
        known = found["effective_read_s"].notna().to_numpy()
        assert np.median(np.abs(found["effective_read_s"][known] - read_s[known]) / read_s[known]) <= 0.01


def test_times_in_front_tell_all_and_how_long_the_rest_was_read():
    found, read_s, away = told(Readers(absence=pareto_absence), [])
    assert scores(found, away) == pytest.approx((1, 1), abs=1e-3)
    assert found["effective_read_s"][away].to_numpy() == pytest.approx(read_s[away], rel=0.01, abs=0.01)


def test_who_leaves_the_app_open_is_found_though_the_time_in_front_says_nothing():
    found, _, away = told(Readers(idle=True), [])
    assert auc(found["background_score"].to_numpy(float), away) >= 0.97
    assert found["background"][away].mean() >= 0.8
    assert found["background"][~away].mean() <= 0.002


@pytest.mark.parametrize(
    ("missing", "least", "error"),
    [
        (["typing_ms"], 0.99, 0.12),
        ([*ALL_SIGNS, "typing_ms"], 0.97, 0.12),
        ([*ALL_SIGNS, "typing_ms", "user_text"], 0.9, 2),
    ],
)
def test_missing_signals_cost_little_and_are_reported(missing: list[str], least: float, error: float):
    found, read_s, away = told(Readers(), missing)
    known = found["effective_read_s"].notna().to_numpy() & ~away
    assert auc(found["background_score"].to_numpy(float), away) >= least
    assert np.median(np.abs(found["effective_read_s"][known] - read_s[known]) / read_s[known]) <= error
    assert (found["reason"] == "shared").any() == ("user_text" not in missing)


def test_without_dwell_nothing_is_told():
    found, _, _ = told(Readers(users=5), ["dwell_ms"])
    assert set(found["reason"]) == {"unknown"}
    assert found[["effective_read_s", "background", "background_score", "chars_per_second"]].isna().all().all()


def test_a_time_out_that_stands_for_a_quarter_of_the_times_is_set_aside():
    log, _, _ = drawn(Readers(), 4)
    timed_out = np.random.default_rng(1).random(len(log)) < 0.25
    log.loc[timed_out, ["dwell_ms", "foreground_ms"]] = (30_000, None)
    found = effective_reading(log)
    assert set(found["reason"][timed_out]) == {"imputed"}
    assert "imputed" not in set(found["reason"][~timed_out])


def test_the_order_of_the_rows_and_other_days_change_nothing():
    log = drawn(Readers(users=30), 5).turns.drop(columns="foreground_ms")
    mixed = log.sample(frac=1, random_state=1)
    earlier = log.assign(
        event_id="x" + log["event_id"], shown_at=log["shown_at"] - np.timedelta64(5, "D"), dwell_ms=9e4
    )
    first = effective_reading(log)
    pd.testing.assert_frame_equal(first, effective_reading(mixed).loc[log.index])
    both = effective_reading(pd.concat([earlier, log])).iloc[len(log) :]
    pd.testing.assert_frame_equal(first, both, check_dtype=False)
