"""The day's policy step: pairs filtered, a candidate made, the candidate screened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.policy_iteration.candidates import Served, best_of_n_candidate
from evalloop_assets.policy_iteration.groups import LoggedReply, Prompt, regenerated, same_character, scored
from evalloop_assets.policy_iteration.pair_filter import KEPT, LoggedPair, filter_pairs
from evalloop_assets.policy_iteration.screen import Limits, screen
from evalloop_assets.policy_iteration.tables import POLICY_CANDIDATES, POLICY_PAIRS, POLICY_SCREEN
from evalloop_assets.reward_model.model import HORIZONS
from evalloop_assets.reward_model.registry import find_champion, load_version

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.lake.store import Inputs
    from evalloop_assets.settings import PolicySettings, Settings

PAIRS = f"""
    SELECT pair_id, user_id, source, user_text_a, reply_a, reply_b, {", ".join(HORIZONS)}
    FROM preference_pairs
    WHERE same_prefix AND trim(reply_a) <> '' AND trim(reply_b) <> ''
    ORDER BY pair_id
"""

INCUMBENT = """
    SELECT t.model_id, c.base_model_id, coalesce(c.generation, 0) AS generation
    FROM turns AS t LEFT JOIN policy_candidates AS c ON c.model_id = t.model_id
    WHERE t.arm IS DISTINCT FROM 'treatment'
    GROUP BY t.model_id, c.base_model_id, c.generation
    ORDER BY count(*) DESC, t.model_id
    LIMIT 1
"""

PROMOTED = "SELECT DISTINCT reward_version FROM reward_model_report WHERE promoted ORDER BY reward_version"

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

MOST_REPLIES = 20_000


class Step(NamedTuple):
    """Rows of the table, and what the UI shows beside them."""

    rows: pa.Table
    metadata: dict[str, Any]


def filter_day(inputs: Inputs, settings: Settings) -> Step:
    """Decides on the day's same-prefix pairs by the champion; without one every decided pair is unscored."""
    options = settings.policy
    rows = inputs.query(PAIRS).to_pylist()
    pairs = [
        LoggedPair(
            row["pair_id"],
            row["user_id"],
            row["source"],
            row["user_text_a"] or "",
            row["reply_a"],
            row["reply_b"],
            tuple(row[horizon] for horizon in HORIZONS),
        )
        for row in rows
    ]
    champion = find_champion(settings)
    version = champion.version if champion else None
    messages = [pair.user_text for pair in pairs]

    def rewards(replies: Sequence[str]) -> list[float]:
        return champion.score(messages, replies).round(5).tolist() if champion else [float("nan")] * len(replies)

    decided = filter_pairs(
        pairs,
        rewards([pair.reply_a for pair in pairs]),
        rewards([pair.reply_b for pair in pairs]),
        options.min_margin,
        options.pairs_per_user,
    )
    reasons = Counter(entry.reason for entry in decided)
    table = [
        {
            "pair_id": entry.pair.pair_id,
            "user_id": entry.pair.user_id,
            "source": entry.pair.source,
            "user_text": entry.pair.user_text,
            "chosen": entry.chosen,
            "rejected": entry.rejected,
            "margin": entry.margin,
            "kept": entry.reason == KEPT,
            "reason": entry.reason,
            "reward_version": version,
        }
        for entry in decided
    ]
    return Step(_table(POLICY_PAIRS, table), {"pairs_by_reason": dict(sorted(reasons.items()))})


def candidate_day(inputs: Inputs, day: date, settings: Settings) -> Step:
    """One candidate if a reward model was promoted on this day and somebody was served; else none."""
    versions = inputs.query(PROMOTED).column("reward_version").to_pylist()
    incumbents = inputs.query(INCUMBENT).to_pylist()
    if not versions or not incumbents:
        why = "no reward model was promoted on this day" if not versions else "no reply was shown on this day"
        return Step(_table(POLICY_CANDIDATES, []), {"none": why})
    candidates = [
        best_of_n_candidate(Served(**incumbents[0]), settings.policy.best_of, version, day)._asdict()
        for version in versions
    ]
    return Step(_table(POLICY_CANDIDATES, candidates), {"candidates": [row["model_id"] for row in candidates]})


def screen_day(inputs: Inputs, settings: Settings) -> Step:
    """Each candidate of the day on logged replies of its base model."""
    options = settings.policy
    limits = Limits(options.min_reward_gain, options.max_length_ratio, options.max_repetition_gain)
    rows = []
    candidates = inputs.query(
        "SELECT model_id, base_model_id, n, reward_version FROM policy_candidates ORDER BY model_id"
    )
    for candidate in candidates.to_pylist():
        low = inputs.query(ACCURACY, {"version": candidate["reward_version"]}).column("low").to_pylist()
        groups = scored(
            _prompts(inputs, candidate["base_model_id"], options), load_version(settings, candidate["reward_version"])
        )
        accuracy_low = low[0] if low else None
        seen = screen(groups, candidate["n"], accuracy_low, limits)
        rows.append(
            {
                "model_id": candidate["model_id"],
                "reward_gain": _stored(seen.gain.value),
                "low": _stored(seen.gain.low),
                "high": _stored(seen.gain.high),
                "length_ratio": _stored(seen.length_ratio),
                "repetition_gain": _stored(seen.repetition_gain),
                "accuracy_low": accuracy_low,
                "prompts": seen.gain.n,
                "users": seen.gain.users,
                "passed": seen.passed,
                "reason": seen.reason,
            }
        )
    verdicts = {str(row["model_id"]): f"{'passed' if row['passed'] else 'refused'}: {row['reason']}" for row in rows}
    return Step(_table(POLICY_SCREEN, rows), {"verdicts": verdicts})


def _prompts(inputs: Inputs, base: str, options: PolicySettings) -> list[Prompt]:
    logged = inputs.query(BASE_REPLIES, {"base": base, "most": MOST_REPLIES}).to_pylist()
    replies = [LoggedReply(**row) for row in logged]
    battles = [
        Prompt(row["user_id"], row["user_text"], (row["reply_a"], row["reply_b"]))
        for row in inputs.query(BASE_BATTLES, {"base": base}).to_pylist()
    ]
    return [
        *same_character(replies, options.screen_prompts, options.screen_replies),
        *regenerated(replies)[: options.screen_prompts],
        *battles[: options.screen_prompts],
    ]


def _table(schema: TableSchema, rows: Sequence[Mapping[str, object]]) -> pa.Table:
    import pyarrow as pa

    from evalloop_assets.lake.delta import arrow_schema

    full = arrow_schema(schema)
    return pa.Table.from_pylist(list(rows), schema=full.remove(full.get_field_index("day")))


def _stored(value: float) -> float | None:
    return round(value, 5) if value == value else None
