import subprocess
import sys

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model import encoder as module
from evalloop_assets.reward_model.encoder import HashedNgrams, find_encoder, require_sound, text_hash
from evalloop_assets.reward_model.ngrams import HASHED

ENCODER = HashedNgrams()


def likeness(first: str, second: str) -> float:
    a, b = ENCODER.encode([first, second])[:, :HASHED]
    return float(a @ b)


def test_gives_one_row_per_text_and_equal_rows_for_equal_texts():
    vectors = ENCODER.encode(["one fox", "two foxes", "one fox"])
    assert vectors.shape == (3, ENCODER.dimension)
    assert vectors.dtype == np.float32
    assert (vectors[0] == vectors[2]).all()
    assert (vectors[0] != vectors[1]).any()


def test_is_the_same_in_another_process():
    text = "The harbour sleeps. 你好,船长!"
    program = (
        "from evalloop_assets.reward_model.encoder import HashedNgrams;"
        f"import sys; sys.stdout.buffer.write(HashedNgrams().encode([{text!r}]).tobytes())"
    )
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert other.stdout == ENCODER.encode([text]).tobytes()


@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
@settings(max_examples=60)
def test_any_text_gives_finite_values_that_do_not_depend_on_its_neighbours(texts):
    vectors = ENCODER.encode(texts)
    assert np.isfinite(vectors).all()
    norms = np.linalg.norm(vectors[:, :HASHED], axis=1)
    assert (np.isclose(norms, 1, atol=1e-5) | np.isclose(norms, 0)).all()
    assert (vectors[:, HASHED:] >= 0).all()
    assert (vectors[:, HASHED:] <= 1).all()
    np.testing.assert_allclose(vectors[-1], ENCODER.encode([texts[-1]])[0], atol=1e-6)


def test_batches_do_not_change_the_vectors(monkeypatch: pytest.MonkeyPatch):
    texts = [f"chapter {at} begins" for at in range(20)]
    whole = ENCODER.encode(texts)
    monkeypatch.setattr(module, "CHARS_PER_BATCH", 40)
    np.testing.assert_allclose(ENCODER.encode(texts), whole, atol=1e-6)


def test_like_texts_are_nearer_in_both_languages():
    assert (
        likeness("I like small cats", "I like small dogs")
        > likeness("I like small cats", "the stock market fell") + 0.2
    )
    assert likeness("我很喜欢小猫", "我很喜欢小狗") > likeness("我很喜欢小猫", "今天股市下跌了") + 0.2


def test_case_width_and_spaces_do_not_count():
    assert likeness("Hello  WORLD", "hello world") == pytest.approx(1)
    assert likeness("hello world", "hello world") == pytest.approx(1)


def test_repetition_shows_in_the_statistics_and_length_does_not():
    varied, repeated, twice = ENCODER.encode(
        ["a ship left the old harbour", "so so so so so so so", "a ship left the old harbour"]
    )
    assert varied[HASHED] == 1.0
    assert repeated[HASHED] == pytest.approx(1 / 7)
    assert repeated[HASHED + 1] < varied[HASHED + 1]
    assert (varied == twice).all()


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_blank_text_is_zero(text: str):
    assert not ENCODER.encode([text]).any()


def test_no_texts():
    assert ENCODER.encode([]).shape == (0, ENCODER.dimension)


@pytest.mark.parametrize("text", ["x" * 50_000, "word " * 10_000, "\ud800 alone", "🙂🙂", "\x00", "?!"])
def test_odd_texts_are_encoded(text: str):
    vector = ENCODER.encode([text])
    assert np.isfinite(vector).all()
    assert vector.any()


def test_text_hash_is_md5_of_the_engine():
    with duckdb.connect() as connection:
        for text in ("", "hello", "你好 🙂"):
            assert [(text_hash(text),)] == connection.execute("SELECT md5(?)", [text]).fetchall()


def test_unknown_encoder_names_the_known_ones():
    with pytest.raises(UserError, match="hashed-ngrams-256/1"):
        find_encoder("hashed-ngrams-128/0")


@pytest.mark.parametrize("dimension", [128, 256, 512])
def test_each_width_is_found_by_its_name(dimension: int):
    encoder = find_encoder(f"hashed-ngrams-{dimension}/1")
    assert encoder.encode(["a lamp"]).shape == (1, encoder.dimension) == (1, dimension)


@pytest.mark.parametrize(
    ("vectors", "why"),
    [(np.full((1, 256), np.nan, np.float32), "1 of 1 vectors are not finite"), (np.zeros((1, 3), np.float32), "shape")],
)
def test_an_encoder_that_gives_nonsense_is_named(vectors, why: str):
    with pytest.raises(UserError, match=why) as error:
        require_sound(vectors, ENCODER, 1)
    assert "hashed-ngrams-256/1" in str(error.value)
