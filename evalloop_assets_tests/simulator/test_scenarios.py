"""What every scenario promises: its effects in truth, its hostility to naive methods, its reproducibility."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import f_oneway, spearmanr, ttest_ind

from evalloop_assets.lake.errors import UserError
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.scenarios import CANDIDATES, SCENARIOS, Effect, find_scenario
from evalloop_assets.simulator.serve import FIRST_DAY, serve
from evalloop_assets_tests.simulator.served import home, paired, rows, small

pytestmark = pytest.mark.long

SEED = 1
PROMISES = [
    (name, effect)
    for name, scenario in SCENARIOS.items()
    for effects in scenario.effects.values()
    for effect in effects
]
MEASURES = {
    "duration": ("truth_conversations", "read_s"),
    "return": ("truth_users", "return_probability"),
    "regeneration": ("truth_turns", "CAST(regenerated AS INTEGER)"),
}


def size(name: str, effect: Effect) -> float:
    """True effect of everybody on the treatment against everybody on the champion, the same users and seed: luck of the
    users in the arms is none of it."""
    first, last = (SCENARIOS[name].trials[0].on_day + day for day in effect.days)
    table, column = MEASURES[effect.of]
    query = f"""
        SELECT avg({column}) FROM {table}
        WHERE datediff('day', DATE '{FIRST_DAY}', served) BETWEEN {first} AND {last}"""
    (champion,), (treated,) = (rows(folder, query)[0] for folder in paired(name, SEED))
    return treated / champion - 1 if effect.of == "duration" else treated - champion


@pytest.mark.parametrize(("name", "effect"), PROMISES)
def test_true_effects_are_of_the_size_that_the_scenario_promises(name, effect):
    assert effect.low <= size(name, effect) <= effect.high


def test_padding_raises_time_and_lowers_return():
    duration, back = SCENARIOS["padding"].effects["try-padding"]
    assert size("padding", duration) > 0.1
    assert size("padding", back) < -0.03


METRICS = """
    SELECT t.user_id, any_value(t.arm), count(*) / count(DISTINCT conversation_id),
        sum(least(dwell_ms, foreground_ms) - typing_ms) / 1e3 / count(DISTINCT conversation_id),
        count(replaces_event_id) / count(*), count(*) FILTER (feedback = 'like') / count(*),
        count(*) FILTER (feedback = 'complaint') / count(*), count(DISTINCT CAST(shown_at AS DATE)), avg(user_chars)
    FROM turns t WHERE t.experiment_id = 'try-same' GROUP BY t.user_id"""


def test_in_a_a_no_metric_differs():
    found = rows(home("a_a", SEED), METRICS)
    treated = np.array([row[1] == "treatment" for row in found])
    values = np.array([row[2:] for row in found], dtype=np.float64)
    p = [ttest_ind(column[treated], column[~treated], equal_var=False).pvalue for column in values.T]
    assert min(p) > 0.05 / len(p), p


def per_conversation() -> tuple[np.ndarray, np.ndarray]:
    """User number and effective reading seconds of the conversations of the a_a trial, from the log."""
    found = rows(
        home("a_a", SEED),
        """SELECT user_id, sum(least(dwell_ms, foreground_ms) - typing_ms) / 1e3 FROM turns
           WHERE experiment_id = 'try-same' GROUP BY user_id, conversation_id ORDER BY user_id, conversation_id""",
    )
    _, user = np.unique([row[0] for row in found], return_inverse=True)
    return user, np.array([row[1] for row in found])


def test_the_naive_conversation_t_test_fires_in_a_a_by_user():
    """The users of the log, randomised anew five hundred times; the users' means are a fair test of the same."""
    user, seconds = per_conversation()
    n = user.max() + 1
    means = np.bincount(user, seconds) / np.bincount(user)
    rng = np.random.default_rng(0)
    naive, fair = [], []
    for _ in range(500):
        treated = rng.random(n) < 0.5
        naive.append(ttest_ind(seconds[treated[user]], seconds[~treated[user]], equal_var=False).pvalue < 0.05)
        fair.append(ttest_ind(means[treated], means[~treated], equal_var=False).pvalue < 0.05)
    assert np.mean(naive) > 0.2
    assert np.mean(fair) < 0.09


