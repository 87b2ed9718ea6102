"""Published leaderboards and the result files of harnesses become rows of `benchmark_scores`."""

import csv
import json
from datetime import datetime
from pathlib import Path

import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.logs.deliver import deliver
from evalloop_assets.logs.harness import evalscope_rows, lm_eval_rows
from evalloop_assets.logs.mapping_file import load_mapping, parse_mapping
from evalloop_assets.settings import Settings
from evalloop_assets_tests.logs.world import TOLERANCE, reasons, rows_of
from evalloop_assets_tests.real_data import FOLDER

NOW = datetime(2026, 12, 1)
DATA = Path(__file__).with_name("data")
MAPPINGS = Path(__file__).parents[3] / "docs" / "mappings"
RESULTS = DATA / "lm_eval" / "tiny-llama" / "results_2026-11-26T20-33-39.547588.json"
SAMPLES = DATA / "lm_eval" / "tiny-llama" / "samples_word_order_2026-11-26T20-33-39.547588.jsonl"
REPORT = DATA / "evalscope" / "reports" / "tiny-llama" / "general_mcq.json"
REVIEWS = DATA / "evalscope" / "reviews" / "tiny-llama" / "general_mcq_words.jsonl"


@pytest.fixture
def lake(tmp_path):
    return open_lake(Settings(home=tmp_path))


def take_in(lake, path, mapping):
    mapping = load_mapping(MAPPINGS / f"{mapping}.yaml") if "\n" not in mapping else parse_mapping(mapping, "own.yaml")
    return deliver(lake, path, mapping, now=NOW, tolerance=TOLERANCE, batch_rows=1_000)


def scores(lake):
    return {(row["benchmark"], row["item_id"]): row for row in rows_of(lake, "benchmark_scores")}


def test_samples_of_the_harness_are_items(lake):
    done = take_in(lake, SAMPLES, "lm-eval")
    said = [json.loads(line) for line in SAMPLES.read_text(encoding="utf-8").splitlines()]
    assert (done.rows_added, done.rows_rejected) == (8, 0)
    found = scores(lake)
    assert {key: row["score"] for key, row in found.items()} == {
        ("word_order acc", str(one["doc_id"])): one["acc"] for one in said
    }
    row = found["word_order acc", "0"]
    assert (row["model_id"], row["slice"]) == ("tiny-llama", "word_order")
    assert row["scored_at"] == datetime(2026, 11, 26, 20, 33, 39)


def test_results_of_the_harness_are_published_scores_with_their_error(lake):
    assert take_in(lake, RESULTS, "format: lm_eval\n").rows_added == 2
    (one, other) = (scores(lake)[name, "all"] for name in ("word_order acc", "word_order acc_norm"))
    told = json.loads(RESULTS.read_text(encoding="utf-8"))["results"]["word_order"]
    assert (one["score"], one["standard_error"]) == (told["acc,none"], told["acc_stderr,none"])
    assert other["score"] == told["acc_norm,none"]
    assert one["model_id"] == "tiny-llama"
    assert one["scored_at"].date().isoformat() == "2026-11-26"


def test_the_items_of_a_sample_file_have_the_mean_that_the_results_tell():
    said = [row for line in SAMPLES.read_text().splitlines() for row in lm_eval_rows(json.loads(line), SAMPLES)]
    acc = [row["score"] for row in said if row["metric"] == "acc"]
    (told,) = [row for row in lm_eval_rows(json.loads(RESULTS.read_text()), RESULTS) if row["metric"] == "acc"]
    assert sum(acc) / len(acc) == told["score"]


def test_reviews_and_reports_of_evalscope_tell_the_same(lake):
    assert take_in(lake, REVIEWS, "evalscope").rows_added == 8
    assert take_in(lake, REPORT, "evalscope").rows_added == 1
    found = scores(lake)
    items = [row["score"] for (name, item), row in found.items() if item != "all"]
    whole = found["general_mcq_words accuracy", "all"]
    assert sum(items) / len(items) == whole["score"] == 0.625
    assert {row["model_id"] for row in found.values()} == {"tiny-llama"}
    assert whole["standard_error"] is None


def test_the_product_may_call_the_model_otherwise(lake):
    take_in(lake, SAMPLES, "format: lm_eval\ncolumns: {model_id: {value: incumbent}}\n")
    assert {row["model_id"] for row in rows_of(lake, "benchmark_scores")} == {"incumbent"}
    assert {row["benchmark"] for row in rows_of(lake, "benchmark_scores")} == {"word_order acc", "word_order acc_norm"}


