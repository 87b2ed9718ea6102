"""The day's candidates at the offline gate, each by what its kind can show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evalloop_assets.policy_iteration.best_of_n import expected_best_of_n
from evalloop_assets.policy_iteration.candidates import ARM, BEST_OF_N
from evalloop_assets.policy_iteration.groups import Draws, LoggedReply, regenerated, same_character, scored
from evalloop_assets.policy_iteration.off_policy import (
    OffPolicy,
    arm_weights,
    best_of_n_weights,
    cross_fitted,
    doubly_robust,
    snips,
)
from evalloop_assets.policy_iteration.policy import load_weights
from evalloop_assets.policy_iteration.registry import SCREENED, mark
from evalloop_assets.policy_iteration.rewarding import Rewards, gated_by, rewards_of
from evalloop_assets.policy_iteration.screen import Group, Limits, distrusted, screen
from evalloop_assets.policy_iteration.step import Step, rows_of
from evalloop_assets.policy_iteration.tables import POLICY_SCREEN
from evalloop_assets.reward_model.gated import Gate
from evalloop_assets.reward_model.registry import load_champion

if TYPE_CHECKING:
    from evalloop_assets.lake.store import Inputs
    from evalloop_assets.policy_iteration.language_model import LanguageModel
    from evalloop_assets.settings import PolicySettings, Settings

CANDIDATES = """
    SELECT model_id, kind, base_model_id, n, reward_version, settings, parent FROM policy_candidates ORDER BY model_id
"""

ACCURACY = """
    SELECT low FROM reward_model_report
    WHERE reward_version = $version AND metric = 'accuracy' AND horizon = 'all' AND source = 'all' AND slice = 'all'
"""

BASE_REPLIES = """
    SELECT event_id, replaces_event_id, user_id, character_id, coalesce(user_text, '') AS user_text, reply_text
    FROM turns
    WHERE model_id = $base AND trim(reply_text) <> ''
    ORDER BY md5(event_id), event_id
    LIMIT $most
"""

BASE_BATTLES = """
    SELECT user_id, coalesce(user_text, '') AS user_text, reply_a, reply_b
    FROM battles
    WHERE model_a = $base AND model_b = $base AND trim(reply_a) <> '' AND trim(reply_b) <> ''
    ORDER BY battle_id
"""

OUTCOMES = """
    SELECT event_id, delayed_5 AS outcome FROM horizon_labels
    WHERE model_id = $base AND delayed_5 IS NOT NULL
    ORDER BY event_id
"""
"""What the next five turns said of a reply, in [-1, 1]."""

EXPOSED = """
    SELECT labels.user_id, turns.model_id, turns.propensity, labels.delayed_5 AS outcome
    FROM horizon_labels AS labels JOIN turns ON turns.event_id = labels.event_id
    WHERE labels.delayed_5 IS NOT NULL AND turns.propensity > 0 AND turns.propensity <= 1
        AND turns.experiment_id IN (SELECT experiment_id FROM turns WHERE list_contains($names, model_id))
    ORDER BY labels.event_id
