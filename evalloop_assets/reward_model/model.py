"""The reward model as it is used: weights, how its heads become one number, and how it is kept on disk.

Scoring needs numpy only; torch is needed to train. On disk a model is `weights.safetensors` and `config.json`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model.encoder import Encoder, Matrix, find_encoder

HORIZONS = ("immediate", "delayed_5", "delayed_session")
CONFIG_FILE, WEIGHTS_FILE = "config.json", "weights.safetensors"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Head:
    """How the raw output of one horizon is read."""

    horizon: str
    weight: float
    """Share of this horizon in the reward; 0 where it could not be learned."""
    temperature: float
    """A pair is preferred with probability sigmoid(difference of raw outputs / temperature)."""
    mean: float
    """Mean raw output over the anchors."""
    sd: float
    """Standard deviation of it over the anchors."""


@dataclass(frozen=True)
class ModelConfig:
    """Everything but the weights."""

    encoder: str
    """Name and version of the text encoder."""
    heads: tuple[Head, ...]
    """One per horizon, in the order of HORIZONS."""
    reward_sd: float
    """Standard deviation over the anchors of the weighted sum of standardised heads, whose mean is 0."""
    anchors: int
    """Replies of the frozen anchor set on which mean 0 and standard deviation 1 hold."""
    anchor_hash: str
    trained_through: str
    """Last day of the training window (ISO date, UTC)."""


def pair_features(messages: Matrix, replies: Matrix) -> Matrix:
    """Float32 [n, 2 d + 1]: the reply, its product with the message that it answers, and their likeness (cosine).

    The message alone is no feature: a reply must not earn its score by what the user had written before it
    (`003_c9bb702ef28bd78d.txt`, section 6.2, context contamination).
    """
    norms = np.linalg.norm(messages, axis=1) * np.linalg.norm(replies, axis=1)
    likeness = np.sum(messages * replies, axis=1) / np.where(norms > 0, norms, 1.0)
    return np.concatenate([replies, messages * replies, likeness[:, None]], axis=1).astype(np.float32)


@dataclass(frozen=True)
class RewardModel:
    """A trained reward model. It sees text only, never the behaviour that made its labels."""

    config: ModelConfig
    weights: dict[str, Matrix]
    """input_mean, input_sd [f]; linear [f, heads]; hidden [f, h], hidden_bias [h], out [h, heads] unless h is 0."""

    @property
    def version(self) -> str:
        """Last day of training and content hash: equal for equal models, wherever and whenever they were trained."""
        digest = hashlib.sha256(json.dumps(asdict(self.config), sort_keys=True).encode())
        for name in sorted(self.weights):
            digest.update(name.encode() + self.weights[name].astype("<f4").tobytes())
        return f"{self.config.trained_through}-{digest.hexdigest()[:8]}"

    def score(
        self, user_texts: Sequence[str | None], replies: Sequence[str | None], encoder: Encoder | None = None
    ) -> Floats:
        """Reward per reply, float64 [n]: mean 0 and standard deviation 1 on the version's anchor set, larger is better.

        NaN where the reply is missing or blank: there is nothing to judge. A missing message counts as an empty one.
        `encoder` may be a cache in front of the model's own encoder. ValueError where the lengths differ.
        """
        if len(user_texts) != len(replies):
            raise ValueError(f"{len(user_texts)} messages but {len(replies)} replies")
        rewards = np.full(len(replies), np.nan)
        judged = [at for at, reply in enumerate(replies) if reply and reply.strip()]
        if judged:
            coder = self._encoder(encoder)
            messages = coder.encode([user_texts[at] or "" for at in judged])
            texts = coder.encode([replies[at] or "" for at in judged])
            rewards[judged] = self.reward(self.raw(pair_features(messages, texts)))
        return rewards

    def raw(self, features: Matrix) -> Floats:
        """Raw outputs [n, heads] of features [n, f]; ValueError where a feature is not finite."""
        if not np.isfinite(features).all():
            raise ValueError("features hold NaN or infinity: the text encoder is at fault")
        inputs = (features - self.weights["input_mean"]) / self.weights["input_sd"]
        outputs = inputs @ self.weights["linear"]
        if "hidden" in self.weights:
            hidden = np.tanh(inputs @ self.weights["hidden"] + self.weights["hidden_bias"])
            outputs = outputs + hidden @ self.weights["out"]
        return outputs.astype(np.float64)

    def reward(self, raw: Floats) -> Floats:
        """One number per row of raw outputs [n, heads]: weighted sum of standardised heads, standardised again."""
        total = sum(head.weight * (raw[:, at] - head.mean) / head.sd for at, head in enumerate(self.config.heads))
        return np.asarray(total / self.config.reward_sd, np.float64)

    def _encoder(self, given: Encoder | None) -> Encoder:
        if given is None:
            return find_encoder(self.config.encoder)
        if given.name != self.config.encoder:
            raise UserError(
                f"reward model {self.version}",
                f"it reads vectors of {self.config.encoder}, not of {given.name}",
                "Set reward.encoder back, or train anew",
            )
        return given


def save(model: RewardModel, folder: Path) -> None:
    """Writes the two files into the folder, which is made if it is not there."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: np.ascontiguousarray(value) for name, value in model.weights.items()}, folder / WEIGHTS_FILE)
    (folder / CONFIG_FILE).write_text(json.dumps(asdict(model.config), indent=2, sort_keys=True))


def load(folder: Path) -> RewardModel:
    """The model that `save` wrote; UserError where the files are missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        fields = json.loads((folder / CONFIG_FILE).read_text())
        fields["heads"] = tuple(Head(**head) for head in fields["heads"])
        return RewardModel(ModelConfig(**fields), load_file(folder / WEIGHTS_FILE))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UserError(
            f"reward model in {folder}",
            f"it cannot be read ({error})",
            "Train again: materialise reward_model_report for the last day",
        ) from error
