"""The truth behind raters who err, calibrated confidence, and what goes to people."""

import numpy as np
import pandas as pd
import pytest
from sklearn.isotonic import IsotonicRegression

from evalloop_assets.evaluation.judges.calibration import (
    calibrated,
    expected_calibration_error,
    fold_of,
    isotonic,
    platt,
)
from evalloop_assets.evaluation.judges.dawid_skene import dawid_skene
from evalloop_assets.evaluation.judges.opinions import opinions, people
from evalloop_assets.evaluation.judges.voting import grey_zone, jury
from evalloop_assets_tests.evaluation.real_judges import pandalm

# Dawid and Skene (1979), table 1: 45 patients by observer 1 (three times) and observers 2 to 5, classes 1 to 4.
PATIENTS = """
    1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 2223212
    1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222 1111111
    1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111
    2322222 1211111 2222222
"""
TRUE = "142222132243121111222222112111131224233111212"


def observed():
    counts = np.zeros((5, 45, 4))
    for patient, marks in enumerate(PATIENTS.split()):
        for place, mark in enumerate(marks):
            counts[max(place - 2, 0), patient, int(mark) - 1] += 1
    return counts


def test_dawid_and_skenes_own_patients():
    found = dawid_skene(observed())
    assert "".join(str(place + 1) for place in found.posterior.argmax(axis=1)) == TRUE
    assert found.prior == pytest.approx([0.40, 0.42, 0.11, 0.07], abs=0.005)
    first = [[0.89, 0.11, 0, 0], [0.07, 0.88, 0.05, 0], [0, 0.34, 0.66, 0], [0, 0, 0.56, 0.44]]
    assert found.confusion[0] == pytest.approx(np.array(first), abs=0.005)


def test_truth_that_is_known_is_kept_and_teaches():
    counts = observed()
    known = np.full(45, -1)
    known[0] = 2
    found = dawid_skene(counts, known, smoothing=0.1)
    assert found.posterior[0] == pytest.approx([0, 0, 1, 0])
    assert found.confusion[1, 2, 0] > dawid_skene(counts, smoothing=0.1).confusion[1, 2, 0]


def test_more_steps_make_the_ratings_likelier():
    counts = observed()
    votes = counts.sum(axis=0)
    begun = votes / votes.sum(axis=1, keepdims=True)
    table = np.einsum("ic,rik->rck", begun, counts)
    first = table / table.sum(axis=2, keepdims=True)
    start = np.log(np.maximum(begun.mean(axis=0), 1e-300)) + np.einsum(
        "rik,rck->ic", counts, np.log(np.maximum(first, 1e-300))
    )
    assert dawid_skene(counts).log_likelihood > np.logaddexp.reduce(start, axis=1).sum()


def test_the_isotonic_fit_is_sklearns():
    rng = np.random.default_rng(1)
    x = np.round(rng.random(500), 2)
    y = (rng.random(500) < x).astype(float)
    steps, value = isotonic(x, y)
    assert value == pytest.approx(IsotonicRegression().fit(x, y).predict(steps), abs=1e-12)


def test_platts_fit_finds_the_planted_slope_and_bears_separable_items():
    rng = np.random.default_rng(2)
    stated = rng.uniform(0.5, 0.99, 20_000)
    truth = 1 / (1 + np.exp(-(0.5 * np.log(stated / (1 - stated)) - 0.2)))
    assert platt(stated, (rng.random(20_000) < truth) * 1.0) == pytest.approx((0.5, -0.2), abs=0.06)
    assert np.isfinite(platt(np.array([0.6, 0.7, 0.8, 0.9]), np.array([0.0, 0, 1, 1]))).all()
    assert platt(np.array([0.6, 0.7, 0.8, 0.9]), np.array([1.0, 1, 0, 0]))[0] == 0


def test_a_boastful_confidence_is_found_out_and_mended():
    rng = np.random.default_rng(3)
    truth = rng.uniform(0.5, 0.9, 1_500)
    stated, correct = np.minimum(truth + 0.15, 0.99), (rng.random(1_500) < truth) * 1.0
    boast = expected_calibration_error(stated, correct, 0)
    assert boast.low > 0.08
    mended = calibrated(stated, correct, fold_of(map(str, range(1_500))))
    assert expected_calibration_error(mended, correct, 0).low < 0.01
    assert expected_calibration_error(mended, correct, 0).high < boast.low


