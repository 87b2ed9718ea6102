"""What conversations tell of their policies: by role type and intent, by turn, as slopes, and under perturbation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from evalloop_assets.evaluation.dynamic.curves import Figure, mean, paired_difference, slope, slope_difference
from evalloop_assets.evaluation.dynamic.scoring import UNIT_METRICS

if TYPE_CHECKING:
    import pandas as pd

ALL = "all"
COMPLETED = "completed"
"""The metric that a conversation has once, not in each turn."""
PLAIN = "none"
SLICES: tuple[tuple[str, ...], ...] = ((), ("role_type",), ("intent",), ("prompt_setting",), ("role_type", "intent"))
NAMES = ("role_type", "intent", "prompt_setting")
BY_TURN = 1
"""Slices of as many names at most have a row for each turn."""


class Result(NamedTuple):
    """One figure of one model in one slice."""

    model_id: str
    metric: str
    scorer: str
    role_type: str
    intent: str
    prompt_setting: str
    figure: str
    """mean, turn, slope, difference, slope_difference or robustness"""
    turn: int | None
    """Of `turn`."""
    against: str
    """Of differences the other model, of robustness the perturbation; else empty."""
    found: Figure


def results(frame: pd.DataFrame, least: int) -> list[Result]:
    """Every figure of the rows that `scoring.scored` gives, of one model or several; none out of fewer than `least`
    conversations. Means, turns and slopes are of unperturbed conversations.
    """
    found: list[Result] = []
    if frame.empty:
        return found
    for names in SLICES:
        for where, rows in _slices(frame, names):
            for (metric, scorer), of_metric in rows.groupby(["metric", "scorer"], sort=True):
                found += _of(of_metric, str(metric), str(scorer), where, least)
    return found


def _slices(frame: pd.DataFrame, names: tuple[str, ...]) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    whole = dict.fromkeys(NAMES, ALL)
    if not names:
        yield whole, frame
        return
    for values, rows in frame.groupby(list(names), sort=True):
        yield whole | {name: str(value) for name, value in zip(names, values, strict=True)}, rows


def _of(rows: pd.DataFrame, metric: str, scorer: str, where: Mapping[str, str], least: int) -> Iterator[Result]:
    unit, slopes, talks = metric in UNIT_METRICS, {}, {}
    by_turn = sum(value != ALL for value in where.values()) <= BY_TURN

    def result(model: str, figure: str, found: Figure, turn: int | None = None, against: str = "") -> Result:
        role_type, intent, setting = (where[name] for name in NAMES)
        return Result(model, metric, scorer, role_type, intent, setting, figure, turn, against, found)

    for model_id, of_model in rows.groupby("model_id", sort=True):
        model, plain = str(model_id), of_model[of_model["perturbation"] == PLAIN]
        yield result(model, "mean", mean(plain["score"], plain["pair"], least, unit))
        talks[model] = plain
        if metric != COMPLETED:
            slopes[model] = slope(plain["score"], plain["turn"], plain["pair"], least)
            yield result(model, "slope", slopes[model].figure)
        for turn, at_turn in plain.groupby("turn", sort=True) if by_turn and model in slopes else ():
            yield result(model, "turn", mean(at_turn["score"], at_turn["pair"], least, unit), int(str(turn)))
        for kind in sorted(set(of_model["perturbation"]) - {PLAIN}):
            hard = of_model[of_model["perturbation"] == kind]
            yield result(model, "robustness", _paired(plain, hard, least), against=str(kind))
    for one, other in combinations(talks, 2):
        yield result(one, "difference", _paired(talks[other], talks[one], least), against=other)
        if one in slopes:
            yield result(one, "slope_difference", slope_difference(slopes[one], slopes[other], least), against=other)


def _paired(base: pd.DataFrame, rows: pd.DataFrame, least: int) -> Figure:
    """Means of the same conversation in `rows` less those in `base`, over the turns that both have."""
    of_base, of_rows = (frame.set_index(["pair", "turn"])["score"] for frame in (base, rows))
    both = of_base.to_frame("base").join(of_rows.to_frame("rows"), how="inner").groupby("pair", sort=True).mean()
    return paired_difference(both["base"], both["rows"], least)
