"""Figures and tables as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from evalloop_assets.evaluation.launch.figures import Figure


def figure_text(figure: Figure) -> str:
    """Value and interval, or why there is none."""
    if not figure.known:
        return figure.reason
    return f"{_short(figure.value)} [{_short(figure.low)}, {_short(figure.high)}]"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; what a cell holds cannot break it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(text) for text in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())


def _short(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3g}"
