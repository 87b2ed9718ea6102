"""Training and scoring on a GPU beside the CPU of the same machine: `python -m benchmarks.gpu`.

The same code runs on both: once with the GPU hidden from it, once without. Where there is no GPU, the CPU alone is
measured. Everything is drawn here, no model is fetched: pairs with a planted preference, an encoder of random weights
in the shape of MiniLM-L6, and base models that are learned from drawn replies, half of whose words the reward likes.
The large base model stands for any of its size and is measured on the GPU alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.measure import cost
from benchmarks.reward_model import WORDS, drawn_pairs
from evalloop_assets.policy_iteration.base_model import TinyModel, train_base_model
from evalloop_assets.policy_iteration.language_model import LanguageModel, load_language_model
from evalloop_assets.policy_iteration.logged import Example
from evalloop_assets.policy_iteration.lora import training_rows
from evalloop_assets.policy_iteration.prompts import Prompt
from evalloop_assets.policy_iteration.training import Probe, decoding, train_adapter
from evalloop_assets.reward_model.bradley_terry import LINEAR, SCALE, Training, fit
from evalloop_assets.reward_model.sentence_transformer import load_sentence_transformer
from evalloop_assets.settings import PolicySettings, TrainingSettings

PAIRS, HELD_OUT = 200_000, 20_000
TEXTS = 4_096
EXAMPLES, PROBES = 2_000, 256
SPOKEN = WORDS[:40]
LIKED = frozenset(SPOKEN[::2].tolist())
SMALL = TinyModel(steps=200)
LARGE = TinyModel(width=1_024, layers=24, heads=16, steps=40, learning_rate=3e-4)
TRAINING = {"max_reply_tokens": 64, "draw_prompts": 256, "steps": 20, "eval_every": 20}


def lines() -> Iterator[str]:
    """Of each device in turn, in a process of its own."""
    devices = [{"CUDA_VISIBLE_DEVICES": ""}, {}] if _device() != "CPU" else [{}]
    for device in devices:
        ran = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.gpu", "here"],
            env={**os.environ, **device},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert ran.stdout is not None
        yield from (line.rstrip("\n") for line in ran.stdout)
        if ran.wait():
            raise SystemExit(f"the benchmark ended with status {ran.returncode}")


def here() -> Iterator[str]:
    """Of this process's device."""
    device = _device()
    with tempfile.TemporaryDirectory() as folder:
        yield f"{device}: {_reward_model()}"
        yield f"{device}: {_encoder(Path(folder))}"
        for name, shape in (("small", SMALL), *([("large", LARGE)] if device != "CPU" else [])):
            yield from (f"{device}: {line}" for line in _policy(Path(folder), name, shape))


def _device() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def _reward_model() -> str:
    """The fit of all horizons, and how well it tells pairs that it did not see."""
    pairs = drawn_pairs(np.random.default_rng(1), PAIRS)
    learned, unseen = pairs.where(slice(HELD_OUT, None)), pairs.where(slice(HELD_OUT))
    nobody, threads = pairs.where(slice(0)), os.cpu_count() or 1
    fit(unseen, nobody, Training(threads=threads))
    found = []
    spent = cost(lambda: found.append(fit(learned, nobody, Training(threads=threads))))
    weights = found[0].weights[LINEAR] * found[0].weights[SCALE][:, None]
    right = ((unseen.difference @ weights > 0) == (unseen.targets > 0.5)).mean()
    return (
        f"reward model of {len(learned.ids):,} pairs and {len(weights):,} features trained in {spent.wall:.1f} s, "
        f"{right:.4f} of unseen labels right"
    )


def _encoder(folder: Path) -> str:
    encoder = load_sentence_transformer(f"sentence-transformers:{_mini_lm(folder)}")
    texts = _sentences(np.random.default_rng(2), TEXTS)
    encoder.encode(texts[:256])
    spent = cost(lambda: encoder.encode(texts))
    return f"{TEXTS / spent.wall:,.0f} texts of 20 words a second by a transformer of 6 layers and 384 columns"


