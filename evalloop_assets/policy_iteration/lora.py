"""A candidate of trained weights: base model, training rows, checkpoints with probes, and the best of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evalloop_assets.policy_iteration.base_model import LEAST_REPLIES, TinyModel, losses_of, train_base_model
from evalloop_assets.policy_iteration.language_model import LanguageModel, load_language_model, require_packages
from evalloop_assets.policy_iteration.logged import Example, Preference, Split
from evalloop_assets.policy_iteration.manner import Manner
from evalloop_assets.policy_iteration.probes import Limits, Probed, Speech, broken_limits, probed
from evalloop_assets.policy_iteration.rewarding import Rewards
from evalloop_assets.policy_iteration.safety import SafetyWords, words_of
from evalloop_assets.policy_iteration.training import Checkpoint, Probe, best, decoding, train_adapter
from evalloop_assets.reward_model.gated import BLANK_REWARD
from evalloop_assets.reward_model.intervals import Estimate

if TYPE_CHECKING:
    from evalloop_assets.settings import PolicySettings, TrainingSettings

PROBE_SEED = 7
FOLDERS = ("policies", "mlflow")
"""Where a home keeps weights: what lay there and is gone is no name to ask Hugging Face for."""


class Untrainable(Exception):
    """The log does not suffice to train on, as it happens in a young product: no candidate, and why. No fault."""


class Weights(NamedTuple):
    """Where trained weights are: a base, and the adapters of all generations that were trained on it."""

    base: str
    """Folder or Hugging Face name."""
    adapters: tuple[str, ...]
    """The oldest first; all but the last are merged into the base."""

    def within(self, home: Path) -> Weights:
        """What lies in the home by its place there, so that the home may be moved."""

        def place(path: str) -> str:
            return Path(path).relative_to(home).as_posix() if Path(path).is_relative_to(home) else path

        return Weights(place(self.base), tuple(map(place, self.adapters)))

    def at(self, home: Path) -> Weights:
        """The paths of what `within` wrote."""

        def path(place: str) -> str:
            return str(home / place) if (home / place).is_dir() or Path(place).parts[0] in FOLDERS else place

        return Weights(path(self.base), tuple(map(path, self.adapters)))


class Trained(NamedTuple):
    """What a training came to."""

    weights: Weights
    step: int
    """Of the checkpoint that is handed on, the best one and not the last."""
    checkpoints: list[Checkpoint]
    rows: int
    """Training rows: pairs, examples or prompts."""
    base_losses: tuple[float, ...]
    """Of the tiny base model; empty where the base was given."""
    digest: str
    """Of all that it was made from: the same weights on the same machine."""


def train_lora(
    folder: Path,
    parent: Weights | None,
    log: Split,
    pairs: Sequence[Preference],
    worth: Rewards,
    options: PolicySettings,
    version: str,
) -> Trained:
    """Trains an adapter for the model whose log is given, in `folder` of the home, where it goes on if it was killed.

    `parent` are the weights of the model that is served, where they are ours; else the base of the settings, or a tiny
    one learned from the log. Untrainable where the log does not suffice, UserError without the extra `policy`.
    """
    require_packages()
    training = options.training
    if not log.held_out:
        raise Untrainable("no reply to a held-out user to probe it on")
    if not training.base_model and parent is None and len(log.fit) < LEAST_REPLIES:
        raise Untrainable(f"{len(log.fit)} logged replies, {LEAST_REPLIES} are needed to learn a language")
    start, losses = (parent, ()) if parent else _base(folder, log.fit, training)
    reference = load_language_model(start.base, decoding(training), start.adapters)

    def rewards(messages: Sequence[str], replies: Sequence[str]) -> list[float]:
        found: list[float] = np.nan_to_num(worth(messages, replies), nan=BLANK_REWARD).tolist()
        return found

    rows = training_rows(reference, log.fit, pairs, worth, options)
    if not rows:
        raise Untrainable(f"nothing to train {training.method} on: no kept pair, and no draw that beats another")
    words = words_of(options.safety_words)
    known = [one.reply for one in log.fit]
    held = log.held_out[: training.probe_prompts]

    def probe(speaker: LanguageModel) -> dict[str, float]:
        return figures(probe_weights(speaker, held, known, worth, words, PROBE_SEED))

    digest = _digest([start.within(folder.parent), training.model_dump(), rows, Probed._fields, Manner._fields])
    work = folder / f"{version}-{digest}"
    checkpoints = train_adapter(start.base, start.adapters, rows, training, work, rewards, probe)
    limits = Limits.of(options)
    chosen = best(checkpoints, lambda found: broken_limits(probed_of(found), limits))
    weights = Weights(start.base, (*start.adapters, str(chosen.folder)))
    return Trained(weights, chosen.step, checkpoints, len(rows), losses, digest)


def training_rows(
    reference: LanguageModel,
    examples: Sequence[Example],
    pairs: Sequence[Preference],
    worth: Rewards,
    options: PolicySettings,
) -> list[dict[str, str]]:
    """What the method trains on: draws of the reference, the best and the worst of a prompt by the reward as a pair."""
    training = options.training
    prompts = [one.prompt for one in examples[: training.draw_prompts]]
    texts = reference.texts(prompts)
    if training.method == "grpo":
        return [{"prompt": text, "message": one.message} for text, one in zip(texts, prompts, strict=True)]
    draws = [reference.reply(prompts, training.seed + 1 + at) for at in range(training.generations)]
    messages = [one.message for one in prompts]
    scores = np.array([worth(messages, replies) for replies in draws]).reshape(len(draws), len(prompts))
    rows: list[dict[str, str]] = []
    for at, text in enumerate(texts):
        judged = [row for row in range(len(draws)) if np.isfinite(scores[row, at])]
        if not judged:
            continue
        top, bottom = max(judged, key=lambda row: scores[row, at]), min(judged, key=lambda row: scores[row, at])
        if training.method == "sft":
            rows.append({"prompt": text, "completion": draws[top][at]})
        elif scores[top, at] - scores[bottom, at] >= options.min_margin and draws[top][at] != draws[bottom][at]:
            rows.append({"prompt": text, "chosen": draws[top][at], "rejected": draws[bottom][at]})
    if training.method == "dpo":
        asked = reference.texts([pair.prompt for pair in pairs])
        rows += [
            {"prompt": text, "chosen": pair.chosen, "rejected": pair.rejected}
            for text, pair in zip(asked, pairs, strict=True)
        ]
    return rows


def probe_weights(
    speaker: LanguageModel,
    examples: Sequence[Example],
    known: Sequence[str],
    worth: Rewards,
    words: SafetyWords,
    seed: int,
) -> Probed:
    """Replies of trained weights beside those that were shown to the same prompts."""
    prompts = [one.prompt for one in examples]
    messages = [one.message for one in prompts]
    replies, shown = speaker.reply(prompts, seed), [one.reply for one in examples]
    kl = None
    if hasattr(speaker.model, "disable_adapter"):
        own = speaker.likelihood(prompts, replies)
        base = speaker.likelihood(prompts, replies, reference=True)
        kl = float((own.log - base.log).sum() / own.tokens.sum())
    return probed(
        [one.user_id for one in examples],
        [one.locale for one in prompts],
        Speech(replies, worth(messages, replies)),
        Speech(shown, worth(messages, shown)),
        known,
        words,
        kl,
    )


def figures(found: Probed) -> dict[str, float]:
    """A probe as plain numbers, as they are kept with a checkpoint and drawn as curves."""
    gain = found.gain
    plain = {"gain": gain.value, "low": gain.low, "high": gain.high, "n": gain.n, "users": gain.users}
    plain |= {} if found.kl is None else {"kl": found.kl}
    return (
        plain | found.manner._asdict() | {f"{name}_reference": one for name, one in found.reference._asdict().items()}
    )


def probed_of(kept: Probe) -> Probed:
    """The probe that `figures` wrote."""
    return Probed(
        Estimate(kept["gain"], kept["low"], kept["high"], int(kept["n"]), int(kept["users"])),
        kept.get("kl"),
        Manner(*(kept[name] for name in Manner._fields)),
        Manner(*(kept[f"{name}_reference"] for name in Manner._fields)),
    )


def _base(folder: Path, examples: Sequence[Example], training: TrainingSettings) -> tuple[Weights, tuple[float, ...]]:
    if training.base_model:
        return Weights(training.base_model, ()), ()
    tiny = TinyModel(steps=training.base_steps)
    taught = examples[: training.examples]
    at = folder / f"base-{_digest([tiny, training.seed, training.system, training.history_turns, taught])}"
    if not at.exists():
        train_base_model(taught, tiny, at, training.seed, training.system, training.history_turns)
    return Weights(str(at), ()), losses_of(at)


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:12]
