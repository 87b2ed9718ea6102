"""Trained weights and arms from the log to the gate, through the steps of the assets."""

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

import evalloop_assets.horizon_labels.assets
import evalloop_assets.policy_iteration.assets
import evalloop_assets.reward_model.assets  # noqa: F401 - they declare their tables
from evalloop_assets.days import Days
from evalloop_assets.lake.assets import STEPS
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.registry import declared
from evalloop_assets.policy_iteration.logged import Split, read_examples, read_preferences
from evalloop_assets.policy_iteration.making import candidate_day
from evalloop_assets.policy_iteration.policy import load_weights, weights_of
from evalloop_assets.policy_iteration.prompts import Prompt
from evalloop_assets.policy_iteration.registry import (
    CANDIDATE,
    CHAMPION,
    LINEAGE_FILE,
    NAME,
    SCREENED,
    crown,
    policy_folder,
    record_verdict,
    register_policy,
)
from evalloop_assets.policy_iteration.screening import screen_day
from evalloop_assets.reward_model import assets as reward_assets
from evalloop_assets.reward_model.pairs import is_held_out
from evalloop_assets.reward_model.registry import load_champion, open_store, store_folder
from evalloop_assets.settings import ArmSettings, PolicySettings, Settings, TrainingSettings
from evalloop_assets_tests.policy_iteration.tiny import base_model
from evalloop_assets_tests.reward_model.stage import Stage
from evalloop_assets_tests.reward_model.world import DAY, fill, pair_rows, turn_rows

SHORT = {"method": "sft", "steps": 4, "eval_every": 2, "batch": 4, "generations": 2, "draw_prompts": 12}


