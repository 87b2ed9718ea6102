"""The reward model as it is used: weights, how its heads become one number, and how it is kept on disk.

Scoring needs numpy only; torch is needed to train. On disk a model is `weights.safetensors` and `config.json`.

The value of horizon h is linear in the features, so it is a sum over their three groups, and so is the reward:

    Q_h = base_h + consistency_h + progress_h
    r_g = (sum over h of weight_h * (g_h - its mean over the anchors) / sd of Q_h over them) / reward_sd
    r_temporal = r_base + alpha * r_consistency + beta * r_progress

with weight_h the share of the horizon in the settings (0 where it was not learned) and reward_sd such that r_temporal
has standard deviation 1 on the anchors; its mean there is 0. At alpha = beta = 1, r_temporal is the weighted sum of the
standardised Q_h. Q_h holds up to what depends on the message and the history alone, which no pair of one message tells.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model.encoder import Encoder, Matrix, find_encoder
from evalloop_assets.reward_model.features import Cached, features, features_of, group_slices
from evalloop_assets.reward_model.foreign import Familiar, distances
from evalloop_assets.reward_model.history import History, Situations, situations

HORIZONS = ("immediate", "delayed_5", "delayed_session")
CONFIG_FILE, WEIGHTS_FILE = "config.json", "weights.safetensors"
FORMAT = 2
"""Of the files, and of the features that the weights belong to."""
SCALE, LINEAR = "scale", "linear"

Floats = NDArray[np.float64]


class Unusable(UserError):
    """A model whose files are gone or damaged, or that a former release wrote: no repetition makes it readable."""


@dataclass(frozen=True)
class Head:
    """How the value of one horizon is read."""

    horizon: str
    weight: float
    """Share of this horizon in the reward; 0 where it could not be learned."""
    temperature: float
    """A pair is preferred with probability sigmoid(difference of values / temperature)."""
    mean: tuple[float, float, float]
    """Mean of its base, consistency and progress over the anchors."""
    sd: float
    """Standard deviation of the value over the anchors."""


@dataclass(frozen=True)
class ModelConfig:
    """Everything but the weights."""

    encoder: str
    """Name and version of the text encoder."""
    heads: tuple[Head, ...]
    """One per horizon, in the order of HORIZONS."""
    alpha: float
    """Share of the consistency in the reward."""
    beta: float
    """Share of the progress."""
    reward_sd: float
    """Standard deviation over the anchors of the weighted sum of standardised heads, whose mean is 0."""
    anchors: int
    """Replies of the frozen anchor set on which mean 0 and standard deviation 1 hold."""
    anchor_hash: str
    trained_through: str
    """Last day of the training window (ISO date, UTC)."""
    farthest: float
    """Distance from what it was trained on beyond which a reply is foreign (foreign.py)."""
    format: int = FORMAT


class Components(NamedTuple):
    """The three parts of the reward, each float64 [n], in standard deviations of the reward over the anchors."""

    r_base: Floats
    r_consistency: Floats
    r_progress: Floats


class Assessed(NamedTuple):
    """What the model makes of n replies in their places."""

    components: Components
    distance: Floats
    """[n] from the replies of the training; above 1 a reply is foreign (foreign.py). NaN where it is blank."""

    @classmethod
    def joined(cls, parts: Sequence[Assessed]) -> Assessed:
        """One after the other; at least one part."""
        components = (np.concatenate(one) for one in zip(*(part.components for part in parts), strict=True))
        return cls(Components(*components), np.concatenate([part.distance for part in parts]))


@dataclass(frozen=True)
class RewardModel:
    """A trained reward model. It sees text and time only, never the behaviour that made its labels."""

    config: ModelConfig
    weights: dict[str, Matrix]
    """scale [f], linear [f, heads]; centre [d] and axes [d, k] of what it was trained on (foreign.py)."""

    @property
    def version(self) -> str:
        """Last day of training and content hash: equal for equal models, wherever and whenever they were trained."""
        digest = hashlib.sha256(json.dumps(asdict(self.config), sort_keys=True).encode())
        for name in sorted(self.weights):
            digest.update(name.encode() + self.weights[name].astype("<f4").tobytes())
        return f"{self.config.trained_through}-{digest.hexdigest()[:8]}"

    def score(
        self,
        user_texts: Sequence[str | None],
        replies: Sequence[str | None],
        encoder: Encoder | None = None,
        histories: Sequence[History] | None = None,
    ) -> Floats:
        """r_temporal per reply, float64 [n]: mean 0, standard deviation 1 on the version's anchors, larger is better.

        A history is the earlier exchanges of the conversation, oldest first; without histories each reply stands at its
        start. NaN where the reply is missing or blank: there is nothing to judge. A missing message counts as an empty
        one. `encoder` may be a cache in front of the model's own encoder. ValueError where the lengths differ.
        """
        return self.temporal(self.components(user_texts, replies, encoder, histories))

    def components(
        self,
        user_texts: Sequence[str | None],
        replies: Sequence[str | None],
        encoder: Encoder | None = None,
        histories: Sequence[History] | None = None,
    ) -> Components:
        """The parts of `score`, from the same arguments."""
        return self.components_of(situations(user_texts, replies, histories), encoder)

    def components_of(self, places: Situations, encoder: Encoder | None = None) -> Components:
        """The parts of the reward of replies in their places; NaN where the reply is blank."""
        parts = self.parts(features(places, self._encoder(encoder)))
        return Components(*self._told(places, self.reward_parts(parts)))

    def assess(self, places: Situations, encoder: Encoder | None = None) -> Assessed:
        """The same with how far each reply is from those of the training, some rows at once."""
        cached = Cached.of(places.texts, self._encoder(encoder), count=False)
        known = Familiar(self.weights["centre"], self.weights["axes"], self.config.farthest)
        found = np.zeros((len(Components._fields) + 1, len(places.reply)))
        for rows, part in features_of(places, cached):
            found[:-1, rows] = self.reward_parts(self.parts(part))
            found[-1, rows] = distances(part, known)
        *components, distance = self._told(places, found)
        return Assessed(Components(*components), distance)

    def _told(self, places: Situations, rows: Iterable[Floats]) -> list[Floats]:
        """Rows of numbers about the replies, NaN where the reply is blank."""
        blank = np.array([not text.strip() for text in places.texts], np.bool_)[places.reply]
        return [np.where(blank, np.nan, row) for row in rows]

    def temporal(self, components: Components) -> Floats:
        """r_base + alpha * r_consistency + beta * r_progress."""
        return np.asarray(
            components.r_base + self.config.alpha * components.r_consistency + self.config.beta * components.r_progress,
            np.float64,
        )

    def values(self, found: Matrix) -> Floats:
        """Q_h [n, heads] of features [n, f], or of their differences; ValueError where one is not finite."""
        return np.asarray(self.parts(found).sum(axis=0), np.float64)

    def parts(self, found: Matrix) -> Floats:
        """[groups, n, heads]: the share of each group of features in Q_h; ValueError where a feature is not finite."""
        if not np.isfinite(found).all():
            raise ValueError("features hold NaN or infinity: the text encoder is at fault")
        weights = self.weights[LINEAR] * self.weights[SCALE][:, None]
        slices = group_slices(found.shape[1]).values()
        return np.stack([found[:, columns] @ weights[columns] for columns in slices]).astype(np.float64)

    def reward_parts(self, parts: Floats) -> Components:
        """Components of the parts [groups, n, heads] of the values."""
        found = np.zeros(parts.shape[:2])
        for at, head in enumerate(self.config.heads):
            if head.weight > 0:
                found += head.weight * (parts[:, :, at] - np.array(head.mean)[:, None]) / head.sd
        return Components(*(found / self.config.reward_sd))

    def margin(self, difference: Matrix) -> Floats:
        """r_temporal of one reply less that of another [n], from the difference of their features [n, f]."""
        zero = self.reward_parts(np.zeros((len(Components._fields), 1, len(HORIZONS))))
        return self.temporal(self.reward_parts(self.parts(difference))) - self.temporal(zero)

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
    """Writes the two files into the folder, which is made if it is not there; OSError where that fails."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    try:
        save_file({name: np.ascontiguousarray(value) for name, value in model.weights.items()}, folder / WEIGHTS_FILE)
    except SafetensorError as error:
        raise OSError(str(error)) from error
    (folder / CONFIG_FILE).write_text(json.dumps(asdict(model.config), indent=2, sort_keys=True))


def load(folder: Path) -> RewardModel:
    """The model that `save` wrote; Unusable where the files are missing or damaged, or of another format, another
    UserError where they cannot be read now.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    mend = "Train again: materialise reward_model_report for the last day"
    try:
        fields = json.loads((folder / CONFIG_FILE).read_text())
        if (found := fields.get("format", 1)) != FORMAT and "heads" in fields:
            raise Unusable(f"reward model in {folder}", f"its format is {found}, this release reads {FORMAT}", mend)
        fields["heads"] = tuple(Head(**{**head, "mean": tuple(head["mean"])}) for head in fields["heads"])
        return RewardModel(ModelConfig(**fields), load_file(folder / WEIGHTS_FILE))
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise Unusable(f"reward model in {folder}", f"it cannot be read ({error})", mend) from error
    except OSError as error:
        raise UserError(f"reward model in {folder}", f"it cannot be read ({error})", "Repair the folder") from error
