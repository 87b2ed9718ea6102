"""Public sets of pairs judged by models and by people, as frames of the contract; tests skip where they are absent."""

import gzip
import json
import lzma

import pandas as pd

from evalloop_assets_tests.real_data import FOLDER, require

OWN = {"0": "a", "1": "b", "2": "tie"}
SWAPPED = {"0": "b", "1": "a", "2": "tie"}
PANDALM = {"0": "tie", "1": "a", "2": "b", "Tie": "tie"}


def _needs(*names):
    for name in names:
        require(FOLDER / name)


def autoj():
    """One judge in both orders, one label of people an item."""
    files = ("testdata_pairwise", "pairwise_example_output", "pairwise_exchange_example_output")
    _needs(*(f"autoj/{name}.jsonl.xz" for name in files))
    items, first, second = (
        [json.loads(line) for line in lzma.decompress((FOLDER / f"autoj/{name}.jsonl.xz").read_bytes()).splitlines()]
        for name in files
    )
    texts = pd.DataFrame(
        {
            "item_id": range(len(items)),
            "reply_a": [item["response 1"] for item in items],
            "reply_b": [item["response 2"] for item in items],
            "user_text": [item["prompt"] for item in items],
        }
    )
    verdicts = pd.concat(
        [
            texts.assign(judge_id="autoj", order="ab", verdict=[OWN[str(row["output"])] for row in first]),
            texts.assign(judge_id="autoj", order="ba", verdict=[SWAPPED[str(row["output"])] for row in second]),
        ]
    )
    gold = texts[["item_id"]].assign(annotator_id="label", verdict=[OWN[str(item["label"])] for item in items])
    return verdicts, gold


def pandalm():
    """Two judges in one order, three people an item; what nobody could read is missing."""
    _needs("pandalm/testset-v1.json.gz")

    def load(name):
        with gzip.open(FOLDER / "pandalm" / f"{name}.json.gz", "rt", encoding="utf-8") as file:
            return json.load(file)

    items = load("testset-v1")
    texts = pd.DataFrame(
        {
            "item_id": [item["idx"] for item in items],
            "reply_a": [str(item["response1"]) for item in items],
            "reply_b": [str(item["response2"]) for item in items],
        }
    )
    gold = pd.concat(
        [
            texts[["item_id"]].assign(
                annotator_id=f"p{who}", verdict=[PANDALM[str(item[f"annotator{who}"])] for item in items]
            )
            for who in (1, 2, 3)
        ]
    )
    verdicts = pd.concat(
        [
            texts.assign(judge_id=judge, verdict=[PANDALM.get(str(row[key])) for row in load(f"{name}-testset-v1")])
            for judge, key, name in (
                ("gpt-3.5-turbo", "gpt_result", "gpt-3.5-turbo"),
                ("pandalm-7b", "pandalm_result", "pandalm-7b"),
            )
        ]
    )
    return verdicts, gold


def alpaca_eval(rate="length_controlled_winrate"):
    """The published leaderboard of one judge by one of its win rates, indexed by model: score and mean_chars."""
    name = "alpaca_eval/weighted_alpaca_eval_gpt4_turbo_leaderboard.csv"
    _needs(name)
    board = pd.read_csv(FOLDER / name, index_col=0)
    return board.rename(columns={rate: "score", "avg_length": "mean_chars"})[["score", "mean_chars"]]
