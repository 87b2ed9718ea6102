"""Policies made by the loop, in a model's place in the product: what they say is sampled, and read by the oracle."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace

from evalloop_assets.policy_iteration.policy import Policy
from evalloop_assets.policy_iteration.prompts import Prompt
from evalloop_assets.simulator.models import ModelSpec
from evalloop_assets.simulator.policies import Spoken

SILENCE = "…"
"""What the product shows where a policy says nothing."""


@dataclass(frozen=True)
class Sampled:
    """Samples replies by a seed that depends on the prompts alone, so that a day served again is the same day."""

    policy: Policy

    def __call__(self, prompts: list[Prompt]) -> list[str]:
        digest = hashlib.sha256(json.dumps(prompts).encode("utf-8", "surrogatepass")).digest()
        replies = self.policy.reply(prompts, int.from_bytes(digest[:4], "big"))
        return [shown(reply) or SILENCE for reply in replies]


def served_policy(
    model_id: str, parent: ModelSpec, policy: Policy, with_history: bool = False, time_limit_s: float = 3_600.0
) -> Spoken:
    """A policy of the loop as one of the product: a candidate of `parent`, whose latency and cost it takes."""
    spec = replace(parent, model_id=model_id, kind="candidate", parent=parent.model_id)
    return Spoken(spec, Sampled(policy), time_limit_s, reads_history=with_history)


def shown(reply: str) -> str:
    """What a screen shows of a reply: bytes drawn one by one may be control characters."""
    return "".join(letter for letter in reply if letter.isprintable() or letter in "\n\t").strip()
