"""Functions compiled once for all processes; a module of such functions is imported where it is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """numba's `njit` without the GIL, with these more of its options.

    What is compiled is kept in NUMBA_CACHE_DIR, beside the source or in the user's cache, the first of them that can be
    written to; where none can, each process compiles for itself. It is compiled anew when its file changes, and then
    alone, so constants and functions of other files must come as arguments.
    """

    def compile(function: Callable[..., Any]) -> Any:
        try:
            return njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:  # nowhere to keep it
            return njit(nogil=True, **options)(function)

    return compile
