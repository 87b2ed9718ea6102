"""Published leaderboards and the result files of harnesses become rows of `benchmark_scores`."""

import csv
import json
from datetime import datetime
from functools import reduce
from operator import getitem
from pathlib import Path

import pandas as pd
import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.logs.deliver import deliver
from evalloop_assets.logs.harness import evalscope_rows, lm_eval_rows
from evalloop_assets.logs.harness_items import lm_eval_item
from evalloop_assets.logs.mapping_file import load_mapping, parse_mapping
from evalloop_assets.settings import Settings
from evalloop_assets_tests.logs.world import TOLERANCE, reasons, rows_of
from evalloop_assets_tests.real_data import FOLDER, require

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


def items(lake):
    return {(row["benchmark"], row["item_id"]): row for row in rows_of(lake, "benchmark_items")}


def test_samples_bring_their_items_with_them(lake):
    done = take_in(lake, SAMPLES, "lm-eval")
    assert [(other.table, other.rows_added) for other in done.others] == [("benchmark_items", 8)]
    found = items(lake)
    assert found.keys() == scores(lake).keys()
    row = found["word_order acc", "0"]
    assert row["text"] == "Which word comes after tea in the list?\nAnswer:"
    assert (row["reference"], row["slice"], row["dimension"]) == ("lamp", "word_order", None)


def test_reviews_bring_their_items_and_reports_none(lake):
    assert take_in(lake, REPORT, "evalscope").others[0].rows_added == 0
    take_in(lake, REVIEWS, "evalscope")
    found = items(lake)
    assert len(found) == 8
    row = found["general_mcq_words accuracy", "0"]
    assert "Which word comes after tea in the list?" in row["text"]
    assert "ANSWER: B" not in row["text"]
    assert row["reference"] == "A"


def test_items_have_the_names_that_the_mapping_gives_their_scores(lake):
    take_in(lake, SAMPLES, "format: lm_eval\nwhere: {metric: acc}\ncolumns: {benchmark: {value: mine}}\n")
    assert {name for name, _ in items(lake)} == {name for name, _ in scores(lake)} == {"mine"}


def test_items_that_were_taken_in_are_held_against_what_was_learned(lake):
    """Both harnesses' items and scores go through the analysis of items as those of the product do."""
    from evalloop_assets.evaluation.items.daily import held_against, statistics
    from evalloop_assets.reward_model.encoder import find_encoder

    take_in(lake, SAMPLES, "lm-eval")
    take_in(lake, REVIEWS, "evalscope")
    learned = "which word comes after TEA in the list? answer:"
    rows = pd.DataFrame(rows_of(lake, "benchmark_items"))
    found = held_against(
        rows[["benchmark", "item_id", "text", "reference"]],
        pd.DataFrame({"user_id": ["u"], "message": [learned], "reply": ["lamp"]}),
        find_encoder(Settings().reward.encoder),
    )
    assert found.loc[found["exact"], ["benchmark", "item_id"]].to_numpy().tolist() == [["word_order acc", "0"]]
    told = statistics(pd.DataFrame(rows_of(lake, "benchmark_scores")))
    assert {(row["benchmark"], row["item_id"]) for row in told} == items(lake).keys()


ARGUMENTS = {"gen_args_0": {"arg_0": "Q: Who was here before us?\nA: Nobody\n\nQ: Who was king in 1850?\nA:"}}


