"""TRL's trainers, set up for what the rest of the stage asks of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer

Rows = Sequence[Mapping[str, str]]
RewardOf = Callable[[Sequence[str], Sequence[str]], Sequence[float | None]]
"""Messages and a reply to each, to one reward each; None where there is nothing to judge."""


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
    trainer = sft_trainer(model, tokenizer, rows, arguments, None)
    trainer.train()
    return curve(trainer, "loss")


def sft_trainer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Rows,
    arguments: Mapping[str, Any],
    lora: LoraConfig | None,
) -> Trainer:
    """Imitation of `completion` after `prompt`."""
    from trl import SFTConfig, SFTTrainer

    return _quiet(
        SFTTrainer(
            model=model,
            args=SFTConfig(**arguments),
            train_dataset=dataset(rows),
            processing_class=tokenizer,
            peft_config=lora,
        )
    )


def dpo_trainer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Rows,
    arguments: Mapping[str, Any],
    lora: LoraConfig,
) -> Trainer:
    """Direct preference optimisation (arXiv 2305.18290) of `chosen` over `rejected` after `prompt`.

    The prompt is given apart: TRL would else take the longest common start of two texts for it.
    """
    from trl import DPOConfig, DPOTrainer

    return _quiet(
        DPOTrainer(
            model=model,
            args=DPOConfig(**arguments),
            train_dataset=dataset(rows),
            processing_class=tokenizer,
            peft_config=lora,
        )
    )


def grpo_trainer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Rows,
    arguments: Mapping[str, Any],
    lora: LoraConfig,
    reward_of: RewardOf,
) -> Trainer:
    """Group-relative policy optimisation (arXiv 2402.03300) on `prompt`, replies rewarded as answers to `message`."""
    from trl import GRPOConfig, GRPOTrainer

    def reward(prompts: list[str], completions: list[str], message: list[str], **_: object) -> list[float | None]:
        return list(reward_of(message, completions))

    return _quiet(
        GRPOTrainer(
            model=model,
            args=GRPOConfig(**arguments),
            train_dataset=dataset(rows),
            processing_class=tokenizer,
            peft_config=lora,
            reward_funcs=reward,
        )
    )


def _quiet(trainer: Trainer) -> Trainer:
    """Without the callback that prints every step."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    return trainer


def dataset(rows: Rows) -> Any:
    from datasets import Dataset

    return Dataset.from_list([dict(row) for row in rows])


def curve(trainer: Trainer, name: str) -> list[float]:
    """What the trainer logged under a name, in order of steps."""
    return [float(entry[name]) for entry in trainer.state.log_history if name in entry]
