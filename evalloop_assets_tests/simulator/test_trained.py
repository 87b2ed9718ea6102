"""Weights trained by the loop serve in the product, and the oracle reads what they say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evalloop_assets.policy_iteration.base_model import TinyModel, train_base_model
from evalloop_assets.policy_iteration.language_model import Decoding, LanguageModel, load_language_model
from evalloop_assets.policy_iteration.logged import Example
from evalloop_assets.policy_iteration.prompts import Prompt
from evalloop_assets.simulator.conditions import Scale
from evalloop_assets.simulator.demo_cast import INCUMBENT
from evalloop_assets.simulator.packs import EN, LEXICON
from evalloop_assets.simulator.policies import Templated
from evalloop_assets.simulator.serve import FIRST_DAY
from evalloop_assets.simulator.text import sample_replies
from evalloop_assets.simulator.trained import SILENCE, Sampled, served_policy, shown
from evalloop_assets.simulator.true_value import true_gain, world
from evalloop_assets.simulator.truth import TRUTH_TURNS, read_truth
from evalloop_assets_tests.simulator.test_text import prompts

SMALL = Scale(base_users=60, new_users=4, battles=0)
TINY = TinyModel(vocabulary=900, width=64, layers=1, heads=2, steps=80, batch=16, learning_rate=8e-3)


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    import torch

    torch.set_num_threads(1)
    asked = replace(prompts(600), pack=np.full(600, EN))
    replies = sample_replies(INCUMBENT, asked, 1, np.random.default_rng(1), LEXICON)
    examples = [
        Example(f"u{at}", Prompt(message, (), "", ""), one.text)
        for at, (message, (one,)) in enumerate(zip(asked.prompts, replies, strict=True))
    ]
    folder = tmp_path_factory.mktemp("weights") / "base"
    train_base_model(examples, TINY, folder, 0)
    return load_language_model(folder, Decoding(0.7, 1.0, 96))


def test_trained_weights_serve_and_the_oracle_reads_their_text(speaker: LanguageModel, tmp_path: Path):
    served = world(served_policy("steady", INCUMBENT, speaker), tmp_path, 1, FIRST_DAY, SMALL, days=1)
    truth = read_truth(tmp_path / "truth", TRUTH_TURNS).to_pandas()
    assert set(truth["model_id"]) == {"steady"}
    assert len(truth) > 50
    assert served.value.utility.n <= len(truth)
    assert np.isfinite(truth["quality"]).all()
    assert -2 < truth["quality"].mean() < 1


def test_a_day_served_again_is_the_same_day(speaker: LanguageModel):
    sampled, asked = Sampled(speaker), [Prompt("And then?", (), "", ""), Prompt("Go on.", (), "", "")]
    assert sampled(asked) == sampled(asked)
    assert all(sampled(asked))


def test_what_no_screen_can_show_is_left_out():
    assert shown("The\0 gulls\x1b fall.\n") == "The gulls fall."
    assert shown("\0") == ""
    assert SILENCE.strip()


def test_the_true_gain_of_a_better_policy_is_seen_and_that_of_the_same_is_nought(tmp_path: Path):
    scale = Scale(base_users=120, new_users=4, battles=0)
    base = world(Templated(INCUMBENT), tmp_path / "base", 1, FIRST_DAY, scale)
    again = world(Templated(INCUMBENT), tmp_path / "again", 1, FIRST_DAY, scale)
    better = world(
        Templated(replace(INCUMBENT, model_id="better", instant=0.9, momentum=0.9)),
        tmp_path / "better", 1, FIRST_DAY, scale,
    )  # fmt: skip
    assert true_gain(again, base).value == 0
    assert true_gain(better, base).low > 0.2
    assert better.value.returning.value > base.value.returning.value
