"""The report card against scikit-learn, by hand, and on what is no pair of label columns."""

import json
import subprocess
import sys
import warnings
from random import Random

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from evalloop_assets.evaluation import report_card
from evalloop_assets.evaluation.launch.figures import skewed_reach
from evalloop_assets.lake.errors import UserError

A_TRUE = ["cat", "cat", "dog", "dog", "dog", "fox", "fox", "cat", "dog", "cat"]
A_PRED = ["cat", "dog", "dog", "dog", "cat", "fox", "dog", "cat", "dog", "cat"]


def drawn(labels: list[object], rows: int, right: float, seed: int = 1) -> tuple[list[object], list[object]]:
    random = np.random.default_rng(seed)
    true = random.integers(len(labels), size=rows)
    predicted = np.where(random.random(rows) < right, true, random.integers(len(labels), size=rows))
    return [labels[number] for number in true], [labels[number] for number in predicted]


@pytest.mark.parametrize(
    "labels", [["a", "b", "c"], [0, 1, 2, 3], [True, False], ["好", "坏"], [-1.0, 0.0, 1.0]], ids=lambda one: str(one)
)
@pytest.mark.parametrize("right", [0.2, 0.9])
def test_every_value_is_that_of_scikit_learn(labels: list[object], right: float):
    true, predicted = drawn(labels, 400, right)
    card = report_card(true, predicted)
    order = list(card.labels)
    assert order == sorted(labels)
    expected = metrics.precision_recall_fscore_support(true, predicted, labels=order, zero_division=np.nan)
    for place, label in enumerate(order):
        mine = card.per_class[label]
        assert [mine.precision.value, mine.recall.value, mine.f1.value] == pytest.approx(
            [e[place] for e in expected[:3]]
        )
        assert mine.support == expected[3][place]
    for average in ("macro", "weighted"):
        theirs = metrics.precision_recall_fscore_support(true, predicted, average=average)[:3]
        assert [figure.value for figure in getattr(card, average)] == pytest.approx(theirs)
    assert card.accuracy.value == pytest.approx(metrics.accuracy_score(true, predicted))
    assert card.kappa.value == pytest.approx(metrics.cohen_kappa_score(true, predicted))
    assert card.matthews.value == pytest.approx(metrics.matthews_corrcoef(true, predicted))
    assert [list(row) for row in card.confusion_matrix] == metrics.confusion_matrix(
        true, predicted, labels=order
    ).tolist()


@pytest.mark.parametrize("labels", [[0, 1], [False, True], [-1, 1], [0.0, 1.0], [np.False_, np.True_]], ids=str)
def test_of_two_labels_that_are_no_and_yes_the_whole_is_that_of_yes(labels: list[object]):
    true, predicted = drawn(labels, 300, 0.5)
    card = report_card(true, predicted)
    expected = metrics.precision_recall_fscore_support(true, predicted, average="binary")[:3]
    assert [float(one) for one in (card.precision, card.recall, card.f1)] == pytest.approx(expected)
    told = card.to_dict()
    assert [told[name]["value"] for name in ("precision", "recall", "f1")] == pytest.approx(expected)


def test_of_other_labels_the_whole_is_the_macro_average_and_of_no_alone_nothing_is_known():
    card = report_card(A_TRUE, A_PRED)
    assert (card.precision, card.recall, card.f1) == card.macro
    alone = report_card([0, 0, 0], [0, 0, 0])
    assert {one.reason for one in (alone.precision, alone.recall, alone.f1)} == {
        "class 1 is neither true nor predicted in 3 rows"
    }
    assert float(report_card([1, 1], [1, 1]).recall) == 1.0


def test_intervals_of_shares_are_those_of_scipy():
    card = report_card(A_TRUE, A_PRED)
    theirs = stats.binomtest(7, 10).proportion_ci(method="wilson")
    assert (card.accuracy.low, card.accuracy.high) == pytest.approx((theirs.low, theirs.high))
    cat = card.per_class["cat"]
    theirs = stats.binomtest(3, 4).proportion_ci(method="wilson")
    assert (cat.precision.low, cat.precision.high) == pytest.approx((theirs.low, theirs.high))
    # cat: 3 right, 1 missed, 1 false; J = 3/5, and F1 = 2J/(1 + J).
    theirs = stats.binomtest(3, 5).proportion_ci(method="wilson")
    assert cat.f1.value == pytest.approx(0.75)
    assert (cat.f1.low, cat.f1.high) == pytest.approx(tuple(2 * bound / (1 + bound) for bound in theirs))


