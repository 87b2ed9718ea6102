"""Finds any of many ids and texts in raw bytes, in time that does not grow with their number."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

WINDOW = 6
"""Bytes by which a candidate is recognised; what is shorter says nothing outside a column of ids."""
LEAST_TEXT = 40
"""Bytes from which a text is distinctive."""
BLOCK = 1 << 22
MASK = 0xFFFF
PART = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-" + bytes(range(128, 256))
SIGNS = "@_:"
"""Characters of addresses and made ids, seldom of words."""
JOINT = b".@+~%#$&"
QUOTE = b"\"'"
ERASED = b"[erased]"


class Needles:
    """Ids are found as whole words (all digits: as whole quoted strings), texts wherever they stand.

    Each is also found as JSON writes it, once or twice encoded, and a text without spaces as a tokenizer spells it.
    """

    def __init__(self, ids: Iterable[str], texts: Iterable[str]) -> None:
        self._words = {term for one in ids if is_distinctive(one) for term in written(one)}
        long = [one for one in texts if len(one.encode()) >= LEAST_TEXT]
        tokens = [byte_level(one) for one in long if not any(map(str.isspace, one))]
        self._texts = {term for one in (*long, *tokens) for term in written(one)}
        by_head: dict[int, set[bytes]] = defaultdict(set)
        for term in self._words | self._texts:
            by_head[int.from_bytes(term[:WINDOW], "big")].add(term)
        self._by_head = {head: sorted(terms, key=len, reverse=True) for head, terms in by_head.items()}
        self._heads = np.array(sorted(by_head), np.uint64)
        self._likely = np.zeros(MASK + 1, np.bool_)
        self._likely[_folded(self._heads)] = True

    def count(self, content: bytes) -> int:
        return sum(1 for _ in self._spans(content))

    def without(self, content: bytes) -> bytes:
        """The content with `[erased]` in the place of everything found."""
        pieces, at = [], 0
        for start, end in self._spans(content):
            pieces += [content[at:start], ERASED]
            at = end
        return b"".join([*pieces, content[at:]])

    def texts_in(self, content: bytes) -> set[bytes]:
        """Which of the texts, as they were given, are part of the content."""
        return {
            term
            for at in self._candidates(content)
            for term in self._by_head[int.from_bytes(content[at : at + WINDOW], "big")]
            if term in self._texts and content.startswith(term, at)
        }

    def _spans(self, content: bytes) -> Iterator[tuple[int, int]]:
        done = 0
        for at in self._candidates(content):
            if at < done:
                continue
            for term in self._by_head[int.from_bytes(content[at : at + WINDOW], "big")]:
                end = at + len(term)
                if content.startswith(term, at) and (term in self._texts or _is_word(content, at, end, term)):
                    yield at, end
                    done = end
                    break

    def _candidates(self, content: bytes) -> Iterator[int]:
        for start in range(0, max(len(content) - WINDOW + 1, 0), BLOCK):
            size = min(BLOCK, len(content) - WINDOW + 1 - start)
            block = np.frombuffer(content, np.uint8, size + WINDOW - 1, start)
            heads = np.zeros(size, np.uint64)
            for offset in range(WINDOW):
                heads = (heads << np.uint64(8)) | block[offset : offset + size]
            likely = np.flatnonzero(self._likely[_folded(heads)])
            yield from (likely[np.isin(heads[likely], self._heads)] + start).tolist()


def is_distinctive(term: str) -> bool:
    """Whether an id can be told from a word or a number in running text."""
    return len(term.encode()) >= WINDOW and any(character.isdigit() or character in SIGNS for character in term)


def written(term: str) -> set[bytes]:
    """The bytes of a text as it is, and in a JSON string, and in a JSON string within a JSON string."""
    found = {term}
    for _ in range(2):
        found |= {json.dumps(one, ensure_ascii=ascii)[1:-1] for one in found for ascii in (True, False)}
    return {one.encode() for one in found}


def byte_level(text: str) -> str:
    """How the vocabulary of a byte-level tokenizer spells a text: one printable character for each byte."""
    return "".join(BYTES[byte] for byte in text.encode())


def _alphabet() -> list[str]:
    """Printable bytes of Latin-1 stand for themselves, the others for the characters from 256 on (GPT-2's table)."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


BYTES = _alphabet()


def pattern(term: str) -> str:
    """RE2 pattern of an id as a whole word in a text column."""
    escaped = "".join(character if character.isalnum() else f"\\x{{{ord(character):x}}}" for character in term)
    edge = r"[^\pL\pN_\-]"
    return f"(^|{edge}){escaped}($|{edge})"


def _is_word(content: bytes, start: int, end: int, term: bytes) -> bool:
    before, after = content[max(start - 2, 0) : start], content[end : end + 2]
    if term.isdigit():
        return before[-1:] in (b'"', b"'") and after.strip(b"\\")[:1] in (b'"', b"'")
    if before and before[-1] in PART and not (before[-2:-1] == b"\\" and before[-1:] in b"ntr"):
        return False
    if after and after[0] in PART:
        return False
    joined_before = len(before) == 2 and before[1] in JOINT and before[0] in PART
    joined_after = len(after) == 2 and after[0] in JOINT and after[1] in PART
    return not joined_before and not joined_after


def _folded(heads: NDArray[np.uint64]) -> NDArray[np.int64]:
    mixed = heads ^ (heads >> np.uint64(16)) ^ (heads >> np.uint64(32))
    return np.asarray(mixed & np.uint64(MASK), np.int64)
