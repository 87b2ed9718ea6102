"""The day's training: from a snapshot of the lake to a registered model and its report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evalloop_assets.reward_model.bradley_terry import Training
from evalloop_assets.reward_model.calibration import Anchors
from evalloop_assets.reward_model.embeddings import CachedEncoder
from evalloop_assets.reward_model.encoder import Encoder, find_encoder
from evalloop_assets.reward_model.evaluation import compare
from evalloop_assets.reward_model.gate import Verdict, judge
from evalloop_assets.reward_model.model import HORIZONS, RewardModel, pair_features
from evalloop_assets.reward_model.pairs import PAIR_COLUMNS, Pairs, read_pairs, split_by_user
from evalloop_assets.reward_model.registry import Notes, Registered, register
from evalloop_assets.reward_model.tables import REWARD_MODEL_REPORT
from evalloop_assets.reward_model.training import Skipped, Trained, train

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.lake.store import Inputs
    from evalloop_assets.settings import RewardSettings, Settings

LEAST_DAY_ANCHORS = 200
"""Replies of the day below which the pairs' replies join the anchors."""

DAY_REPLIES = """
    SELECT t.user_text, t.reply_text
    FROM reading AS r JOIN turns AS t ON t.event_id = r.event_id
    WHERE r.position IS NOT NULL AND trim(t.reply_text) <> ''
    ORDER BY md5(t.event_id), t.event_id
    LIMIT $most
"""

STORED = """
    SELECT text_hash, embedding
    FROM turn_embeddings
    WHERE encoder = $encoder AND text_hash IN (
        SELECT md5(reply_a) FROM preference_pairs UNION SELECT md5(reply_b) FROM preference_pairs
        UNION SELECT md5(user_text_a) FROM preference_pairs UNION SELECT md5(user_text_b) FROM preference_pairs
    )
    QUALIFY row_number() OVER (PARTITION BY text_hash ORDER BY day) = 1
"""


class Report(NamedTuple):
    """Rows of `reward_model_report`, and what the UI shows beside them."""

    rows: pa.Table
    metadata: dict[str, Any]


def train_day(inputs: Inputs, day: date, settings: Settings) -> Report:
    """Trains on the window's pairs, registers the model, and reports its accuracy; a skip is reported likewise."""
    options = settings.reward
    table = inputs.query(
        f"SELECT {', '.join(PAIR_COLUMNS)} FROM preference_pairs ORDER BY md5(pair_id), pair_id LIMIT $most",
        {"most": options.max_pairs},
    )
    found = find_encoder(options.encoder)
    encoder = CachedEncoder(found, inputs.query(STORED, {"encoder": found.name}))
    pairs = read_pairs(table, encoder)
    replies = inputs.query(DAY_REPLIES, {"most": options.anchors}).to_pydict()
    result = train(
        pairs,
        _anchors(replies, pairs, encoder, options.anchors),
        training(options),
        horizon_weights(options),
        encoder.name,
        day.isoformat(),
    )
    if isinstance(result, Skipped):
        return _skipped(result, table.num_rows)

    def verdict(champion: RewardModel | None) -> Verdict:
        return _verdict(result, champion, table, options.promotion_slack)

    registered = register(settings.home, result.model, _notes(result, options, inputs.versions), verdict)
    return _report(result, registered, table.num_rows)


def training(options: RewardSettings) -> Training:
    return Training(
        hidden=options.hidden,
        epochs=options.epochs,
        penalty=options.penalty,
        min_labels=options.min_labels,
        seed=options.seed,
    )


def horizon_weights(options: RewardSettings) -> dict[str, float]:
    return {horizon: getattr(options, f"{horizon}_weight") for horizon in HORIZONS}


def _anchors(replies: Mapping[str, list[str]], pairs: Pairs, encoder: Encoder, most: int) -> Anchors:
    messages = encoder.encode([text or "" for text in replies["user_text"]])
    features = pair_features(messages, encoder.encode(replies["reply_text"]))
    if len(features) < LEAST_DAY_ANCHORS:
        features = np.concatenate([features, pairs.a, pairs.b])[:most]
    return Anchors.of(features)


