"""Reasons of judges: which people are asked about, what they are shown, and what becomes of their answers."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from evalloop_assets.evaluation.judges import audit
from evalloop_assets.evaluation.people.reasons import reason_task
from evalloop_assets.lake.errors import UserError
from evalloop_assets_tests.evaluation.world import DAY, World

NEXT = DAY + timedelta(days=1)


def verdicts(judge, items, **more):
    """One verdict with a reason of the judge on so many items, in both orders."""
    frame = pd.DataFrame({"item_id": [f"i{n}" for n in range(items)], "judge_id": judge, "verdict": "a"})
    frame = frame.assign(user_text="hi", reply_a="好", reply_b="poor", prompt_version="1")
    frame["reason"] = "good because of " + frame["item_id"]
    return pd.concat([frame.assign(order=order) for order in ("ab", "ba")]).assign(**more)


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    """Two judges, five reasons of each sampled, three of the first rated; then the day after."""
    world = World(tmp_path_factory.mktemp("rated"), people={"reasons_per_judge": 5})
    told = pd.concat([verdicts("j", 40), verdicts("k", 3), verdicts("j", 2, reason=None, prompt_version="2")])
    world.write("judge_verdicts", told.assign(decided_at=pd.Timestamp(DAY)))
    world.run()
    first = world.rows("reason_queue")
    own = sorted(row["reason_id"] for row in first if row["judge_id"] == "j")[:3]
    answers = [(own[0], "p", True), (own[0], "q", False), (own[1], "p", True), (own[2], "p", True)]
    columns = ["reason_id", "annotator_id", "sound"]
    world.write("reason_ratings", pd.DataFrame(answers, columns=columns), NEXT)
    again = told.assign(decided_at=pd.Timestamp(NEXT))  # in the same words: no other reasons
    world.write("judge_verdicts", pd.concat([again, verdicts("j", 1, reason="new", item_id="z")]), NEXT)
    world.run(NEXT)
    return world, first, own


def test_a_sample_of_each_judges_reasons_waits_an_item_once(rated):
    _, first, _ = rated
    counts = pd.Series([row["judge_id"] for row in first]).value_counts().to_dict()
    assert counts == {"j": 5, "k": 3}
    assert all(row["reason"] for row in first)
    assert len({(row["judge_id"], row["item_id"]) for row in first}) == len(first)
    assert sorted(row["place"] for row in first) == list(range(1, 9))


def test_what_was_rated_waits_no_more_and_the_sample_stays(rated):
    world, first, own = rated
    left = {row["reason_id"] for row in world.rows("reason_queue", NEXT)}
    assert not left & set(own)
    new = {row["reason_id"] for row in world.rows("reason_queue", NEXT) if row["item_id"] == "z"}
    before = {row["reason_id"] for row in first}
    assert left - new <= before
    assert len(left) >= 5 - 1


def test_the_audit_tells_the_share_of_sound_reasons(rated):
    world, _, _ = rated
    rows = {row["judge_id"]: row for row in world.rows("judge_audits", NEXT) if row["probe"] == "sound_reasons"}
    assert (rows["j"]["value"], rows["j"]["n"]) == (pytest.approx(2.5 / 3), 3)
    assert rows["j"]["low"] < 2.5 / 3 < rows["j"]["high"]
    assert (rows["k"]["value"], rows["k"]["reason"]) == (None, "people have rated none of its reasons")


def test_its_interval_is_wilsons_and_nan_ratings_count_nowhere():
    sound = np.repeat([True, False], [30, 10])
    ratings = pd.DataFrame({"judge_id": "j", "item_id": range(40), "sound": sound})
    lost = pd.DataFrame({"judge_id": ["j", None], "item_id": [50, 1], "sound": [None, True]})
    said = pd.DataFrame({"item_id": [0], "judge_id": "j", "verdict": "a"})
    report = audit(said, None, ratings=pd.concat([ratings.astype(object), lost]))["j"]
    [found] = [probe.found for probe in report.all_probes if probe.probe == "sound_reasons"]
    assert (found.low, found.high) == pytest.approx(proportion_confint(30, 40, method="wilson"))
    assert (found.value, found.n) == (0.75, 40)


@pytest.mark.parametrize(
    ("sound", "words"), [("sound", "is no share"), (7, "beyond 0 and 1"), (None, "column sound .* is missing")]
)
def test_ratings_at_fault_are_named(sound, words):
    said = pd.DataFrame({"item_id": [0], "judge_id": "j", "verdict": "a"})
    ratings = pd.DataFrame({"judge_id": ["j"], "item_id": [0]})
    with pytest.raises(UserError, match=words):
        audit(said, None, ratings=ratings if sound is None else ratings.assign(sound=sound))


def test_people_see_what_the_judge_saw_and_not_which_judge_it_was():
    row = {
        "reason_id": "r", "judge_id": "j", "item_id": "i", "order": "ba", "verdict": "a", "reason": "warm",
        "user_text": None, "reply_a": "good", "reply_b": "poor",
    }  # fmt: skip
    shown = reason_task(row, "1")
    assert (shown["first"], shown["second"], shown["judge_says"]) == ("poor", "good", "second")
    assert "j" not in shown.values()
    unknown = reason_task({**row, "order": None}, "1")
    assert (unknown["first"], unknown["judge_says"]) == ("good", "first")