"""
"""Every reply of the experiments in which the arm was one: whoever got another arm is its comparison."""

MOST_REPLIES = 20_000
SCREEN_SEED = 11


def screen_day(inputs: Inputs, settings: Settings) -> Step:
    """One verdict for each candidate of the day."""
    rows = []
    for candidate in inputs.query(CANDIDATES).to_pylist():
        version = candidate["reward_version"]
        low = inputs.query(ACCURACY, {"version": version}).column("low").to_pylist() if version else []
        judge = {BEST_OF_N: _best_of_n, ARM: _arm}.get(candidate["kind"], _trained)
        figures, broken = judge(inputs, settings, candidate, low[0] if low else None)
        gain = figures.get("reward_gain")
        sound = "within all limits" if gain is None else f"reward gain {gain:.3f}, within all limits"
        row = {name: _stored(value) if isinstance(value, float) else value for name, value in figures.items()}
        rows.append(
            {"model_id": candidate["model_id"], "passed": not broken, "reason": "; ".join(broken) or sound} | row
        )
        if not broken:
            mark(settings.home, candidate["model_id"], SCREENED, {k: v for k, v in row.items() if isinstance(v, float)})
    verdicts = {row["model_id"]: f"{'passed' if row['passed'] else 'refused'}: {row['reason']}" for row in rows}
    return Step(rows_of(POLICY_SCREEN, rows), {"verdicts": verdicts})


Judged = tuple[dict[str, Any], list[str]]
"""Columns of the screen, and every limit that was broken."""


def _best_of_n(inputs: Inputs, settings: Settings, candidate: Mapping[str, Any], accuracy_low: float | None) -> Judged:
    options, base = settings.policy, candidate["base_model_id"]
    limits = Limits(options.min_reward_gain, options.max_length_ratio, options.max_repetition_gain)
    draws = _draws(inputs, base, options)
    groups = scored(draws, rewards_of(settings, candidate["reward_version"]))
    seen = screen(groups, candidate["n"], accuracy_low, limits)
    outcomes = inputs.query(OUTCOMES, {"base": base}).to_pydict()
    known = dict(zip(outcomes["event_id"], outcomes["outcome"], strict=True))
    logged = _best_of_n_by_log(draws, groups, candidate["n"], known)
    figures = {
        "reward_gain": seen.gain.value,
        "low": seen.gain.low,
        "high": seen.gain.high,
        "length_ratio": seen.length_ratio,
        "repetition_gain": seen.repetition_gain,
        "accuracy_low": accuracy_low,
        "prompts": seen.gain.n,
        "users": seen.gain.users,
    }
    return figures | _off_policy(logged), [*seen.broken, *_harmful(logged)]


def _best_of_n_by_log(draws: Sequence[Draws], groups: Sequence[Group], n: int, known: Mapping[str, float]) -> OffPolicy:
    """What the next five turns would say of its choices, from logged replies weighted by their chance to be chosen."""
    rows = [
        (group, known[one.event_id])
        for one, group in zip(draws, groups, strict=True)
        if one.event_id is not None and one.event_id in known and np.isfinite(group.rewards).all()
    ]
    scores = [group.rewards for group, _ in rows]
    outcomes = np.array([outcome for _, outcome in rows], np.float64)
    users = [group.user_id for group, _ in rows]
    expected = np.array([expected_best_of_n(one, min(n, len(one))) for one in scores])
    here, there = cross_fitted([one[0] for one in scores], outcomes, users, expected)
    return doubly_robust(best_of_n_weights(scores, n), outcomes, users, here, there)


def _arm(inputs: Inputs, settings: Settings, candidate: Mapping[str, Any], accuracy_low: float | None) -> Judged:
    """By its weights where they can be loaded; else by the log of the experiments that it took part in."""
    from evalloop_assets.settings import ArmSettings

    arm = ArmSettings(**json.loads(candidate["settings"]))
    if "/" in arm.model or Path(arm.model).is_dir():
        worth = gated_by(load_champion(settings), Gate.of(settings.reward))
        return _probe(inputs, settings, candidate, load_weights(settings, candidate), worth)
    names = [candidate["model_id"], arm.model]
    rows = inputs.query(EXPOSED, {"names": names}).to_pydict()
    arms = ["arm" if name in names else "other" for name in rows["model_id"]]
    found = snips(arm_weights(arms, rows["propensity"], "arm"), rows["outcome"], rows["user_id"])
    broken = [f"its log does not suffice: {found.refused}"] if found.refused else _harmful(found)
    return {"prompts": len(arms), "users": len(set(rows["user_id"]))} | _off_policy(found), broken


def _trained(inputs: Inputs, settings: Settings, candidate: Mapping[str, Any], accuracy_low: float | None) -> Judged:
    """By replies drawn from its weights."""
    worth = rewards_of(settings, candidate["reward_version"])
    figures, broken = _probe(inputs, settings, candidate, load_weights(settings, candidate), worth)
    return figures | {"accuracy_low": accuracy_low}, [*distrusted(accuracy_low), *broken]


def _probe(
    inputs: Inputs, settings: Settings, candidate: Mapping[str, Any], speaker: LanguageModel, worth: Rewards
) -> Judged:
    """Its replies beside those that the incumbent gave to held-out users, to other prompts than the checkpoints saw."""
    from evalloop_assets.policy_iteration.logged import read_examples
    from evalloop_assets.policy_iteration.lora import figures, probe_limits, probe_weights, read_words
    from evalloop_assets.policy_iteration.probes import broken_limits

    options = settings.policy
    log = read_examples(inputs, candidate["parent"], MOST_REPLIES)
    later = log.held_out[options.training.probe_prompts :] or log.held_out
    held = later[: options.screen_prompts]
    if not held:
        return {"prompts": 0, "users": 0}, ["no reply to a held-out user to judge it on"]
    known = [one.reply for one in log.fit]
    found = probe_weights(speaker, held, known, worth, read_words(options), SCREEN_SEED)
    told = figures(found)
    columns = {"gain": "reward_gain", "n": "prompts"}
    return {columns.get(name, name): value for name, value in told.items()}, broken_limits(found, probe_limits(options))


def _harmful(found: OffPolicy) -> list[str]:
    if found.refused or not found.gain.high < 0:
        return []
    return [f"by the log, the next five turns are surely worse ({found.gain.value:.3f}, high {found.gain.high:.3f})"]


def _off_policy(found: OffPolicy) -> dict[str, Any]:
    return {
        "off_policy_gain": found.gain.value,
        "off_policy_low": found.gain.low,
        "off_policy_high": found.gain.high,
        "effective_share": found.effective_share,
    }


def _draws(inputs: Inputs, base: str, options: PolicySettings) -> list[Draws]:
    logged = inputs.query(BASE_REPLIES, {"base": base, "most": MOST_REPLIES}).to_pylist()
    replies = [LoggedReply(**row) for row in logged]
    battles = [
        Draws(row["user_id"], row["user_text"], (row["reply_a"], row["reply_b"]))
        for row in inputs.query(BASE_BATTLES, {"base": base}).to_pylist()
    ]
    return [
        *same_character(replies, options.screen_prompts, options.screen_replies),
        *regenerated(replies)[: options.screen_prompts],
        *battles[: options.screen_prompts],
    ]


def _stored(value: float) -> float | None:
    return round(value, 5) if np.isfinite(value) else None
