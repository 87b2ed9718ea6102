"""The six dimensions of an evaluation, a column each in every report: what measures them, and what nothing does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evalloop_assets.evaluation.launch.figures import Figure, share_of_users, unknown
from evalloop_assets.evaluation.launch.item_means import dimension_means
from evalloop_assets.evaluation.launch.markdown import figure_text, table
from evalloop_assets.evaluation.launch.online_metrics import METRICS
from evalloop_assets.logs.evaluation_contract import DIMENSIONS

if TYPE_CHECKING:
    from evalloop_assets.lake.store import Inputs

ONLINE = """
    SELECT model_id, metric, mean AS value, low, high, users AS n, reason
    FROM slice_results WHERE dimension = 'all' ORDER BY ALL
"""
SCREENED = """
    SELECT model_id, unsafe, users FROM policy_screen WHERE unsafe IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY model_id ORDER BY day DESC) = 1 ORDER BY model_id
"""
GAPS = """
    SELECT model_id, dimension, gap AS value, low, high, users AS n, reason
    FROM fairness_gaps WHERE metric = 'return_next_day' AND list_contains($groups, dimension) ORDER BY ALL
"""
NOTHING = "not measured"


def dimension_rows(inputs: Inputs, groups: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of `model_dimensions`: each model in each of the six, by every source."""
    found = [_row(one.model_id, one.dimension, one.benchmark, one.figure) for one in dimension_means(inputs)]
    online = inputs.query(ONLINE).to_pylist()
    found += [
        _row(row["model_id"], dimension, f"online: {row['metric']}", stored_figure(row))
        for row in online
        if (dimension := METRICS[row["metric"]].dimension)
    ]
    found += [
        _row(row["model_id"], "fairness", f"online: gap of return by {row['dimension']}", stored_figure(row))
        for row in inputs.query(GAPS, {"groups": list(groups)}).to_pylist()
    ]
    found += [
        _row(row["model_id"], "safety", "offline gate: safety words", share_of_users(row["unsafe"], row["users"]))
        for row in inputs.query(SCREENED).to_pylist()
    ]
    models = dict.fromkeys([*(row["model_id"] for row in found), *(row["model_id"] for row in online)])
    told = {(row["model_id"], row["dimension"]) for row in found}
    missing = [(model, name) for model in models for name in DIMENSIONS if (model, name) not in told]
    return found + [_row(model, name, "none", unknown(NOTHING)) for model, name in missing]


def dimension_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table of `model_dimensions`: a row a model, a column for each of the six."""
    cells: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        text = NOTHING if row["source"] == "none" else f"{row['source']}: {figure_text(stored_figure(row))}"
        cells.setdefault(row["model_id"], {}).setdefault(row["dimension"], []).append(text)
    lines = [
        [model, *("; ".join(told.get(name, [NOTHING])) for name in DIMENSIONS)] for model, told in sorted(cells.items())
    ]
    return table(["model", *DIMENSIONS], lines)


def _row(model: str, dimension: str, source: str, figure: Figure) -> dict[str, Any]:
    value, low, high = (None if bound != bound else bound for bound in figure[:3])
    row = {"model_id": model, "dimension": dimension, "source": source, "value": value, "low": low, "high": high}
    return row | {"n": figure.n, "reason": figure.reason or None}


def stored_figure(row: Mapping[str, Any]) -> Figure:
    """The figure of a row with value, low, high, n and reason; what is not known may be NULL."""
    if row["value"] is None:
        return unknown(row["reason"] or NOTHING, row["n"] or 0)
    return Figure(row["value"], row["low"], row["high"], row["n"] or 0)
