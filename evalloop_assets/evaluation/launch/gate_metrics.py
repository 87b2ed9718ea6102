"""What a launch gate may name, and where each figure is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from evalloop_assets.days import Window
from evalloop_assets.evaluation.launch.figures import Figure, share_of_users, unknown
from evalloop_assets.evaluation.launch.gate_file import EVERYWHERE, Line
from evalloop_assets.evaluation.launch.item_means import benchmark_mean, judge_win_rate
from evalloop_assets.evaluation.launch.online_metrics import METRICS
from evalloop_assets.evaluation.launch.six_dimensions import stored_figure

if TYPE_CHECKING:
    from evalloop_assets.lake.store import Inputs

READS: Mapping[str, Window] = {
    "slice_results": (0, 0),
    "fairness_gaps": (0, 0),
    "model_dimensions": (0, 0),
    "policy_candidates": (None, 0),
    "policy_screen": (None, 0),
    "models": (None, None),
    "benchmark_items": (None, None),
    "benchmark_scores": (None, None),
    "judge_verdicts": (None, None),
    "gold_annotations": (None, None),
}
"""What a gate is held against; what was delivered lies on the day of its delivery, after the days of an older log."""

SLICE = """
    SELECT mean AS value, low, high, users AS n, reason FROM slice_results
    WHERE model_id = $model AND metric = $metric AND dimension = $dimension AND slice = $slice
"""
GAP = """
    SELECT gap AS value, low, high, users AS n, reason FROM fairness_gaps
    WHERE model_id = $model AND metric = 'return_next_day' AND dimension = $dimension
"""
SCREEN = "SELECT * FROM policy_screen WHERE model_id = $model ORDER BY day DESC LIMIT 1"

BENCHMARK = "benchmark:"
SCREENED = {
    "reward_gain": ("reward_gain", "low", "high"),
    "off_policy_gain": ("off_policy_gain", "off_policy_low", "off_policy_high"),
    "unsafe": ("unsafe", "", ""),
    "valid": ("valid", "", ""),
}
"""Figures of the offline gate with their bounds; a share without bounds has those of its users."""

ABOUT = {
    **{one.name: f"{one.about}; of 14 days, anywhere or in a slice" for one in METRICS.values()},
    "fairness_gap": "gap of return_next_day between the slices of a dimension: slice is dimension=all",
    "reward_gain": "expected reward above that of the model it comes from, anchor SDs, from policy_screen",
    "off_policy_gain": "what the next five turns would say more, by the log, from policy_screen",
    "unsafe": "share of its replies with a safety word, from policy_screen",
    "valid": "share of its replies that are well-formed, from policy_screen",
    "judge_win_rate": "share of items on which judges prefer it, of those shown in both orders; slice=NAME for a kind",
    f"{BENCHMARK}NAME": "mean score on a benchmark; slice=NAME for a kind of item",
}
NAMES = tuple(ABOUT)


def known(metric: str) -> bool:
    """Whether a gate may name it."""
    return metric in ABOUT or (metric.startswith(BENCHMARK) and len(metric) > len(BENCHMARK))


def figure(inputs: Inputs, model: str, line: Line) -> Figure:
    """What is known of a candidate for one line of the gate."""
    dimension, _, value = line.slice.partition("=")
    if line.metric in METRICS:
        told = {"model": model, "metric": line.metric, "dimension": dimension, "slice": value or EVERYWHERE}
        return _found(inputs, SLICE, told)
    if line.metric == "fairness_gap":
        if line.slice == EVERYWHERE:
            return unknown("the slice must name the dimension, as locale=all")
        return _found(inputs, GAP, {"model": model, "dimension": dimension})
    if line.metric in SCREENED:
        return _screened(inputs, model, line) if line.slice == EVERYWHERE else unknown("it is not told by slice")
    if line.slice != EVERYWHERE and dimension != "slice":
        return unknown("items are told by their kind alone: slice=NAME")
    if line.metric == "judge_win_rate":
        return judge_win_rate(inputs, model, value)
    return benchmark_mean(inputs, model, line.metric.removeprefix(BENCHMARK), value)


def _screened(inputs: Inputs, model: str, line: Line) -> Figure:
    rows = inputs.query(SCREEN, {"model": model}).to_pylist()
    if not rows:
        return unknown("policy_screen has not judged it")
    row = rows[0]
    value, low, high = (row.get(name) for name in SCREENED[line.metric])
    users = row["users"] or 0
    if not SCREENED[line.metric][1]:
        return share_of_users(value, users)
    if value is None or low is None or high is None:
        return unknown(f"policy_screen tells no {line.metric} of it, or no bounds", users)
    return Figure(value, low, high, users)


def _found(inputs: Inputs, sql: str, told: Mapping[str, Any]) -> Figure:
    rows = inputs.query(sql, told).to_pylist()
    if not rows:
        return unknown("nothing is known of it there")
    return stored_figure(rows[0])