def _mini_lm(folder: Path) -> Path:
    """An encoder of random weights in the shape of MiniLM-L6, over the words."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    plain = folder / "plain"
    plain.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS.tolist()]
    (plain / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    shape = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1_536}
    BertModel(BertConfig(vocab_size=30_522, **shape)).save_pretrained(plain)
    BertTokenizerFast(str(plain / "vocab.txt")).save_pretrained(plain)
    model = SentenceTransformer(modules=[Transformer(str(plain), max_seq_length=64), Pooling(384)], device="cpu")
    model.save(str(folder / "encoder"))
    return folder / "encoder"


def _policy(folder: Path, name: str, shape: TinyModel) -> Iterator[str]:
    """A base model learned, replies drawn from it, adapters trained on it by DPO and by GRPO."""
    draw = np.random.default_rng(3)
    said = zip(_sentences(draw, EXAMPLES), _sentences(draw, EXAMPLES), strict=True)
    examples = [Example(f"u{at}", Prompt(ask, (), "Mara", "en-GB"), reply) for at, (ask, reply) in enumerate(said)]
    base = folder / name
    spent = cost(lambda: train_base_model(examples, shape, base, 0))
    options = PolicySettings(training=TrainingSettings(base_model=str(base), **TRAINING))
    speaker = load_language_model(base, decoding(options.training))
    millions = sum(weight.numel() for weight in speaker.model.parameters()) / 1e6
    yield (
        f"base model of {millions:.1f}M weights: {shape.steps * shape.batch / spent.wall:,.0f} replies a second learned"
    )
    prompts = [one.prompt for one in examples[:PROBES]]
    speaker.reply(prompts, 0)
    drawn: list[list[str]] = []
    spent = cost(lambda: drawn.append(speaker.reply(prompts, 1)))
    likely = cost(lambda: speaker.likelihood(prompts, drawn[0]))
    same = "the same" if speaker.reply(prompts, 1) == drawn[0] else "OTHERS"
    yield (
        f"{millions:.1f}M weights: {PROBES / spent.wall:,.0f} replies a second drawn (the same seed gives {same}), "
        f"{PROBES / likely.wall:,.0f} found likely"
    )
    pairs = training_rows(speaker, examples, [], _worth, PolicySettings(training=_method(options, "dpo")))
    asked = training_rows(speaker, examples, [], _worth, PolicySettings(training=_method(options, "grpo")))
    for method, rows in (("dpo", pairs), ("grpo", asked)):
        _forget_peak()
        found = _trained(folder / f"{name}-{method}", _method(options, method), rows, prompts)
        yield f"{millions:.1f}M weights: {found}"


def _method(options: PolicySettings, method: str) -> TrainingSettings:
    return TrainingSettings.model_validate(options.training.model_dump() | {"method": method})


def _trained(
    folder: Path, training: TrainingSettings, rows: Sequence[dict[str, str]], prompts: Sequence[Prompt]
) -> str:
    """Seconds a step without the probes, and the mean reward of replies before and after."""

    def probe(speaker: LanguageModel) -> Probe:
        worth = _worth([""] * len(prompts), speaker.reply(prompts, 9))
        return {"reward": float(np.nanmean(worth)), "error": float(np.nanstd(worth) / np.sqrt(len(worth)))}

    base = training.base_model
    before = probe(load_language_model(base, decoding(training)))
    probing: list[float] = []

    def timed(speaker: LanguageModel) -> Probe:
        found: list[Probe] = []
        probing.append(cost(lambda: found.append(probe(speaker))).wall)
        return found[0]

    made = []
    spent = cost(lambda: made.extend(train_adapter(base, (), rows, training, folder, _rewards, timed)))
    after = made[-1].probe
    return (
        f"{training.method}, {(spent.wall - sum(probing)) / training.steps:.2f} s a step of {training.batch} "
        f"prompts, loading and saving counted; reward {_interval(before)} before, {_interval(after)} after "
        f"{training.steps} steps{_peak()}"
    )


def _interval(found: Probe) -> str:
    low, high = (found["reward"] + side * 1.96 * found["error"] for side in (-1, 1))
    return f"{found['reward']:.3f} [{low:.3f}, {high:.3f}]"


def _worth(messages: Sequence[str], replies: Sequence[str], histories: object = None) -> np.ndarray:
    """The share of a reply's words that are liked; NaN where it has none."""
    said = [reply.split() for reply in replies]
    return np.array([np.mean([word in LIKED for word in words]) if words else np.nan for words in said])


def _rewards(messages: Sequence[str], replies: Sequence[str]) -> list[float]:
    return np.nan_to_num(_worth(messages, replies), nan=0.0).tolist()


def _sentences(draw: np.random.Generator, count: int) -> list[str]:
    return [" ".join(words) for words in draw.choice(SPOKEN, (count, 20)).tolist()]


def _forget_peak() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _peak() -> str:
    import torch

    return f"; {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB at most" if torch.cuda.is_available() else ""


if __name__ == "__main__":
    for line in here() if sys.argv[1:] == ["here"] else lines():
        print(line, flush=True)
