"""Agreement of people, what it says of their labels, and who is still needed."""

import numpy as np
import pandas as pd
import pytest

from evalloop_assets.evaluation.judges.opinions import opinions, people
from evalloop_assets.evaluation.judges.voting import jury
from evalloop_assets.evaluation.people.annotators import quality
from evalloop_assets.evaluation.people.ceiling import (
    accuracy_of_one,
    consensus_accuracy,
    label_ceiling,
)
from evalloop_assets.evaluation.people.gold_sets import gold_sets
from evalloop_assets.evaluation.people.queue import disagreements, together, waiting
from evalloop_assets_tests.evaluation.real_judges import pandalm

CLASSES = np.array(["a", "tie", "b"])


def annotations(*rows, **more):
    """Rows of (item, annotator, verdict)."""
    frame = pd.DataFrame(rows, columns=["item_id", "annotator_id", "verdict"]).assign(**more)
    return opinions(frame, "annotator_id", "gold annotations")


def crowd(rng, accuracies, items=800):
    """Everybody judges every item; who errs says either other class alike."""
    truth = rng.integers(0, 3, items)
    frames = []
    for number, accuracy in enumerate(accuracies):
        said = np.where(rng.random(items) < accuracy, truth, (truth + rng.integers(1, 3, items)) % 3)
        frames.append(pd.DataFrame({"item_id": range(items), "annotator_id": f"p{number}", "verdict": CLASSES[said]}))
    return opinions(pd.concat(frames), "annotator_id", "gold annotations"), truth


def test_pandalms_three_people():
    _, gold = pandalm()
    marks = opinions(gold, "annotator_id", "gold annotations")
    [found] = gold_sets(marks)
    assert (found.items, found.annotators, found.disputed) == (999, 3, 0)
    assert found.agreement.value == pytest.approx((0.9129 + 0.9289 + 0.9179) / 3, abs=1e-3)
    assert found.alpha.value == pytest.approx(0.86, abs=0.02)
    assert 0.98 < found.ceiling.low < found.ceiling.high < 1


@pytest.mark.parametrize("accuracy", [0.6, 0.75, 0.9, 1.0])
def test_accuracy_of_one_undoes_the_agreement_of_two(accuracy):
    agreement = accuracy**2 + (1 - accuracy) ** 2 / 2
    assert accuracy_of_one(agreement) == pytest.approx(accuracy)
    assert consensus_accuracy(accuracy, 1) == pytest.approx(accuracy)
    assert consensus_accuracy(accuracy, 2) == pytest.approx(accuracy**2 / agreement)


def test_the_ceiling_is_what_a_judge_without_error_reaches():
    rng = np.random.default_rng(1)
    for accuracies in ((0.8, 0.8), (0.85, 0.85, 0.85), (0.7,) * 5):
        marks, truth = crowd(rng, accuracies, 4_000)
        said = people(marks)
        right = CLASSES[truth[said.consensus.index.astype(int)]] == said.consensus.to_numpy()
        found = label_ceiling(said.votes)
        assert found.value == pytest.approx(right.mean(), abs=0.015)
        assert found.low < consensus_accuracy(accuracies[0], len(accuracies)) < found.high


def test_the_ceilings_interval_covers():
    rng, held = np.random.default_rng(2), 0
    for _ in range(100):
        marks, _ = crowd(rng, (0.8, 0.8), 120)
        found = label_ceiling(people(marks).votes)
        held += found.low <= consensus_accuracy(0.8, 2) <= found.high
    assert held >= 89


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("i", "p", "a"), ("j", "p", "b")], "no item was judged by two"),
        ([("i", "p", "a"), ("i", "q", "b")], "consensus"),
        ([("i", "p", "a"), ("i", "q", "b"), ("j", "p", "a")], "guessing"),
    ],
)
def test_no_ceiling_without_two_voices_that_agree(rows, reason):
    found = label_ceiling(people(annotations(*rows)).votes)
    assert not found.known
    assert reason in found.reason


def test_an_annotator_who_guesses_is_told_from_the_others():
    marks, _ = crowd(np.random.default_rng(3), (0.9, 0.9, 0.9, 0.4))
    found = quality(marks)
    fired = {name: one["lead"].high < 0 for name, one in found.items()}
    assert fired == {"p0": False, "p1": False, "p2": False, "p3": True}
    assert found["p0"]["accuracy"].value == pytest.approx(0.9, abs=0.03)
    assert found["p3"]["accuracy"].value == pytest.approx(0.4, abs=0.05)


def test_somebody_is_wrongly_named_among_many_no_oftener_than_among_few():
    rng, named = np.random.default_rng(5), 0
    for _ in range(40):
        marks, _ = crowd(rng, (0.8,) * 12, 60)
        named += any(one["lead"].high < 0 for one in quality(marks).values())
    assert named <= 6  # 5% of 40, and what chance adds to it once in 1,000 times


