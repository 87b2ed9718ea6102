"""The tiny base model: a tokenizer and a Llama of under a million parameters, learned from logged replies alone."""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evalloop_assets.policy_iteration.language_model import require_packages
from evalloop_assets.policy_iteration.logged import Example
from evalloop_assets.policy_iteration.prompts import PLAIN_TEMPLATE, prompt_text
from evalloop_assets.policy_iteration.trainers import imitate, mended, require_finite, trainer_arguments

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

END, PAD = "<|end|>", "<|pad|>"
LEAST_REPLIES = 200
"""Below them there is no language to learn."""
LEAST_LISTENERS = 3
"""A word that fewer users said or were told may be one person's own: it enters the vocabulary in pieces only."""
PIECE = 4
"""Characters of such a piece."""
LOSSES_FILE = "losses.json"


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

    Gives the loss per step, nats per token. UserError where memory or disk are full, or the loss is no number.
    """
    require_packages()
    with mended("training of the base model"):
        return _train_base_model(examples, tiny, folder, seed, system, history_turns)


def losses_of(folder: Path) -> tuple[float, ...]:
    """The loss per step of a base model that was learned here; empty where it was not kept."""
    kept = folder / LOSSES_FILE
    return tuple(json.loads(kept.read_text())) if kept.exists() else ()


def _train_base_model(
    examples: Sequence[Example], tiny: TinyModel, folder: Path, seed: int, system: str, history_turns: int
) -> list[float]:
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
    require_finite(losses, "training of the base model")
    model.cpu().save_pretrained(partial, safe_serialization=True)
    tokenizer.save_pretrained(partial)
    (partial / LOSSES_FILE).write_text(json.dumps(losses))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return losses


def learn_tokenizer(examples: Sequence[Example], vocabulary: int) -> PreTrainedTokenizerBase:
    """Byte-level BPE of the logged texts: no text of any language is unknown to it.

    The vocabulary is kept as plain text, so whole words in it are those that `LEAST_LISTENERS` users said or were told.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    words = _shared_words(examples, raw.pre_tokenizer)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator([*words, *(["User: Reply:\n"] * 100)], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token=END, pad_token=PAD)
    tokenizer.chat_template = PLAIN_TEMPLATE
    return tokenizer


def _shared_words(examples: Sequence[Example], split: Any) -> Iterator[str]:
    """Every use of the words, as `split` cuts them; of those that too few users share, their pieces."""
    listeners: dict[str, set[str]] = defaultdict(set)
    uses: Counter[str] = Counter()
    for one in examples:
        for text in (one.prompt.persona, one.prompt.message, one.reply):
            for _, (start, end) in split.pre_tokenize_str(text):
                uses[text[start:end]] += 1
                listeners[text[start:end]].add(one.user_id)
    for word, count in uses.items():
        shared = len(listeners[word]) >= LEAST_LISTENERS
        parts = [word] if shared else [word[at : at + PIECE] for at in range(0, len(word), PIECE)]
        yield from parts * count
