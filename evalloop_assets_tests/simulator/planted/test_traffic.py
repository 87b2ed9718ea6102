"""Days, users, trials, flags and battles of every scenario."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets_tests.simulator.planted.reading import (
    CANDIDATES,
    CLEAN,
    DELIVERED,
    FIRST_DAY,
    REFERENCES,
    SEED,
    TRIAL,
    USERS,
    ask,
    day,
    days_of,
    faults,
    one,
)
from evalloop_assets_tests.simulator.served import home


@pytest.mark.parametrize("name", CANDIDATES)
def test_lands_every_day_and_declares_it_complete(name):
    folder, last = home(name, SEED), FIRST_DAY + timedelta(days=days_of(name) - 1)
    assert json.loads((folder / "landing" / "complete.json").read_text()) == {"through": last.isoformat()}
    expected = [FIRST_DAY + timedelta(days=n) for n in range(days_of(name)) if (name, n) != ("dirty", 6)]
    for table in ("turns", "visits", "battles"):
        assert sorted(ask(name, f"SELECT DISTINCT file FROM {table}").file.dt.date) == expected
    for table in ("turns", "conversations", "users", "battles"):
        assert one(name, f"SELECT count(DISTINCT served), min(served) FROM truth_{table}") == (days_of(name), FIRST_DAY)


@pytest.mark.parametrize("name", CANDIDATES)
def test_tries_the_candidates_of_the_page_from_day_2(name):
    arms = ask(name, "SELECT DISTINCT experiment_id, arm, model_id FROM assignments")
    treated = arms[arms.arm == "treatment"]
    assert set(treated.model_id) == CANDIDATES[name]
    assert all(treated.experiment_id == "try-" + treated.model_id)
    assert set(arms[arms.arm != "treatment"].model_id) == {"incumbent"}
    assert one(name, "SELECT CAST(min(assigned_at) AS DATE) FROM assignments")[0] == TRIAL.date()
    known = ask(name, "SELECT DISTINCT model_id, kind FROM models").groupby("kind").model_id.agg(set)
    assert known.to_dict() == {"incumbent": {"incumbent"}, "candidate": CANDIDATES[name], "reference": REFERENCES}
    spoken = set(ask(name, "SELECT DISTINCT model_id FROM truth_turns").model_id)
    assert spoken == {"incumbent"} | CANDIDATES[name]
    fought = set(ask(name, "SELECT model_a AS m FROM battles UNION SELECT model_b FROM battles").m)
    assert fought == spoken | REFERENCES


@pytest.mark.parametrize("name", CLEAN)
def test_keeps_the_contract_and_repeats_nothing(name):
    for table in DELIVERED:
        key = ", ".join(LOG_TABLES[table].key)
        assert one(name, f"SELECT count(*) FILTER ({faults(table)}) FROM {table}") == (0,)
        assert one(name, f"SELECT count(*) FROM (SELECT {key} FROM {table} GROUP BY {key} HAVING count(*) > 1)") == (0,)
    assert one(name, "SELECT count(*) FROM truth_dirt") == (0,)


@pytest.mark.parametrize("name", CANDIDATES)
def test_has_as_many_users_as_the_page_says(name):
    before, new = USERS.get(name, (800, 36))
    came = one(name, "SELECT count(DISTINCT user_id) FROM visits WHERE user_id NOT IN (SELECT user_id FROM signups)")[0]
    assert 0.7 * before <= came <= 1.03 * before  # not everybody comes within ten days; some sign up unseen
    days = days_of(name) - (name == "dirty")
    assert abs(one(name, "SELECT count(*) FROM signups")[0] - new * days) <= 4 * np.sqrt(new * days)


@pytest.mark.parametrize("name", CLEAN)
def test_files_hold_the_turns_of_a_utc_day_also_of_users_in_the_west(name):
    assert one(name, "SELECT count(*) FROM turns WHERE file <> CAST(shown_at AS DATE)") == (0,)
    assert one(name, "SELECT count(*) FROM visits WHERE file <> CAST(opened_at AS DATE)") == (0,)
    over = one(
        name,
        """
        SELECT count(*) FILTER (utc_offset_minutes < 0 AND file = served + 1), count(*) FILTER (utc_offset_minutes < 0),
            count(*) FILTER (file < served)
        FROM turns JOIN truth_turns USING (event_id)
        """,
    )
    assert over[0] > 0.3 * over[1] > 0  # evenings five to eight hours west of Greenwich lie in the next UTC day
    assert over[2] == 0  # and nothing is filed before it was served


@pytest.mark.parametrize("name", CANDIDATES)
def test_flags_are_published_with_the_arms_and_propensities_of_the_log(name):
    flags = json.loads((home(name, SEED) / "serving" / "flags.json").read_text())
    variants = [variant for flag in flags["flags"].values() for variant in flag["variants"].values()]
    columns = ["experiment_id", "arm", "model_id", "unit", "propensity"]
    published = {tuple(variant[column] for column in columns) for variant in variants if variant["experiment_id"]}
    logged = ask(name, f"SELECT DISTINCT {', '.join(columns)} FROM assignments").itertuples(index=False)
    assert {tuple(row) for row in logged} == published


@pytest.mark.parametrize("name", CLEAN)
def test_randomises_three_users_in_five_as_users_the_others_by_conversation(name):
    drawn = ask(name, "SELECT experiment_id, unit, unit_id, user_id, arm, propensity FROM assignments")
    assert set(drawn.propensity) == {0.5}
    per_user = drawn.groupby("user_id").agg(units=("unit", "nunique"), unit=("unit", "first"))
    assert (per_user.units == 1).all()
    as_users = drawn[drawn.unit == "user"]
    assert (as_users.unit_id == as_users.user_id).all()
    assert not as_users.user_id.duplicated().any()
    share, count = (per_user.unit == "user").mean(), len(per_user)
    if name == "a_a":
        assert share == 1
    else:
        assert abs(share - 0.6) <= 4 * np.sqrt(0.24 / count)
        others = drawn[drawn.unit == "conversation"].groupby("user_id").arm.agg(["nunique", "size"])
        assert (others["nunique"][others["size"] >= 6] == 2).mean() > 0.9  # they meet both arms, by and by
    treated = (drawn.arm == "treatment").sum()
    assert stats.binomtest(int(treated), len(drawn), 0.5).pvalue > 1e-4
    served = ask(name, "SELECT DISTINCT conversation_id, user_id, arm FROM turns WHERE arm IS NOT NULL")
    assert not served.conversation_id.duplicated().any()
    fixed = served.merge(as_users[["user_id", "arm"]], on="user_id", suffixes=("", "_drawn"))
    assert (fixed.arm == fixed.arm_drawn).all()


def test_each_candidate_of_healthy_is_tried_on_a_sixth_and_of_drift_on_a_half():
    for name in ("healthy", "drift"):
        users = ask(name, "SELECT experiment_id, count(DISTINCT user_id) AS n FROM assignments GROUP BY 1").n
        assert stats.chisquare(users).pvalue > 1e-4
        assert len(users) == len(CANDIDATES[name])
        each = ask(name, "SELECT count(DISTINCT experiment_id) AS n FROM assignments GROUP BY user_id").n
        assert each.max() == 1


def test_a_shorter_run_leaves_identical_rows_and_another_seed_others():
    whole, shorter, other = home("thin", SEED), home("thin", SEED, 3), home("thin", SEED + 1, 3)
    for number in range(2):
        file = f"landing/turns/{FIRST_DAY + timedelta(days=number)}.parquet"
        rows = [pd.read_parquet(folder / file) for folder in (whole, shorter, other)]
        pd.testing.assert_frame_equal(rows[0], rows[1])
        assert not rows[0].equals(rows[2])


@pytest.mark.parametrize("name", CLEAN)
def test_chance_of_coming_back_is_the_one_by_which_users_come_back(name):
    users = ask(
        name,
        f"""
        WITH opened AS (
            SELECT DISTINCT user_id, CAST(opened_at + to_minutes(utc_offset_minutes) AS DATE) AS on_day FROM visits
        )
        SELECT u.return_probability AS p, o.user_id IS NOT NULL AS returned
        FROM truth_users AS u LEFT JOIN opened AS o ON o.user_id = u.user_id AND o.on_day = u.served + 1
        WHERE u.served < DATE '{day(days_of(name) - 1):%Y-%m-%d}'
        """,
    )
    error = np.sqrt((users.p * (1 - users.p)).sum()) / len(users)
    assert abs((users.returned - users.p).mean()) <= 4 * error
    halves = users.p > users.p.median()
    assert users.returned[halves].mean() - users.returned[~halves].mean() > 4 * error


@pytest.mark.parametrize("name", CLEAN)
def test_time_between_replies_is_dwell_and_latency(name):
    unexplained = one(
        name,
        """
        SELECT count(*) FILTER (abs(gap_ms) > 50), count(*) FROM (
            SELECT epoch_ms(lead(shown_at) OVER w) - epoch_ms(shown_at) - dwell_ms - lead(latency_ms) OVER w AS gap_ms
            FROM turns WINDOW w AS (PARTITION BY conversation_id ORDER BY shown_at)
        ) WHERE gap_ms IS NOT NULL
        """,
    )
    assert unexplained[0] == 0 < unexplained[1]


@pytest.mark.parametrize("name", CLEAN)
def test_battles_are_drawn_as_declared_and_the_reply_shown_first_wins_more_often(name):
    fought = ask(name, "SELECT * FROM battles")
    pairs = fought.groupby(
        [fought[["model_a", "model_b"]].min(axis=1), fought[["model_a", "model_b"]].max(axis=1)]
    ).size()
    models = len(CANDIDATES[name]) + 4
    assert len(pairs) == models * (models - 1) / 2
    assert np.allclose(fought.propensity, 1 / len(pairs))
    assert stats.chisquare(pairs).pvalue > 1e-4
    assert stats.binomtest(int((fought.shown_first == "a").sum()), len(fought), 0.5).pvalue > 1e-4
    decided = fought[fought.outcome.isin(["a", "b"])]
    first = (decided.outcome == decided.shown_first).mean()
    assert first > 0.5
    if name != "thin":
        assert first - 0.5 > 2 * np.sqrt(0.25 / len(decided))
        value = ask(name, "SELECT battle_id, value_a - value_b AS more FROM truth_battles").set_index("battle_id").more
        more = decided.battle_id.map(value)
        assert (decided.outcome[more > 0.5] == "a").mean() > 0.6
        assert (decided.outcome[more < -0.5] == "a").mean() < 0.4