def test_standard_error_of_kappa_is_that_of_statsmodels():
    from statsmodels.stats.inter_rater import cohens_kappa

    true, predicted = drawn(["a", "b", "c"], 20_000, 0.6)
    card = report_card(true, predicted)
    theirs = cohens_kappa(np.array(card.confusion_matrix))
    assert (card.kappa.low, card.kappa.high) == pytest.approx((theirs.kappa_low, theirs.kappa_upp), abs=2e-4)


def test_slopes_of_mixed_figures_are_their_differences():
    from evalloop_assets.evaluation.launch import confusion

    p = np.random.default_rng(1).dirichlet(np.ones(9)).reshape(3, 3)
    for figure in (confusion._weighted_precision, confusion._weighted_f1, confusion._kappa, confusion._matthews):
        slopes = figure(p).cells
        for first, second in (((0, 1), (2, 2)), ((1, 1), (0, 2)), ((2, 0), (1, 0))):
            step = np.zeros((3, 3))
            step[first], step[second] = 1e-6, -1e-6
            change = (figure(p + step).value - figure(p - step).value) / 2e-6
            assert change == pytest.approx(slopes[first] - slopes[second], abs=1e-6), figure.__name__


def test_classes_taken_for_one_another_have_f1_that_moves_together():
    from evalloop_assets.evaluation.launch import confusion

    counts = np.array([[60, 15, 1], [20, 50, 2], [0, 2, 50]])
    drawn = np.random.default_rng(1).multinomial(200, counts.ravel() / 200, 20_000).reshape(-1, 3, 3)
    right = np.diagonal(drawn, axis1=1, axis2=2)
    f1 = 2 * right / (drawn.sum(axis=1) + drawn.sum(axis=2))
    assert confusion._correlation_of_f1(counts) == pytest.approx(np.corrcoef(f1.T), abs=0.03)


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series, pd.Categorical, pa.array, pl.Series, iter])
def test_any_column_of_labels_gives_the_same_card(kind: type):
    assert report_card(kind(A_TRUE), kind(A_PRED)) == report_card(A_TRUE, A_PRED)


def test_labels_may_be_tuples_of_any_length_and_mixed_kinds():
    card = report_card([("a", 1), ("b",), "x", 3], [("a", 1), ("b",), 3, 3])
    assert card.accuracy.value == 0.75
    assert set(card.labels) == {("a", 1), ("b",), "x", 3}
    json.dumps(card.to_dict(), allow_nan=False)


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1, max_size=60),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60)
def test_intervals_hold_their_value_and_the_order_of_rows_does_not_matter(rows: list[tuple[str, str]], random: Random):
    card = report_card(*zip(*rows, strict=True))
    figures = [card.accuracy, *card.macro, *card.weighted, card.kappa, card.matthews]
    for figure in figures + [figure for one in card.per_class.values() for figure in one[:3]]:
        assert figure.known != bool(figure.reason)
        if figure.known:
            assert figure.low <= figure.value + 1e-12
            assert figure.value <= figure.high + 1e-12
            assert -1 <= figure.low <= figure.high <= 1 + 1e-12
    assert sum(map(sum, card.confusion_matrix)) == card.rows == len(rows)
    random.shuffle(rows)
    assert repr(report_card(*zip(*rows, strict=True))) == repr(card)
    swapped = report_card(*reversed(list(zip(*rows, strict=True))))
    for label, one in card.per_class.items():
        assert repr(one.precision[:4]) == repr(swapped.per_class[label].recall[:4])


def test_labels_may_be_a_tensor():
    torch = pytest.importorskip("torch")
    assert report_card(torch.tensor([1, 0, 1]), torch.tensor([1, 1, 1])).accuracy.value == pytest.approx(2 / 3)


def test_truth_values_and_their_numbers_are_one_label():
    assert report_card([True, False, True], [1, 0, 0]).accuracy.value == pytest.approx(2 / 3)
    assert report_card(np.array([True, False]), pd.array([True, False], "boolean")).accuracy.value == 1


def test_what_cannot_be_known_says_why():
    card = report_card(["a", "a", "b"], ["a", "a", "c"])
    assert np.isnan(card.per_class["b"].precision.value)
    assert card.per_class["b"].precision.reason == "the class was never predicted"
    assert card.per_class["c"].recall.reason == "the class never occurs in the truth"
    assert card.per_class["b"].f1.value == 0
    assert card.macro.precision.value == pytest.approx(0.5)  # of a and c
    assert not card.weighted.precision.known
    one = report_card(["a"] * 9, ["a"] * 9)
    assert (one.accuracy.value, one.accuracy.high) == (1, 1)
    assert 0.6 < one.accuracy.low < 0.8
    assert one.kappa.reason == "there is one class only"
    assert not one.matthews.known
    assert report_card(["a", "b"] * 9, ["a"] * 18).matthews.reason == "one class only was predicted"
    assert "never predicted" in card.to_markdown()
    json.dumps(card.to_dict(), allow_nan=False)


