"""Weights trained by the loop, in a model's place in the product."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

import numpy as np

from evalloop_assets.policy_iteration.language_model import LanguageModel
from evalloop_assets.policy_iteration.prompts import Prompt
from evalloop_assets.simulator.models import ModelSpec
from evalloop_assets.simulator.policies import Score, Spoken

SILENCE = "…"
"""What the product shows where the weights say nothing."""


@dataclass(frozen=True)
class Sampled:
    """Samples replies by a seed that depends on the prompts alone, so that a day served again is the same day."""

    speaker: LanguageModel

    def __call__(self, prompts: list[Prompt]) -> list[str]:
        return self.replies(prompts, 0)

    def replies(self, prompts: list[Prompt], number: int) -> list[str]:
        """Draw `number` for the prompts."""
        digest = hashlib.sha256(json.dumps(prompts).encode("utf-8", "surrogatepass")).digest()
        replies = self.speaker.reply(prompts, int.from_bytes(digest[:4], "big") + number)
        return [shown(reply) or SILENCE for reply in replies]


@dataclass(frozen=True)
class BestSampled:
    """Samples `n` replies and shows the one that `score` likes best."""

    sampled: Sampled
    n: int
    score: Score

    def __call__(self, prompts: list[Prompt]) -> list[str]:
        draws = [self.sampled.replies(prompts, number) for number in range(self.n)]
        messages = [one.message for one in prompts]
        best = np.nanargmax([self.score(messages, replies) for replies in draws], axis=0)
        return [draws[number][row] for row, number in enumerate(best.tolist())]


def best_of_trained(base: Spoken, n: int, score: Score, model_id: str) -> Spoken:
    """The best of n replies of trained weights as a policy of the product, at n times the cost."""
    if not isinstance(base.speak, Sampled):
        raise TypeError(f"policy {base.spec.model_id} is no model that can be sampled")
    cost = n * base.spec.cost_per_1k_tokens
    spec = replace(base.spec, model_id=model_id, parent=base.spec.model_id, cost_per_1k_tokens=cost)
    return replace(base, spec=spec, speak=BestSampled(base.speak, n, score))


def shown(reply: str) -> str:
    """What a screen shows of a reply: bytes drawn one by one may be control characters."""
    return "".join(letter for letter in reply if letter.isprintable() or letter in "\n\t").strip()


def trained_policy(model_id: str, parent: ModelSpec, speaker: LanguageModel, time_limit_s: float = 3_600.0) -> Spoken:
    """The weights as a policy of the product: served as a candidate of `parent`, whose latency and cost it takes."""
    spec = replace(parent, model_id=model_id, kind="candidate", parent=parent.model_id)
    return Spoken(spec, Sampled(speaker), time_limit_s, reads_history=speaker.decoding.history_turns > 0)
