"""How often Python looks for objects that hold each other: seldom, where work makes much and hardly any of it does."""

from __future__ import annotations

import gc

ALLOCATED = 50_000
"""Objects after which it looks, many times the default."""


def collect_seldom() -> None:
    """For the whole process."""
    gc.set_threshold(ALLOCATED)
