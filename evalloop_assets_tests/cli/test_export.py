"""`evalloop export pairs` as a user calls it, and its files in the hands of those that read them."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from evalloop_assets.lake.exports import digest, exported_files, manifest_of
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.settings import Settings
from evalloop_assets_tests.cli.conftest import Evalloop, line
from evalloop_assets_tests.denoise.world import World
from evalloop_assets_tests.horizon_labels.pairs_in_a_lake import pair, put, put_world, sides, tail
from evalloop_assets_tests.horizon_labels.test_pairs import BATTLE, FALLING, RISING, session


@pytest.fixture
def battles(home: Path) -> Path:
    """A home with forty battles over four weeks."""
    put(open_lake(Settings(home=home)), "preference_pairs", [pair(n, side) for n, side in enumerate(sides(40))])
    return home


def test_pairs_go_into_the_home_with_a_manifest(battles: Path, evalloop: Evalloop):
    said = evalloop("export", "pairs", "--format", "trl", "--from", "2026-05-02", "--to", "2026-05-08")
    path = battles / "exports" / "pairs-dpo-2026-05-02-2026-05-08.jsonl"
    assert said.status == 0
    assert "written 14 pairs" in said.printed
    manifest = json.loads(manifest_of(path).read_text())
    assert (manifest["rows"], manifest["sha256"], manifest["path"]) == (14, digest(path), str(path))
    assert manifest["inputs"]["preference_pairs"] == 1
    assert manifest["filters"]["from"] == "2026-05-02"
    assert manifest["definition_versions"] == ["1"]
    assert len(path.read_text().splitlines()) == 14
    assert exported_files(battles) == [path]


def test_a_file_elsewhere_is_listed_and_never_overwritten_unasked(battles: Path, evalloop: Evalloop, tmp_path: Path):
    out = tmp_path / "mine.parquet"
    ask = ("export", "pairs", "--format", "parquet", "--out", out)
    assert evalloop(*ask).status == 0
    assert exported_files(battles) == [out]
    before = digest(out)
    assert "it exists already" in line(evalloop(*ask, "--to", "2026-05-10"))
    assert digest(out) == before
    assert evalloop(*ask, "--to", "2026-05-10", "--replace").status == 0
    assert pq.read_table(out).num_rows < 40
    assert exported_files(battles) == [out]


def test_a_folder_is_no_file_and_nothing_is_listed(battles: Path, evalloop: Evalloop, tmp_path: Path):
    folder = tmp_path / "taken.jsonl"
    folder.mkdir()
    said = line(evalloop("export", "pairs", "--format", "jsonl", "--out", folder, "--replace"))
    assert said.endswith("it is a folder. Name a file.")
    assert exported_files(battles) == []
    assert list(tmp_path.glob("*.manifest.json")) == []


def test_what_was_chosen_is_in_the_name_of_the_file(battles: Path, evalloop: Evalloop):
    for chosen in ((), ("--source", "battle"), ("--horizon", "immediate")):
        assert evalloop("export", "pairs", "--format", "jsonl", *chosen).status == 0
    names = [path.name.partition("-20")[0] for path in exported_files(battles)]
    assert names == ["pairs-jsonl", "pairs-jsonl-battle", "pairs-jsonl-immediate"]


def test_what_is_left_out_is_told(home: Path, evalloop: Evalloop):
    rows = [pair(n, side) for n, side in enumerate(sides(20))] + [pair(n, "tie") for n in range(20, 25)]
    put(open_lake(Settings(home=home)), "preference_pairs", rows)
    said = evalloop("export", "pairs", "--format", "trl")
    assert "written 20 pairs" in said.printed
    assert "left out 5 pairs tied" in said.printed


def test_unfit_pairs_are_refused_and_nothing_is_written(home: Path, evalloop: Evalloop):
    rows = [tail(n, side) for n, side in enumerate(sides(400))] + [pair(n, side) for n, side in enumerate(sides(40))]
    for n, row in enumerate(rows[:400]):
        first = row["delayed_5"] == "A"
        rows[n] |= {"position_a": 3 if first else 6, "position_b": 6 if first else 3, "pair_id": f"t{n}"}
    put(open_lake(Settings(home=home)), "preference_pairs", rows)
    refused = line(evalloop("export", "pairs", "--format", "jsonl"))
    assert "position alone tells the preferred side of tail pairs" in refused
    assert list((home / "exports").iterdir()) == []
    assert exported_files(home) == []
    assert evalloop("export", "pairs", "--format", "jsonl", "--source", "battle").status == 0


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--format", "csv"), "Choose one of trl, jsonl, parquet"),
        (("--format", "trl", "--for", "ppo"), "Choose one of dpo, reward"),
        (("--format", "jsonl", "--source", "tails"), "Choose one of tail, regeneration, battle"),
        (("--format", "jsonl", "--horizon", "later"), "Choose one of immediate"),
        (("--format", "jsonl", "--out", "pairs.parquet"), "does not end in .jsonl"),
        (("--format", "jsonl", "--out", "nowhere/pairs.jsonl"), "there is no folder nowhere"),
        (("--format", "jsonl", "--from", "2026-05-09", "--to", "2026-05-02"), "ends before it begins"),
        (("--format", "jsonl", "--from", "2027-05-09"), "--from 2027-05-09: the pairs are of 2026-05-0"),
        (("--format", "jsonl", "--to", "2025-05-09"), "--to 2025-05-09: the pairs are of 2026-05-0"),
        (("--format", "jsonl", "--from", "2027-05-09", "--to", "2027-05-10"), "there is none"),
        (("--format", "trl", "--source", "tail"), "none can be exported as dpo"),
    ],
)
def test_a_mistake_is_told_in_one_line(battles: Path, evalloop: Evalloop, options: tuple[str, ...], why: str):
    assert why in line(evalloop("export", "pairs", *options))
    assert exported_files(battles) == []


def test_a_home_without_pairs_says_what_to_do(home: Path, evalloop: Evalloop):
    assert "evalloop run" in line(evalloop("export", "pairs", "--format", "jsonl"))


@pytest.fixture
def chats(home: Path) -> Path:
    """A home with tail pairs and battles of two users, all with messages and replies."""
    battles = [
        BATTLE
        | {"battle_id": f"b{n}", "outcome": "ab"[n % 2], "reply_a": f"x {n}", "reply_b": f"y {n}", "user_text": "hi"}
        for n in range(4)
    ]
    put_world(
        open_lake(Settings(home=home)), World(turns=[*session("a", FALLING), *session("b", RISING)], battles=battles)
    )
    return home


@pytest.fixture
def trl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, Path], dict[str, float]]:
    """Two steps of a TRL trainer on a file, from a model and a tokenizer made here; gives what the last step logged."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    import datasets
    import trl
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, PreTrainedTokenizerFast

    letters = Tokenizer(models.BPE(unk_token="<unk>"))
    letters.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<unk>", "<pad>", "<s>", "</s>", "<|user|>", "<|assistant|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    letters.train_from_iterator([], trainers.BpeTrainer(special_tokens=special, initial_alphabet=alphabet))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=letters, unk_token="<unk>", pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )
    tokenizer.chat_template = (
        "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}</s>{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    shape = {
        "vocab_size": len(tokenizer), "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "pad_token_id": tokenizer.pad_token_id,
    }  # fmt: skip
    how = {
        "output_dir": str(tmp_path / "trained"), "max_steps": 2, "per_device_train_batch_size": 2, "use_cpu": True,
        "bf16": False, "gradient_checkpointing": False, "report_to": "none", "dataloader_pin_memory": False,
        "save_strategy": "no", "logging_steps": 1, "max_length": 1024, "disable_tqdm": True,
    }  # fmt: skip

    def train(purpose: str, path: Path) -> dict[str, float]:
        kind = "parquet" if path.suffix == ".parquet" else "json"
        rows = datasets.load_dataset(kind, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
        if purpose == "dpo":
            policy, reference = (LlamaForCausalLM(LlamaConfig(**shape)) for _ in range(2))
            trainer = trl.DPOTrainer(
                policy, reference, trl.DPOConfig(**how), train_dataset=rows, processing_class=tokenizer
            )
        else:
            model = LlamaForSequenceClassification(LlamaConfig(num_labels=1, **shape))
            trainer = trl.RewardTrainer(model, trl.RewardConfig(**how), train_dataset=rows, processing_class=tokenizer)
        trainer.train()
        assert len(trainer.train_dataset) == len(rows)
        return trainer.state.log_history[-2]

    return train


def test_trl_trains_on_the_files_as_they_are(
    chats: Path, evalloop: Evalloop, tmp_path: Path, trl: Callable[[str, Path], dict[str, float]]
):
    for purpose, suffix in (("dpo", "jsonl"), ("reward", "parquet")):
        out = tmp_path / f"{purpose}.{suffix}"
        assert evalloop("export", "pairs", "--format", "trl", "--for", purpose, "--out", out).status == 0
        logged = trl(purpose, out)
        assert logged["step"] == 2
        assert 0.3 < logged["loss"] < 1.2
        assert logged["grad_norm"] > 0
