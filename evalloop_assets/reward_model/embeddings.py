"""Embeddings kept in the lake: which texts are missing, and an encoder that looks there first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from evalloop_assets.reward_model.encoder import Encoder, Matrix, text_hash

if TYPE_CHECKING:
    import pyarrow as pa


class CachedEncoder:
    """An encoder in front of which embeddings of the lake lie; texts that are not among them are encoded.

    A stored vector of another length, or one that is not finite, is not used.
    """

    def __init__(self, encoder: Encoder, stored: pa.Table) -> None:
        """`stored` has text_hash and embedding, of this encoder's version only."""
        self.name, self.dimension, self._encoder = encoder.name, encoder.dimension, encoder
        hashes = stored.column("text_hash").to_pylist()
        self._vectors, usable = matrix(stored, encoder.dimension)
        self._row = {hashes[row]: at for at, row in enumerate(usable)}

    def encode(self, texts: Sequence[str]) -> Matrix:
        distinct = list(dict.fromkeys(texts))
        vectors = np.zeros((len(distinct), self.dimension), np.float32)
        rows = [self._row.get(text_hash(text), -1) for text in distinct] if self._row else [-1] * len(distinct)
        known = np.flatnonzero(np.array(rows) >= 0)
        missing = np.flatnonzero(np.array(rows) < 0)
        vectors[known] = self._vectors[[rows[at] for at in known]]
        vectors[missing] = self._encoder.encode([distinct[at] for at in missing])
        place = {text: at for at, text in enumerate(distinct)}
        return vectors[[place[text] for text in texts]]


def matrix(stored: pa.Table, dimension: int) -> tuple[Matrix, list[int]]:
    """Usable vectors [k, dimension] of the column `embedding`, and the rows that they come from."""
    column = stored.column("embedding").combine_chunks()
    lengths = np.array(column.value_lengths().fill_null(-1), np.int64)
    fitting = np.flatnonzero(lengths == dimension)
    flat = column.take(fitting).flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    vectors = flat.reshape(len(fitting), dimension)
    finite = np.isfinite(vectors).all(axis=1)
    return vectors[finite], [int(row) for row in fitting[finite]]


def embedding_rows(texts: Sequence[str], encoder: Encoder) -> pa.Table:
    """Rows of `turn_embeddings`: text_hash, encoder, embedding; one per distinct text, ordered by hash."""
    import pyarrow as pa

    ordered = sorted({text_hash(text): text for text in texts}.items())
    vectors = encoder.encode([text for _, text in ordered])
    offsets = np.arange(len(ordered) + 1, dtype=np.int32) * encoder.dimension
    return pa.table(
        {
            "text_hash": pa.array([key for key, _ in ordered], pa.string()),
            "encoder": pa.array([encoder.name] * len(ordered), pa.string()),
            "embedding": pa.ListArray.from_arrays(pa.array(offsets), pa.array(vectors.ravel(), pa.float32())),
        }
    )
