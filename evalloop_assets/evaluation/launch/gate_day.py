"""Every candidate of a day at the launch gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalloop_assets.evaluation.launch import gate_metrics
from evalloop_assets.evaluation.launch.gate import GateResult, result
from evalloop_assets.evaluation.launch.gate_file import EVERYWHERE, Gate, read_gate

if TYPE_CHECKING:
    from evalloop_assets.lake.store import Inputs

CANDIDATES = """
    SELECT DISTINCT model_id FROM (
      SELECT model_id FROM models WHERE kind = 'candidate' AND coalesce(CAST(released_at AS DATE) <= $day, TRUE)
      UNION ALL
      SELECT model_id FROM policy_candidates
    ) ORDER BY 1
"""
MODELS = """
    SELECT model_id FROM (
      SELECT model_id, 0 AS place FROM models
      UNION ALL SELECT model_id, 0 FROM policy_candidates
      UNION ALL SELECT model_id, 0 FROM slice_results
      UNION ALL SELECT model_id, 1 FROM benchmark_scores
      UNION ALL SELECT family_a, 1 FROM judge_verdicts
      UNION ALL SELECT family_b, 1 FROM judge_verdicts
    ) WHERE model_id IS NOT NULL
    GROUP BY model_id ORDER BY min(place), model_id
"""
AGREED = """
    SELECT model_id, agreed_hash FROM launch_gates WHERE line = 0 AND ($gate IS NULL OR gate = $gate)
    QUALIFY row_number() OVER (PARTITION BY model_id ORDER BY day) = 1
"""


def gate_of(path: str) -> Gate:
    """The gate of a file."""
    return read_gate(Path(path), gate_metrics.known, gate_metrics.NAMES)


def candidates(inputs: Inputs, day: date) -> list[str]:
    """Models that somebody may want to launch: candidates of the log, released by then, and those made here."""
    found: list[str] = inputs.query(CANDIDATES, {"day": day}).column("model_id").to_pylist()
    return found


def known_models(inputs: Inputs) -> list[str]:
    """Models of which anything that a gate may read tells, those that are served or were made here first."""
    found: list[str] = inputs.query(MODELS).column("model_id").to_pylist()
    return found


def results(
    inputs: Inputs, gate: Gate, models: Sequence[str], agreed: Mapping[str, str], anew: str
) -> list[GateResult]:
    """Each of these models at the gate; `agreed` as of `agreed_hashes`, `anew` as of `result`."""
    return [
        result(model, gate, [gate_metrics.figure(inputs, model, line) for line in gate.lines], agreed.get(model), anew)
        for model in models
    ]


def agreed_hashes(inputs: Inputs, gate: str | None = None) -> dict[str, str]:
    """Of each model the gate by which it was first judged, by any gate or by those of that name."""
    return {row["model_id"]: row["agreed_hash"] for row in inputs.query(AGREED, {"gate": gate}).to_pylist()}


def gate_rows(gate: Gate, found: Sequence[GateResult], agreed: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows of `launch_gates`."""
    rows: list[dict[str, Any]] = []
    for one in found:
        first = agreed.get(one.model_id, gate.hash)
        common: dict[str, Any] = {
            "model_id": one.model_id,
            "gate": gate.name,
            "gate_hash": gate.hash,
            "agreed_hash": first,
        }
        common["changed"] = first != gate.hash
        rows.append(
            {"line": 0, "metric": EVERYWHERE, "slice": EVERYWHERE, "verdict": one.verdict, "reason": one.reason}
            | common
        )
        for number, judged in enumerate(one.lines, 1):
            value, low, high = (None if bound != bound else bound for bound in judged.figure[:3])
            rows.append(
                {"line": number, **judged.line._asdict(), "value": value, "low": low, "high": high}
                | {"n": judged.figure.n, "verdict": judged.verdict, "reason": judged.reason}
                | common
            )
    return rows
