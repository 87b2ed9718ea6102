import json
import math
from collections.abc import Iterator
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from dagster import ExecuteInProcessResult

from evalloop_assets.days import Days
from evalloop_assets.lake.assets import STEPS, version_of
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.reward_model import judging, scoring
from evalloop_assets.reward_model.assets import ASSETS, turn_embeddings
from evalloop_assets.reward_model.checks import (
    CHECKS,
    beats_chance,
    holds_when_pushed,
    rewards_familiar,
    rewards_sound,
)
from evalloop_assets.reward_model.daily import train_day
from evalloop_assets.reward_model.embeddings import SAID, STORED
from evalloop_assets.reward_model.encoder import HashedNgrams, text_hash
from evalloop_assets.reward_model.history import situations
from evalloop_assets.reward_model.logged import logged_situations, read_log
from evalloop_assets.reward_model.model import HORIZONS
from evalloop_assets.reward_model.registry import find_champion, load_champion, open_store, store_folder
from evalloop_assets.reward_model.scoring import CONVERSATIONS, score_day
from evalloop_assets.reward_model.tables import REWARD_MODEL_REPORT, REWARDS, TURN_EMBEDDINGS
from evalloop_assets_tests.reward_model.stage import Stage, metadata, verdicts
from evalloop_assets_tests.reward_model.world import DAY, fill, pair_rows, turn_rows

TRAINING, SCORING = STEPS["reward_model_report"].reads, STEPS["rewards"].reads


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    found = Stage.at(tmp_path_factory.mktemp("stage"))
    turns = turn_rows(300)
    turns[0]["reply_text"] = None
    turns[1]["reply_text"] = " \n "
    fill(found.lake, pair_rows(1500), turns)
    return found


@pytest.fixture(scope="module")
def result(stage: Stage) -> ExecuteInProcessResult:
    return stage.run(DAY, [*ASSETS, *CHECKS])


def put(stage: Stage, schema: TableSchema, rows: list[dict]) -> None:
    full = [{name: row.get(name) for name in schema.column_names} | {"day": DAY} for row in rows]
    table = pa.Table.from_pylist(full, schema=arrow_schema(schema))
    stage.lake.replace(schema, Days.one(DAY), {}, lambda inputs: table)


def test_the_stage_runs_and_its_checks_pass(result: ExecuteInProcessResult):
    assert result.success
    assert verdicts(result) == {
        "breaks_complete_and_sound": True,
        "reward_model_beats_chance": True,
        "reward_model_holds_when_pushed": True,
        "rewarded_replies_familiar": True,
        "rewards_complete_and_finite": True,
        "reward_follows_retention": True,
    }


def test_every_text_of_the_day_is_embedded_once(stage: Stage, result: ExecuteInProcessResult):
    rows = stage.rows("turn_embeddings")
    turns = stage.rows("turns")
    texts = {turn[name] for turn in turns for name in ("user_text", "reply_text")} - {None}
    assert {row["text_hash"] for row in rows} == {text_hash(text) for text in texts}
    assert len(rows) == len(texts)
    assert {row["encoder"] for row in rows} == {HashedNgrams.name}
    assert {len(row["embedding"]) for row in rows} == {HashedNgrams.dimension}


def test_report_says_how_good_the_model_is_with_intervals(stage: Stage, result: ExecuteInProcessResult):
    rows = {
        (row["metric"], row["horizon"], row["source"]): row
        for row in stage.rows("reward_model_report")
        if row["slice"] == "all"
    }
    champion = load_champion(stage.settings)
    for horizon in ("all", *HORIZONS):
        row = rows["accuracy", horizon, "all"]
        assert 0.6 < row["low"] < row["value"] < row["high"] <= 1
        assert row["reward_version"] == champion.version
        assert row["promoted"]
    assert {source for _, _, source in rows} == {"all", "tail", "regeneration", "battle"}
    assert rows["accuracy", "all", "all"]["n"] == sum(rows["accuracy", horizon, "all"]["n"] for horizon in HORIZONS)
    shown = metadata(result, "reward_model_report")
    assert shown["reward_version"] == champion.version
    assert shown["mlflow_version"] == 1
    assert shown["pairs"] == 1500
    assert "labels)" in shown["accuracy immediate"]


