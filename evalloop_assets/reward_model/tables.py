"""Tables of this stage."""

from __future__ import annotations

from evalloop_assets.lake.schema import Column, TableSchema

TURN_EMBEDDINGS = TableSchema(
    name="turn_embeddings",
    row="one distinct message or reply of a day, as a vector",
    key=("day", "text_hash", "encoder"),
    columns=(
        Column("text_hash", "VARCHAR", "md5 of the text"),
        Column("encoder", "VARCHAR", "name and version of the text encoder"),
        Column("embedding", "FLOAT[]", "the vector"),
    ),
)

REWARD_MODEL_REPORT = TableSchema(
    name="reward_model_report",
    row="one figure about the reward model trained at the end of a day",
    key=("day", "metric", "horizon", "source", "slice"),
    columns=(
        Column(
            "reward_version", "VARCHAR", "the model: last day of training and content hash; NULL where none was trained"
        ),
        Column("metric", "VARCHAR", "what it is, see docs/reward-model.md; skipped where no model was trained"),
        Column("horizon", "VARCHAR", "immediate, delayed_5, delayed_session: that head; all: the reward, every label"),
        Column("source", "VARCHAR", "pairs of that source (tail, regeneration, battle) or all"),
        Column("slice", "VARCHAR", "pairs of that slice (later days, locale=…, role_type=…, channel=…) or all"),
        Column("value", "DOUBLE", "the figure on users who were held out of training"),
        Column("low", "DOUBLE", "lower 95% bound, clustered by user"),
        Column("high", "DOUBLE", "upper 95% bound"),
        Column("n", "BIGINT", "labels behind it; for skipped, pairs in the window"),
        Column("users", "BIGINT", "held-out users behind it"),
        Column("promoted", "BOOLEAN", "the model became champion when it was registered"),
        Column("reason", "VARCHAR", "why it did or did not, or why no model was trained"),
    ),
)

REWARDS = TableSchema(
    name="rewards",
    row="one kept reply with what it is worth; empty where there was no champion",
    key=("event_id",),
    columns=(
        Column("event_id", "VARCHAR", "the reply"),
        Column("session_id", "VARCHAR", "its session"),
        Column("user_id", "VARCHAR", "who read it"),
        Column("conversation_id", "VARCHAR", "its conversation"),
        Column("model_id", "VARCHAR", "the model that wrote it"),
        Column("r_base", "DOUBLE", "what it is worth by itself and as an answer; NULL without text, like all of these"),
        Column("r_consistency", "DOUBLE", "how it goes with the earlier replies of its conversation"),
        Column("r_progress", "DOUBLE", "what it adds to what was said"),
        Column(
            "r_temporal",
            "DOUBLE",
            "r_base + alpha · r_consistency + beta · r_progress; mean 0 and SD 1 on the version's anchors",
        ),
        Column("reward", "DOUBLE", "r_temporal"),
        Column("reward_version", "VARCHAR", "the reward model that gave it"),
    ),
)
