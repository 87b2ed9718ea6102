"""A language model as a policy: Hugging Face weights, an adapter where there is one, a prompt, decoding settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.lake.errors import UserError
from evalloop_assets.policy_iteration.prompts import Prompt, prompt_text

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Floats = NDArray[np.float64]
BATCH = 128
"""Replies written at once."""
MOST_LOGITS = 2**28
"""Numbers that likelihoods may hold at once: every token of a text has one for each word of the vocabulary."""


class Decoding(NamedTuple):
    """How a reply is drawn."""

    temperature: float = 1.0
    """0 takes the likeliest token."""
    top_p: float = 1.0
    max_tokens: int = 128
    """Of a reply; one that is not finished by then breaks off."""
    history_turns: int = 0
    """Earlier exchanges that the model is shown."""
    system: str = ""
    """Instruction put before the persona."""


class Likelihood(NamedTuple):
    """How likely a model finds given replies; arrays [n]."""

    log: Floats
    """Natural log of the probability of the whole reply with its end."""
    tokens: NDArray[np.int64]


@dataclass(frozen=True)
class LanguageModel:
    """Weights that write replies. The same seed and prompts give the same replies on one machine."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    decoding: Decoding

    def texts(self, prompts: Sequence[Prompt]) -> list[str]:
        """The prompts as the model reads them."""
        shown = self.decoding
        return [prompt_text(one, self.tokenizer, shown.system, shown.history_turns) for one in prompts]

    def reply(self, prompts: Sequence[Prompt], seed: int) -> list[str]:
        """One reply per prompt, special tokens left out; empty where the model ends at once."""
        import torch

        texts = self.texts(prompts)
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        replies = [""] * len(texts)
        devices = [self.model.device] if self.model.device.type == "cuda" else []
        with torch.random.fork_rng(devices), torch.inference_mode(), out_of_memory(self.name):
            torch.manual_seed(seed)
            for first in range(0, len(order), BATCH):
                rows = order[first : first + BATCH]
                batch = self._tokens([texts[at] for at in rows])
                written = self.model.generate(**batch, **self._generation())[:, batch["input_ids"].shape[1] :]
                for at, text in zip(rows, self.tokenizer.batch_decode(written, skip_special_tokens=True), strict=True):
                    replies[at] = text.strip()
        return replies

    def likelihood(self, prompts: Sequence[Prompt], replies: Sequence[str], reference: bool = False) -> Likelihood:
        """Log-probability of each reply after its prompt; of the base weights without the adapter if `reference`."""
        import torch

        off = self.model.disable_adapter if reference and hasattr(self.model, "disable_adapter") else None
        log = np.zeros(len(replies))
        tokens = np.zeros(len(replies), np.int64)
        texts = self.texts(prompts)
        ends = str(self.tokenizer.eos_token)
        with torch.inference_mode(), out_of_memory(self.name), off() if off else nullcontext():
            asked = [self.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
            said = [
                self.tokenizer(text + ends, add_special_tokens=False)["input_ids"][: self.decoding.max_tokens + 1]
                for text in replies
            ]
            for rows in self._batches([len(a) + len(b) for a, b in zip(asked, said, strict=True)]):
                log[rows] = self._log_likelihood(asked[rows], said[rows])
            tokens[:] = [len(one) for one in said]
        return Likelihood(log, tokens)

    def _batches(self, lengths: Sequence[int]) -> Iterator[slice]:
        """Rows whose logits, padded to the longest of them, are few enough to be held at once; or a row alone."""
        vocabulary = int(self.model.config.get_text_config().vocab_size)
        first, longest = 0, 0
        for row, length in enumerate(lengths):
            longest = max(longest, length)
            count = row + 1 - first
            if count > 1 and (count > BATCH or count * longest * vocabulary > MOST_LOGITS):
                yield slice(first, row)
                first, longest = row, length
        if first < len(lengths):
            yield slice(first, len(lengths))

    def _log_likelihood(self, asked: Sequence[list[int]], said: Sequence[list[int]]) -> Floats:
        import torch

        longest = max(len(a) + len(b) for a, b in zip(asked, said, strict=True))
        ids = torch.full((len(asked), longest), int(self.tokenizer.pad_token_id or 0))
        mask = torch.zeros_like(ids)
        spoken = torch.zeros(ids.shape, dtype=torch.bool)
        for row, (before, after) in enumerate(zip(asked, said, strict=True)):
            ids[row, : len(before) + len(after)] = torch.tensor(before + after)
            mask[row, : len(before) + len(after)] = 1
            spoken[row, len(before) : len(before) + len(after)] = True
        device = self.model.device
        logits = self.model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits[:, :-1].float()
        chosen = logits.log_softmax(-1).gather(-1, ids[:, 1:, None].to(device))[..., 0]
        return np.asarray((chosen * spoken[:, 1:].to(device)).sum(1).cpu().numpy(), np.float64)

    def _tokens(self, texts: list[str]) -> dict[str, Any]:
        self.tokenizer.padding_side = "left"
        batch = self.tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        return {name: batch[name].to(self.model.device) for name in ("input_ids", "attention_mask")}

    def _generation(self) -> dict[str, Any]:
        drawn: dict[str, Any] = {
            "max_new_tokens": self.decoding.max_tokens,
            "pad_token_id": self.tokenizer.pad_token_id,
            "eos_token_id": self.tokenizer.eos_token_id,
        }
        if self.decoding.temperature == 0:
            return drawn | {"do_sample": False}
        return drawn | {
            "do_sample": True,
            "temperature": self.decoding.temperature,
            "top_p": self.decoding.top_p,
            "top_k": 0,
        }


def load_language_model(base: str | Path, decoding: Decoding, adapters: Sequence[str | Path] = ()) -> LanguageModel:
    """The model of a folder or of a Hugging Face name, with LoRA adapters: all but the last are merged into it.

    In bfloat16 on the GPU where there is one. UserError where the packages or the weights are missing.
    """
    require_packages()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    gpu = torch.cuda.is_available()
    name = f"language model {base}" + (f" with the adapters {', '.join(map(str, adapters))}" if adapters else "")
    mend = (
        "Set policy.training.base_model, or the arm's model, to a folder or a Hugging Face model with safetensors "
        "weights; a folder in `policies` of the home is learned anew once it is removed"
    )
    if gone := [path for path in map(str, (base, *adapters)) if Path(path).is_absolute() and not Path(path).is_dir()]:
        raise UserError(name, f"it cannot be loaded (there is no folder {gone[0]})", mend)
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(base))
        model = AutoModelForCausalLM.from_pretrained(
            str(base), dtype=torch.bfloat16 if gpu else torch.float32, use_safetensors=True
        )
        for number, adapter in enumerate(adapters, 1):
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, str(adapter))
            if number < len(adapters):
                model = model.merge_and_unload()
    except Exception as error:  # a damaged folder raises whatever its reader's library raises
        why = (str(error) or repr(error)).splitlines()[0]
        raise UserError(name, f"it cannot be loaded ({why})", mend) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return LanguageModel(
        str(adapters[-1] if adapters else base), model.to("cuda" if gpu else "cpu").eval(), tokenizer, decoding
    )


def require_packages() -> None:
    """UserError where the extra `policy` is not installed; else its packages are told to be quiet."""
    import importlib.util
    import os
    import warnings

    # peft asks transformers by a former name, which concerns nobody here.
    warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    names = ("transformers", "trl", "peft", "accelerate", "datasets")
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            "training of a policy",
            f"{', '.join(missing)} is not installed",
            "Install the extra: pip install 'evalloop-assets[policy]'; or leave `lora` out of policy.kinds",
        )
    from datasets import disable_progress_bars
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bars()
    disable_progress_bar()


@contextmanager
def out_of_memory(what: str) -> Iterator[None]:
    """A device that runs out of memory as one line for the user."""
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise UserError(
            what,
            "the memory of the device ran out",
            "Lower policy.training.batch, generations or max_reply_tokens; the champion stays as it is",
        ) from error