def test_the_report_has_slices_probes_and_pictures(stage: Stage, result: ExecuteInProcessResult):
    found = {(row["metric"], row["slice"]) for row in stage.rows("reward_model_report")}
    metrics = {metric for metric, _ in found}
    assert {"calibration_error", "auc_of_length", "auc_of_reward", "correlation_with_length", "gold_of_best"} <= metrics
    assert {part for metric, part in found if metric == "gold_of_best"} >= {"n=1", "n=64"}
    shown = metadata(result, "reward_model_report")
    assert shown["picture"].startswith("![training](data:image/png;base64,")
    assert "| penalty per log length |" in shown["length_frontier"]
    assert shown["over_optimised"] is False


def test_the_run_in_mlflow_names_its_pairs_and_has_the_picture(stage: Stage, result: ExecuteInProcessResult):
    run_id = metadata(result, "reward_model_report")["mlflow_run"]
    with open_store(stage.settings.home) as client:
        inputs = [one.dataset for one in client.get_run(run_id).inputs.dataset_inputs]
    rows = {one.name: json.loads(one.profile)["num_rows"] for one in inputs}
    assert set(rows) == {f"preference_pairs, {part}" for part in ("fit", "tune", "held_out")}
    assert sum(rows.values()) == 1500
    assert {json.loads(one.source)["path"] for one in inputs} == {f"{stage.settings.lake_root}/preference_pairs"}
    (picture,) = store_folder(stage.settings.home).rglob("training.png")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_users_new_and_old_are_slices(stage: Stage, result: ExecuteInProcessResult):
    labels = {
        row["slice"]: row["n"]
        for row in stage.rows("reward_model_report")
        if (row["metric"], row["horizon"], row["source"]) == ("accuracy", "all", "all")
    }
    assert min(labels["seniority=new"], labels["seniority=existing"]) > 0.2 * labels["all"]
    assert labels["seniority=new"] + labels["seniority=existing"] == labels["all"]


def test_unfamiliar_replies_are_marked(stage: Stage, result: ExecuteInProcessResult):
    rows = stage.rows("rewards")
    champion = load_champion(stage.settings)
    assert all(row["unfamiliar"] == (row["distance"] and row["distance"] > 1) for row in rows)
    assert {row["event_id"] for row in rows if row["unfamiliar"] is None} == {"e1-00000", "e1-00001"}
    assert metadata(result, "rewards")["unfamiliar"] < 0.05
    places = situations(["hi", "hi"], ["SELECT count(*) FROM t", " "])
    assessed = champion.assess(places)
    assert assessed.distance[0] > 1
    assert math.isnan(assessed.distance[1])
    for one, other in zip(assessed.components, champion.components_of(places), strict=True):
        assert one.tolist() == pytest.approx(other.tolist(), nan_ok=True)


def test_components_add_up_to_the_reward(stage: Stage, result: ExecuteInProcessResult):
    rows = [row for row in stage.rows("rewards") if row["reward"] is not None]
    parts = ("r_base", "r_consistency", "r_progress")
    assert all(row["r_temporal"] == pytest.approx(sum(row[p] for p in parts), abs=1e-4) for row in rows)


