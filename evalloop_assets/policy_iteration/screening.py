"""The day's candidates at the offline gate, each by what its kind can show."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from evalloop_assets.policy_iteration.best_of_n import expected_best_of_n
from evalloop_assets.policy_iteration.candidates import ARM, BEST_OF_N
from evalloop_assets.policy_iteration.groups import Draws, LoggedReply, regenerated, same_character, scored
from evalloop_assets.policy_iteration.logged import TOLD, read_examples, said_before, seconds_before
from evalloop_assets.policy_iteration.manner import Manner, broken_manners, length_ratio, manner_of
from evalloop_assets.policy_iteration.off_policy import (
    OffPolicy,
    arm_weights,
    best_of_n_weights,
    cross_fitted,
    doubly_robust,
    snips,
)
from evalloop_assets.policy_iteration.policy import has_weights, load_weights
from evalloop_assets.policy_iteration.probes import Limits, broken_limits
from evalloop_assets.policy_iteration.prompts import Prompt
from evalloop_assets.policy_iteration.registry import record_verdict
from evalloop_assets.policy_iteration.rewarding import Rewards, gated_by, rewards_of
from evalloop_assets.policy_iteration.safety import SafetyWords, words_of
from evalloop_assets.policy_iteration.screen import Group, distrusted, screen
from evalloop_assets.policy_iteration.step import Step, rows_of
from evalloop_assets.policy_iteration.tables import POLICY_SCREEN
from evalloop_assets.reward_model.gated import Gate
from evalloop_assets.reward_model.intervals import Estimate
from evalloop_assets.reward_model.pairs import is_held_out
from evalloop_assets.reward_model.registry import load_champion

if TYPE_CHECKING:
    from evalloop_assets.lake.store import Inputs
    from evalloop_assets.policy_iteration.language_model import LanguageModel
    from evalloop_assets.settings import PolicySettings, Settings

CANDIDATES = """
    SELECT model_id, generation, kind, base_model_id, n, reward_version, settings, parent
    FROM policy_candidates
    ORDER BY model_id
"""

ACCURACY = """
    SELECT low FROM reward_model_report
    WHERE reward_version = $version AND metric = 'accuracy' AND horizon = 'all' AND source = 'all' AND slice = 'all'
"""

BASE_REPLIES = f"""
    SELECT event_id, replaces_event_id, user_id, character_id, coalesce(user_text, '') AS user_text, reply_text,
        coalesce(locale, '') AS locale, shown_ms, coalesce(said, []) AS said, coalesce(said_ms, []) AS said_ms
    FROM ({TOLD})
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
    SELECT labels.user_id, turns.model_id, turns.propensity, labels.delayed_5 AS outcome,
        coalesce(turns.reply_text, '') AS reply_text, coalesce(turns.locale, '') AS locale
    FROM horizon_labels AS labels JOIN turns ON turns.event_id = labels.event_id
    WHERE labels.delayed_5 IS NOT NULL AND turns.propensity > 0 AND turns.propensity <= 1
        AND turns.experiment_id IN (SELECT experiment_id FROM turns WHERE list_contains($names, model_id))
    ORDER BY labels.event_id
