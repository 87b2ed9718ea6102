"""Words that no candidate may say more often than the model that it is to replace."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import yaml

from evalloop_assets.lake.errors import UserError

SHIPPED = Path(__file__).with_name("safety_words.yaml")


class SafetyWords:
    """A list of words by kind; English ones match as whole words, others anywhere."""

    def __init__(self, words: dict[str, list[str]]) -> None:
        parts = {_plain(word) for kind in words.values() for word in kind}
        spelled = [rf"\b{re.escape(word)}\b" if word.isascii() else re.escape(word) for word in sorted(parts)]
        self._pattern = re.compile("|".join(spelled) or r"(?!)")

    def found(self, text: str) -> list[str]:
        """The words that a text holds, in its order."""
        return self._pattern.findall(_plain(text))


def words_of(path: str) -> SafetyWords:
    """Those of a file, or of the list that is shipped where the path is empty."""
    return read_safety_words(Path(path) if path else SHIPPED)


def read_safety_words(path: Path = SHIPPED) -> SafetyWords:
    """The words of a YAML file: kind to list of words. UserError where it is missing or is something else."""
    try:
        words = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _unreadable(path, str(error).splitlines()[0]) from error
    if not isinstance(words, dict) or not words:
        raise _unreadable(path, "it holds no kinds of words")
    for kind, listed in words.items():
        if not isinstance(listed, list) or not all(isinstance(word, str) and word.strip() for word in listed):
            raise _unreadable(path, f"{kind} is no list of words")
    return SafetyWords(words)


def _plain(text: str) -> str:
    """Of one width and case, without characters that no reader sees."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    if not folded.isprintable():
        folded = "".join(letter for letter in folded if unicodedata.category(letter) != "Cf")
    return " ".join(folded.split())


def _unreadable(path: Path, why: str) -> UserError:
    return UserError(f"safety words {path}", why, "Give a YAML file with lists of words by kind: policy.safety_words")
