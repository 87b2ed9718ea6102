"""The tiny base model: a tokenizer and a Llama of under a million parameters, learned from logged replies alone."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evalloop_assets.policy_iteration.language_model import require_packages
from evalloop_assets.policy_iteration.logged import Example
from evalloop_assets.policy_iteration.prompts import PLAIN_TEMPLATE, prompt_text
from evalloop_assets.policy_iteration.trainers import imitate, trainer_arguments

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

END, PAD = "<|end|>", "<|pad|>"
LEAST_REPLIES = 200
"""Below them there is no language to learn."""


class TinyModel(NamedTuple):
    """Size and training of the base model."""

    vocabulary: int = 2_000
    width: int = 128
    layers: int = 2
    heads: int = 4
    steps: int = 400
    batch: int = 24
    learning_rate: float = 4e-3
    max_tokens: int = 192
    """Of prompt and reply together; what is longer is cut."""


def train_base_model(
    examples: Sequence[Example], tiny: TinyModel, folder: Path, seed: int, system: str = "", history_turns: int = 0
) -> list[float]:
    """Learns tokenizer and model from logged replies and writes them to `folder` in Hugging Face's format.

    Gives the loss per step, nats per token.
    """
    require_packages()
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    tokenizer = learn_tokenizer(examples, tiny.vocabulary)
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=tiny.width,
            intermediate_size=3 * tiny.width,
            num_hidden_layers=tiny.layers,
            num_attention_heads=tiny.heads,
            max_position_embeddings=4 * tiny.max_tokens,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    rows = [
        {"prompt": prompt_text(one.prompt, tokenizer, system, history_turns), "completion": one.reply}
        for one in examples
    ]
    arguments = trainer_arguments(partial, tiny.steps, tiny.batch, tiny.learning_rate, seed)
    arguments |= {"lr_scheduler_type": "cosine", "warmup_steps": tiny.steps // 20, "max_length": tiny.max_tokens}
    losses = imitate(model, tokenizer, rows, arguments)
    model.cpu().save_pretrained(partial, safe_serialization=True)
    tokenizer.save_pretrained(partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return losses


def learn_tokenizer(examples: Sequence[Example], vocabulary: int) -> PreTrainedTokenizerBase:
    """Byte-level BPE of the logged texts: no text of any language is unknown to it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    texts = [text for one in examples for text in (one.prompt.persona, one.prompt.message, one.reply)]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator([*texts, *(["User: Reply:\n"] * 100)], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token=END, pad_token=PAD)
    tokenizer.chat_template = PLAIN_TEMPLATE
    return tokenizer