def write(stage: Stage, table: str, rows: list[dict], day=DAY) -> None:
    import pyarrow as pa

    schema = declared(table)
    full = [{name: row.get(name) for name in schema.column_names} | {"day": day} for row in rows]
    found = pa.Table.from_pylist(full, schema=arrow_schema(schema))
    stage.lake.replace(schema, Days.one(day), {}, lambda inputs: found)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A promoted reward model, and the log of an experiment in which `rich` is better than the champion."""
    import torch

    torch.set_num_threads(1)
    found = Stage.at(tmp_path_factory.mktemp("kinds"))
    draw = np.random.default_rng(0)
    turns = turn_rows(400)
    labels = []
    for at, turn in enumerate(turns):
        rich = at % 4 == 0
        shared = {"experiment_id": "e", "arm": "treatment" if rich else "control", "propensity": 0.25 if rich else 0.75}
        turn |= shared | {"model_id": "rich" if rich else "incumbent", "user_id": f"u{at % 80}", "locale": "en-GB"}
        names = ("event_id", "user_id", "model_id", "conversation_id")
        labels.append({name: turn[name] for name in names} | {"delayed_5": 0.5 * rich + 0.3 * draw.normal()})
    fill(found.lake, pair_rows(1_500), turns)
    write(found, "horizon_labels", labels)
    found.run(DAY, reward_assets.ASSETS)
    return found


def asked(stage: Stage, **policy: object) -> Settings:
    return stage.settings.model_copy(update={"policy": PolicySettings(**policy)})


def made(stage: Stage, settings: Settings, day=DAY) -> list[dict]:
    """Candidates of the day, written to the lake."""
    rows = candidate_day(stage.inputs(day, **STEPS["policy_candidates"].reads), day, settings).rows.to_pylist()
    write(stage, "policy_candidates", rows, day)
    return rows


def judged(stage: Stage, settings: Settings) -> dict[str, dict]:
    rows = screen_day(stage.inputs(DAY, **STEPS["policy_screen"].reads), settings).rows.to_pylist()
    return {row["model_id"]: row for row in rows}


@pytest.fixture(scope="module")
def lora(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    base = base_model(tmp_path_factory.mktemp("base"))
    training = TrainingSettings(base_model=str(base), max_reply_tokens=30, probe_prompts=10, **SHORT)
    return asked(stage, kinds=("lora",), training=training, screen_prompts=20)


def test_trained_weights_are_a_candidate_with_lineage_in_table_and_registry(stage: Stage, lora: Settings):
    version = load_champion(lora).version
    (row,) = made(stage, lora)
    assert (row["model_id"], row["kind"], row["parent"], row["generation"]) == (
        f"sft-1-{version}-{row['model_id'][-6:]}", "lora", "incumbent", 1,
    )  # fmt: skip
    assert (row["seed"], row["step"] in (2, 4), row["reward_version"]) == (0, True, version)
    assert json.loads(row["settings"])["method"] == "sft"
    with open_store(lora.home) as client:
        number = client.get_registered_model(NAME).aliases[CANDIDATE]
        registered = client.get_model_version(NAME, str(number))
        run = client.get_run(registered.run_id)
        assert run.data.params["parent"] == "incumbent"
        assert len(client.get_metric_history(registered.run_id, "gain")) == 2
        assert len(client.get_metric_history(registered.run_id, "loss")) == 4
    folder = policy_folder(lora.home, row["model_id"])
    assert {path.name for path in folder.iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors", "lineage.json",
    }  # fmt: skip
    assert weights_of(lora, row["model_id"]).adapters == (str(folder),)


def test_trained_weights_are_judged_by_what_they_say(stage: Stage, lora: Settings):
    (row,) = made(stage, lora)
    found = judged(stage, lora)[row["model_id"]]
    assert found["prompts"] == 20
    assert not found["passed"], "four steps of imitation gain nothing"
    names = ("reward_gain", "low", "high", "length_ratio", "repetition_gain", "kl", "valid", "novelty", "accuracy_low")
    assert all(found[name] is not None for name in names)
    assert found["off_policy_gain"] is None


def test_an_arm_is_offered_once_and_judged_by_its_log(stage: Stage):
    settings = asked(stage, kinds=("arm",), arms=(ArmSettings(model="rich"), ArmSettings(model="unseen")))
    rich, unseen = made(stage, settings)
    assert (rich["kind"], rich["base_model_id"], rich["reward_version"]) == ("arm", "rich", None)
    found = judged(stage, settings)
    one = found[rich["model_id"]]
    assert one["passed"]
    assert one["off_policy_low"] < 0.375 < one["off_policy_high"], "0.5 less the quarter that had it already"
    assert one["effective_share"] == pytest.approx(0.25)
    other = found[unseen["model_id"]]
    assert not other["passed"]
    assert "its log does not suffice" in other["reason"]
    later = DAY + timedelta(days=1)
    fill(stage.lake, [], turn_rows(10, later, seed=8), later)
    assert made(stage, settings, later) == []


def test_an_arm_that_is_surely_worse_is_refused(stage: Stage):
    settings = asked(stage, kinds=("arm",), arms=(ArmSettings(model="incumbent"),))
    (row,) = made(stage, settings)
    found = judged(stage, settings)[row["model_id"]]
    assert not found["passed"]
    assert "surely worse" in found["reason"]


def test_best_of_n_is_estimated_from_the_log_too(stage: Stage):
    settings = asked(stage)
    (row,) = made(stage, settings)
    found = judged(stage, settings)[row["model_id"]]
    assert found["passed"]
    assert found["off_policy_low"] < 0 < found["off_policy_high"], "these labels do not depend on the text"
    assert 0.3 < found["effective_share"] < 0.6
    with open_store(settings.home) as client:
        assert SCREENED in client.get_registered_model(NAME).aliases


def registered(stage: Stage, *names: str) -> None:
    for name in names:
        register_policy(stage.settings.home, {"model_id": name}, {}, ())


def alias(stage: Stage, name: str) -> str:
    """The candidate that an alias names."""
    with open_store(stage.settings.home) as client:
        number = client.get_registered_model(NAME).aliases[name]
        return str(client.get_model_version(NAME, str(number)).tags["model_id"])


def test_a_day_that_is_computed_again_moves_no_alias_back(stage: Stage):
    home = stage.settings.home
    registered(stage, "early", "late", "early")
    assert alias(stage, CANDIDATE) == "late"
    for name in ("early", "late", "early"):
        record_verdict(home, name, True, "sound", {"reward_gain": 0.5})
    assert alias(stage, SCREENED) == "late"
    crown(home, "late", DAY + timedelta(days=40))
    crown(home, "early", DAY)
    crown(home, "nobody", DAY + timedelta(days=50))
    assert alias(stage, CHAMPION) == "late"
    crown(home, "early", DAY + timedelta(days=41))
    assert alias(stage, CHAMPION) == "early", "a champion that was rolled back to"
    with pytest.raises(UserError, match="nobody"):
        policy_folder(home, "nobody")


def test_a_refused_candidate_says_why_in_the_registry_and_once(stage: Stage):
    home = stage.settings.home
    registered(stage, "refused")
    for _ in range(2):
        record_verdict(home, "refused", False, "replies 3.00 times as long", {"length_ratio": 3.0})
    record_verdict(home, "nobody", True, "sound", {})
    with open_store(home) as client:
        (version,) = [
            one for one in client.search_model_versions(f"name = '{NAME}'") if one.tags["model_id"] == "refused"
        ]
        assert (version.tags["gate"], version.tags["gate_reason"]) == ("refused", "replies 3.00 times as long")
        assert [one.value for one in client.get_metric_history(version.run_id, "gate.length_ratio")] == [3.0]
    assert alias(stage, CANDIDATE) == "refused"
    assert alias(stage, SCREENED) != "refused"


def test_too_little_log_is_told_and_makes_no_candidate(stage: Stage):
    settings = asked(stage, kinds=("lora",), training=TrainingSettings(examples=10))
    step = candidate_day(stage.inputs(DAY, **STEPS["policy_candidates"].reads), DAY, settings)
    assert step.rows.num_rows == 0
    assert "logged replies" in step.metadata["lora"]


def test_a_registry_that_is_down_is_one_line(stage: Stage, tmp_path: Path):
    settings = asked(stage).model_copy(update={"home": tmp_path})
    folder = store_folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / "mlflow.sqlite").write_text("this is no database, and is longer than a header of a hundred bytes" * 9)
    with pytest.raises(UserError, match="the champion stays as it is"):
        candidate_day(stage.inputs(DAY, **STEPS["policy_candidates"].reads), DAY, settings)


def test_a_full_disk_is_one_line(stage: Stage, lora: Settings, monkeypatch: pytest.MonkeyPatch):
    from evalloop_assets.policy_iteration import training

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training, "save_optimiser", full)
    changed = lora.policy.training.model_copy(update={"seed": 9})
    settings = asked(stage, kinds=("lora",), training=changed)
    with pytest.raises(UserError, match="No space left"):
        candidate_day(stage.inputs(DAY, **STEPS["policy_candidates"].reads), DAY, settings)


def copy_of(stage: Stage, to: Path) -> Settings:
    shutil.copytree(stage.settings.home, to)
    return stage.settings.model_copy(update={"home": to})


def test_weights_are_found_in_a_home_that_was_moved(stage: Stage, tmp_path: Path):
    base = base_model(stage.settings.home / "policies")
    training = TrainingSettings(base_model=str(base), max_reply_tokens=30, probe_prompts=10, **SHORT)
    (row,) = made(stage, asked(stage, kinds=("lora",), training=training))
    moved = copy_of(stage, tmp_path / "elsewhere")
    found = weights_of(moved, row["model_id"])
    assert all(Path(path).is_relative_to(moved.home) for path in (found.base, *found.adapters))
    assert load_weights(moved, row).reply([Prompt("and then?", (), "", "en-GB")], 1)
    kept = json.loads((policy_folder(moved.home, row["model_id"]) / LINEAGE_FILE).read_text())["weights"]
    assert kept == {"base": "policies/base", "adapters": []}
    registered(stage._replace(settings=moved), "made-after-the-move")
    assert policy_folder(moved.home, "made-after-the-move").is_relative_to(moved.home)


def test_other_settings_never_pass_under_the_name_of_these(stage: Stage, lora: Settings):
    (one,) = made(stage, lora)
    changed = lora.policy.training.model_copy(update={"seed": 3})
    (two,) = made(stage, asked(stage, kinds=("lora",), training=changed))
    assert one["model_id"] != two["model_id"]
    (first, second) = (
        json.loads((policy_folder(lora.home, row["model_id"]) / LINEAGE_FILE).read_text()) for row in (one, two)
    )
    assert (first["seed"], second["seed"]) == (0, 3)


def test_the_gate_never_judges_on_prompts_by_which_the_checkpoint_was_chosen(stage: Stage, lora: Settings):
    """All replies to held-out users went into the probes: nothing is left to judge on."""
    training = lora.policy.training.model_copy(update={"probe_prompts": 400})
    settings = asked(stage, kinds=("lora",), training=training)
    (row,) = made(stage, settings)
    found = judged(stage, asked(stage, kinds=("lora",), training=lora.policy.training))[row["model_id"]]
    assert not found["passed"]
    assert "its checkpoints were chosen by" in found["reason"]


@pytest.mark.parametrize("damaged", ["base", "adapter", "lineage"])
def test_damaged_weights_are_one_line(stage: Stage, tmp_path: Path, damaged: str):
    base = base_model(stage.settings.home / "policies")
    training = TrainingSettings(base_model=str(base), max_reply_tokens=30, probe_prompts=10, **SHORT)
    (row,) = made(stage, asked(stage, kinds=("lora",), training=training))
    moved = copy_of(stage, tmp_path / "damaged")
    weights = weights_of(moved, row["model_id"])
    path = {
        "base": Path(weights.base) / "model.safetensors",
        "adapter": Path(weights.adapters[0]) / "adapter_model.safetensors",
        "lineage": Path(weights.adapters[0]) / LINEAGE_FILE,
    }[damaged]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="cannot be"):
        load_weights(moved, row)
    path.unlink()
    with pytest.raises(UserError, match="cannot be"):
        load_weights(moved, row)


def test_a_base_that_is_gone_from_the_home_is_not_asked_for_elsewhere(stage: Stage, tmp_path: Path):
    """Its place there, policies/base, would be a name on Hugging Face too."""
    base = base_model(stage.settings.home / "policies")
    training = TrainingSettings(base_model=str(base), max_reply_tokens=30, probe_prompts=10, **SHORT)
    (row,) = made(stage, asked(stage, kinds=("lora",), training=training))
    moved = copy_of(stage, tmp_path / "gone")
    shutil.rmtree(weights_of(moved, row["model_id"]).base)
    assert weights_of(moved, row["model_id"]).base == str(moved.home / "policies" / "base")
    with pytest.raises(UserError, match=r"there is no folder .*policies/base"):
        load_weights(moved, row)


@pytest.mark.parametrize(
    ("ends", "told"),
    [(" We met on telegram.", "safety words"), (" and on and on" * 20 + ".", "times as long"), (" and", "well-formed")],
)
def test_an_arm_is_refused_for_how_its_logged_replies_speak(stage: Stage, tmp_path: Path, ends: str, told: str):
    home = Stage.at(tmp_path)
    turns = [row | {"locale": "en-GB"} for row in turn_rows(400)]
    for at, turn in enumerate(turns):
        rich = at % 4 == 0
        turn |= {"experiment_id": "e", "arm": "treatment" if rich else "control", "propensity": 0.25 if rich else 0.75}
        turn |= {
            "model_id": "rich" if rich else "incumbent",
            "reply_text": turn["reply_text"] + (ends if rich else "."),
        }
    names = ("event_id", "user_id", "model_id", "conversation_id")
    fill(home.lake, [], turns)
    write(home, "horizon_labels", [{name: turn[name] for name in names} | {"delayed_5": 0.1} for turn in turns])
    for table in ("policy_pairs", "reward_model_report"):
        write(home, table, [])
    settings = asked(home, kinds=("arm",), arms=(ArmSettings(model="rich"),))
    (row,) = made(home, settings)
    found = judged(home, settings)[row["model_id"]]
    assert not found["passed"]
    assert told in found["reason"]


def test_arms_with_weights_wait_for_a_reward_model(tmp_path: Path):
    home = Stage.at(tmp_path)
    fill(home.lake, [], turn_rows(20))
    for table in ("policy_pairs", "reward_model_report"):
        write(home, table, [])
    settings = asked(home, kinds=("arm",), arms=(ArmSettings(model="org/chat-7b"), ArmSettings(model="rich")))
    step = candidate_day(home.inputs(DAY, **STEPS["policy_candidates"].reads), DAY, settings)
    assert [row["base_model_id"] for row in step.rows.to_pylist()] == ["rich"]
    assert "wait for a reward model" in step.metadata["arms"]


def test_pairs_of_many_days_are_held_against_each_other(tmp_path: Path):
    """One day's filter does not see that another day has the pair again, or the other way round."""
    home = Stage.at(tmp_path)
    users = [f"u{at}" for at in range(60)]
    seen = dict(zip(users, is_held_out(users), strict=True))
    user, other = [name for name, out in seen.items() if not out][:2]
    held = next(name for name, out in seen.items() if out)

    def pair(name: str, message: str, chosen: str = "yes", rejected: str = "no", kept: bool = True, who: str = user):
        told = {"pair_id": name, "user_id": who, "user_text": message, "chosen": chosen, "rejected": rejected}
        return told | {"kept": kept, "reason": "kept" if kept else "margin"}

    before = DAY - timedelta(days=1)
    turns = turn_rows(20)
    fill(home.lake, [], turns)
    write(home, "policy_pairs", [pair("a", "again"), pair("b", "turned"), pair("f", "f"), pair("g", "g")], before)
    fresh = [pair("c", "again"), pair("d", "turned", "no", "yes", kept=False), pair("e", "alone", who=other)]
    write(home, "policy_pairs", [*fresh, pair("h", "held", who=held)])

    def read(per_user: int) -> list[str]:
        reads = {name: STEPS["policy_candidates"].reads[name] for name in ("turns", "characters", "policy_pairs")}
        return sorted(one.prompt.message for one in read_preferences(home.inputs(DAY, **reads), per_user))

    assert read(9) == ["again", "alone", "f", "g"]
    assert len(read(1)) == 2
    assert "alone" in read(1)