def test_a_card_without_an_error_is_not_certain():
    card = report_card(["a", "b"] * 20, ["a", "b"] * 20)
    for figure in (card.accuracy, *card.macro, *card.weighted, card.kappa, card.matthews):
        assert figure.value == figure.high == 1
        assert 0.5 < figure.low < 0.96


@pytest.mark.parametrize(
    ("true", "predicted", "said"),
    [
        ([], [], "there is no row"),
        (["a"], ["a", "b"], "y_true has 1 rows and y_pred 2"),
        (["a", "b"], ["a", None], "y_pred is missing in 1 of 2 rows"),
        ([1.0, 2.0], [1.0, float("nan")], "y_pred is missing in 1 of 2 rows"),
        (pd.array(["a", pd.NA]), ["a", "b"], "y_true is missing in 1 of 2 rows"),
        ([0, 1], [0.2, 0.9], "y_pred holds fractions"),
        (["0", "1"], [0, 1], "no label is in both"),
        (range(2_001), range(2_001), "2,001 different labels"),
        ("ab", ["a", "b"], "y_true is str, no column"),
        (["a"], 3, "y_pred is int, no column"),
        ([["a"], ["b"]], ["a", "b"], "cannot be compared"),
        (np.eye(2), [0, 1], "2 dimensions (2 × 2)"),
        (pd.Series([1, 2], [7, 8]), pd.Series([2, 1], [8, 7]), "another order"),
        (pd.Series([1, 2], ["a", 8]), pd.Series([2, 1], [8, "a"]), "another order"),
        ({1, 2}, {1, 2}, "y_true is set, no column"),
    ],
)
def test_what_are_no_labels_is_refused(true: object, predicted: object, said: str):
    with pytest.raises(UserError, match="report card") as caught:
        report_card(true, predicted)  # type: ignore[arg-type]
    assert said in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("name", ["slices", "locale", "table", "cost_usd", "latency_ms", "unsafe"])
def test_whatever_is_told_of_the_rows_in_another_order_is_refused(name: str):
    true, other = pd.Series([1, 0], [7, 8]), pd.Series([0, 1], [8, 7])
    given = {"locale": {"slices": {"locale": other}}, "table": {"slices": other.to_frame("locale")}}
    with pytest.raises(UserError, match=r"same rows in another order"):
        report_card(true, true, **given.get(name, {name: other}))
    assert report_card(true, true, **{name: other.to_numpy()} if name not in given else {}).rows == 2


@pytest.mark.parametrize("rows", [0, True, 1.5, "a"])
def test_a_minimum_that_is_no_number_of_rows_is_refused(rows: object):
    with pytest.raises(UserError, match="minimum_rows is"):
        report_card([1], [1], minimum_rows=rows)  # type: ignore[arg-type]


def test_slices_are_told_apart_from_the_rest_and_small_ones_are_drawn_to_the_others():
    random = np.random.default_rng(2)
    place = np.array(["big"] * 1_000 + ["bad"] * 300 + ["tiny"] * 4 + ["none"] * 50, object)
    right = random.random(len(place)) < np.where(place == "bad", 0.6, 0.9)
    place[place == "none"] = None
    card = report_card(np.ones(len(place), int), right.astype(int), slices={"place": place})
    found = {one.value: one for one in card.slices}
    assert set(found) == {"big", "bad", "tiny"}
    bad, tiny = found["bad"], found["tiny"]
    assert bad.difference.high < 0
    assert bad.p_adjusted < 0.001
    others = found["big"].rows + tiny.rows
    hits = round(found["big"].accuracy.value * 1_000) + int(right[1_300:1_304].sum())
    assert bad.difference.value == pytest.approx(right[1_000:1_300].mean() - hits / others)
    assert (
        bad.p_value
        == stats.fisher_exact([[right[1_000:1_300].sum(), 300 - right[1_000:1_300].sum()], [hits, others - hits]])[1]
    )
    assert tiny.accuracy.reason == "not enough data: 4 rows, 30 are needed"
    assert np.isnan(tiny.p_adjusted)
    assert 0.4 < tiny.shrunk.low < tiny.shrunk.value < tiny.shrunk.high <= 1
    assert "not enough data" in card.to_markdown()


