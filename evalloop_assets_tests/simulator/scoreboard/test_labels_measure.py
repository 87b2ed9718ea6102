"""Labels against the truth, on a small random world and by hand."""

import math
import warnings
from datetime import timedelta

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from evalloop_assets.simulator.scoreboard.labels import RAW_DWELL, RAW_EXITS, measured_labels
from evalloop_assets_tests.simulator.scoreboard.tiny import DAY, TinyRun, values

IMMEDIATE, DELAYED = (f"{label} and true utility, rank correlation" for label in ("immediate", "delayed_5"))
RETURN = "delayed_session tells who is more likely to return, AUC"
USERS, REPLIES = 6, 9
RNG = np.random.default_rng(5)
UTILITY = RNG.normal(size=(USERS, REPLIES)) + np.linspace(-2, 2, USERS)[:, None]
DWELL_MS = RNG.integers(1000, 90_000, (USERS, REPLIES))
FOLLOWING = np.array(
    [[row[n + 1 : n + 6].mean() if n + 1 < REPLIES else np.nan for n in range(REPLIES)] for row in UTILITY]
)
CHANCE = np.linspace(0.1, 0.9, USERS)


def run_of(immediate, delayed_5, returned=None):
    """One session a user; before its third reply stands one that was regenerated away, with a label of its own even."""
    truth, turns, labels = [], [], []
    for (user, place), utility in np.ndenumerate(UTILITY):
        event, conversation = f"{user}-{place}", f"c{user}"
        truth.append({"event_id": event, "user_id": f"u{user}", "conversation_id": conversation,
                      "turn": place + (place >= 2), "utility": utility, "regenerated": False})  # fmt: skip
        turns.append({"event_id": event, "dwell_ms": int(DWELL_MS[user, place])})
        labels.append({
            "event_id": event, "session_id": f"s{user}", "position": place + 1, "immediate": immediate[user][place],
            "delayed_5": delayed_5[user][place], "delayed_session": returned and returned[user],
        })  # fmt: skip
    for user in range(USERS):
        truth.append({"event_id": f"{user}-again", "user_id": f"u{user}", "conversation_id": f"c{user}", "turn": 2,
                      "utility": -50.0, "regenerated": True})  # fmt: skip
        turns.append({"event_id": f"{user}-again", "dwell_ms": 1})
        labels.append({"event_id": f"{user}-again", "session_id": "none", "position": 1, "immediate": 1.0})
    days = [{"user_id": f"u{user}", "day": DAY, "return_probability": CHANCE[user]} for user in range(USERS)]
    other = [{"user_id": f"u{user}", "day": DAY + timedelta(1), "return_probability": 0.0} for user in range(USERS)]
    return TinyRun(
        turns=turns,
        horizon_labels=labels,
        sessions=[{"session_id": f"s{user}", "user_id": f"u{user}", "local_day": DAY} for user in range(USERS)],
        truth_turns=truth,
        truth_users=days + other,
    )


def less_user_means(values):
    return values - np.nanmean(values, axis=1, keepdims=True)


def known(values):
    return [[None if np.isnan(value) else float(value) for value in row] for row in values]


def test_a_perfect_loop_has_full_marks():
    returned = [-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]
    found = values(measured_labels(run_of(UTILITY, known(FOLLOWING), returned)))
    assert found == {
        IMMEDIATE: pytest.approx(1), f"{IMMEDIATE} within users": pytest.approx(1),
        DELAYED: pytest.approx(1), f"{DELAYED} within users": pytest.approx(1), RETURN: 1,
    }  # fmt: skip


def test_a_label_that_only_knows_the_user_says_nothing_within():
    user_means = np.repeat(UTILITY.mean(axis=1, keepdims=True), REPLIES, axis=1)
    found = values(measured_labels(run_of(user_means, user_means)))
    assert found[IMMEDIATE] > 0.7
    assert math.isnan(found[f"{IMMEDIATE} within users"])


def test_wrong_labels_have_the_correlation_that_scipy_finds():
    said = RNG.normal(size=(2, USERS, REPLIES))
    said[RNG.random(said.shape) < 0.2] = np.nan
    found = values(measured_labels(run_of(known(said[0]), known(said[1]))))
    for name, label, truth in ((IMMEDIATE, said[0], UTILITY), (DELAYED, said[1], FOLLOWING)):
        both = np.isfinite(label) & np.isfinite(truth)
        label, truth = np.where(both, label, np.nan), np.where(both, truth, np.nan)
        within = less_user_means(label)[both], less_user_means(truth)[both]
        assert found[name] == pytest.approx(spearmanr(label[both], truth[both]).statistic)
        assert found[f"{name} within users"] == pytest.approx(spearmanr(*within).statistic)


@pytest.mark.parametrize(
    ("method", "now", "soon"),
    [
        (RAW_DWELL, DWELL_MS, DWELL_MS),
        (
            RAW_EXITS,
            np.where(np.arange(REPLIES) == REPLIES - 1, -1, 1) * np.ones((USERS, 1)),
            np.where(np.arange(REPLIES) >= REPLIES - 5, -1, 1) * np.ones((USERS, 1)),
        ),
    ],
)
def test_naive_labels_by_scipy(method, now, soon):
    found = values(measured_labels(run_of(UTILITY, UTILITY)), method)
    later = np.isfinite(FOLLOWING)
    assert found[IMMEDIATE] == pytest.approx(spearmanr(now.ravel(), UTILITY.ravel()).statistic)
    assert found[DELAYED] == pytest.approx(spearmanr(soon[later], FOLLOWING[later]).statistic)


@pytest.mark.parametrize("method", [RAW_DWELL, RAW_EXITS])
def test_naive_labels_are_measured_where_the_loop_knows_its_own(method):
    said = np.where(np.arange(USERS * REPLIES).reshape(UTILITY.shape) % 3 == 0, np.nan, UTILITY)
    found = values(measured_labels(run_of(known(said), known(said))), method)
    position = np.arange(REPLIES) * np.ones((USERS, 1))
    now, soon = (DWELL_MS, DWELL_MS) if method == RAW_DWELL else (position < REPLIES - 1, position < REPLIES - 5)
    both = np.isfinite(said)
    later = both & np.isfinite(FOLLOWING)
    assert found[IMMEDIATE] == pytest.approx(spearmanr(now[both], UTILITY[both]).statistic)
    assert found[DELAYED] == pytest.approx(spearmanr(soon[later], FOLLOWING[later]).statistic)


def test_returns_by_hand():
    """Above the median are the last three, of whom two came back, as did one of the others; one is not known yet."""
    returned = [-1.0, 1.0, -1.0, 1.0, 1.0, None]
    found = measured_labels(run_of(UTILITY, UTILITY, returned))
    likely, spent = [0, 0, 0, 1, 1], DWELL_MS.sum(axis=1)[:5]
    assert values(found)[RETURN] == pytest.approx(roc_auc_score(likely, returned[:5])) == pytest.approx(5 / 6)
    assert values(found, RAW_DWELL)[RETURN] == pytest.approx(roc_auc_score(likely, spent))


def test_nothing_is_measured_without_labels():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measured_labels(TinyRun())
        unknown = measured_labels(run_of(np.full(UTILITY.shape, None), np.full(UTILITY.shape, None)))
    assert all(math.isnan(one.value) for one in found)
    assert all(math.isnan(one.value) for one in unknown)
