"""The three kinds of policy behind one protocol, and how a row of `policy_candidates` becomes one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from evalloop_assets.lake.errors import UserError
from evalloop_assets.policy_iteration.candidates import ARM, BEST_OF_N
from evalloop_assets.policy_iteration.prompts import Prompt
from evalloop_assets.policy_iteration.registry import LINEAGE_FILE, policy_folder
from evalloop_assets.policy_iteration.rewarding import Rewards, rewards_of

if TYPE_CHECKING:
    from evalloop_assets.policy_iteration.language_model import LanguageModel
    from evalloop_assets.policy_iteration.lora import Weights
    from evalloop_assets.settings import Settings


class Policy(Protocol):
    """Whatever answers a batch of prompts."""

    @property
    def name(self) -> str:
        """Under which it is served."""

    def reply(self, prompts: Sequence[Prompt], seed: int) -> list[str]:
        """One reply per prompt; the same for the same seed and prompts, on one machine."""


@dataclass(frozen=True)
class BestOf:
    """Draws n replies of a base policy and gives the one of most reward after what was said before it.

    The first of equals, and where none can be judged.
    """

    name: str
    base: Policy
    n: int
    rewards: Rewards

    def reply(self, prompts: Sequence[Prompt], seed: int) -> list[str]:
        draws = [self.base.reply(prompts, seed + number) for number in range(self.n)]
        messages = [one.message for one in prompts]
        histories = [one.exchanges for one in prompts]
        rewards = np.array([self.rewards(messages, replies, histories) for replies in draws])
        best = np.where(np.isnan(rewards), -np.inf, rewards).reshape(self.n, len(prompts)).argmax(axis=0)
        return [draws[number][row] for row, number in enumerate(best.tolist())]


def load_policy(settings: Settings, candidate: Mapping[str, Any], base: Policy | None = None) -> Policy:
    """The policy of a row of `policy_candidates`; best-of-n draws from `base`, for which the product stands in.

    UserError where its weights, its reward model or its base are not there.
    """
    if candidate["kind"] != BEST_OF_N:
        return load_weights(settings, candidate)
    if base is None:
        raise UserError(
            f"policy {candidate['model_id']}",
            f"it chooses among replies of {candidate['base_model_id']}, which only the product can draw",
            "Give that model as its base",
        )
    return BestOf(candidate["model_id"], base, candidate["n"], rewards_of(settings, candidate["reward_version"]))


def has_weights(model: str) -> bool:
    """Whether an arm names weights (a folder or a Hugging Face name) and not a model that the product serves."""
    return "/" in model or Path(model).is_dir()


def load_weights(settings: Settings, candidate: Mapping[str, Any]) -> LanguageModel:
    """The weights of an arm or of a trained candidate, with the prompt and decoding that its own settings name."""
    from evalloop_assets.policy_iteration.language_model import Decoding, load_language_model
    from evalloop_assets.policy_iteration.training import decoding
    from evalloop_assets.settings import ArmSettings, TrainingSettings

    made_with = json.loads(candidate["settings"])
    if candidate["kind"] == ARM:
        arm = ArmSettings(**made_with)
        return load_language_model(
            arm.model, Decoding(arm.temperature, arm.top_p, arm.max_reply_tokens, arm.history_turns, arm.system)
        )
    weights = weights_of(settings, candidate["model_id"])
    return load_language_model(weights.base, decoding(TrainingSettings(**made_with)), weights.adapters)


def weights_of(settings: Settings, model_id: str) -> Weights:
    """Where the weights of a registered candidate are, its own adapter last."""
    from evalloop_assets.policy_iteration.lora import Weights

    folder = policy_folder(settings.home, model_id)
    try:
        kept = json.loads((folder / LINEAGE_FILE).read_text())["weights"]
        ancestors = Weights(kept["base"], tuple(kept["adapters"])).at(settings.home.resolve())
        return ancestors._replace(adapters=(*ancestors.adapters, str(folder)))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"policy {model_id}", f"its lineage in {folder} cannot be read ({error})", "Make it again, or take another"
        ) from error
