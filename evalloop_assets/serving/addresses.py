"""Addresses that hold a secret: their list, a name for each that tells nothing, and texts without them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from urllib.parse import unquote

from pydantic import SecretStr

HIDDEN = "***"
LEAST_PART = 3


def listed(setting: SecretStr) -> list[str]:
    """The addresses of a setting, which separates them by spaces."""
    return list(dict.fromkeys(setting.get_secret_value().split()))


def channel_name(kind: str, url: str) -> str:
    """What people and tables call it: its kind and six hexadecimal digits of a digest."""
    return f"{kind}-{hashlib.sha256(url.encode()).hexdigest()[:6]}"


def without_secrets(text: str, urls: Iterable[str]) -> str:
    """The text with `***` for each part of one of the addresses but its scheme."""
    parts = {
        part
        for url in urls
        for form in (url, unquote(url))
        for part in [form, *re.split(r"[/:@?&=+,]+", form.partition("://")[2])]
        if len(part) >= LEAST_PART
    }
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, HIDDEN)
    return text