def test_quality_and_penalty_are_what_they_are_made_of_and_those_of_the_rewards(
    stage: Stage, result: ExecuteInProcessResult
):
    rewards = {row["event_id"]: row for row in stage.rows("rewards")}
    rows = stage.rows("reply_quality")
    assert {row["event_id"] for row in rows} == set(rewards)
    known = [row for row in rows if row["q"] is not None]
    assert len(rows) - len(known) == 2
    for row in known:
        assert row["q"] == pytest.approx((row["density"] * row["non_repetition"] * row["progress"]) ** (1 / 3))
        discounts = ("low_information", "repetition", "soothing", "novelty_decay", "overdraft")
        assert row["penalty"] == pytest.approx(math.prod(row[name] for name in discounts))
        told = rewards[row["event_id"]]
        assert (told["q"], told["penalty"]) == pytest.approx((row["q"], row["penalty"]), abs=1e-5)
        assert (told["user_id"], told["model_id"]) == (row["user_id"], row["model_id"])


def test_users_judged_apart_are_judged_as_together(
    stage: Stage, result: ExecuteInProcessResult, monkeypatch: pytest.MonkeyPatch
):
    rows = [row for row in stage.rows("reply_quality") if row["day"] == DAY]
    inputs = stage.inputs(DAY, reading=(-3, 0), turns=(-3, 1))
    monkeypatch.setattr(judging, "READ_AT_ONCE", 1)
    assert stage.settings.engine.threads > 1
    assert judging.judge_day(inputs, DAY, stage.settings).to_pylist() == rows


def test_conversations_scored_apart_are_scored_as_together(
    stage: Stage, result: ExecuteInProcessResult, monkeypatch: pytest.MonkeyPatch
):
    rows = {row["event_id"]: row for row in stage.rows("rewards")}
    monkeypatch.setattr(scoring, "SCORED_AT_ONCE", 1)
    for row in score_day(stage.inputs(DAY, **SCORING), DAY, stage.settings).rows.to_pylist():
        assert row == {name: pytest.approx(rows[row["event_id"]][name], abs=2e-5) for name in row}
        del rows[row["event_id"]]
    assert not rows


def test_another_memory_judges_the_newest_days_anew(stage: Stage, result: ExecuteInProcessResult):
    shorter = stage.settings.reward.model_copy(update={"novelty_hours": 1.0})
    other = stage.settings.model_copy(update={"reward": shorter})
    assert version_of("reply_quality", other) != version_of("reply_quality", stage.settings)
    assert version_of("rewards", other) == version_of("rewards", stage.settings)


def test_each_pair_has_the_champions_margin(stage: Stage, result: ExecuteInProcessResult):
    champion = load_champion(stage.settings)
    pairs = {row["pair_id"]: row for row in stage.rows("preference_pairs")}
    scored = {row["pair_id"]: row for row in stage.rows("pair_scores")}
    assert set(scored) == {name for name, row in pairs.items() if row["reply_a"].strip() and row["reply_b"].strip()}
    assert {row["reward_version"] for row in scored.values()} == {champion.version}
    names = sorted(scored)
    a, b = (
        champion.score(
            [pairs[name][f"user_text_{side}"] for name in names], [pairs[name][f"reply_{side}"] for name in names]
        )
        for side in "ab"
    )
    assert [scored[name]["margin"] for name in names] == pytest.approx((a - b).tolist(), abs=1e-3)
    decided = [name for name in names if pairs[name]["delayed_5"] in ("A", "B")]
    right = [(scored[name]["margin"] > 0) == (pairs[name]["delayed_5"] == "A") for name in decided]
    assert sum(right) > 0.7 * len(right)


