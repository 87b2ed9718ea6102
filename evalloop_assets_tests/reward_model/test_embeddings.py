import numpy as np
import pyarrow as pa

from evalloop_assets.reward_model.embeddings import CachedEncoder, embedding_rows
from evalloop_assets.reward_model.encoder import HashedNgrams, Matrix, text_hash

ENCODER = HashedNgrams()


class Counting(HashedNgrams):
    """Keeps the texts that it was asked for."""

    def __init__(self) -> None:
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


def test_stored_vectors_that_are_damaged_are_not_used():
    good = ENCODER.encode(["a"])[0]
    stored = pa.table(
        {
            "text_hash": [text_hash("nan"), text_hash("short"), text_hash("null"), text_hash("a")],
            "embedding": pa.array([[float("nan")] * 128, [1.0, 2.0], None, good.tolist()], pa.list_(pa.float32())),
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
