"""Embeddings kept in the lake: which texts are missing, and an encoder that looks there first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evalloop_assets.reward_model.blocks import each
from evalloop_assets.reward_model.encoder import Encoder, HashedNgrams, Matrix, require_sound, text_hash

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.lake.store import Inputs

TEXTS_PER_PART = 100_000
"""Texts embedded between two commits: what a killed run loses at most, and what is in memory at once."""
TEXTS_PER_BATCH = 10_000

TEXTS = """
    SELECT md5(text) AS text_hash, any_value(text) AS text
    FROM (SELECT user_text AS text FROM turns UNION ALL SELECT reply_text AS text FROM turns)
    WHERE text IS NOT NULL
    GROUP BY md5(text)
"""

KNOWN = f"""
    SELECT text_hash, encoder, embedding
    FROM turn_embeddings
    WHERE day = $day AND encoder = $encoder AND len(embedding) = $dimension
        AND text_hash IN (SELECT text_hash FROM ({TEXTS}))
    ORDER BY text_hash
"""

NEW = f"""
    SELECT text
    FROM ({TEXTS})
    WHERE text_hash NOT IN (
        SELECT text_hash FROM turn_embeddings WHERE encoder = $encoder AND len(embedding) = $dimension
    )
    ORDER BY text_hash
    LIMIT $most
"""


STORED = """
    SELECT text_hash, embedding
    FROM turn_embeddings
    WHERE encoder = $encoder AND (text_hash, day) IN (
        SELECT text_hash, min(day)
        FROM turn_embeddings
        WHERE encoder = $encoder AND text_hash IN ({hashes})
        GROUP BY text_hash
    )
"""
"""The vectors of some texts, each of the first day that has it; those of all days in reach would fill the memory."""

SAID = """
    WITH talks AS ({conversations}), said AS (
        SELECT user_text, reply_text FROM turns WHERE conversation_id IN (SELECT conversation_id FROM talks)
    )
    SELECT md5(user_text) FROM said UNION SELECT md5(reply_text) FROM said
"""
"""Hashes of what was said in some conversations."""


class Vectors(NamedTuple):
    """Vectors of certain texts, known already."""

    name: str
    vectors: Matrix

    @property
    def dimension(self) -> int:
        return int(self.vectors.shape[1])

    def encode(self, texts: Sequence[str]) -> Matrix:
        """Of these texts, one after the other."""
        return self.vectors


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
        vectors[missing] = require_sound(
            self._encoder.encode([distinct[at] for at in missing]), self._encoder, len(missing)
        )
        place = {text: at for at, text in enumerate(distinct)}
        return vectors[[place[text] for text in texts]]


class SpreadEncoder:
    """An encoder of whose texts `processes` encode each a part."""

    def __init__(self, encoder: Encoder, processes: int) -> None:
        self.name, self.dimension = encoder.name, encoder.dimension
        self._encoder, self._processes = encoder, processes

    def encode(self, texts: Sequence[str]) -> Matrix:
        parts = (texts[first : first + TEXTS_PER_BATCH] for first in range(0, max(len(texts), 1), TEXTS_PER_BATCH))
        return np.concatenate(list(each(self._encoder.encode, parts, processes_for(self._encoder, self._processes))))


def processes_for(encoder: Encoder, most: int) -> int:
    """How many processes may encode: a network has threads of its own."""
    return most if isinstance(encoder, HashedNgrams) else 1


def matrix(stored: pa.Table, dimension: int) -> tuple[Matrix, list[int]]:
    """Usable vectors [k, dimension] of the column `embedding`, and the rows that they come from."""
    column = stored.column("embedding").combine_chunks()
    lengths = column.value_lengths().to_numpy(zero_copy_only=False)
    fitting = np.flatnonzero(lengths == dimension)
    kept = column if len(fitting) == len(column) else column.take(fitting)
    flat = kept.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    vectors = flat.reshape(len(fitting), dimension)
    finite = np.isfinite(vectors).all(axis=1)
    return (vectors if finite.all() else vectors[finite]), fitting[finite].tolist()


def embedding_rows(texts: Sequence[str], encoder: Encoder) -> pa.Table:
    """Rows of `turn_embeddings`: text_hash, encoder, embedding; one per distinct text, ordered by hash.

    UserError where the encoder gives vectors of another length, or such as are not finite.
    """
    import pyarrow as pa

    ordered = sorted({text_hash(text): text for text in texts}.items())
    vectors = require_sound(encoder.encode([text for _, text in ordered]), encoder, len(ordered))
    offsets = np.arange(len(ordered) + 1, dtype=np.int32) * encoder.dimension
    return pa.table(
        {
            "text_hash": pa.array([key for key, _ in ordered], pa.string()),
            "encoder": pa.array([encoder.name] * len(ordered), pa.string()),
            "embedding": pa.ListArray.from_arrays(pa.array(offsets), pa.array(vectors.ravel(), pa.float32())),
        }
    )


class Part(NamedTuple):
    """Rows of `turn_embeddings` of a day, as far as they are computed."""

    rows: pa.Table
    metadata: dict[str, Any]
    unfinished: bool


def embed_day(inputs: Inputs, day: date, encoder: Encoder, processes: int = 1, most: int = TEXTS_PER_PART) -> Part:
    """What the day has already, and the next `most` of its texts that no day of the window has."""
    import pyarrow as pa

    which = {"encoder": encoder.name, "dimension": encoder.dimension}
    known = inputs.query(KNOWN, which | {"day": day})
    new = inputs.query(NEW, which | {"most": most + 1})
    batches = (
        new.slice(first, min(TEXTS_PER_BATCH, most - first))
        for first in range(0, min(new.num_rows, most), TEXTS_PER_BATCH)
    )
    embedded = each(partial(_embedded, encoder=encoder), batches, processes_for(encoder, processes))
    rows = pa.concat_tables([known, *(part.cast(known.schema) for part in embedded)])
    shown = {"encoder": encoder.name, "embedded": rows.num_rows - known.num_rows, "known": known.num_rows}
    return Part(rows, shown, new.num_rows > most)


def _embedded(new: pa.Table, encoder: Encoder) -> pa.Table:
    return embedding_rows(new.column("text").to_pylist(), encoder)
