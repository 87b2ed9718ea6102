"""Models of the simulated product: latent quality on four dimensions, and what they cost."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from evalloop_assets.simulator.requirements import require_id, require_number, require_share

MOST_SENTENCES = 100
"""Mean number of sentences that can be added to a reply."""
ModelKind = Literal["reference", "incumbent", "candidate"]


@dataclass(frozen=True)
class ModelSpec:
    """One model. Shares are probabilities of writing the good kind of sentence where the reply has room for it.

    The four dimensions are those of section 2 of the paper on temporal preference learning. UserError for a value that
    cannot be, naming the field.
    """

    model_id: str
    kind: ModelKind
    instant: float
    """Instant gratification: takes up what the user said, concrete details (0..1)."""
    momentum: float
    """Trajectory momentum: the story advances instead of spinning (0..1)."""
    payoff: float
    """Delayed payoff: hooks are planted and later kept (0..1)."""
    freshness: float
    """1 less novelty decay: sentences come from the whole repertoire, not from a few pet phrases (0..1)."""
    stability: float = 0.95
    """Probability that a fact of the persona is kept when it comes up."""
    padding: float = 0.0
    """Mean number of filler and soothing sentences put into a reply."""
    extra: float = 0.0
    """Mean number of further details: length that tells something."""
    cut: float = 0.0
    """Share of replies that break off in the middle of a sentence."""
    latency_ms: float = 900.0
    """Median time to the full reply, milliseconds."""
    cost_per_1k_tokens: float = 0.002
    """US dollars."""
    parent: str | None = None
    """The model that it was made from."""

    def __post_init__(self) -> None:
        require_id("model: model_id", self.model_id)
        for name in ("instant", "momentum", "payoff", "freshness", "stability", "cut"):
            require_share(f"model {self.model_id}: {name}", getattr(self, name))
        for name in ("padding", "extra"):
            require_number(f"model {self.model_id}: {name}", getattr(self, name), 0, MOST_SENTENCES)
        for name in ("latency_ms", "cost_per_1k_tokens"):
            require_number(f"model {self.model_id}: {name}", getattr(self, name), 0)

    @property
    def family(self) -> str:
        """Whose voice it has: users' tastes attach to the voice, so a policy made from a model inherits them."""
        return self.parent or self.model_id

    @property
    def voice_number(self) -> int:
        """A number that depends on the family alone; it picks the pet phrases."""
        return int.from_bytes(hashlib.sha256(self.family.encode()).digest()[:4], "big")
