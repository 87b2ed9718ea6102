"""How much of a text says again what it has said."""

from __future__ import annotations

import unicodedata

SPAN = 4


def repeated_share(text: str) -> float:
    """Share in [0, 1] of the text's runs of four characters that occurred in it before; 0 for a shorter text."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    runs = [plain[at : at + SPAN] for at in range(len(plain) - SPAN + 1)]
    return 1.0 - len(set(runs)) / len(runs) if runs else 0.0
