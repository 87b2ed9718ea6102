"""Models that learned from an erased person are named and marked; their words go from what a tokenizer keeps."""

import json
from pathlib import Path

import pytest

from evalloop_assets.erasure.models import POLICY, REWARD_MODEL, Registry, TrainedOn, touched
from evalloop_assets.erasure.needles import ERASED, Needles, byte_level
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.policy_iteration.registry import NAME, is_to_be_retrained, register_policy
from evalloop_assets.reward_model.registry import RETRAIN, open_store
from evalloop_assets_tests.erasure import world


def policy(name: str, *parents: tuple[str, str], **versions: int) -> TrainedOn:
    return TrainedOn(POLICY, name, versions, parents)


def reward(name: str, **versions: int) -> TrainedOn:
    return TrainedOn(REWARD_MODEL, name, versions, ())


def names(models: list[TrainedOn], gone: dict[str, list[list[int]]]) -> list[str]:
    return [one.name for one in touched(models, gone)]


@pytest.mark.parametrize(("version", "found"), [(2, []), (3, ["a"]), (5, ["a"]), (6, []), (9, ["a"])])
def test_a_model_is_touched_by_the_versions_that_went(version: int, found: list[str]):
    assert names([policy("a", turns=version)], {"turns": [[3, 5], [9, 9]], "visits": [[0, 99]]}) == found


def test_what_was_made_from_a_touched_model_is_touched_too_and_nothing_else():
    models = [
        policy("grandchild", (POLICY, "child"), turns=9),
        policy("child", (REWARD_MODEL, "v1"), turns=9),
        policy("v1", turns=9),
        policy("sound", (REWARD_MODEL, "v2"), turns=9),
        reward("v1", turns=1),
        reward("v2", turns=9),
    ]
    assert names(models, {"turns": [[1, 1]]}) == ["grandchild", "child", "v1"]
    assert [one.kind for one in touched(models, {"turns": [[1, 1]]})] == [POLICY, POLICY, REWARD_MODEL]
    assert touched(models, {}) == []


def test_ancestors_that_name_each_other_end():
    models = [policy("a", (POLICY, "b"), turns=1), policy("b", (POLICY, "a"))]
    assert names(models, {"turns": [[1, 1]]}) == ["a", "b"]


def test_a_text_is_found_as_a_tokenizer_spells_it():
    text = "我家住在梧桐树后面的红房子里"
    vocabulary = json.dumps({"model": {"vocab": {byte_level(text): 7, "Ġlantern": 8}}}, ensure_ascii=False).encode()
    needles = Needles((), [text])
    assert needles.count(vocabulary) == 1
    assert needles.count(json.dumps(json.loads(vocabulary)).encode()) == 1
    assert json.loads(needles.without(vocabulary))["model"]["vocab"] == {ERASED.decode(): 7, "Ġlantern": 8}


def test_an_erasure_names_and_marks_what_was_trained_on_the_person(tmp_path: Path):
    home = world.copy_of(world.taken_in(), tmp_path / "home")
    newest = open_lake(world.settings(home)).version("turns")
    made = {"reward_version": None, "kind": "lora"}
    lineages = [
        {"model_id": "grpo-1", "parent": "incumbent", "data_versions": json.dumps({"turns": newest})},
        {"model_id": "grpo-2", "parent": "grpo-1", "data_versions": json.dumps({"turns": newest + 50})},
        {"model_id": "other", "parent": "incumbent", "data_versions": json.dumps({"turns": newest + 50})},
    ]
    for lineage in lineages:
        register_policy(home, made | lineage, {}, ())
    assert [one.name for one in Registry(home).trained()] == ["grpo-1", "grpo-2", "other"]
    outcome = world.erased(home, world.busiest().user_id)
    assert outcome.receipt.retrain == {POLICY: ["grpo-1", "grpo-2"]}
    assert json.loads(outcome.path.read_text())["retrain"] == {POLICY: ["grpo-1", "grpo-2"]}
    assert [is_to_be_retrained(home, one["model_id"]) for one in lineages] == [True, True, False]
    with open_store(home) as client:
        reasons = [one.tags[RETRAIN] for one in client.search_model_versions(f"name = '{NAME}'") if RETRAIN in one.tags]
    assert all("was trained on data of somebody who was erased on" in reason for reason in reasons)
    assert world.erased(home, world.busiest().user_id).repeated