def test_kept_replies_have_the_champions_reward(stage: Stage, result: ExecuteInProcessResult):
    champion = load_champion(stage.settings)
    turns = {turn["event_id"]: turn for turn in stage.rows("turns")}
    kept = {row["event_id"] for row in stage.rows("reading") if row["position"] is not None}
    rewards = {row["event_id"]: row for row in stage.rows("rewards")}
    assert set(rewards) == kept
    assert {row["reward_version"] for row in rewards.values()} == {champion.version}
    for column in ("r_temporal", "q", "penalty", "gate", "reward"):
        without = {event for event, row in rewards.items() if row[column] is None}
        assert without == {"e1-00000", "e1-00001"}
    known = sorted(set(rewards) - without)
    log = read_log(stage.inputs(DAY, **SCORING), "SELECT conversation_id FROM turns", {})
    columns = ([turns[event][name] for event in known] for name in ("user_text", "reply_text"))
    scores = champion.temporal(champion.components_of(logged_situations(log, known, *columns)))
    assert [rewards[event]["r_temporal"] for event in known] == pytest.approx(scores.tolist(), abs=1e-4)
    for event in known:
        row = rewards[event]
        assert 0 <= row["gate"] <= row["penalty"] <= 1
        gated = row["gate"] * max(row["r_temporal"], 0) + min(row["r_temporal"], 0)
        assert row["reward"] == pytest.approx(gated, abs=2e-5)
    assert metadata(result, "rewards")["without_text"] == 2


def test_computing_the_day_again_changes_nothing(stage: Stage, result: ExecuteInProcessResult):
    before = {name: stage.rows(name) for name in ("reward_model_report", "rewards", "turn_embeddings")}
    again = stage.run(DAY, ASSETS)
    assert [metadata(again, name)["days_changed"] for name in before] == [0, 0, 0]
    assert {name: stage.rows(name) for name in before} == before


def test_embeddings_of_the_lake_are_used(stage: Stage, result: ExecuteInProcessResult):
    """A planted vector for one reply moves that reply's reward and no other."""
    before = {row["event_id"]: row["reward"] for row in stage.rows("rewards")}
    stored = stage.rows("turn_embeddings")
    turn = next(turn for turn in stage.rows("turns") if turn["event_id"] == "e1-00005")
    changed = [
        row | {"embedding": [-value for value in row["embedding"]]}
        if row["text_hash"] == text_hash(turn["reply_text"])
        else row
        for row in stored
    ]
    put(stage, TURN_EMBEDDINGS, changed)
    try:
        rows = score_day(stage.inputs(DAY, **SCORING), DAY, stage.settings).rows.to_pylist()
    finally:
        put(stage, TURN_EMBEDDINGS, stored)
    moved = {row["event_id"] for row in rows if row["reward"] != pytest.approx(before[row["event_id"]], abs=1e-3)}
    assert moved == {"e1-00005"}


def test_only_vectors_of_the_days_conversations_are_read(tmp_path):
    """The first day has a conversation that ended on it, the second one goes on with another."""
    stage = Stage.at(tmp_path)
    texts = {"over": ("gone", "goodbye"), "on": ("stay", "with me")}
    for back, talks in ((1, ("over", "on")), (0, ("on",))):
        day = DAY - timedelta(days=back)
        said = [
            {"event_id": f"{talk}{back}", "user_id": "u", "conversation_id": talk, "model_id": "m"}
            | {"shown_at": datetime(day.year, day.month, day.day, 9), "replaces_event_id": None}
            | dict(zip(("user_text", "reply_text"), texts[talk], strict=True))
            for talk in talks
        ]
        fill(stage.lake, [], said, day)
        stage.run(day, [turn_embeddings])
    query = STORED.format(hashes=SAID.format(conversations=CONVERSATIONS))
    stored = stage.inputs(DAY, **SCORING).query(query, {"encoder": HashedNgrams.name, "day": DAY})
    assert set(stored.column("text_hash").to_pylist()) == {text_hash(text) for text in texts["on"]}


@pytest.fixture
def broken(stage: Stage, result: ExecuteInProcessResult) -> Iterator[list[dict]]:
    rows = stage.rows("rewards")
    yield [dict(row) for row in rows]
    put(stage, REWARDS, rows)


def test_rewards_check_stays_silent_on_clean_rows(stage: Stage, broken: list[dict]):
    assert rewards_sound(stage.lake, Days.one(DAY)).passed


def test_rewards_check_catches_what_is_not_finite(stage: Stage, broken: list[dict]):
    broken[5]["reward"] = math.nan
    broken[6]["reward"] = math.inf
    put(stage, REWARDS, broken)
    found = rewards_sound(stage.lake, Days.one(DAY))
    assert not found.passed
    assert "2 not finite" in found.description


