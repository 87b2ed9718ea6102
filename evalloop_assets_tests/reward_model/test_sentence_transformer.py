"""The real library on a tiny model of random weights that is made and saved here."""

import sys
from pathlib import Path

import numpy as np
import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model.encoder import find_encoder
from evalloop_assets.reward_model.sentence_transformer import load_sentence_transformer


def save_model(folder: Path, width: int = 16, seed: int = 0) -> Path:
    """A BERT of one layer over single characters, with mean pooling."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    plain, words = folder / "plain", ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz", "你", "好"]
    plain.mkdir(parents=True)
    (plain / "vocab.txt").write_text("\n".join([*words, *(f"##{letter}" for letter in words[4:30])]), encoding="utf-8")
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(words) + 26, hidden_size=width, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64,
    )  # fmt: skip
    BertModel(config).save_pretrained(plain)
    BertTokenizerFast(str(plain / "vocab.txt")).save_pretrained(plain)
    model = SentenceTransformer(modules=[Transformer(str(plain), max_seq_length=64), Pooling(width)], device="cpu")
    model.save(str(folder / "model"))
    return folder / "model"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("encoder"))


def test_any_saved_model_is_an_encoder(model: Path):
    encoder = find_encoder(f"sentence-transformers:{model}")
    vectors = encoder.encode(["hello there", "你好", "  ", "hello there"])
    assert vectors.shape == (4, encoder.dimension) == (4, 16)
    assert vectors.dtype == np.float32
    assert not vectors[2].any()
    np.testing.assert_allclose(vectors[0], vectors[3], atol=1e-5)
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3
    assert encoder.encode([]).shape == (0, 16)


def test_odd_texts_are_encoded_and_long_ones_are_cut(model: Path):
    vectors = find_encoder(f"sentence-transformers:{model}").encode(["x" * 50_000, "word " * 10_000, "\ud800 a", "🙂"])
    assert np.isfinite(vectors).all()
    assert np.linalg.norm(vectors, axis=1).min() > 0


def test_the_name_holds_a_digest_of_the_weights(model: Path, tmp_path: Path):
    name = find_encoder(f"sentence-transformers:{model}").name
    assert find_encoder(name).name == name
    other = find_encoder(f"sentence-transformers:{save_model(tmp_path, seed=1)}").name
    assert name.partition("#")[2] != other.partition("#")[2]
    path = name.partition("#")[0]
    load_sentence_transformer.cache_clear()
    with pytest.raises(UserError, match=r"the weights at .* are others now"):
        find_encoder(f"{path}#{other.partition('#')[2]}")


def test_a_model_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UserError, match="could not be loaded"):
        find_encoder(f"sentence-transformers:{tmp_path / 'nothing'}")
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(UserError, match=r"pip install 'evalloop-assets\[encoders\]'"):
        find_encoder("sentence-transformers:anything")
