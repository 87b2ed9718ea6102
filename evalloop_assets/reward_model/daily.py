"""The day's training: from a snapshot of the lake to a registered model and its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model.calibration import Anchors
from evalloop_assets.reward_model.directions import read_labelled
from evalloop_assets.reward_model.embeddings import SAID, STORED, CachedEncoder
from evalloop_assets.reward_model.encoder import Encoder, find_encoder
from evalloop_assets.reward_model.evaluation import ALL, Reading, compare
from evalloop_assets.reward_model.features import features
from evalloop_assets.reward_model.gate import Verdict, judge
from evalloop_assets.reward_model.logged import Log, logged_situations, read_log
from evalloop_assets.reward_model.model import RewardModel
from evalloop_assets.reward_model.options import mix, training
from evalloop_assets.reward_model.over_optimisation import sweep
from evalloop_assets.reward_model.pairs import PAIR_COLUMNS, read_pairs, split_by_user
from evalloop_assets.reward_model.registry import INPUT, Dataset, Notes, register
from evalloop_assets.reward_model.report import Report, findings_of, picture_of, report, skipped
from evalloop_assets.reward_model.training import Skipped, Trained, train

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.lake.store import Inputs
    from evalloop_assets.settings import Settings

LEAST_DAY_ANCHORS = 200
"""Replies of the day below which the pairs' replies join the anchors."""

ANCHORS = """
    SELECT r.event_id, r.conversation_id, t.user_text, t.reply_text
    FROM reading AS r JOIN turns AS t ON t.event_id = r.event_id
    WHERE r.day = $day AND r.position IS NOT NULL AND trim(t.reply_text) <> ''
    ORDER BY md5(t.event_id), t.event_id
    LIMIT $anchors
"""

SAMPLE = "SELECT * FROM preference_pairs ORDER BY md5(pair_id), pair_id LIMIT $pairs"

LABELLED = """
    SELECT h.user_id, h.day, h.session_id, h.event_id, h.conversation_id, h.position, h.immediate,
        h.model_id, t.user_text, t.reply_text
    FROM horizon_labels AS h JOIN turns AS t ON t.event_id = h.event_id
    WHERE h.immediate IS NOT NULL AND trim(t.reply_text) <> ''
    ORDER BY md5(h.session_id), h.session_id, h.position, h.event_id
    LIMIT $replies
"""
"""Sessions are drawn by the hash of their id, whole but for the last."""

CONVERSATIONS = f"SELECT conversation_id FROM ({SAMPLE}) UNION SELECT conversation_id FROM ({ANCHORS})"

LEARNED_FROM = f"{CONVERSATIONS} UNION SELECT conversation_id FROM ({LABELLED})"

COMPARED = f"""
    WITH sample AS ({SAMPLE})
    SELECT md5(reply_a) FROM sample UNION SELECT md5(reply_b) FROM sample
    UNION SELECT md5(user_text_a) FROM sample UNION SELECT md5(user_text_b) FROM sample
    UNION ({SAID})
"""
"""Hashes of the texts of the sampled pairs, and of what was said in some conversations."""

SLICES = f"""
    SELECT
        sample.pair_id, min(turns.locale) AS locale, min(turns.role_type) AS role_type, min(turns.channel) AS channel,
        min(CASE WHEN first_seen.day < sample.day THEN 'existing' WHEN first_seen.day = sample.day THEN 'new' END)
            AS seniority
    FROM ({SAMPLE}) AS sample
    LEFT JOIN turns ON turns.event_id = coalesce(sample.event_id_a, sample.event_id_b)
    LEFT JOIN first_seen ON first_seen.user_id = sample.user_id
    GROUP BY sample.pair_id
"""
"""A user is new on the UTC day of the first sight, as in experiments."""


