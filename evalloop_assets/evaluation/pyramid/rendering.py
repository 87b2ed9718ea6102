"""A page as HTML that stands alone: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalloop_assets.evaluation.pyramid import drawing
from evalloop_assets.evaluation.pyramid.contents import Page


def render(page: Page) -> str:
    """The HTML; everything that comes from data is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("evalloop_assets.evaluation", "pyramid"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        axis=drawing.axis,
        figure=drawing.figure,
        interval=drawing.interval,
        scales=drawing.scales,
        tone=drawing.tone,
    )
    return environment.get_template("page.html.j2").render(page=page, layers=layers(page))


def layers(page: Page) -> list[dict[str, str]]:
    """The drawn pyramid from the top: what each layer knows, in a line."""

    def count(key: str, column: str, what: str) -> str:
        found = len({row[column] for row in page.rows(key)})
        return f"{found} {what}{'' if found == 1 else 's'}"

    return [
        {
            "key": "top",
            "name": "users",
            "line": f"{count('metrics', 'name', 'model')}, {count('experiments', 'box', 'experiment')}",
        },
        {
            "key": "middle",
            "name": "ranking, judges, people",
            "line": f"{count('ratings', 'name', 'model')} rated, {count('judges', 'name', 'judge')}",
        },
        {
            "key": "base",
            "name": "benchmarks",
            "line": f"{count('benchmarks', 'box', 'benchmark')}, {count('benchmarks', 'name', 'model')}",
        },
    ]


def in_markdown(found: Sequence[Mapping[str, Any]]) -> str:
    """Findings as the UI shows them."""
    lines = [f"| {row['part']} | {row['status']} | {_cell(row['subject'])} | {_cell(row['words'])} |" for row in found]
    return "\n".join(["| part | status | subject | words |", "|---|---|---|---|", *lines])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
