"""Found items and the statistics of items through Dagster."""

import numpy as np
import pytest

from evalloop_assets.evaluation.items import assets
from evalloop_assets.evaluation.items.checks import CHECKS
from evalloop_assets.reward_model.pairs import is_held_out
from evalloop_assets_tests.evaluation.bad_cases.world import DAY, sentence, signal, stage_at, write
from evalloop_assets_tests.reward_model.stage import metadata, verdicts

NAMES = [f"u{at}" for at in range(100)]
UNSEEN = next(name for name in NAMES if is_held_out([name])[0])
FITTED = next(name for name in NAMES if not is_held_out([name])[0])


@pytest.fixture
def stage(tmp_path):
    return stage_at(tmp_path)


def case(name, number, side="evaluation", **more):
    text = {"user_text": sentence(number), "better_reply": f"better {number}", "same_prefix": True}
    text["dedup_group"] = f"g{number}"
    return signal(name, f"bad {number}", UNSEEN) | text | {"side": side} | more


def test_items_are_evaluation_cases_one_a_group_and_known_ones_are_marked(stage):
    cases = [
        case("one", 1, kind="promise"),
        case("surer", 1, certainty=0.95, kind="promise"),
        case("trains", 2, "training"),
        case("neither", 3, "withheld"),
        case("silent", 4, user_text=" "),
        case("learned", 5),
        case("only heard by the held out", 6, better_reply=None),
    ]
    write(stage, "bad_cases", cases)
    pairs = [
        {"user_id": FITTED, "user_text_a": sentence(5), "reply_a": "better 5", "user_text_b": "x", "reply_b": "y"},
        {"user_id": UNSEEN, "user_text_a": sentence(6), "reply_a": "bad 6", "user_text_b": "x", "reply_b": "y"},
    ]
    write(stage, "preference_pairs", [{"pair_id": f"p{at}"} | pair for at, pair in enumerate(pairs)])
    done = stage.run(DAY, [assets.found_items])
    rows = {row["event_id"]: row for row in stage.rows("found_items")}
    assert {name: row["contaminated"] for name, row in rows.items()} == {
        "surer": False, "learned": True, "only heard by the held out": False
    }  # fmt: skip
    assert rows["surer"]["dimension"] == "hallucination"
    assert rows["learned"]["dimension"] is None
    assert rows["only heard by the held out"]["reference"] is None
    assert rows["surer"]["likeness"] is not None
    assert metadata(done, "found_items")["contaminated"] == 1


def test_what_is_found_clean_is_clean_as_the_item_that_is_released_too(stage):
    """An item without a reference is its message alone, which may have been learned with another answer."""
    bare = {"better_reply": None, "reply_text": f"{sentence(3)} {sentence(4)}"}
    write(stage, "bad_cases", [case("learned", 1, **bare), case("new", 2, **bare)])
    pair = {"user_id": FITTED, "user_text_a": sentence(1), "reply_a": sentence(7), "reply_b": sentence(8)}
    write(stage, "preference_pairs", [{"pair_id": "p"} | pair])
    stage.run(DAY, [assets.found_items])
    found = {row["event_id"]: row for row in stage.rows("found_items")}
    write(stage, "benchmark_items", [row | {"benchmark": "found"} for row in found.values()])
    stage.run(DAY, [assets.item_contamination])
    released = {row["item_id"]: row for row in stage.rows("item_contamination")}
    assert all(row["exact"] == released[row["item_id"]]["exact"] for row in found.values())
    assert all(row["contaminated"] == released[row["item_id"]]["contaminated"] for row in found.values())
    assert [found[name]["contaminated"] for name in ("learned", "new")] == [True, False]


@pytest.mark.parametrize("wordless", ["…", "👍", "???"])
def test_a_message_without_a_word_contaminates_no_item(stage, wordless):
    write(stage, "bad_cases", [case("referenced", 1), case("bare", 2, better_reply=None)])
    pair = {"user_id": FITTED, "user_text_a": wordless, "reply_a": sentence(7), "reply_b": sentence(8)}
    write(stage, "preference_pairs", [{"pair_id": "p"} | pair])
    write(stage, "benchmark_items", [{"benchmark": "b", "item_id": "wordless", "text": "?!"}])
    stage.run(DAY, [assets.found_items, assets.item_contamination])
    for table in ("found_items", "item_contamination"):
        assert stage.rows(table)
        assert not any(row["exact"] or row["contaminated"] for row in stage.rows(table))