def test_calibrated_confidence_has_not_seen_its_own_item():
    rng = np.random.default_rng(4)
    stated, correct = rng.random(400), (rng.random(400) < 0.5) * 1.0
    fold = fold_of(map(str, range(400)))
    before = calibrated(stated, correct, fold)
    other = np.where(fold == 2, 1 - correct, correct)
    assert calibrated(stated, other, fold)[fold == 2] == pytest.approx(before[fold == 2])


@pytest.mark.parametrize("correct", [np.full(200, np.nan), np.r_[np.ones(40), np.full(160, np.nan)], np.ones(200)])
def test_nothing_is_calibrated_on_too_little(correct):
    assert np.isnan(calibrated(np.linspace(0.5, 1, 200), correct, fold_of(map(str, range(200))))).all()


def simulated(rng, accuracies, items=1_200, gold=600):
    truth = rng.choice(["a", "b"], items)
    other = np.where(truth == "a", "b", "a")
    frame = pd.concat(
        [
            pd.DataFrame(
                {
                    "item_id": range(items),
                    "judge_id": f"j{number}",
                    "verdict": np.where(rng.random(items) < accuracy, truth, other),
                }
            )
            for number, accuracy in enumerate(accuracies)
        ]
    )
    marks = pd.DataFrame({"item_id": range(gold), "annotator_id": "p", "verdict": truth[:gold]})
    return opinions(frame, "judge_id", "judge verdicts"), people(opinions(marks, "annotator_id", "gold")), truth


def test_a_good_judge_outvotes_two_poor_ones():
    said, crowd, truth = simulated(np.random.default_rng(5), (0.95, 0.6, 0.6))
    joint = jury(said, crowd.consensus)
    truth_of = pd.Series(truth, index=[str(number) for number in range(len(truth))])
    unseen = joint[joint["gold"].isna()]
    assert len(unseen) == 600
    assert (unseen["verdict"] == truth_of[unseen.index]).mean() > 0.92
    assert unseen["confidence"].mean() == pytest.approx((unseen["verdict"] == truth_of[unseen.index]).mean(), abs=0.03)


def test_the_grey_zone_is_what_the_jury_is_not_sure_of():
    said, crowd, truth = simulated(np.random.default_rng(6), (0.8, 0.8, 0.8))
    joint = jury(said, crowd.consensus)
    zone = grey_zone(joint, 0.9)
    truth_of = pd.Series(truth, index=[str(number) for number in range(len(truth))])
    sure = joint[joint["gold"].isna()].drop(zone.index)
    assert 0.2 < len(zone) / 600 < 0.8
    assert (zone["verdict"] == truth_of[zone.index]).mean() < 0.85 < (sure["verdict"] == truth_of[sure.index]).mean()
    assert zone["confidence"].is_monotonic_increasing


def test_without_people_no_confidence_is_known_and_all_goes_to_them():
    said, _, _ = simulated(np.random.default_rng(7), (0.8, 0.7), items=30, gold=30)
    joint = jury(said, pd.Series(dtype=object))
    assert joint["confidence"].isna().all()
    assert len(grey_zone(joint, 0.5)) == 30
    nobody = jury(said.iloc[:0], pd.Series(dtype=object))
    assert nobody.empty
    assert list(nobody.columns) == list(joint.columns)


def test_two_real_judges_together_are_no_worse_than_the_better():
    verdicts, gold = pandalm()
    crowd = people(opinions(gold, "annotator_id", "gold"))
    joint = jury(opinions(verdicts, "judge_id", "judge verdicts"), crowd.consensus)
    assert (joint["verdict"] == joint["gold"]).mean() > 0.69
    correct = (joint["verdict"] == joint["gold"]).to_numpy(float)
    raw, mended = (expected_calibration_error(joint[name].to_numpy(), correct, 0) for name in ("raw", "confidence"))
    assert mended.value < min(raw.value, 0.06)
