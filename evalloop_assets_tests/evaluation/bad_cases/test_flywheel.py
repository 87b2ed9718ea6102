"""Whether retraining mends bad cases: planted improvements are found, none is told where there is none."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from evalloop_assets.evaluation.bad_cases import assets
from evalloop_assets.evaluation.bad_cases.flywheel import (
    BETTER,
    SAME,
    UNKNOWN,
    WORSE,
    difference,
    errors,
    generations,
    unseen,
)
from evalloop_assets.reward_model.pairs import is_held_out
from evalloop_assets_tests.evaluation.bad_cases.world import DAY, sentence, signal, stage_at, write
from evalloop_assets_tests.reward_model.stage import metadata

OLD, NEW = "2026-05-01-a", "2026-05-02-b"
UNSEEN = [name for name in (f"u{at}" for at in range(2_000)) if is_held_out([name])[0]]
FITTED = next(name for name in (f"u{at}" for at in range(2_000)) if not is_held_out([name])[0])


def scored(random, before, after, users=60, per_user=4, spread=0.0):
    """Errors of both champions on common cases; users differ in how hard their cases are, by `spread`."""
    rows = []
    for version, error in ((OLD, before), (NEW, after)):
        lean = np.random.default_rng(7).normal(0, spread, users)
        for user in range(users):
            hit = random.random(per_user) < np.clip(error + lean[user], 0, 1)
            rows += [
                {"pair_id": f"{user}.{at}", "user_id": f"u{user}", "reward_version": version, "error": float(one)}
                for at, one in enumerate(hit)
            ]
    return pd.DataFrame(rows)


def verdicts(before, after, times=150, **more):
    random = np.random.default_rng(0)
    return [generations(scored(random, before, after, **more))[1].verdict for _ in range(times)]


def test_a_planted_improvement_is_found_and_so_is_a_planted_harm():
    assert np.mean([one == BETTER for one in verdicts(0.5, 0.25)]) >= 0.9
    assert np.mean([one == WORSE for one in verdicts(0.25, 0.5)]) >= 0.9


@pytest.mark.parametrize(("error", "spread"), [(0.4, 0.0), (0.4, 0.2), (0.02, 0.0)])
def test_without_an_improvement_none_is_told(error, spread):
    found = verdicts(error, error, spread=spread)
    assert np.mean([one == SAME for one in found]) >= 0.95 - 2 * np.sqrt(0.05 * 0.95 / len(found))


def test_a_generation_by_hand():
    scores = pd.DataFrame(
        [(f"p{at}", f"u{at}", OLD, 1.0) for at in range(12)]
        + [(f"p{at}", f"u{at}", NEW, float(at < 3)) for at in range(1, 16)],
        columns=["pair_id", "user_id", "reward_version", "error"],
    )
    first, second = generations(scores)
    assert (first.error.value, first.error.n, first.previous_version, first.verdict) == (1.0, 12, None, UNKNOWN)
    assert first.error.low < 1 == first.error.high
    assert (second.error.value, second.error.n) == (2 / 15, 15)
    assert (second.difference.value, second.difference.n) == pytest.approx((-9 / 11, 11))
    assert second.verdict == BETTER


def test_champions_that_agree_on_all_cases_leave_doubt():
    """10 users and two more of +1 and -1: their variance is 2/11, and t(11) * sqrt(2/11/12) = 2.201 * 0.1231."""
    found = difference(np.zeros(10), np.array([f"u{at}" for at in range(10)]))
    assert (found.low, found.high) == pytest.approx((-0.2709, 0.2709), abs=1e-4)


def test_too_few_users_give_no_verdict():
    assert verdicts(0.9, 0.0, times=1, users=9) == [UNKNOWN]
    assert generations(pd.DataFrame(columns=["pair_id", "user_id", "reward_version", "error"])) == []


def test_a_tie_is_half_an_error():
    assert errors(pd.Series([-0.1, 0.0, 0.1])).tolist() == [1.0, 0.5, 0.0]


def test_only_what_no_champion_saw_counts():
    """Not of a fitted user, nor a near duplicate of such a case, nor found by a champion, nor of the training side."""
    rows = {
        "good": {},
        "fitted": {"user_id": FITTED, "dedup_group": "shared"},
        "twin": {"dedup_group": "shared"},
        "found by a champion": {"by_behaviour": False},
        "training": {"side": "training"},
        "withheld": {"side": "withheld"},
        "no pair": {"pair_id": None},
    }
    usual = {"user_id": UNSEEN[0], "by_behaviour": True, "side": "evaluation", "pair_id": "p"}
    cases = pd.DataFrame([{"event_id": name, "dedup_group": name} | usual | told for name, told in rows.items()])
    assert unseen(cases)["event_id"].tolist() == ["good"]


def test_a_slice_picked_by_a_champion_would_show_an_improvement_where_there_is_none():
    """Both champions err on 30% at random; on what the first one found, it errs always and the second on 30%."""
    random = np.random.default_rng(3)
    scores = scored(random, 0.3, 0.3, users=200)
    wrong = scores[(scores["reward_version"] == OLD) & (scores["error"] == 1)]["pair_id"]
    picked = generations(scores[scores["pair_id"].isin(wrong)])[1]
    assert picked.verdict == BETTER
    assert generations(scores)[1].verdict == SAME


def test_a_twin_that_somebody_met_weeks_ago_was_learned_from(tmp_path):
    stage = stage_at(tmp_path)
    usual = {"side": "evaluation", "same_prefix": True, "better_reply": "better"}
    cases = [
        signal(name, name, UNSEEN[0]) | usual | {"pair_id": f"p {name}", "dedup_group": name} for name in ("a", "b")
    ]
    write(stage, "bad_cases", cases)
    twin = signal("twin", "a", FITTED) | usual | {"dedup_group": "a"}
    former = signal("former", "c", UNSEEN[1]) | usual | {"pair_id": "p former", "dedup_group": "c"}
    write(stage, "bad_cases", [twin, former], DAY - timedelta(days=41))
    pairs = [
        {"pair_id": f"p {name}", "same_prefix": True, "event_id_a": name, "event_id_b": f"k {name}"} for name in "ab"
    ]
    write(stage, "preference_pairs", pairs)
    write(stage, "pair_scores", [{"pair_id": f"p {name}", "reward_version": OLD, "margin": -1.0} for name in "ab"])
    done = stage.run(DAY, [assets.case_scores])
    assert [row["pair_id"] for row in stage.rows("case_scores")] == ["p b"]
    assert metadata(done, "case_scores")["cases"] == 1


def test_the_assets_find_the_improvement_of_a_new_champion(tmp_path):
    stage = stage_at(tmp_path, bad_cases={"evaluation_share": 1.0})
    users = UNSEEN[:40]
    pairs = [
        {"pair_id": f"p{at}", "same_prefix": True, "event_id_a": f"e{at}", "event_id_b": f"k{at}"}
        | ({"event_id_a": f"k{at}", "event_id_b": f"e{at}"} if at % 2 else {})
        for at in range(40)
    ]
    cases = [
        signal(f"e{at}", sentence(at), user) | {"pair_id": f"p{at}", "better_reply": f"better {at}"}
        for at, user in enumerate(users)
    ]
    write(stage, "bad_signals", cases)
    write(stage, "preference_pairs", pairs)
    run = [assets.bad_cases, assets.case_scores, assets.flywheel]
    for day, version, right in ((DAY, OLD, 10), (DAY + timedelta(days=1), NEW, 36)):
        leads = [1.0 if at < right else -1.0 for at in range(40)]
        scores = [
            {"pair_id": f"p{at}", "user_id": users[at], "reward_version": version, "margin": lead if at % 2 else -lead}
            for at, lead in enumerate(leads)
        ]
        write(stage, "pair_scores", scores)
        done = stage.run(day, run)
    first, second = sorted(
        (row for row in stage.rows("flywheel") if row["day"] > DAY), key=lambda row: row["reward_version"]
    )
    assert (first["error"], second["error"]) == (0.75, 0.1)
    assert (second["previous_version"], second["verdict"]) == (OLD, BETTER)
    assert second["difference"] == pytest.approx(-0.65)
    assert second["difference_high"] < 0
    [event] = done.asset_materializations_for_node("flywheel")
    assert "better" in str(event.metadata["retraining"].value)