def test_a_reply_to_another_message_is_no_reference(stage):
    write(stage, "bad_cases", [case("apart", 1, same_prefix=False)])
    stage.run(DAY, [assets.found_items])
    assert [row["reference"] for row in stage.rows("found_items")] == [None]


def test_a_pair_that_was_learned_from_contaminates_its_group_when_its_day_is_no_longer_read(stage):
    cases = [
        case("held out", 1, certainty=0.95),
        case("twin of the held out", 1, user_id=FITTED, pair_id="p1"),
        case("fitted without a pair", 2, user_id=FITTED),
        case("held out with a pair", 3, pair_id="p3"),
    ]
    write(stage, "bad_cases", cases)
    stage.run(DAY, [assets.found_items])
    assert {row["event_id"]: row["contaminated"] for row in stage.rows("found_items")} == {
        "held out": True, "fitted without a pair": False, "held out with a pair": False
    }  # fmt: skip


def test_statistics_of_a_benchmark_of_one_out_of_range_and_of_a_single_model(stage):
    random = np.random.default_rng(0)
    ability = np.linspace(-2, 2, 30)
    rows = [
        {"model_id": f"m{model}", "benchmark": "b", "item_id": item, "score": float(score)}
        for model, of in enumerate(ability)
        for item, score in (
            ("easy", 1), ("hard", 0), ("all", 0.5), *((f"i{at}", random.random() < 1 / (1 + np.exp(-2 * of)))
                                                       for at in range(10)),
        )
    ]  # fmt: skip
    rows += [
        {"model_id": "m", "benchmark": "points", "item_id": "x", "score": 7.0},
        {"model_id": "m", "benchmark": "one", "item_id": "x", "score": 1.0},
    ]
    write(stage, "benchmark_scores", rows)
    stage.run(DAY, [assets.item_statistics])
    found = {(row["benchmark"], row["item_id"]): row for row in stage.rows("item_statistics")}
    assert set(found) == {("b", name) for name in ("easy", "hard", *(f"i{at}" for at in range(10)))} | {("one", "x")}
    assert found["b", "easy"]["verdict"] == "saturated"
    assert found["b", "hard"]["verdict"] == "unsolved"
    assert all(found["b", f"i{at}"]["discrimination_low"] > 0 for at in range(10))
    assert found["b", "easy"]["difficulty"] is None
    assert found["one", "x"]["verdict"] == "not enough models"
    assert found["one", "x"]["discrimination"] is None


def test_nothing_found_and_nothing_scored(stage):
    assert stage.run(DAY, assets.ASSETS).success
    assert stage.rows("found_items") == stage.rows("item_statistics") == []


def test_a_learned_item_and_a_worn_benchmark_warn(stage):
    pairs = [{"pair_id": "p", "user_id": FITTED, "user_text_a": sentence(1), "reply_a": "a", "reply_b": "b"}]
    write(stage, "preference_pairs", pairs)
    items = [{"benchmark": name, "item_id": "x", "text": sentence(at)} for at, name in enumerate(("clean", "learned"))]
    write(stage, "benchmark_items", items)
    scores = [
        {"model_id": f"m{model}", "benchmark": "worn", "item_id": f"i{at}", "score": 1.0}
        for model in range(12)
        for at in range(4)
    ]
    write(stage, "benchmark_scores", scores)
    done = stage.run(DAY, [*assets.ASSETS, *CHECKS])
    assert verdicts(done) == {"items_not_learned": False, "items_separate_models": False}
    said = {check.check_name: check.description for check in done.get_asset_check_evaluations()}
    assert said["items_not_learned"] == "learned: 1 of 1 items"
    assert said["items_separate_models"] == "worn: 4 of 4 items separate no models"
    assert any("data:image/png" in str(one) for one in metadata(done, "item_statistics").values())


def test_clean_items_and_no_items_pass(stage):
    assert set(verdicts(stage.run(DAY, [*assets.ASSETS, *CHECKS])).values()) == {True}