def test_rewards_check_catches_a_missing_row(stage: Stage, broken: list[dict]):
    put(stage, REWARDS, broken[1:])
    found = rewards_sound(stage.lake, Days.one(DAY))
    assert not found.passed
    assert "1 kept replies" in found.description


def test_rewards_check_catches_a_text_without_reward(stage: Stage, broken: list[dict]):
    broken[7]["reward"] = None
    put(stage, REWARDS, broken)
    found = rewards_sound(stage.lake, Days.one(DAY))
    assert not found.passed
    assert "1 texts" in found.description


@pytest.mark.parametrize(("unfamiliar", "passed"), [(3, True), (30, False)])
def test_a_model_that_writes_what_is_unknown_is_named(tmp_path, unfamiliar: int, passed: bool):
    """Three in a hundred of its replies are within the limit, thirty are not; that of another model is not diluted."""
    stage = Stage.at(tmp_path)
    replies = [{"model_id": "odd", "unfamiliar": at < unfamiliar} for at in range(100)]
    replies += [{"model_id": "usual", "unfamiliar": False} for _ in range(2_000)]
    put(stage, REWARDS, [row | {"event_id": f"e{at}", "user_id": f"u{at % 50}"} for at, row in enumerate(replies)])
    found = rewards_familiar(stage.lake, Days.one(DAY))
    assert (found.passed, found.severity.value) == (passed, "WARN")
    assert found.metadata["models"].value == ({} if passed else {"odd": "30.0% of 100"})


@pytest.mark.parametrize(("last", "passed"), [(1.2, True), (0.6, False)])
def test_a_reward_that_best_of_n_over_optimises_is_a_warning(tmp_path, last: float, passed: bool):
    stage = Stage.at(tmp_path)
    gold = {1: 0.0, 2: 0.5, 4: 0.9, 8: 1.0, 16: 1.1, 32: 1.1, 64: last}
    rows = [
        {"metric": "gold_of_best", "slice": f"n={n}", "value": value, "low": value - 0.1, "high": value + 0.1}
        | {"horizon": "all", "source": "all", "reward_version": "v"}
        for n, value in gold.items()
    ]
    put(stage, REWARD_MODEL_REPORT, rows)
    found = holds_when_pushed(stage.lake, Days.one(DAY))
    assert (found.passed, found.severity.value) == (passed, "WARN")
    put(stage, REWARD_MODEL_REPORT, [])
    assert holds_when_pushed(stage.lake, Days.one(DAY)).passed


@pytest.mark.parametrize("low", [0.5, 0.43, None])
def test_accuracy_check_warns_where_chance_is_not_excluded(tmp_path, low: float | None):
    stage = Stage.at(tmp_path)
    row = {"reward_version": "v", "metric": "accuracy", "horizon": "all", "source": "all", "slice": "all", "low": low}
    put(stage, REWARD_MODEL_REPORT, [row])
    found = beats_chance(stage.lake, Days.one(DAY))
    assert not found.passed
    assert found.severity.value == "WARN"
    put(stage, REWARD_MODEL_REPORT, [row | {"low": 0.51}, row | {"horizon": "immediate", "low": 0.4}])
    assert beats_chance(stage.lake, Days.one(DAY)).passed