@pytest.mark.parametrize(
    ("sample", "text", "reference"),
    [
        (
            {"doc": {"q": "Who was king in 1850?", "a": "Nobody"}, "target": " Max", "arguments": ARGUMENTS},
            "Who was king in 1850?\nA:",
            " Max",
        ),
        (
            {
                "doc": {"问题": "1850年的国王是谁？"},
                "target": "路易",
                "arguments": [["问：谁？\n\n问：1850年的国王是谁？", {}]],
            },
            "1850年的国王是谁？",
            "路易",
        ),
        (
            {"doc": {"q": "Is this true?"}, "arguments": [["Is this true?\nA: no\n\nIs this true?\nA:", {}]]},
            "Is this true?\nA:",
            None,
        ),
        ({"doc": {}, "target": 1, "arguments": [["2+2=", " 3"], ["2+2=", " 4"]]}, "2+2=", "4"),
        ({"doc": {}, "target": 1, "arguments": [["He left", " home"], ["She left", " home"]]}, "He left", "1"),
        ({"target": ["a", "b"], "arguments": [['[{"role": "user", "content": "Hi?"}]', {}]]}, "Hi?", "a\nb"),
        ({"arguments": [["[{ no JSON"]]}, "[{ no JSON", None),
        ({"arguments": "?"}, None, None),
    ],
)
def test_the_text_of_an_item_is_what_every_model_is_asked(sample, text, reference):
    """Few-shot examples differ from model to model; lists are of versions before 0.4.3."""
    assert lm_eval_item(sample) == (text, reference)


def test_earlier_reviews_of_evalscope_have_an_input_and_one_target():
    """As versions 1.0 to 1.4 write them."""
    record = {"index": 3, "input": "2+2?", "target": "4"}
    record["sample_score"] = {"score": {"value": {"acc": 1.0}}, "sample_id": 3, "group_id": 3, "sample_metadata": {}}
    (row,) = evalscope_rows(record, Path("reviews/maker/sums_main.jsonl"))
    assert (row["model"], row["benchmark"], row["item"], row["score"]) == ("maker", "sums_main acc", 3, 1.0)
    assert (row["text"], row["reference"]) == ("2+2?", "4")


