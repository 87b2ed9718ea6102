"""The report card of a launch: the gate, what users met otherwise (cost and latency too), the six dimensions,
and whether judges and people agree about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evalloop_assets.evaluation.launch.gate import GateResult
from evalloop_assets.evaluation.launch.judged_items import judged_card, judged_text
from evalloop_assets.evaluation.launch.markdown import figure_text, table
from evalloop_assets.evaluation.launch.online_metrics import METRICS
from evalloop_assets.evaluation.launch.six_dimensions import dimension_table, stored_figure

if TYPE_CHECKING:
    from evalloop_assets.lake.store import Inputs

ONLINE = """
    SELECT model_id, metric, mean AS value, low, high, users AS n, reason FROM slice_results
    WHERE dimension = 'all' ORDER BY model_id
"""
SIX = "SELECT * FROM model_dimensions ORDER BY model_id, dimension, source"


def cards(inputs: Inputs, found: Sequence[GateResult]) -> str:
    """The cards of all candidates as Markdown."""
    online, six = inputs.query(ONLINE).to_pylist(), inputs.query(SIX).to_pylist()
    judged = {one.model_id: judged_text(judged_card(inputs, one.model_id)) for one in found}
    return (
        "\n\n".join(card(one, _of(one, online), _of(one, six), judged[one.model_id]) for one in found) or "no candidate"
    )


def card(result: GateResult, online: Sequence[Mapping[str, Any]], six: Sequence[Mapping[str, Any]], judged: str) -> str:
    """The card of one candidate, from rows of `slice_results` without slices and of `model_dimensions`, and what is
    said of judges against people.
    """
    told = {row["metric"]: stored_figure(row) for row in online}
    lines = [
        [metric.name, metric.about, figure_text(told[metric.name])]
        for metric in METRICS.values()
        if metric.name in told
    ]
    parts = [result.to_markdown()]
    if lines:
        parts.append(table(["users", "what", "measured [95%]"], lines))
    if six:
        parts.append(dimension_table(six))
    return "\n\n".join([*parts, judged])


def _of(one: GateResult, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["model_id"] == one.model_id]