@pytest.mark.parametrize(("name", "icc"), [("a_a", 0.3), ("padding", 0.1)])
def test_conversations_of_a_user_are_as_much_alike_as_was_asked(name, icc):
    """One-way analysis of variance of the replies per conversation, users as classes."""
    found = rows(
        home(name, SEED), "SELECT user_id, turns FROM truth_conversations WHERE model_id = 'incumbent' ORDER BY user_id"
    )
    _, start = np.unique([row[0] for row in found], return_index=True)
    groups = [g for g in np.split(np.array([row[1] for row in found], dtype=float), start[1:]) if len(g) > 1]
    sizes = np.array([len(g) for g in groups])
    n = (sizes.sum() - (sizes**2).sum() / sizes.sum()) / (len(groups) - 1)
    f = f_oneway(*groups).statistic
    assert (f - 1) / (f + n - 1) == pytest.approx(icc, abs=0.07)


def test_in_healthy_who_wins_single_replies_loses_trajectories():
    names = [spec.model_id for spec in CANDIDATES]
    wins = """
        WITH side AS (SELECT model_a AS m, outcome = 'a' AS won FROM battles UNION ALL
                      SELECT model_b, outcome = 'b' FROM battles)
        SELECT m, avg(CAST(won AS INTEGER)) FROM side GROUP BY m"""
    offline = dict(rows(home("healthy", SEED), wins))
    online = dict(
        rows(home("healthy", SEED), "SELECT model_id, avg(return_probability) FROM truth_users GROUP BY model_id")
    )
    order = spearmanr([offline[name] for name in names], [online[name] for name in names]).statistic
    assert order < 0.3, order


def contents(folder: Path) -> dict[str, str]:
    files = (path for part in ("landing", "truth") for path in (folder / part).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_seed_gives_identical_rows(name, tmp_path):
    scenario = small(name, 60)
    for run in ("one", "two"):
        serve(scenario, Settings(home=tmp_path / run), 3, days=7)
    first = contents(tmp_path / "one")
    assert first == contents(tmp_path / "two")
    serve(scenario, Settings(home=tmp_path / "other"), 4, days=1)
    turns = f"landing/turns/{FIRST_DAY}.parquet"
    assert first[turns] != contents(tmp_path / "other")[turns]


def test_an_unknown_scenario_is_named_with_those_that_there_are():
    with pytest.raises(UserError, match=r"scenario 'helthy'.*healthy, padding"):
        find_scenario("helthy")


def test_another_size_under_the_same_home_is_refused(tmp_path):
    serve(small("thin", 50), Settings(home=tmp_path), 1, days=1)
    with pytest.raises(UserError, match="it was begun as"):
        serve(small("thin", 60), Settings(home=tmp_path), 1, days=2)


def test_drift_changes_what_is_good_on_its_day():
    """The same text is worth more or less from day 5 on: kept promises pay, attention does not."""
    found = rows(
        home("drift", SEED),
        f"""SELECT served >= DATE '{FIRST_DAY}' + 5, corr(instant, utility), corr(payoff, utility)
            FROM truth_turns GROUP BY 1 ORDER BY 1""",
    )
    (_, instant, payoff), (_, instant_after, payoff_after) = found
    assert instant > instant_after + 0.1
    assert payoff_after > payoff


def test_a_policy_of_ones_own_takes_a_models_place(tmp_path):
    from evalloop_assets.simulator.policies import Spoken
    from evalloop_assets.simulator.scenarios import STEADY

    policies = {"steady": Spoken(replace(STEADY), lambda prompts: ["It rains."] * len(prompts))}
    serve(small("thin", 80), Settings(home=tmp_path), 1, days=3, policies=policies)
    said = rows(tmp_path, "SELECT DISTINCT reply_text FROM turns WHERE model_id = 'steady'")
    assert said == [("It rains.",)]
