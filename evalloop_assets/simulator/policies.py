"""Who writes the replies: a templated model, the best of n of its samples, or any callable with this shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from evalloop_assets.lake.errors import UserError
from evalloop_assets.simulator.lexicon import Lexicon
from evalloop_assets.simulator.lexicons import LEXICON
from evalloop_assets.simulator.models import ModelSpec
from evalloop_assets.simulator.story import Contexts
from evalloop_assets.simulator.text import compose, texts_of

Score = Callable[[list[str], list[str]], np.ndarray]
"""A reward model: messages and a reply to each, to one finite score each, higher is better."""


class Policy(Protocol):
    """What the product serves under a model id."""

    @property
    def spec(self) -> ModelSpec:
        """Id, kind, parent, latency and cost. The latent quality in it is read by the templated policies alone."""

    def reply_batch(self, contexts: Contexts, rng: np.random.Generator) -> list[str]:
        """One reply per context."""


@dataclass(frozen=True)
class Templated:
    """Writes as its spec says."""

    spec: ModelSpec
    lexicon: Lexicon = LEXICON

    def reply_batch(self, contexts: Contexts, rng: np.random.Generator) -> list[str]:
        return texts_of(compose(self.spec, contexts, rng, self.lexicon), contexts.pack, self.lexicon)


@dataclass(frozen=True)
class BestOfN:
    """Samples `n` replies of `base` for every prompt and serves the one that `score` likes best (ties: the first)."""

    base: ModelSpec
    n: int
    score: Score
    model_id: str
    lexicon: Lexicon = LEXICON

    def __post_init__(self) -> None:
        if self.n < 1:
            raise UserError(f"policy {self.model_id}", f"n is {self.n}", "Sample at least one reply.")

    @property
    def spec(self) -> ModelSpec:
        """Candidates are drawn in parallel: a little slower than the base, `n` times its cost."""
        return replace(
            self.base,
            model_id=self.model_id,
            kind="candidate",
            parent=self.base.model_id,
            latency_ms=1.2 * self.base.latency_ms,
            cost_per_1k_tokens=self.n * self.base.cost_per_1k_tokens,
        )

    def reply_batch(self, contexts: Contexts, rng: np.random.Generator) -> list[str]:
        asked = contexts.take(np.repeat(np.arange(len(contexts)), self.n))
        texts = texts_of(compose(self.base, asked, rng, self.lexicon), asked.pack, self.lexicon)
        scores = np.asarray(self.score(asked.prompts, texts), dtype=np.float64)
        if scores.shape != (len(texts),) or not np.isfinite(scores).all():
            raise UserError(
                f"policy {self.model_id}",
                f"its score gave shape {scores.shape} for {len(texts)} texts, or values that are not finite",
                "Return one finite number per text.",
            )
        best = scores.reshape(-1, self.n).argmax(axis=1)
        return [texts[row * self.n + pick] for row, pick in enumerate(best.tolist())]


def templated(specs: Sequence[ModelSpec]) -> dict[str, Policy]:
    """The policies of a cast by model id."""
    return {spec.model_id: Templated(spec) for spec in specs}


def replies(policies: Mapping[str, Policy], model: str, contexts: Contexts, rng: np.random.Generator) -> list[str]:
    """The replies of one model; UserError if no policy serves it, it fails, or it returns anything but texts."""
    if model not in policies:
        raise UserError(f"model {model}", "the flags serve it, but the product has no policy of that id", "Add one.")
    try:
        texts = policies[model].reply_batch(contexts, rng)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"policy {model}", f"it raised {error!r}", "The day was not written; mend the policy."
        ) from error
    if not isinstance(texts, list) or len(texts) != len(contexts) or not all(isinstance(text, str) for text in texts):
        raise UserError(
            f"policy {model}",
            f"it must return a list of {len(contexts)} texts, one per prompt",
            "The day was not written; mend the policy.",
        )
    return texts
