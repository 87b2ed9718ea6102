"""Whether a reply is well-formed, whatever it is worth: what a hacked policy loses first."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

SPECIAL = re.compile(r"<\|[^|<>]{1,40}\|>|</?s>|\[(?:PAD|UNK|CLS|SEP|MASK|INST)\]|[\x00-\x08\x0b-\x1f\ufffd]")
"""Tokens that a tokenizer keeps for itself, control characters, and what is left of bytes that are no text."""
_ENDS = frozenset(".!?…。！？～~")
_CLOSERS = "\"'”’」』）)]*_"
"""What may stand after the end of a sentence."""
_ASIAN = frozenset({"zh", "ja", "ko"})
SPAN = 3


def flaws(reply: str, locale: str = "") -> list[str]:
    """What is wrong with a reply's form: `empty`, `unfinished`, `special_token`, `script`; nothing for a sound one.

    The script is wrong where most letters are not of the kind that the language of `locale` (BCP 47) is written in; an
    unknown language is not held against a reply.
    """
    text = reply.strip()
    if not text:
        return ["empty"]
    found = []
    if SPECIAL.search(text):
        found.append("special_token")
    bare = text.rstrip(_CLOSERS)
    if not bare or not (bare[-1] in _ENDS or unicodedata.category(bare[-1]) == "So"):
        found.append("unfinished")
    language = locale.split("-")[0].lower()
    if language and _ideographic(text) != (language in _ASIAN) and _lettered(text):
        found.append("script")
    return found


def trigrams(text: str) -> frozenset[str]:
    """Runs of three words, or of three characters of a script that has no spaces; folded to one case."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    words = re.findall(r"[^\W\d_]", plain) if _ideographic(plain) else re.findall(r"\w+", plain)
    return frozenset(" ".join(words[at : at + SPAN]) for at in range(len(words) - SPAN + 1))


def known_trigrams(texts: Iterable[str]) -> frozenset[str]:
    """All that were ever said in these texts."""
    return frozenset().union(*(trigrams(text) for text in texts))


def novelty(reply: str, known: frozenset[str]) -> float:
    """Share in [0, 1] of the reply's trigrams that are not among the known ones; 0 where it has none.

    Some of it is invention, much of it is gibberish: read it beside the reference's.
    """
    own = trigrams(reply)
    return len(own - known) / len(own) if own else 0.0


def _ideographic(text: str) -> bool:
    """Whether most letters are Han, kana or hangul."""
    if text.isascii():
        return False
    letters = [letter for letter in text if letter.isalpha()]
    asian = sum("\u2e80" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7af" for letter in letters)
    return 2 * asian > len(letters)


def _lettered(text: str) -> bool:
    return any(letter.isalpha() for letter in text)
