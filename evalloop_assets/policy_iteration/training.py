"""LoRA training in slices: a checkpoint and the same probes after each, the best one handed on.

A slice is a trainer of its own, begun from the checkpoint before it (adapter and optimiser as safetensors; nothing is
pickled), on rows and a seed that depend on its number alone. So a training that is killed goes on from its last
checkpoint and ends with the same weights as one that was not.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evalloop_assets.policy_iteration.language_model import Decoding, LanguageModel, load_language_model
from evalloop_assets.policy_iteration.trainers import (
    RewardOf,
    Rows,
    curve,
    mended,
    require_finite,
    trainer_arguments,
    trainer_by,
)

if TYPE_CHECKING:
    from transformers import Trainer

    from evalloop_assets.settings import TrainingSettings

ADAPTER_FILE, OPTIMISER_FILE, PROBE_FILE = "adapter_model.safetensors", "optimizer.safetensors", "probe.json"

Probe = Mapping[str, float]
"""Figures of a checkpoint by name."""


class Checkpoint(NamedTuple):
    """An adapter on disk with its figures."""

    step: int
    folder: Path
    probe: Probe
    losses: tuple[float, ...]
    """Of the slice's steps."""


def train_adapter(
    base: str | Path,
    adapters: Sequence[str | Path],
    rows: Rows,
    options: TrainingSettings,
    folder: Path,
    reward_of: RewardOf,
    probe: Callable[[LanguageModel], Probe],
) -> list[Checkpoint]:
    """All checkpoints of a training, in order; those that `folder` holds already are not made again.

    The new adapter is trained on `base` with the `adapters` of earlier generations merged into it.

    `rows` have prompt and completion (sft), prompt, chosen and rejected (dpo), or prompt and message (grpo).
    There is at least one row. UserError where the device's memory is full, or the loss is no number any more.
    """
    found: list[Checkpoint] = []
    for step in range(options.eval_every, options.steps + 1, options.eval_every):
        at = folder / f"step-{step:05d}"
        kept = _kept(at)
        if kept is None:
            shutil.rmtree(at, ignore_errors=True)
            with mended(f"training of a policy by {options.method}"):
                _slice(
                    _merged(base, adapters, options),
                    rows,
                    options,
                    at,
                    found[-1] if found else None,
                    step,
                    reward_of,
                    probe,
                )
            kept = json.loads((at / PROBE_FILE).read_text())
        found.append(Checkpoint(step, at, kept["probe"], tuple(kept["losses"])))
    return found


def _kept(at: Path) -> dict[str, Any] | None:
    """Figures and losses of a checkpoint; None where it is not there, or not whole."""
    from safetensors import SafetensorError, safe_open

    try:
        for name in (ADAPTER_FILE, OPTIMISER_FILE):
            with safe_open(at / name, "pt"):
                pass
        found: dict[str, Any] = json.loads((at / PROBE_FILE).read_text())
    except (OSError, ValueError, SafetensorError):
        return None
    return found


def decoding(options: TrainingSettings) -> Decoding:
    return Decoding(
        temperature=options.temperature,
        top_p=options.top_p,
        max_tokens=options.max_reply_tokens,
        history_turns=options.history_turns,
        system=options.system,
    )


def _merged(base: str | Path, adapters: Sequence[str | Path], options: TrainingSettings) -> LanguageModel:
    speaker = load_language_model(base, decoding(options), adapters)
    return replace(speaker, model=speaker.model.merge_and_unload()) if adapters else speaker


def _slice(
    speaker: LanguageModel,
    rows: Rows,
    options: TrainingSettings,
    at: Path,
    before: Checkpoint | None,
    step: int,
    reward_of: RewardOf,
    probe: Callable[[LanguageModel], Probe],
) -> None:
    from peft import LoraConfig, set_peft_model_state_dict
    from safetensors.torch import load_file

    number = step // options.eval_every
    lora = LoraConfig(
        r=options.lora_rank,
        lora_alpha=2 * options.lora_rank,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    partial = at.with_name(at.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    trainer = _trainer(speaker, _rows(rows, options, number), options, partial, number, lora, reward_of)
    trainer.create_optimizer()
    if before is not None:
        weights = load_file(before.folder / ADAPTER_FILE)
        set_peft_model_state_dict(trainer.model, weights)
        load_optimiser(trainer.optimizer, load_file(before.folder / OPTIMISER_FILE))
    trainer.train()
    losses = curve(trainer, "loss")
    require_finite(losses, f"training of a policy by {options.method}, step {step}")
    trainer.model.save_pretrained(partial, safe_serialization=True)
    _forget_place(partial)
    save_optimiser(trainer.optimizer, partial / OPTIMISER_FILE)
    model = trainer.accelerator.unwrap_model(trainer.model).eval()
    figures = dict(probe(replace(speaker, name=f"step {step}", model=model)))
    (partial / PROBE_FILE).write_text(json.dumps({"probe": figures, "losses": losses}))
    partial.rename(at)


def _forget_place(adapter: Path) -> None:
    """Leaves the name of the base model alone of its path, which PEFT writes down: the lineage tells where it is."""
    (adapter / "README.md").unlink(missing_ok=True)
    path = adapter / "adapter_config.json"
    config = json.loads(path.read_text())
    base = config.get("base_model_name_or_path") or ""
    path.write_text(json.dumps(config | {"base_model_name_or_path": Path(base).name if Path(base).is_dir() else base}))


def _trainer(
    speaker: LanguageModel,
    rows: Rows,
    options: TrainingSettings,
    folder: Path,
    number: int,
    lora: Any,
    reward_of: RewardOf,
) -> Trainer:
    arguments = trainer_arguments(
        folder, options.eval_every, options.batch, options.learning_rate, options.seed + number
    )
    if options.method != "sft":
        arguments["beta"] = options.beta
    if options.method == "grpo":
        arguments |= {
            "per_device_train_batch_size": options.batch * options.generations,
            "num_generations": options.generations,
            "max_completion_length": options.max_reply_tokens,
            "temperature": options.temperature,
            "top_p": options.top_p,
            "steps_per_generation": 1,
        }
    return trainer_by(options.method, speaker.model, speaker.tokenizer, rows, arguments, lora, reward_of)


def _rows(rows: Rows, options: TrainingSettings, number: int) -> Rows:
    """The rows of one slice: all rows in shuffled order, over and over, cut into slices."""
    size = options.eval_every * options.batch
    passes = -(-number * size // len(rows))
    order = np.concatenate([np.random.default_rng([options.seed, one]).permutation(len(rows)) for one in range(passes)])
    return [rows[at] for at in order[(number - 1) * size : number * size]]


def save_optimiser(optimiser: Any, path: Path) -> None:
    """The optimiser's moments as safetensors."""
    from safetensors.torch import save_file

    state = optimiser.state_dict()["state"]
    save_file(
        {f"{at}.{name}": value.contiguous() for at, entry in state.items() for name, value in entry.items()}, path
    )


def load_optimiser(optimiser: Any, tensors: Mapping[str, Any]) -> None:
    """Puts back what `save_optimiser` wrote."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in tensors.items():
        at, name = key.split(".", 1)
        state.setdefault(int(at), {})[name] = value
    whole = optimiser.state_dict()
    optimiser.load_state_dict({**whole, "state": state})


def best(checkpoints: Sequence[Checkpoint], broken: Callable[[Probe], list[str]]) -> Checkpoint:
    """The checkpoint of most reward among those that break no limit; of all where each breaks one."""
    sound = [one for one in checkpoints if not broken(one.probe)] or list(checkpoints)
    return max(sound, key=lambda one: (one.probe["gain"], -one.step))
