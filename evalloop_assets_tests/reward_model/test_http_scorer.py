import json
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model import http_scorer
from evalloop_assets.reward_model.encoder import HashedNgrams, Matrix
from evalloop_assets.reward_model.gated import gated_rewards
from evalloop_assets.reward_model.http_scorer import BLANK_REWARD, application
from evalloop_assets.reward_model.model import RewardModel
from evalloop_assets_tests.reward_model.scored import DREARY, GATE, MERRY, small_model


@pytest.fixture(scope="module")
def model() -> RewardModel:
    return small_model()


@pytest.fixture(scope="module")
def url(model: RewardModel) -> Iterator[str]:
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(application(model, GATE), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)


def post(url: str, body: Any) -> dict[str, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/reward", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return dict(json.load(answer))


def remote_reward(url: str):
    """A reward function for TRL's trainers."""

    def reward(prompts: list[Any], completions: list[Any], **_: Any) -> list[float]:
        return list(post(url, {"prompts": prompts, "completions": completions})["rewards"])

    return reward


def test_trl_and_openrlhf_get_what_the_model_says(url: str, model: RewardModel):
    expected = gated_rewards(model, ["Hi", "Hi"], [MERRY, DREARY], at=GATE).reward.tolist()
    assert expected[0] > expected[1]
    by_trl = post(url, {"prompts": ["Hi", "Hi"], "completions": [MERRY, DREARY]})
    by_openrlhf = post(url, {"query": [f"Hi {MERRY}", f"Hi {DREARY}"], "prompts": ["Hi ", "Hi "], "labels": ["", ""]})
    assert by_trl["rewards"] == by_openrlhf["rewards"] == by_openrlhf["scores"] == expected
    assert by_trl["reward_version"] == model.version


def test_a_blank_reply_is_worth_less_than_any_other(url: str, model: RewardModel):
    answer = post(url, {"prompts": ["Hi", "Hi"], "completions": [" ", DREARY]})
    assert answer["rewards"][0] == BLANK_REWARD < answer["rewards"][1]
    assert answer["extra_logs"] == {"blank": 1}


def test_a_long_reply_and_no_replies(url: str):
    assert len(post(url, {"completions": ["lantern " * 6_250, ""]})["rewards"]) == 2
    assert post(url, {"completions": []})["rewards"] == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "Expecting property name"),
        (b"\xff", "can't decode"),
        ([], "no JSON object"),
        ({}, "no lists"),
        (b'{"completions": ' + b"[" * 100_000, "nested too deep"),
        ({"completions": "Hi"}, "no lists"),
        ({"prompts": ["a"], "completions": ["b", "c"]}, "differ in length: 1 prompt, 2 completion"),
        ({"prompts": ["a"], "query": ["b"]}, "reply 0: `query` does not begin"),
    ],
)
def test_what_it_cannot_score_is_refused_with_the_reason(url: str, body: Any, reason: str):
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(url, body)
    assert refused.value.code == 400
    assert reason in json.load(refused.value)["error"]


def test_too_much_at_once_is_refused(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(http_scorer, "MOST_BYTES", 1_000)
    assert len(post(url, {"completions": ["a" * 900]})["rewards"]) == 1
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(url, {"completions": ["a" * 1_000]})
    assert refused.value.code == 413
    assert "send fewer replies" in json.load(refused.value)["error"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused(url: str, method: str):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(f"{url}/reward", method=method), timeout=30)
    assert refused.value.code == 405


def test_a_request_that_breaks_off_leaves_no_trace(url: str, caplog: pytest.LogCaptureFixture):
    address = urllib.parse.urlsplit(url)
    with socket.create_connection((str(address.hostname), int(address.port or 0))) as line:
        line.sendall(b'POST /reward HTTP/1.1\r\nHost: here\r\nContent-Length: 99\r\n\r\n{"comp')
    assert len(post(url, {"completions": ["Hi"]})["rewards"]) == 1
    assert not [one for one in caplog.records if one.exc_info]


def test_an_encoder_at_fault_is_named():
    class Broken(HashedNgrams):
        def encode(self, texts: Sequence[str]) -> Matrix:
            return super().encode(texts) * np.float32(np.nan)

    with pytest.raises(UserError, match=f"text encoder '{HashedNgrams.name}': 2 of 2 vectors are not finite"):
        small_model().score(["Hi"], ["Hello"], Broken())


def test_health_names_the_model(url: str, model: RewardModel):
    with urllib.request.urlopen(f"{url}/health", timeout=30) as answer:
        assert json.load(answer) == {"reward_version": model.version, "encoder": model.config.encoder}


def test_a_policy_learns_from_it_over_http(url: str, tmp_path: Path):
    """GRPO of TRL, with rewards of this server, makes a policy of single words prefer the merry one."""
    import torch
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from trl import GRPOConfig, GRPOTrainer

    words = ["<pad>", "<eos>", "hi", *MERRY.split(), *DREARY.split()]
    plain = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<pad>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, pad_token="<pad>", eos_token="<eos>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=32, pad_token_id=0, eos_token_id=1, bos_token_id=2,
    )  # fmt: skip
    trainer = GRPOTrainer(
        LlamaForCausalLM(config),
        remote_reward(url),
        GRPOConfig(
            output_dir=str(tmp_path), max_steps=25, per_device_train_batch_size=16, num_generations=16,
            max_completion_length=6, learning_rate=0.02, beta=0.0, use_cpu=True, bf16=False, report_to="none",
            gradient_checkpointing=False, dataloader_pin_memory=False, save_strategy="no", logging_steps=1, seed=0,
        ),
        Dataset.from_list([{"prompt": "hi"}] * 4),
        processing_class=tokenizer,
    )  # fmt: skip
    trainer.train()
    rewards = [step["reward"] for step in trainer.state.log_history if "reward" in step]
    assert len(rewards) == 25
    assert sum(rewards[-5:]) > sum(rewards[:5])