def test_the_same_bytes_of_another_model_are_another_delivery(lake, tmp_path):
    copy = tmp_path / "maker__other" / SAMPLES.name
    copy.parent.mkdir()
    copy.write_bytes(SAMPLES.read_bytes())
    take_in(lake, SAMPLES, "lm-eval")
    take_in(lake, copy, "lm-eval")
    assert {row["model_id"] for row in rows_of(lake, "benchmark_scores")} == {"tiny-llama", "maker/other"}


def test_a_figure_that_is_better_when_low_is_negated():
    record = {
        "model_name": "m",
        "higher_is_better": {"t": {"ppl": False, "acc": True}},
        "results": {"t": {"alias": "t", "ppl,none": 12.5, "ppl_stderr,none": "N/A", "acc,strict": 0.5}},
    }
    found = {row["metric"]: row for row in lm_eval_rows(record, Path("results.json"))}
    assert found["ppl"]["score"] == -12.5
    assert found["ppl"]["standard_error"] is None
    assert found["acc strict"]["score"] == 0.5


def test_what_is_no_result_gives_nothing():
    for rows in (lm_eval_rows, evalscope_rows):
        for record in (None, [], {}, {"results": 1}, {"metrics": ["acc"]}, {"sample_score": {"score": None}}):
            assert list(rows(record, Path("x.json"))) == []


def test_another_file_under_the_mapping_adds_nothing(lake, tmp_path):
    path = tmp_path / "other.jsonl"
    path.write_text('{"a": 1}\n', encoding="utf-8")
    done = take_in(lake, path, "lm-eval")
    assert (done.rows_added, done.records_skipped) == (0, 1)


BOARD = "model,score,ci,low,high\nm,1470,+5/-7,1463,1475\nn,1400,about 5,1390,1410\n"
AS_TEXT = """
format: csv
table: benchmark_scores
columns:
  {model_id: model, benchmark: {value: b}, item_id: {value: all}, score: score, standard_error: {interval: ci}}
"""


def test_the_standard_error_is_half_the_interval_by_its_quantile(lake, tmp_path):
    path = tmp_path / "board.csv"
    path.write_text(BOARD, encoding="utf-8")
    assert take_in(lake, path, AS_TEXT).rows_rejected == 1
    assert "about 5" in reasons(lake)[3]
    (row,) = rows_of(lake, "benchmark_scores")
    assert row["standard_error"] == pytest.approx(6 / 1.959964)
    take_in(lake, path, AS_TEXT.replace("{interval: ci}", "{interval: [low, high], level: 0.9}"))
    found = {row["model_id"]: row["standard_error"] for row in rows_of(lake, "benchmark_scores")}
    assert found == pytest.approx({"m": 6 / 1.644854, "n": 10 / 1.644854})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("score: score", "score: {interval: ci}"), "has `interval`, but the column is no standard error"),
        (("{interval: ci}", "{interval: ci, from: low}"), "exactly one of"),
        (("{interval: ci}", "{interval: [a, b, c]}"), "two bounds, or of one text"),
        (("{interval: ci}", "{interval: ci, level: 95}"), "less than 1"),
    ],
)
def test_mistakes_in_an_interval_are_told(change, expected):
    with pytest.raises(UserError, match=expected):
        parse_mapping(AS_TEXT.replace(*change), "own.yaml")


def real(name):
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"real data is not on this machine: no file {path}")
    return path


def test_lmarena(lake):
    path = real("lmarena/lmarena_text.csv")
    done = take_in(lake, path, "leaderboard-lmarena")
    with path.open(encoding="utf-8") as file:
        told = {row["model"]: row for row in csv.DictReader(file)}
    assert (done.rows_added, done.rows_rejected) == (len(told), 0)
    row = {row["model_id"]: row for row in rows_of(lake, "benchmark_scores")}["Gemini-2.5-Pro"]
    assert row["score"] == float(told["Gemini-2.5-Pro"]["arena_score"])
    assert row["standard_error"] == pytest.approx(5 / 1.959964)


def test_alpaca_eval(lake):
    path = real("alpaca_eval/weighted_alpaca_eval_gpt4_turbo_leaderboard.csv")
    done = take_in(lake, path, "leaderboard-alpaca-eval")
    assert (done.rows_added, done.rows_rejected) == (sum(1 for _ in path.open(encoding="utf-8")) - 1, 0)
    row = {row["model_id"]: row for row in rows_of(lake, "benchmark_scores")}["NullModel"]
    assert (round(row["score"], 2), round(row["standard_error"], 3)) == (86.46, 0.142)
