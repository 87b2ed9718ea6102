"""TRL's trainers, set up for what the rest of the stage asks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from evalloop_assets.lake.errors import UserError
from evalloop_assets.policy_iteration.language_model import out_of_memory

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer

Method = Literal["sft", "dpo", "grpo"]
Rows = Sequence[Mapping[str, str]]
RewardOf = Callable[[Sequence[str], Sequence[str]], Sequence[float]]
"""Messages and a reply to each, to one finite reward each: TRL writes the texts of a reply without one to the log."""


def trainer_arguments(folder: Path, steps: int, batch: int, learning_rate: float, seed: int) -> dict[str, Any]:
    """What all trainers share: nothing is reported anywhere, nothing saved by TRL itself, which would pickle."""
    import torch

    gpu = torch.cuda.is_available()
    return {
        "output_dir": str(folder),
        "max_steps": steps,
        "per_device_train_batch_size": batch,
        "learning_rate": learning_rate,
        "lr_scheduler_type": "constant",
        "seed": seed,
        "use_cpu": not gpu,
        "bf16": gpu,
        "activation_checkpointing": False,
        "report_to": "none",
        "save_strategy": "no",
        "logging_steps": 1,
        "logging_strategy": "steps",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }


def imitate(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Rows, arguments: Mapping[str, Any]
) -> list[float]:
    """Trains all weights in place to write each `completion` after its `prompt`; the loss per step, nats per token."""
    trainer = trainer_by("sft", model, tokenizer, rows, arguments)
    trainer.train()
    return curve(trainer, "loss")


def trainer_by(
    method: Method,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Rows,
    arguments: Mapping[str, Any],
    lora: LoraConfig | None = None,
    reward_of: RewardOf | None = None,
) -> Trainer:
    """TRL's trainer of a method, without the callback that prints every step.

    sft imitates `completion` after `prompt`; dpo prefers `chosen` to `rejected` after `prompt` (arXiv 2305.18290; the
    prompt is given apart, since TRL would else take the longest common start of two texts for it); grpo has replies to
    `prompt` rewarded by `reward_of` as answers to `message` (arXiv 2402.03300). Without `lora` all weights are trained.
    """
    import trl
    from transformers import PrinterCallback

    config, trainer_class = {
        "sft": (trl.SFTConfig, trl.SFTTrainer),
        "dpo": (trl.DPOConfig, trl.DPOTrainer),
        "grpo": (trl.GRPOConfig, trl.GRPOTrainer),
    }[method]
    rewarded = {"reward_funcs": _reward_function(reward_of)} if reward_of is not None and method == "grpo" else {}
    trainer: Trainer = trainer_class(
        model=model,
        args=config(**arguments),
        train_dataset=dataset(rows),
        processing_class=tokenizer,
        peft_config=lora,
        **rewarded,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _reward_function(reward_of: RewardOf) -> Callable[..., list[float]]:
    """As TRL calls it: columns of the rows by name."""

    def reward(prompts: list[str], completions: list[str], message: list[str], **_: object) -> list[float]:
        return list(reward_of(message, completions))

    return reward


@contextmanager
def mended(what: str) -> Iterator[None]:
    """A device without memory and a disk without room as one line for the user."""
    from safetensors import SafetensorError

    try:
        with out_of_memory(what):
            yield
    except (OSError, SafetensorError) as error:
        raise UserError(
            what, f"a checkpoint cannot be kept ({error})", "Free the disk and run again: it goes on"
        ) from error


def require_finite(losses: Sequence[float], what: str) -> None:
    """UserError where a loss is no number."""
    if not np.isfinite(losses).all():
        raise UserError(
            what,
            "its loss is no number any more",
            "Lower policy.training.learning_rate; the champion stays as it is",
        )


def dataset(rows: Rows) -> Any:
    from datasets import Dataset

    return Dataset.from_list([dict(row) for row in rows])


def curve(trainer: Trainer, name: str) -> list[float]:
    """What the trainer logged under a name, in order of steps."""
    return [float(entry[name]) for entry in trainer.state.log_history if name in entry]