@pytest.mark.parametrize(
    ("pairs", "why"),
    [
        ([], "no pairs"),
        ([row | dict.fromkeys(HORIZONS, "tie") for row in pair_rows(200)], "ties or censored"),
        ([row | dict.fromkeys(HORIZONS, "censored") for row in pair_rows(200)], "ties or censored"),
        (pair_rows(20), "are needed"),
    ],
)
def test_nothing_to_learn_is_a_row_with_the_reason_and_no_champion(tmp_path, pairs: list[dict], why: str):
    stage = Stage.at(tmp_path)
    fill(stage.lake, pairs, turn_rows(20))
    report = train_day(stage.inputs(DAY, **TRAINING), DAY, stage.settings)
    (row,) = report.rows.to_pylist()
    assert (row["metric"], row["value"], row["n"], row["promoted"]) == ("skipped", None, len(pairs), False)
    assert why in row["reason"]
    assert report.metadata["skipped"] == row["reason"]
    assert find_champion(stage.settings) is None
    scored = score_day(stage.inputs(DAY, **SCORING), DAY, stage.settings)
    assert scored.rows.num_rows == 0
    assert "no reward model" in scored.metadata["skipped"]


def test_a_day_without_pairs_leaves_the_champion(stage: Stage, result: ExecuteInProcessResult):
    champion = load_champion(stage.settings)
    later = DAY + timedelta(days=30)
    report = train_day(stage.inputs(later, **TRAINING), later, stage.settings)
    assert report.metadata["skipped"] == "no pairs in the window"
    assert load_champion(stage.settings).version == champion.version


def test_a_champion_whose_encoder_is_gone_is_replaced(tmp_path):
    """Nothing could be scored by it any more, and it could be compared with nothing."""
    stage = Stage.at(tmp_path)
    fill(stage.lake, pair_rows(600), turn_rows(250))
    former = train_day(stage.inputs(DAY, **TRAINING), DAY, stage.settings).metadata
    (config,) = store_folder(tmp_path).rglob("config.json")
    config.write_text(config.read_text().replace(HashedNgrams.name, "hashed-ngrams-of-yore/1"))
    fill(stage.lake, pair_rows(600, seed=1), turn_rows(250))
    found = train_day(stage.inputs(DAY, **TRAINING), DAY, stage.settings).metadata
    assert (former["promoted"], found["promoted"]) == (True, True)
    assert "can score no text any more" in found["reason"]
    assert load_champion(stage.settings).version == found["reward_version"]


def test_the_days_training_learns_from_labels_of_single_replies_in_the_drawn_sessions(tmp_path):
    """The same pairs with labels of 400 replies, with those of a few sessions only, and without."""
    told, learned = [], []
    for replies in (400, 40, 0):
        stage = Stage.at(tmp_path / str(replies), reward={"max_labelled": replies})
        fill(stage.lake, pair_rows(300), turn_rows(400))
        report = train_day(stage.inputs(DAY, **TRAINING), DAY, stage.settings)
        told.append(json.dumps(report.rows.select(["metric", "value"]).to_pylist()))
        with open_store(stage.settings.home) as client:
            (run,) = client.search_runs([one.experiment_id for one in client.search_experiments()])
        learned.append(run.data.metrics["direction_coefficient.immediate"])
        assert run.data.metrics["incomparable"] == 0, "the replies are of one language"
    assert len(set(told)) == 3
    assert learned[0] > 0.5
    assert learned[2] == 0.0


def test_a_worse_challenger_does_not_replace_the_champion(stage: Stage, result: ExecuteInProcessResult):
    """The next days' labels are noise for all but the held-out users: what is learned from them is worse."""
    from evalloop_assets.reward_model.pairs import HELD_OUT_SHARE, _place

    champion = load_champion(stage.settings)
    later = DAY + timedelta(days=20)
    rows = []
    for at, row in enumerate(pair_rows(1500, seed=8)):
        noise = {} if _place(row["user_id"]) < HELD_OUT_SHARE else dict.fromkeys(HORIZONS, "AB"[at % 2])
        rows.append(row | noise)
    fill(stage.lake, rows, turn_rows(50, later, seed=2), later)
    report = train_day(stage.inputs(later, **TRAINING), later, stage.settings)
    assert report.metadata["promoted"] is False
    assert "worse" in report.metadata["reason"]
    assert load_champion(stage.settings).version == champion.version
    assert not any(row["promoted"] for row in report.rows.to_pylist())
