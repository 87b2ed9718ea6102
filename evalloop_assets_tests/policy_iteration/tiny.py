"""A language of a few sentences, a base model that speaks it, and a reward model that likes its cheerful words."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evalloop_assets.policy_iteration.base_model import TinyModel, train_base_model
from evalloop_assets.policy_iteration.logged import Example, Split
from evalloop_assets.policy_iteration.prompts import Prompt
from evalloop_assets.policy_iteration.rewarding import Rewards, gated_by
from evalloop_assets.reward_model.pairs import is_held_out
from evalloop_assets_tests.reward_model.scored import GATE
from evalloop_assets_tests.reward_model.test_model import trained
from evalloop_assets_tests.reward_model.world import CHEERFUL, DULL, MESSAGES, pair_rows

TINY = TinyModel(vocabulary=420, width=48, layers=1, heads=2, steps=200, batch=32, learning_rate=1e-2, max_tokens=64)
SENTENCES = (
    "Look at the {} by the river.",
    "We keep this {} near our house.",
    "Then a {} was on that road.",
    "You find my {} under two stones.",
    "Today some {} came into town.",
    "Her {} shines behind each door.",
)


def examples(count: int, seed: int = 0) -> list[Example]:
    """Replies of three sentences with as many dull words as cheerful ones, to users of both parts."""
    draw = np.random.default_rng(seed)
    found = []
    for at in range(count):
        said = [
            SENTENCES[number].format(str(draw.choice(CHEERFUL if draw.random() < 0.5 else DULL)))
            for number in draw.permutation(len(SENTENCES))[:3].tolist()
        ]
        found.append(Example(f"u{at % 60}", Prompt(MESSAGES[at % 5], (), "Mara", "en-GB"), " ".join(said)))
    return found


def log(count: int = 1_000) -> Split:
    rows = examples(count)
    held = is_held_out([one.user_id for one in rows])
    return Split(
        [one for one, out in zip(rows, held, strict=True) if not out],
        [one for one, out in zip(rows, held, strict=True) if out],
    )


def base_model(folder: Path) -> Path:
    """The base model, trained once a folder."""
    at = folder / "base"
    if not at.exists():
        train_base_model(log().fit, TINY, at, 0)
    return at


def small_rewards() -> Rewards:
    return gated_by(trained(pair_rows(1_200)).model, GATE)