def _verdict(trained: Trained, champion: RewardModel | None, table: pa.Table, slack: float) -> Verdict:
    through = trained.model.config.trained_through
    if champion is None:
        return judge(through, None, None, slack)
    held_out = trained.split.held_out
    own = held_out
    if champion.config.encoder != trained.model.config.encoder:
        own = split_by_user(read_pairs(table, find_encoder(champion.config.encoder))).held_out
    return judge(through, champion.config.trained_through, compare(trained.model, champion, held_out, own), slack)


def _notes(trained: Trained, options: RewardSettings, versions: Mapping[str, int]) -> Notes:
    heads = trained.model.config.heads
    metrics = {
        f"{reading.metric}.{reading.horizon}.{reading.source}": reading.estimate.value for reading in trained.readings
    }
    metrics |= {f"weight.{head.horizon}": head.weight for head in heads}
    metrics |= {f"temperature.{head.horizon}": head.temperature for head in heads}
    metrics |= {f"length_coefficient.{name}": value for name, value in trained.length_coefficients.items()}
    metrics |= {
        "pairs.fit": float(len(trained.split.fit.ids)),
        "pairs.tune": float(len(trained.split.tune.ids)),
        "pairs.held_out": float(len(trained.split.held_out.ids)),
    }
    return Notes(
        params=options.model_dump(),
        metrics=metrics,
        series={"tuning_loss": trained.losses},
        tags={f"input.{name}": str(version) for name, version in versions.items()},
    )


def _report(trained: Trained, registered: Registered, pairs: int) -> Report:
    rows: list[dict[str, object]] = [
        {
            "reward_version": registered.reward_version,
            "metric": reading.metric,
            "horizon": reading.horizon,
            "source": reading.source,
            "value": _number(reading.estimate.value),
            "low": _number(reading.estimate.low),
            "high": _number(reading.estimate.high),
            "n": reading.estimate.n,
            "users": reading.estimate.users,
            "promoted": registered.verdict.promoted,
            "reason": registered.verdict.reason,
        }
        for reading in trained.readings
    ]
    if not rows:
        rows = [_row("untested", registered, "no decided label of a held-out user")]
    accuracies = {
        f"accuracy {reading.horizon}": f"{reading.estimate.value:.3f} "
        f"({reading.estimate.low:.3f} to {reading.estimate.high:.3f}, {reading.estimate.n} labels)"
        for reading in trained.readings
        if reading.metric == "accuracy" and reading.source == "all"
    }
    metadata: dict[str, Any] = {
        "reward_version": registered.reward_version,
        "promoted": registered.verdict.promoted,
        "reason": registered.verdict.reason,
        "pairs": pairs,
        "mlflow_version": registered.mlflow_version,
        "mlflow_run": registered.run_id,
        "epochs": len(trained.losses),
        **accuracies,
    }
    return Report(_table(rows), metadata)


def _skipped(skipped: Skipped, pairs: int) -> Report:
    row = _row("skipped", None, skipped.reason) | {"n": pairs}
    return Report(_table([row]), {"skipped": skipped.reason, "pairs": pairs})


def _row(metric: str, registered: Registered | None, reason: str) -> dict[str, object]:
    """A row that says why there is no figure."""
    return {
        "reward_version": registered.reward_version if registered else None,
        "metric": metric,
        "horizon": "all",
        "source": "all",
        "value": None,
        "low": None,
        "high": None,
        "n": 0,
        "users": 0,
        "promoted": registered.verdict.promoted if registered else False,
        "reason": reason,
    }


def _table(rows: list[dict[str, object]]) -> pa.Table:
    import pyarrow as pa

    from evalloop_assets.lake.delta import arrow_schema

    schema = arrow_schema(REWARD_MODEL_REPORT)
    return pa.Table.from_pylist(rows, schema=schema.remove(schema.get_field_index("day")))


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
