import json
from datetime import date

from evalloop_assets.policy_iteration.candidates import (
    Served,
    arm_candidate,
    best_of_n_candidate,
    lora_candidate,
)
from evalloop_assets.settings import ArmSettings, TrainingSettings

DAY = date(2026, 3, 5)
VERSIONS = {"turns": 3}


def test_first_candidate_stands_on_a_model_that_is_not_ours():
    found = best_of_n_candidate(Served("base", None, None, 0), 4, "2026-03-05-ab", DAY, VERSIONS)
    assert found.model_id == "base-best-of-4-2026-03-05-ab"
    assert (found.base_model_id, found.parent, found.generation) == ("base", "base", 1)
    assert (found.kind, found.n, found.created_on) == ("best_of_n", 4, DAY)
    assert (found.seed, found.step, json.loads(found.data_versions)) == (None, None, VERSIONS)


def test_next_generation_draws_from_the_same_base():
    incumbent = Served("base-best-of-4-2026-03-05-ab", "best_of_n", "base", 1)
    found = best_of_n_candidate(incumbent, 4, "2026-03-09-cd", DAY, VERSIONS)
    assert found.model_id == "base-best-of-4-2026-03-09-cd"
    assert (found.base_model_id, found.parent, found.generation) == ("base", incumbent.model_id, 2)


def test_best_of_n_of_trained_weights_draws_from_them():
    found = best_of_n_candidate(Served("dpo-1-v", "lora", "tiny", 1), 4, "w", DAY, VERSIONS)
    assert (found.base_model_id, found.parent, found.generation) == ("dpo-1-v", "dpo-1-v", 2)


def test_trained_weights_carry_all_that_they_were_made_with():
    training = TrainingSettings(method="grpo", seed=3, beta=0.2)
    found = lora_candidate(Served("base", None, None, 0), "tiny", training, "v", DAY, VERSIONS, 40, "0123456789ab")
    assert found.model_id == "grpo-1-v-012345"
    assert (found.kind, found.base_model_id, found.parent, found.seed, found.step) == ("lora", "tiny", "base", 3, 40)
    assert json.loads(found.settings) == training.model_dump()


def test_an_arm_has_one_name_for_its_settings():
    served = Served("base", None, None, 0)
    arm = ArmSettings(model="org/chat-7b", system="Be brief.")
    found = arm_candidate(served, arm, DAY)
    assert found.model_id.startswith("chat-7b-arm-")
    assert arm_candidate(served, arm, date(2026, 3, 6)).model_id == found.model_id
    assert arm_candidate(served, ArmSettings(model="org/chat-7b", system="Be kind."), DAY).model_id != found.model_id
    assert found.reward_version is None
