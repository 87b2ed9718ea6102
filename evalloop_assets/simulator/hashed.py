"""Draws that depend on an id alone, for many ids at once: the same on every day, in every file and in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from evalloop_assets.simulator.arrays import Floats

_WORD = 8
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def uniform(ids: pa.ChunkedArray | pa.Array | Sequence[str], seed: int, purpose: str) -> Floats:
    """(ids,) numbers in [0, 1), uniform over ids; another purpose or seed gives unrelated ones.

    Splitmix64 over the words of the UTF-8 text. A NULL counts as an empty id.
    """
    if not isinstance(ids, pa.ChunkedArray | pa.Array):
        ids = pa.array(ids, pa.string())
    texts = np.asarray(ids.fill_null("").cast(pa.binary()).to_numpy(zero_copy_only=False), dtype=np.bytes_)
    length = np.char.str_len(texts).astype(np.int64)
    width = -(-max(texts.dtype.itemsize, 1) // _WORD) * _WORD
    words = texts.astype(f"S{width}").view("<u8").reshape(len(texts), width // _WORD)
    key = hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:_WORD]
    state = np.full(len(texts), int.from_bytes(key, "little"), dtype=np.uint64) + length.astype(np.uint64)
    for number in range(words.shape[1]):
        state = np.where(number * _WORD < length, _mixed(state ^ words[:, number]), state)
    return np.asarray((_mixed(state) >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def _mixed(x: np.ndarray) -> np.ndarray:
    x = x + _STEP
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return np.asarray(x ^ (x >> np.uint64(31)))