def test_a_prompt_has_the_kept_exchanges_before_it_with_the_time_since(tmp_path: Path):
    """The second reply was written anew 30 s later: it is no part of what was said before the third message."""
    home = Stage.at(tmp_path)
    shared = {"user_id": "u", "conversation_id": "c", "model_id": "m", "locale": "en-GB", "character_id": "hero"}
    turns = [
        {"event_id": "e1", "user_text": "one", "reply_text": "first", "after": 0, "replaces_event_id": None},
        {"event_id": "e2", "user_text": "two", "reply_text": "worse", "after": 60, "replaces_event_id": None},
        {"event_id": "e3", "user_text": "two", "reply_text": "better", "after": 90, "replaces_event_id": "e2"},
        {"event_id": "e4", "user_text": "three", "reply_text": "last", "after": 1_000, "replaces_event_id": None},
    ]
    start = datetime(DAY.year, DAY.month, DAY.day, 8)
    fill(home.lake, [], [turn | shared | {"shown_at": start + timedelta(seconds=turn["after"])} for turn in turns])
    reads = {name: STEPS["policy_candidates"].reads[name] for name in ("turns", "characters", "bad_cases")}
    log = read_examples(home.inputs(DAY, **reads), "m", 10)
    asked = {one.reply: one.prompt for one in (*log.fit, *log.held_out)}
    assert asked["first"].exchanges == ()
    assert asked["better"].exchanges == (("one", "first", 90.0),)
    assert asked["last"].exchanges == (("one", "first", 1_000.0), ("two", "better", 910.0))
    assert asked["last"].history == ("one", "first", "two", "better")


def test_no_policy_learns_to_write_a_bad_case_that_evaluates(tmp_path: Path):
    home = Stage.at(tmp_path)
    fill(home.lake, [], turn_rows(40))
    reads = {name: STEPS["policy_candidates"].reads[name] for name in ("turns", "characters", "bad_cases")}

    def read() -> Split:
        return read_examples(home.inputs(DAY, **reads), "incumbent", 100)

    before = read()
    events = {row["reply_text"]: row["event_id"] for row in home.rows("turns")}
    one, other, third = (events[example.reply] for example in before.fit[:3])
    write(home, "bad_cases", [{"event_id": one, "side": "evaluation"}, {"event_id": third, "side": "training"}])
    write(home, "bad_cases", [{"event_id": other, "side": "withheld"}], DAY - timedelta(days=7))
    assert read() == Split(before.fit[2:], before.held_out)
