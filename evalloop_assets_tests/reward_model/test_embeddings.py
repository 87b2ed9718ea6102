import os
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from evalloop_assets.lake.assets import Frame, run_in_parts
from evalloop_assets.lake.difference import difference
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.store import Inputs
from evalloop_assets.reward_model import embeddings
from evalloop_assets.reward_model.assets import EMBEDDED_FOR
from evalloop_assets.reward_model.embeddings import CachedEncoder, SpreadEncoder, embed_day, embedding_rows
from evalloop_assets.reward_model.encoder import HashedNgrams, Matrix, text_hash
from evalloop_assets.reward_model.tables import TURN_EMBEDDINGS
from evalloop_assets.settings import Settings
from evalloop_assets_tests.reward_model.stage import Stage
from evalloop_assets_tests.reward_model.world import DAY, MESSAGES, fill, turn_rows

ENCODER = HashedNgrams()
NEXT = DAY + timedelta(days=1)


class Counting(HashedNgrams):
    """Keeps the texts that it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def encode(self, texts) -> Matrix:
        self.asked += texts
        return super().encode(texts)


def test_one_row_per_distinct_text_in_order_of_the_hash():
    table = embedding_rows(["b", "a", "b"], ENCODER)
    assert table.column("text_hash").to_pylist() == sorted(text_hash(text) for text in "ab")
    assert set(table.column("encoder").to_pylist()) == {ENCODER.name}
    assert len(table.column("embedding")[0]) == ENCODER.dimension
    assert embedding_rows([], ENCODER).num_rows == 0


def test_stored_texts_are_not_encoded_again():
    inner = Counting()
    cache = CachedEncoder(inner, embedding_rows(["seen", "also seen"], ENCODER))
    vectors = cache.encode(["seen", "new", "also seen", "new"])
    assert inner.asked == ["new"]
    np.testing.assert_allclose(vectors, ENCODER.encode(["seen", "new", "also seen", "new"]), atol=1e-6)


def test_texts_that_are_spread_over_processes_have_the_same_vectors_in_their_order(monkeypatch):
    monkeypatch.setattr(embeddings, "TEXTS_PER_BATCH", 4)
    texts, inner = [f"text {number % 8}" for number in range(11)], Counting()
    np.testing.assert_array_equal(SpreadEncoder(ENCODER, 2).encode(texts), ENCODER.encode(texts))
    assert SpreadEncoder(ENCODER, 2).encode([]).shape == (0, ENCODER.dimension)
    SpreadEncoder(inner, 2).encode(texts)
    assert inner.asked == []


def test_an_encoder_that_has_threads_of_its_own_stays_in_this_process(monkeypatch):
    monkeypatch.setattr(embeddings, "TEXTS_PER_BATCH", 4)
    inner = Network()
    SpreadEncoder(inner, 2).encode(["a"] * 9)
    assert inner.processes == [os.getpid()] * 3


class Network:
    """Keeps the processes in which it encodes."""

    name, dimension = "network/1", 1

    def __init__(self) -> None:
        self.processes: list[int] = []

    def encode(self, texts) -> Matrix:
        self.processes.append(os.getpid())
        return np.ones((len(texts), 1), np.float32)


def test_stored_vectors_that_are_damaged_are_not_used():
    good = ENCODER.encode(["a"])[0]
    stored = pa.table(
        {
            "text_hash": [text_hash("nan"), text_hash("short"), text_hash("null"), text_hash("a")],
            "embedding": pa.array(
                [[float("nan")] * ENCODER.dimension, [1.0, 2.0], None, good.tolist()], pa.list_(pa.float32())
            ),
        }
    )
    inner = Counting()
    vectors = CachedEncoder(inner, stored).encode(["nan", "short", "null", "a"])
    assert inner.asked == ["nan", "short", "null"]
    assert np.isfinite(vectors).all()
    np.testing.assert_array_equal(vectors[3], good)


def test_an_empty_store_and_no_texts():
    cache = CachedEncoder(ENCODER, embedding_rows([], ENCODER))
    assert cache.encode([]).shape == (0, ENCODER.dimension)
    np.testing.assert_array_equal(cache.encode(["x"]), ENCODER.encode(["x"]))


class Wrong(HashedNgrams):
    """Gives NaN."""

    def encode(self, texts) -> Matrix:
        return np.full((len(texts), self.dimension), np.nan, np.float32)


def test_vectors_that_are_not_finite_are_refused():
    with pytest.raises(UserError, match="not finite"):
        embedding_rows(["a"], Wrong())
    with pytest.raises(UserError, match="not finite"):
        CachedEncoder(Wrong(), embedding_rows(["seen"], ENCODER)).encode(["new"])


class Killed(Exception):
    """In place of kill -9."""


@pytest.fixture
def two_days(tmp_path: Path) -> Stage:
    stage = Stage.at(tmp_path)
    fill(stage.lake, [], turn_rows(30))
    fill(stage.lake, [], turn_rows(30) + turn_rows(10, NEXT, seed=3), NEXT)
    return stage


def embed(stage: Stage, encoder: HashedNgrams, days: list[date], most: int = 1000):
    def step(inputs: Inputs, day: date, settings: Settings) -> Frame:
        return Frame(*embed_day(inputs, day, encoder, most=most))

    reads = {"turns": (0, 0)}
    return run_in_parts(stage.lake, TURN_EMBEDDINGS, reads, step, days, stage.settings, "1", "", (-EMBEDDED_FOR, 0))


def test_a_text_of_an_earlier_day_is_not_encoded_again(two_days: Stage):
    inner = Counting()
    embed(two_days, inner, [DAY, NEXT])
    texts = {turn[name] for turn in two_days.rows("turns") for name in ("user_text", "reply_text")} - {None}
    assert sorted(inner.asked) == sorted(texts)
    rows = two_days.rows("turn_embeddings")
    assert {row["text_hash"] for row in rows if row["day"] == NEXT} == {
        text_hash(text) for text in {turn["reply_text"] for turn in turn_rows(10, NEXT, seed=3)}
    }
    commit, shown = embed(two_days, inner, [DAY, NEXT])
    assert (len(inner.asked), commit.changed, shown["embedded"]) == (len(texts), (), 0)


def test_a_text_is_encoded_again_by_another_encoder_and_after_the_window(two_days: Stage):
    embed(two_days, Counting(), [DAY])
    wide, inner, later = HashedNgrams(24), Counting(), DAY + timedelta(days=EMBEDDED_FOR + 1)
    fill(two_days.lake, [], turn_rows(30, later), later)
    embed(two_days, wide, [NEXT])
    assert len([row for row in two_days.rows("turn_embeddings") if row["encoder"] == wide.name]) >= 40
    embed(two_days, inner, [later])
    assert len(inner.asked) == len({turn["reply_text"] for turn in turn_rows(30)}) + len(MESSAGES)


def test_a_killed_run_goes_on_where_it_stopped(two_days: Stage):
    class Dies(Counting):
        def encode(self, texts) -> Matrix:
            if len(self.asked) >= 20:
                raise Killed
            return super().encode(texts)

    dying, after = Dies(), Counting()
    with pytest.raises(Killed):
        embed(two_days, dying, [DAY], most=10)
    assert len(two_days.rows("turn_embeddings")) == 20
    commit, _ = embed(two_days, after, [DAY], most=10)
    assert not set(after.asked) & set(dying.asked)
    assert sum(commit.rows.values()) == len(dying.asked) + len(after.asked) == len(two_days.rows("turn_embeddings"))
    assert difference(two_days.lake, TURN_EMBEDDINGS, commit)[DAY].added == len(after.asked)
