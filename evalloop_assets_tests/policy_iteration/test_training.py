"""LoRA training by TRL, for real, on a model of 50,000 parameters."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import pre_tokenizers

from evalloop_assets.lake.errors import UserError
from evalloop_assets.policy_iteration import language_model, training
from evalloop_assets.policy_iteration.base_model import learn_tokenizer
from evalloop_assets.policy_iteration.language_model import Decoding, LanguageModel, load_language_model
from evalloop_assets.policy_iteration.logged import Example, Preference
from evalloop_assets.policy_iteration.lora import (
    Trained,
    Untrainable,
    probed_of,
    train_lora,
    training_rows,
)
from evalloop_assets.policy_iteration.probes import Limits, broken_limits
from evalloop_assets.policy_iteration.prompts import Prompt
from evalloop_assets.policy_iteration.rewarding import Rewards
from evalloop_assets.policy_iteration.training import Checkpoint, best
from evalloop_assets.settings import PolicySettings, TrainingSettings
from evalloop_assets_tests.policy_iteration.tiny import base_model, log, small_rewards

LOG = log()
PROMPTS = [one.prompt for one in LOG.held_out[:40]]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("policies")


@pytest.fixture(scope="module")
def base(home: Path) -> Path:
    return base_model(home)


@pytest.fixture(scope="module")
def rewards() -> Rewards:
    return small_rewards()


def options(base: Path, **changed: object) -> PolicySettings:
    short = {"base_model": str(base), "max_reply_tokens": 40, "probe_prompts": 60, "eval_every": 20, "steps": 40}
    return PolicySettings(training=TrainingSettings(**{**short, **changed}))


def dpo(base: Path, **changed: object) -> PolicySettings:
    return options(
        base, **{"method": "dpo", "generations": 4, "draw_prompts": 120, "learning_rate": 5e-4, "beta": 0.3, **changed}
    )


@pytest.fixture(scope="module")
def by_dpo(home: Path, base: Path, rewards: Rewards) -> Trained:
    return train_lora(home / "dpo", None, LOG, [], rewards, dpo(base), "v")


def broken(found: Trained, asked: PolicySettings) -> list[list[str]]:
    return [broken_limits(probed_of(one.probe), Limits.of(asked)) for one in found.checkpoints]


def test_the_base_model_speaks_the_language_of_the_log(base: Path):
    speaker = load_language_model(base, Decoding(0.8, 1.0, 40))
    replies = speaker.reply(PROMPTS, 1)
    known = {sentence for one in LOG.fit for sentence in one.reply.split(". ")}
    said = [sentence for reply in replies for sentence in reply.split(". ")]
    assert np.mean([sentence in known for sentence in said]) > 0.6
    assert speaker.reply(PROMPTS, 1) == replies
    assert speaker.reply(PROMPTS, 2) != replies


def test_a_reply_depends_on_its_seed_and_not_on_the_state_of_torch(base: Path):
    import torch

    speaker = load_language_model(base, Decoding(0.8, 1.0, 40))
    first = speaker.reply(PROMPTS[:4], 1)
    state = torch.random.get_rng_state()
    assert speaker.reply(PROMPTS[:4], 1) == first
    assert (torch.random.get_rng_state() == state).all()


def test_likelihood_is_the_sum_of_the_tokens_own(base: Path):
    import torch

    speaker = load_language_model(base, Decoding(0.8, 1.0, 40))
    asked, said = PROMPTS[:3], [one.reply for one in LOG.held_out[:3]]
    found = speaker.likelihood(asked, said)
    for row in range(3):
        ids = speaker.tokenizer(speaker.texts(asked)[row] + said[row] + "<|end|>", return_tensors="pt")["input_ids"]
        with torch.no_grad():
            ids = ids.to(speaker.model.device)
            loss = speaker.model(ids, labels=_masked(ids, int(found.tokens[row]))).loss
        assert found.log[row] == pytest.approx(-float(loss) * found.tokens[row], rel=_precision(speaker))
    assert (found.log < 0).all()


def test_no_batch_holds_more_logits_than_allowed(base: Path, monkeypatch: pytest.MonkeyPatch):
    speaker = load_language_model(base, Decoding(0.8, 1.0, 40))
    replies = [one.reply for one in LOG.held_out[:40]]
    at_once = speaker.likelihood(PROMPTS, replies)
    held: list[int] = []
    speaker.model.register_forward_hook(lambda _, __, output: held.append(output.logits.numel()))
    monkeypatch.setattr(language_model, "MOST_LOGITS", 200_000)
    in_parts = speaker.likelihood(PROMPTS, replies)
    assert max(held) <= 200_000 < sum(held)
    np.testing.assert_allclose(in_parts.log, at_once.log, rtol=_precision(speaker))
    assert in_parts.tokens.tolist() == at_once.tokens.tolist()
    monkeypatch.setattr(language_model, "MOST_LOGITS", 1)
    held.clear()
    np.testing.assert_allclose(speaker.likelihood(PROMPTS, replies).log, at_once.log, rtol=_precision(speaker))
    assert len(held) == 40


def test_a_model_that_sees_too_tells_how_likely_a_text_is(base: Path):
    """Its settings are in two parts, of what it sees and of what it says."""
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration

    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
    says = {**small, "num_key_value_heads": 1, "head_dim": 16, "vocab_size": 420}
    sees = {**small, "image_size": 28, "patch_size": 14}
    config = Gemma3Config(text_config=says, vision_config=sees, mm_tokens_per_image=4)
    tokenizer = load_language_model(base, Decoding(0.8, 1.0, 40)).tokenizer
    speaker = LanguageModel("seeing", Gemma3ForConditionalGeneration(config).eval(), tokenizer, Decoding(0.8, 1.0, 40))
    found = speaker.likelihood(PROMPTS[:3], [one.reply for one in LOG.held_out[:3]])
    assert (found.log < 0).all()


def _precision(speaker: LanguageModel) -> float:
    """Of likelihoods: on a GPU the weights are in bfloat16."""
    return 1e-4 if speaker.model.device.type == "cpu" else 2e-2


def _masked(ids, spoken: int):
    labels = ids.clone()
    labels[:, : ids.shape[1] - spoken] = -100
    return labels


def test_dpo_raises_the_reward_within_the_limits(by_dpo: Trained, base: Path):
    assert [one.step for one in by_dpo.checkpoints] == [20, 40]
    assert by_dpo.rows > 60
    chosen = next(one for one in by_dpo.checkpoints if one.step == by_dpo.step)
    assert chosen.probe["low"] > 0
    assert 0 < chosen.probe["kl"] < 0.5
    assert chosen.losses[-1] < chosen.losses[0]
    assert by_dpo.weights.base == str(base)


def test_what_was_said_before_a_blank_reply_is_not_logged(
    home: Path, base: Path, rewards: Rewards, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
):
    def with_blanks(messages: list[str], replies: list[str], histories: object = None) -> np.ndarray:
        return np.where(["road" in reply for reply in replies], np.nan, rewards(messages, replies))

    asked = options(base, method="grpo", draw_prompts=16, generations=2, steps=1, eval_every=1)
    trained = train_lora(home / "blank", None, LOG, [], with_blanks, asked, "v")
    assert np.isfinite(trained.checkpoints[0].losses).all()
    written = "".join(capfd.readouterr()) + caplog.text
    assert not [one for one in LOG.fit if one.prompt.message in written]


def test_nothing_is_pickled(by_dpo: Trained, home: Path):
    files = [path for path in (home / "dpo").rglob("*") if path.is_file()]
    assert not [path for path in files if str(home).encode() in path.read_bytes()], "nor is a place written down"
    names = {path.suffix for path in files}
    assert not names & {".bin", ".pt", ".pth", ".pkl"}
    assert ".safetensors" in names


def test_a_killed_training_goes_on_from_its_last_checkpoint_and_ends_with_the_same_weights(
    by_dpo: Trained, home: Path, base: Path, rewards: Rewards, monkeypatch: pytest.MonkeyPatch
):
    """Killed in the second slice, its half-written checkpoint left behind."""
    first, last = (one.folder for one in by_dpo.checkpoints)
    work = home / "again" / first.parent.name
    shutil.copytree(first, work / first.name)
    (work / f"{last.name}.partial").mkdir()
    made = []
    slice_ = training._slice

    def counted(*given: object) -> None:
        made.append(given[3])
        slice_(*given)

    monkeypatch.setattr(training, "_slice", counted)
    again = train_lora(home / "again", None, LOG, [], rewards, dpo(base), "v")
    assert made == [work / last.name]
    one, two = (load_file(folder / "adapter_model.safetensors") for folder in (last, again.checkpoints[-1].folder))
    assert all((one[name] == two[name]).all() for name in one)
    assert again.checkpoints[-1].probe == by_dpo.checkpoints[-1].probe


@pytest.mark.parametrize("name", ["probe.json", "adapter_model.safetensors", "optimizer.safetensors"])
def test_a_damaged_checkpoint_is_made_again(
    by_dpo: Trained, home: Path, base: Path, rewards: Rewards, tmp_path: Path, name: str
):
    first, last = (one.folder for one in by_dpo.checkpoints)
    work = tmp_path / "policies" / first.parent.name
    shutil.copytree(first.parent, work)
    (work / last.name / name).write_bytes(b"{")
    again = train_lora(tmp_path / "policies", None, LOG, [], rewards, dpo(base), "v")
    assert again.checkpoints[-1].probe == by_dpo.checkpoints[-1].probe


def test_a_step_after_the_last_checkpoint_is_refused():
    with pytest.raises(ValueError, match="multiple of eval_every"):
        TrainingSettings(steps=50, eval_every=20)
    with pytest.raises(ValueError, match="multiple of eval_every"):
        TrainingSettings(steps=10, eval_every=20)


def test_the_vocabulary_holds_no_word_of_one_person_alone():
    """Neither what was told to one user only, however often, nor a sentence of a script without spaces."""
    secret, sentence = "Wilhelminenstrasse", "我家住在梧桐树后面的红房子里"
    own = [Example("u1", Prompt(f"{secret}, {sentence}", (), "", ""), f"{secret}! {sentence}")] * 200
    vocabulary = learn_tokenizer([*LOG.fit, *own], 2_000).get_vocab()
    as_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    for text in (secret, sentence):
        ((written, _),) = as_bytes.pre_tokenize_str(text)
        assert not [token for token in vocabulary if written in token]
        assert max(len(token) for token in vocabulary if token.strip("Ġ") in written) <= 4 * 3
    assert any("lantern" in token for token in vocabulary)


def test_the_best_checkpoint_is_taken_and_not_the_last():
    def at(step: int, gain: float, valid: float) -> Checkpoint:
        return Checkpoint(step, Path(str(step)), {"gain": gain, "valid": valid}, ())

    def unsound(probe: dict[str, float]) -> list[str]:
        return [] if probe["valid"] > 0.9 else ["invalid"]

    rows = [at(20, 0.4, 1), at(40, 0.6, 1), at(60, 0.5, 1), at(80, 2.9, 0.3)]
    assert best(rows, unsound).step == 40
    assert best(rows[3:], unsound).step == 80


def test_the_next_generation_is_trained_on_the_weights_of_the_one_before(
    by_dpo: Trained, home: Path, base: Path, rewards: Rewards
):
    child = train_lora(home / "child", by_dpo.weights, LOG, [], rewards, dpo(base, steps=20, seed=5), "w")
    assert child.weights.adapters[0] == by_dpo.weights.adapters[0]
    assert len(child.weights.adapters) == 2
    decoding = Decoding(0.8, 1.0, 40)
    parent = load_language_model(base, decoding, by_dpo.weights.adapters)
    speaker = load_language_model(base, decoding, child.weights.adapters)
    said = [one.reply for one in LOG.held_out[:5]]
    own, before = speaker.likelihood(PROMPTS[:5], said), speaker.likelihood(PROMPTS[:5], said, reference=True)
    assert before.log == pytest.approx(parent.likelihood(PROMPTS[:5], said).log, rel=_precision(speaker))
    assert (own.log != before.log).all()


def test_logged_pairs_that_were_kept_join_the_draws(base: Path, rewards: Rewards):
    speaker = load_language_model(base, Decoding(0.8, 1.0, 40))
    asked = dpo(base, draw_prompts=0)
    pairs = [Preference(Prompt("where are we", (), "Mara", "en"), "A lantern.", "Whatever.")]
    rows = training_rows(speaker, LOG.fit, pairs, rewards, asked)
    assert [(row["chosen"], row["rejected"]) for row in rows] == [("A lantern.", "Whatever.")]
    assert rows[0]["prompt"].endswith("User: where are we\nReply:\n")


def test_imitating_the_best_draws_needs_no_pairs(base: Path, rewards: Rewards):
    speaker = load_language_model(base, Decoding(0.8, 1.0, 40))
    rows = training_rows(speaker, LOG.fit, [], rewards, dpo(base, method="sft", draw_prompts=10))
    assert len(rows) == 10
    assert set(rows[0]) == {"prompt", "completion"}


def test_without_anything_to_train_on_there_is_no_candidate(home: Path, base: Path, rewards: Rewards):
    with pytest.raises(Untrainable, match="no kept pair"):
        train_lora(home / "none", None, LOG, [], rewards, dpo(base, draw_prompts=0), "v")
    with pytest.raises(Untrainable, match="held-out"):
        train_lora(home / "none", None, LOG._replace(held_out=[]), [], rewards, dpo(base), "v")
    few = LOG._replace(fit=LOG.fit[:10])
    with pytest.raises(Untrainable, match="10 logged replies"):
        train_lora(home / "none", None, few, [], rewards, PolicySettings(), "v")


def test_replies_that_are_all_alike_rank_nothing(base: Path, rewards: Rewards):
    speaker = load_language_model(base, Decoding(0.0, 1.0, 40))
    assert training_rows(speaker, LOG.fit, [], rewards, dpo(base, draw_prompts=5)) == []


@pytest.mark.parametrize("base_model", ["no/such-model", "missing-folder"])
def test_a_base_model_that_is_not_there_is_one_line(home: Path, rewards: Rewards, base_model: str, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"policy\.training\.base_model"):
        train_lora(home / "none", None, LOG, [], rewards, dpo(Path(base_model)), "v")


def test_missing_packages_are_one_line(monkeypatch: pytest.MonkeyPatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'evalloop-assets\[policy\]'"):
        language_model.require_packages()


def test_a_device_without_memory_is_one_line(base: Path, monkeypatch: pytest.MonkeyPatch):
    import torch

    speaker = load_language_model(base, Decoding(0.8, 1.0, 40))

    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(speaker.model, "generate", full)
    with pytest.raises(UserError, match="the champion stays as it is"):
        speaker.reply(PROMPTS[:2], 0)


def test_long_and_empty_messages_are_answered(base: Path):
    speaker = load_language_model(base, Decoding(0.8, 1.0, 10))
    asked = [Prompt("word " * 10_000, (), "", ""), Prompt("", (), "", ""), Prompt("x" * 50_000, ("a", "b"), "", "")]
    assert len(speaker.reply([asked[1]], 0)) == 1
    assert max(len(text) for text in speaker.texts(asked)) < 4_200