"""
"""Every reply of the experiments in which the arm was one: whoever got another arm is its comparison."""

MOST_REPLIES = 20_000
SCREEN_SEED = 11


def screen_day(inputs: Inputs, settings: Settings) -> Step:
    """One verdict for each candidate of the day, in the table and in the registry."""
    rows = []
    for candidate in inputs.query(CANDIDATES).to_pylist():
        version = candidate["reward_version"]
        low = inputs.query(ACCURACY, {"version": version}).column("low").to_pylist() if version else []
        judge = {BEST_OF_N: _best_of_n, ARM: _arm}.get(candidate["kind"], _trained)
        figures, broken = judge(inputs, settings, candidate, low[0] if low else None)
        gain = figures.get("reward_gain")
        sound = "within all limits" if gain is None else f"reward gain {gain:.3f}, within all limits"
        row = {name: _stored(value) if isinstance(value, float) else value for name, value in figures.items()}
        verdict = {"model_id": candidate["model_id"], "passed": not broken, "reason": "; ".join(broken) or sound}
        rows.append(verdict | {"generation": candidate["generation"]} | row)
        numbers = {name: value for name, value in row.items() if isinstance(value, float)}
        record_verdict(settings.home, candidate["model_id"], not broken, str(verdict["reason"]), numbers)
    verdicts = {row["model_id"]: f"{'passed' if row['passed'] else 'refused'}: {row['reason']}" for row in rows}
    return Step(rows_of(POLICY_SCREEN, rows), {"verdicts": verdicts})


Judged = tuple[dict[str, Any], list[str]]
"""Columns of the screen, and every limit that was broken."""


def _best_of_n(inputs: Inputs, settings: Settings, candidate: Mapping[str, Any], accuracy_low: float | None) -> Judged:
    """By logged replies of its base to users whom the reward model never saw."""
    options, base = settings.policy, candidate["base_model_id"]
    draws = _draws(inputs, base, options)
    groups = scored(draws, rewards_of(settings, candidate["reward_version"]))
    seen = screen(groups, candidate["n"], accuracy_low, Limits.of(options), words_of(options.safety_words))
    outcomes = inputs.query(OUTCOMES, {"base": base}).to_pydict()
    known = dict(zip(outcomes["event_id"], outcomes["outcome"], strict=True))
    logged = _best_of_n_by_log(draws, groups, candidate["n"], known)
    figures = _gain(seen.gain) | _manners(seen.manner, seen.reference) | {"accuracy_low": accuracy_low}
    figures |= dict.fromkeys(("variety", "variety_reference", "novelty", "novelty_reference"))
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
    if has_weights(arm.model):
        worth = gated_by(load_champion(settings), Gate.of(settings.reward))
        return _probe(inputs, settings, candidate, load_weights(settings, candidate), worth)
    names = [candidate["model_id"], arm.model]
    rows = inputs.query(EXPOSED, {"names": names}).to_pydict()
    arms = ["arm" if name in names else "other" for name in rows["model_id"]]
    found = snips(arm_weights(arms, rows["propensity"], "arm"), rows["outcome"], rows["user_id"])
    figures = {"prompts": len(arms), "users": len(set(rows["user_id"]))} | _off_policy(found)
    if found.refused:
        return figures, [f"its log does not suffice: {found.refused}"]
    manner, reference = _logged_manners(
        arms, rows["reply_text"], rows["locale"], words_of(settings.policy.safety_words)
    )
    limits = Limits.of(settings.policy).manner
    return figures | _manners(manner, reference), [*_harmful(found), *broken_manners(manner, reference, limits)]


def _logged_manners(
    arms: Sequence[str], replies: Sequence[str], locales: Sequence[str], words: SafetyWords
) -> tuple[Manner, Manner]:
    """The manner of an arm and of the others, by equally many replies: variety falls with their number."""
    places: dict[str, list[int]] = {"arm": [], "other": []}
    for at, one in enumerate(arms):
        if replies[at].strip():
            places[one].append(at)
    most = min(MOST_REPLIES, *map(len, places.values()))

    def manner(found: Sequence[int]) -> Manner:
        return manner_of([replies[at] for at in found[:most]], [locales[at] for at in found[:most]], words)

    return manner(places["arm"]), manner(places["other"])


def _trained(inputs: Inputs, settings: Settings, candidate: Mapping[str, Any], accuracy_low: float | None) -> Judged:
    """By replies drawn from its weights."""
    worth = rewards_of(settings, candidate["reward_version"])
    figures, broken = _probe(inputs, settings, candidate, load_weights(settings, candidate), worth)
    return figures | {"accuracy_low": accuracy_low}, [*distrusted(accuracy_low), *broken]


def _probe(
    inputs: Inputs, settings: Settings, candidate: Mapping[str, Any], speaker: LanguageModel, worth: Rewards
) -> Judged:
    """Its replies beside those that the incumbent gave to held-out users, to other prompts than the checkpoints saw."""
    from evalloop_assets.policy_iteration.lora import probe_weights

    options, made_with = settings.policy, json.loads(candidate["settings"])
    log = read_examples(inputs, candidate["parent"], MOST_REPLIES)
    held = log.held_out[made_with.get("probe_prompts", 0) :][: options.screen_prompts]
    if not held:
        return {"prompts": 0, "users": 0}, [
            "no reply to a held-out user to judge it on, beside those that its checkpoints were chosen by"
        ]
    known = [one.reply for one in log.fit]
    found = probe_weights(speaker, held, known, worth, words_of(options.safety_words), SCREEN_SEED)
    figures = _gain(found.gain) | _manners(found.manner, found.reference) | {"kl": found.kl}
    return figures, broken_limits(found, Limits.of(options))


def _gain(found: Estimate) -> dict[str, Any]:
    return {
        "reward_gain": found.value,
        "low": found.low,
        "high": found.high,
        "prompts": found.n,
        "users": found.users,
    }


def _manners(found: Manner, reference: Manner) -> dict[str, Any]:
    """The columns that tell how a candidate speaks beside its reference."""
    columns = {"length_ratio": length_ratio(found, reference), "repetition_gain": found.repeated - reference.repeated}
    for name in ("variety", "valid", "novelty", "unsafe"):
        columns |= {name: getattr(found, name), f"{name}_reference": getattr(reference, name)}
    return columns


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
    """Replies of the base to held-out users, as draws for one prompt."""
    logged = _held_out(inputs.query(BASE_REPLIES, {"base": base, "most": MOST_REPLIES}).to_pylist())
    replies = [
        LoggedReply(
            row["event_id"],
            row["replaces_event_id"],
            row["user_id"],
            row["character_id"],
            row["user_text"],
            row["reply_text"],
            row["locale"],
            Prompt("", said_before(row), "", "", seconds_before(row)).exchanges,
        )
        for row in logged
    ]
    battles = [
        Draws(row["user_id"], row["user_text"], (row["reply_a"], row["reply_b"]))
        for row in _held_out(inputs.query(BASE_BATTLES, {"base": base}).to_pylist())
    ]
    return [
        *same_character(replies, options.screen_prompts, options.screen_replies),
        *regenerated(replies)[: options.screen_prompts],
        *battles[: options.screen_prompts],
    ]


def _held_out(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of users whom no training saw: what a model says of its own training rows flatters it."""
    held = is_held_out([row["user_id"] for row in rows])
    return [row for row, out in zip(rows, held, strict=True) if out]


def _stored(value: float) -> float | None:
    return round(value, 5) if np.isfinite(value) else None