def train_day(inputs: Inputs, day: date, settings: Settings) -> Report:
    """Trains on the window's pairs, registers the model, and reports on it; a skip is reported likewise."""
    options = settings.reward
    drawn = {"pairs": options.max_pairs, "anchors": options.anchors, "day": day, "replies": options.max_labelled}
    table = inputs.query(f"SELECT {', '.join(PAIR_COLUMNS)} FROM ({SAMPLE})", {"pairs": options.max_pairs})
    bare = find_encoder(options.encoder)
    encoder = CachedEncoder(
        bare,
        inputs.query(
            STORED.format(hashes=COMPARED.format(conversations=LEARNED_FROM)), {**drawn, "encoder": bare.name}
        ),
    )
    log = read_log(inputs, LEARNED_FROM, drawn)
    pairs = read_pairs(table, encoder, log)
    replies = inputs.query(ANCHORS, {"anchors": options.anchors, "day": day})
    anchors = _anchors(replies, table, log, encoder, options.anchors)
    labelled = read_labelled(inputs.query(LABELLED, {"replies": options.max_labelled}), encoder, log)
    result = train(
        pairs,
        anchors,
        training(options),
        mix(options),
        encoder.name,
        day.isoformat(),
        settings.home / "training",
        labelled,
    )
    if isinstance(result, Skipped):
        return skipped(result, table.num_rows)

    def verdict(champion: RewardModel | None) -> Verdict:
        return _verdict(result, champion, table, log, options.promotion_slack)

    pushed = sweep(result.split.fit, anchors, training(options), mix(options), options.encoder, result.replies)
    found = findings_of(result, inputs.query(SLICES, {"pairs": options.max_pairs}), pushed)
    picture = picture_of(result, found)
    notes = _notes(result, found.readings, settings, inputs.versions, picture)
    return report(result, found, register(settings.home, result.model, notes, verdict), table.num_rows, picture)


def _anchors(replies: pa.Table, pairs: pa.Table, log: Log, encoder: Encoder, most: int) -> Anchors:
    """Replies of the day in their places; too few of them are joined by those of the pairs."""
    names = ("event_id", "user_text", "reply_text")
    columns = [replies.column(name).to_pylist() for name in names]
    if replies.num_rows < LEAST_DAY_ANCHORS:
        for side in "ab":
            more = [pairs.column(f"{name}_{side}").to_pylist() for name in ("event_id", "user_text", "reply")]
            columns = [column + added for column, added in zip(columns, more, strict=True)]
        kept = [at for at, reply in enumerate(columns[2]) if reply and reply.strip()][:most]
        columns = [[column[at] for at in kept] for column in columns]
    return Anchors.of(features(logged_situations(log, *columns), encoder))


def _verdict(trained: Trained, champion: RewardModel | None, table: pa.Table, log: Log, slack: float) -> Verdict:
    through = trained.model.config.trained_through
    if champion is None:
        return judge(through, None, None, slack)
    held_out = trained.split.held_out
    own = held_out
    if champion.config.encoder != trained.model.config.encoder:
        try:
            former = find_encoder(champion.config.encoder)
        except UserError as error:
            return Verdict(True, f"the champion can score no text any more: {error}")
        own = split_by_user(read_pairs(table, former, log)).held_out
    return judge(through, champion.config.trained_through, compare(trained.model, champion, held_out, own), slack)


def _notes(
    trained: Trained, figures: Sequence[Reading], settings: Settings, versions: Mapping[str, int], picture: bytes
) -> Notes:
    heads = trained.model.config.heads
    metrics = {
        f"{one.metric}.{one.horizon}.{one.source}": one.estimate.value
        for one in figures
        if one.slice == ALL and np.isfinite(one.estimate.value)
    }
    metrics |= {f"weight.{head.horizon}": head.weight for head in heads}
    metrics |= {f"temperature.{head.horizon}": head.temperature for head in heads}
    metrics |= {f"length_coefficient.{name}": value for name, value in trained.length_coefficients.items()}
    metrics |= {f"direction_coefficient.{name}": value for name, value in trained.direction_coefficients.items()}
    metrics |= {
        "incomparable": float(trained.incomparable),
        "pairs.fit": float(len(trained.split.fit.ids)),
        "pairs.tune": float(len(trained.split.tune.ids)),
        "pairs.held_out": float(len(trained.split.held_out.ids)),
    }
    return Notes(
        params=settings.reward.model_dump(),
        metrics=metrics,
        series={"loss": trained.fitted.losses, "tuning_loss": trained.fitted.tuning_losses},
        tags={f"{INPUT}{name}": str(version) for name, version in versions.items()},
        datasets=tuple(
            Dataset(
                part,
                pairs.digest,
                len(pairs.ids),
                f"{settings.lake_root.rstrip('/')}/preference_pairs",
                versions.get("preference_pairs"),
            )
            for part, pairs in trained.split.parts.items()
        ),
        picture=picture,
    )