def test_of_several_generations_of_an_item_the_first_counts():
    """Each by itself would be an item of its own, and the error too small."""
    (line, *_) = REVIEWS.read_text(encoding="utf-8").splitlines()
    rows = []
    for number in range(6):
        record = json.loads(line)
        record["sample_score"] |= {"sample_id": number, "group_id": number // 3, "generation_index": number % 3}
        rows += evalscope_rows(record, REVIEWS)
    assert [row["item"] for row in rows] == [0, 1]


def test_a_report_that_calls_low_better_is_negated():
    record = json.loads(REPORT.read_text(encoding="utf-8"))
    record["metrics"][0]["semantics"]["direction"] = "lower_is_better"
    assert [row["score"] for row in evalscope_rows(record, REPORT)] == [-0.625]


@pytest.mark.parametrize(
    ("config", "model"),
    [
        ({"model": "hf", "model_args": "pretrained=maker/small,dtype=float32"}, "maker/small"),
        ({"model": "hf", "model_args": "pretrained=maker/small,peft=mine/tuned"}, "mine/tuned"),
        ({"model": "local-completions", "model_args": {"model": "served", "base_url": "http://x"}}, "served"),
        ({"model": "dummy", "model_args": ""}, "dummy"),
        (["?"], None),
    ],
)
def test_before_0_4_3_the_arguments_name_the_model(config, model):
    """`hf` would be the name of all models there are."""
    (row,) = lm_eval_rows({"results": {"t": {"acc,none": 0.5}}, "config": config}, Path("results.json"))
    assert row["model"] == model


JUNK = (None, 1.5, "x", [], {}, [1], ["a"], [[1]], {"a": [1]}, True)


def places(held, before=()):
    yield before
    pairs = held.items() if isinstance(held, dict) else enumerate(held) if isinstance(held, list) else ()
    for key, part in pairs:
        yield from places(part, (*before, key))


@pytest.mark.parametrize("path", [RESULTS, SAMPLES, REPORT, REVIEWS], ids=lambda path: path.parts[-3])
def test_whatever_stands_anywhere_in_a_file_raises_nothing(path):
    content = path.read_text(encoding="utf-8")
    text = content if path.suffix == ".json" else content.splitlines()[0]
    rows = lm_eval_rows if "lm_eval" in path.parts else evalscope_rows
    for where in list(places(json.loads(text)))[1:]:
        for junk in JUNK:
            record = json.loads(text)
            *above, last = where
            reduce(getitem, above, record)[last] = junk
            for row in rows(record, path):
                assert row["item"] is not None or "sample" in row


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_was_scored_last_stays_whatever_comes_first(lake, tmp_path, order):
    for k in order:
        path = tmp_path / f"{k}.csv"
        path.write_text(f"m,s,t\nm,{10 + k},2026-11-2{k}T10:00:00Z\n", encoding="utf-8")
        mapping = "{model_id: m, benchmark: {value: b}, item_id: {value: all}, score: s, scored_at: t}"
        take_in(lake, path, f"format: csv\ntable: benchmark_scores\ncolumns: {mapping}\n")
    assert [row["score"] for row in rows_of(lake, "benchmark_scores")] == [11]


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
    other = AS_TEXT.replace("{interval: ci}", "{interval: [low, high], level: 0.9}").replace("value: b", "value: other")
    take_in(lake, path, other)
    rows = [row for row in rows_of(lake, "benchmark_scores") if row["benchmark"] == "other"]
    found = {row["model_id"]: row["standard_error"] for row in rows}
    assert found == pytest.approx({"m": 6 / 1.644854, "n": 10 / 1.644854})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("score: score", "score: {interval: ci}"), "has `interval`, but the column is no standard error"),
        (("{interval: ci}", "{interval: ci, from: low}"), "exactly one of"),
        (("{interval: ci}", "{interval: [a, b, c]}"), "two bounds, or of one text"),
        (("{interval: ci}", "{interval: ci, level: 95}"), "less than 1"),
        (("model_id: model", "model_id: {from: model, scale: 2}"), "has `scale`, but the column is no number"),
        (("score: score", "score: {from: score, scale: 0}"), "`scale` is 0"),
        (("score: score", "score: {from: score, scale: .inf}"), "finite"),
    ],
)
def test_mistakes_in_an_interval_are_told(change, expected):
    with pytest.raises(UserError, match=expected):
        parse_mapping(AS_TEXT.replace(*change), "own.yaml")


OTHER_BOARD = """Model Name,Average ⬆️,se,Elo,Errors
A,45.3%,1.2%,"1,470",0.2
B,50,1,1400,0.1
C,N/A,,12,
D,"1,5",1,"1,2",0.3
"""
OTHER = """
format: csv
table: benchmark_scores
columns: {{model_id: Model Name, benchmark: {{value: b}}, item_id: {{value: all}}, {score}}}
"""


@pytest.mark.parametrize(
    ("score", "found"),
    [
        (
            'score: {from: "Average ⬆️", scale: 0.01}, standard_error: {from: se, scale: 0.01}',
            {"A": (0.453, 0.012), "B": (0.5, 0.01)},
        ),
        ("score: {from: Elo, scale: 1}", {"A": (1470, None), "B": (1400, None), "C": (12, None)}),
        ("score: {from: Errors, scale: -1}", {"A": (-0.2, None), "B": (-0.1, None), "D": (-0.3, None)}),
    ],
)
def test_boards_in_percent_with_thousands_or_of_errors(lake, tmp_path, score, found):
    """A decimal comma is no thousand: such a row is rejected, as one without a figure is."""
    path = tmp_path / "other.csv"
    path.write_text(OTHER_BOARD, encoding="utf-8")
    done = take_in(lake, path, OTHER.format(score=score))
    told = {row["model_id"]: (row["score"], row["standard_error"]) for row in rows_of(lake, "benchmark_scores")}
    assert told.keys() == found.keys()
    for name, values in found.items():
        assert told[name] == pytest.approx(values)
    assert done.rows_rejected == 4 - len(found)


def real(name):
    return require(FOLDER / name)


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