def test_slices_of_bad_shape_are_refused():
    with pytest.raises(UserError, match="slices slice has 1 rows and y_true 2"):
        report_card([1, 2], [1, 2], slices=["a"])
    table = pd.DataFrame({"x": ["a", "b"], "y": ["c", None]})
    assert {(one.column, one.value) for one in report_card([1, 2], [1, 2], slices=table).slices} == {
        ("x", "a"), ("x", "b"), ("y", "c"),
    }  # fmt: skip


def test_adjusted_p_values_are_those_of_scipy():
    from evalloop_assets.evaluation.launch.shrinkage import benjamini_hochberg

    p = np.array([0.01, 0.9, np.nan, 0.02, 0.02, 0.4])
    found = benjamini_hochberg(p)
    assert np.isnan(found[2])
    assert np.delete(found, 2) == pytest.approx(stats.false_discovery_control(np.delete(p, 2)))


def test_of_slices_that_do_not_differ_few_runs_name_one():
    random = np.random.default_rng(3)
    named = 0
    for _ in range(100):
        right = random.random(600) < 0.8
        card = report_card(np.ones(600, int), right.astype(int), slices=random.integers(8, size=600))
        named += any(one.p_adjusted < 0.05 for one in card.slices)
    assert stats.binomtest(named, 100, 0.05, "greater").pvalue > 0.01, named


def test_cost_latency_and_safety_have_intervals():
    random = np.random.default_rng(4)
    latency = random.lognormal(6, 1, 500)
    card = report_card(
        [1] * 500, [1] * 500, cost_usd=latency / 1e5, latency_ms=latency, unsafe=random.random(500) < 0.05
    )
    assert set(card.extras) == {"cost_usd", "latency_ms_median", "latency_ms_p95", "unsafe"}
    for name, place in (("latency_ms_median", 0.5), ("latency_ms_p95", 0.95)):
        theirs = stats.quantile_test(latency, p=place).confidence_interval(0.95)
        figure = card.extras[name]
        assert figure.low <= figure.value <= figure.high
        assert (figure.low, figure.high) == pytest.approx((theirs.low, theirs.high), rel=0.05)
    cost, rows = card.extras["cost_usd"], latency / 1e5
    below, above = skewed_reach(stats.t.ppf(0.975, 499), stats.skew(rows) / np.sqrt(500))
    assert (cost.low, cost.high) == pytest.approx(
        (rows.mean() - below * stats.sem(rows), rows.mean() + above * stats.sem(rows))
    )
    even = np.concatenate([rows, 0.1 - rows])
    (alike,) = report_card([1] * 1_000, [1] * 1_000, cost_usd=even).extras.values()
    assert (alike.low, alike.high) == pytest.approx(stats.ttest_1samp(even, 0).confidence_interval())
    for bad in ({"cost_usd": [-1.0]}, {"latency_ms": ["soon"]}, {"unsafe": [2]}, {"cost_usd": [1.0, 2.0]}):
        with pytest.raises(UserError):
            report_card([1], [1], **bad)  # type: ignore[arg-type]
    assert report_card([1], [1], cost_usd=[np.nan]).extras["cost_usd"].reason.startswith("not enough data")


def test_intervals_hold_the_truth():
    from benchmarks.report_card import POPULATIONS, card_coverage, mean_coverage, share_coverage

    for name, cells in POPULATIONS.items():
        for figure, held in card_coverage(cells, 150, 400, 5).items():
            assert held > 0.9, (name, figure, held)
    assert share_coverage(8, (5, 60), 150, 5) > 0.9
    assert mean_coverage(8, 0.5, 150, 5) > 0.9
    assert mean_coverage(8, 0.0, 150, 5) > 0.95


def test_shrinking_is_closer_to_the_truth_than_the_slices_own_figures():
    from evalloop_assets.evaluation.launch.shrinkage import shrunk_means, shrunk_shares

    random = np.random.default_rng(6)
    truth = random.beta(14, 6, 30)
    n = random.integers(3, 40, 30)
    hits = random.binomial(n, truth)
    drawn_in = shrunk_shares(hits, n).value
    assert np.mean((drawn_in - truth) ** 2) < 0.6 * np.mean((hits / n - truth) ** 2)
    far = shrunk_means([0.0, 0.0, 0.0, 10.0], [0.1, 0.1, 0.1, 0.1]).value
    assert far == pytest.approx([0, 0, 0, 10], abs=0.05)
    alike = shrunk_means([1.0, -1.0, 0.5, -0.5], [2.0, 2.0, 2.0, 2.0]).value
    assert np.abs(alike).max() < 0.5


def test_importing_the_function_imports_no_pandas():
    code = "import sys; from evalloop_assets.evaluation import report_card; sys.exit('pandas' in sys.modules)"
    with warnings.catch_warnings():
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
