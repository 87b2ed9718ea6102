"""A policy that hacks the reward model is refused, and one that is trained with care passes: real GRPO runs of TRL.

The setting is the one known to hack: KL weight 0.04 and a learning rate too high for the model's size. A language of
six sentences repeats itself easily, so that a little more of it is let pass here.
"""

from pathlib import Path

import pytest

from evalloop_assets.policy_iteration.language_model import load_language_model
from evalloop_assets.policy_iteration.lora import Trained, probe_weights, train_lora
from evalloop_assets.policy_iteration.probes import Limits, broken_limits
from evalloop_assets.policy_iteration.rewarding import Rewards
from evalloop_assets.policy_iteration.safety import words_of
from evalloop_assets.policy_iteration.training import decoding
from evalloop_assets.settings import PolicySettings, TrainingSettings
from evalloop_assets_tests.policy_iteration.tiny import base_model, log, small_rewards

LOG = log()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    torch.set_num_threads(1)
    return tmp_path_factory.mktemp("hacked")


@pytest.fixture(scope="module")
def rewards() -> Rewards:
    return small_rewards()


def grpo(home: Path, **changed: float) -> PolicySettings:
    training = TrainingSettings(
        base_model=str(base_model(home)),
        method="grpo",
        max_reply_tokens=40,
        probe_prompts=60,
        batch=8,
        generations=8,
        eval_every=20,
        draw_prompts=320,
        **changed,
    )
    return PolicySettings(training=training, max_repetition_gain=0.1)


def judged(trained: Trained, options: PolicySettings, rewards: Rewards) -> list[str]:
    """The gate on prompts that the checkpoints were not probed on."""
    speaker = load_language_model(trained.weights.base, decoding(options.training), trained.weights.adapters)
    known = [one.reply for one in LOG.fit]
    found = probe_weights(speaker, LOG.held_out[60:210], known, rewards, words_of(options.safety_words), 11)
    assert found.gain.low > 0
    return broken_limits(found, Limits.of(options))


def test_the_hacked_setting_is_refused_though_its_reward_is_high(home: Path, rewards: Rewards):
    options = grpo(home, learning_rate=3e-3, beta=0.04, steps=20)
    trained = train_lora(home / "hacked", None, LOG, [], rewards, options, "v")
    assert trained.checkpoints[-1].probe["low"] > 0.3
    assert "repeated share up" in "; ".join(judged(trained, options, rewards))


def test_an_honest_setting_passes(home: Path, rewards: Rewards):
    options = grpo(home, learning_rate=5e-4, beta=0.3, steps=40)
    trained = train_lora(home / "honest", None, LOG, [], rewards, options, "v")
    assert judged(trained, options, rewards) == []