def test_a_person_has_one_say_what_they_said_most_often_and_a_tie_where_two_are_level():
    said = [("i", "p", "a"), ("i", "p", "b"), ("j", "p", "a"), ("j", "p", "a"), ("j", "p", "b")]
    days = [f"2026-03-0{day}" for day in range(1, 6)]
    assert people(annotations(*said, decided_at=days)).consensus.to_dict() == {"i": "tie", "j": "a"}


def test_of_two_who_disagree_nobody_knows_who_is_wrong():
    marks, _ = crowd(np.random.default_rng(4), (0.9, 0.5), 60)
    found = quality(marks)
    assert found["p0"]["agreement"].value == found["p1"]["agreement"].value
    assert "fewer than 3" in found["p0"]["accuracy"].reason
    assert "two others" in found["p0"]["lead"].reason
    alone = quality(annotations(("i", "p", "a")))
    assert "nobody else" in alone["p"]["agreement"].reason


def test_a_gold_set_has_another_version_when_anything_in_it_is_another():
    rows = [("i", "p", "a"), ("i", "q", "a"), ("j", "p", "b")]
    version = gold_sets(annotations(*rows))[0].version
    assert gold_sets(annotations(*reversed(rows)))[0].version == version
    assert gold_sets(annotations(*rows[:2], ("j", "p", "tie")))[0].version != version
    assert gold_sets(annotations(*rows, prompt_version="2"))[0].version != version
    assert gold_sets(annotations(*rows, order="ab"))[0].version != version
    assert gold_sets(annotations(*rows, decided_at="2026-03-02"))[0].version != version
    both = pd.concat([annotations(*rows, prompt_version="1"), annotations(*rows, prompt_version="2")])
    assert [one.guideline for one in gold_sets(both)] == ["all", "1", "2"]
    assert gold_sets(annotations()) == []


def nobody():
    return jury(
        opinions(pd.DataFrame(columns=["item_id", "judge_id", "verdict"]), "judge_id", "v"), pd.Series(dtype=object)
    )


def test_two_people_an_item_and_a_third_where_they_differ():
    marks = annotations(
        ("settled", "p", "a"), ("settled", "q", "a"),
        ("differ", "q", "a"), ("differ", "p", "tie"),
        ("one", "p", "b"),
        ("hopeless", "p", "a"), ("hopeless", "q", "b"), ("hopeless", "r", "tie"),
        ("outvoted", "p", "a"), ("outvoted", "q", "b"), ("outvoted", "r", "b"),
    )  # fmt: skip
    queue = waiting(marks, nobody(), 0.8, 100)
    assert queue[["item_id", "purpose", "needed", "asked"]].to_numpy().tolist() == [
        ["differ", "third", 1, "p, q"],
        ["one", "second", 1, "p"],
    ]
    assert list(disagreements(marks).index) == ["differ", "hopeless", "outvoted"]


def test_the_grey_zone_waits_behind_and_what_people_saw_is_in_it_no_more():
    verdicts = pd.DataFrame({"item_id": ["x", "y", "one"], "judge_id": "j", "verdict": "a"})
    marks = annotations(("one", "p", "b"))
    joint = jury(opinions(verdicts, "judge_id", "v"), people(marks).consensus)
    queue = waiting(marks, joint, 0.8, 100)
    assert list(zip(queue["item_id"], queue["purpose"], queue["needed"], strict=True)) == [
        ("one", "second", 1),
        ("x", "grey_zone", 2),
        ("y", "grey_zone", 2),
    ]
    assert len(waiting(marks, joint, 0.8, 2)) == 2
    split = annotations(("x", "p", "a"), ("x", "q", "b"))  # no consensus, and yet no item of the grey zone
    joint = jury(opinions(verdicts, "judge_id", "v"), people(split).consensus)
    assert waiting(split, joint, 0.8, 100)["item_id"].tolist() == ["x", "one", "y"]
    assert waiting(annotations(), nobody(), 0.8, 10).empty


def test_queues_become_one_and_an_item_of_both_comes_once():
    def rows(*purposes):
        return [{"item_id": item, "purpose": purpose, "place": place} for place, item, purpose in purposes]

    queued = rows((2, "second", "second"), (1, "third", "third"), (3, "grey", "grey_zone"))
    cases = rows((2, "case", "bad_case"), (1, "second", "bad_case"), (3, "grey", "bad_case"))
    assert [(row["item_id"], row["purpose"]) for row in together(queued, cases)] == [
        ("third", "third"),
        ("second", "second"),
        ("case", "bad_case"),
        ("grey", "bad_case"),
    ]
