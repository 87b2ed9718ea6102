"""Trained weights and arms from the log to the gate, through the steps of the assets."""

import json
from datetime import timedelta
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
from evalloop_assets.policy_iteration.making import candidate_day, weights_of
from evalloop_assets.policy_iteration.registry import CANDIDATE, CHAMPION, NAME, SCREENED, mark, policy_folder
from evalloop_assets.policy_iteration.screening import screen_day
from evalloop_assets.reward_model import assets as reward_assets
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
        f"sft-1-{version}", "lora", "incumbent", 1,
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


def test_aliases_move_and_an_unknown_name_moves_nothing(stage: Stage):
    (row,) = made(stage, asked(stage))
    mark(stage.settings.home, row["model_id"], CHAMPION)
    mark(stage.settings.home, "nobody", CHAMPION)
    with open_store(stage.settings.home) as client:
        number = client.get_registered_model(NAME).aliases[CHAMPION]
        assert client.get_model_version(NAME, str(number)).tags["model_id"] == row["model_id"]
    with pytest.raises(UserError, match="nobody"):
        policy_folder(stage.settings.home, "nobody")


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
