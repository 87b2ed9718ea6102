"""Tables of this stage."""

from __future__ import annotations

from evalloop_assets.lake.schema import Column, TableSchema

TURN_EMBEDDINGS = TableSchema(
    name="turn_embeddings",
    row="one message or reply that was new on a day, as a vector",
    key=("day", "text_hash", "encoder"),
    columns=(
        Column("text_hash", "VARCHAR", "md5 of the text"),
        Column("encoder", "VARCHAR", "name and version of the text encoder"),
        Column("embedding", "FLOAT[]", "the vector"),
    ),
)

PERSONAS = TableSchema(
    name="personas",
    row="one character that spoke on a day, as it was delivered last",
    key=("day", "character_id"),
    columns=(
        Column("character_id", "VARCHAR", "the character"),
        Column("persona", "VARCHAR", "its facts and voice, one a line; NULL where none were delivered"),
    ),
)

BREAKS = TableSchema(
    name="breaks",
    row="one kept reply, with how surely it breaks what its conversation has established",
    key=("event_id",),
    columns=(
        Column("event_id", "VARCHAR", "the reply"),
        Column("session_id", "VARCHAR", "its session"),
        Column("user_id", "VARCHAR", "who read it"),
        Column("conversation_id", "VARCHAR", "its conversation"),
        Column("score", "DOUBLE", "from 0 to 1; from 0.5 on it is taken for a break"),
        Column("kind", "VARCHAR", "contradiction, promise, rupture; NULL where the score is 0"),
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
        Column(
            "slice",
            "VARCHAR",
            "pairs of that slice (later days, locale=…, role_type=…, channel=…, seniority=new or existing) or all",
        ),
        Column("value", "DOUBLE", "the figure on users who were held out of training"),
        Column("low", "DOUBLE", "lower 95% bound, clustered by user"),
        Column("high", "DOUBLE", "upper 95% bound"),
        Column("n", "BIGINT", "labels behind it; for skipped, pairs in the window"),
        Column("users", "BIGINT", "held-out users behind it"),
        Column("promoted", "BOOLEAN", "the model became champion when it was registered"),
        Column("reason", "VARCHAR", "why it did or did not, or why no model was trained"),
    ),
)

REPLY_QUALITY = TableSchema(
    name="reply_quality",
    row="one kept reply by its text alone, judged after what its user had read; no reward model has a say in it",
    key=("event_id",),
    columns=(
        Column("event_id", "VARCHAR", "the reply"),
        Column("user_id", "VARCHAR", "who read it"),
        Column("model_id", "VARCHAR", "the model that wrote it"),
        Column(
            "density", "DOUBLE", "share of content among its words, in [0, 1]; NULL without text, like all of these"
        ),
        Column("non_repetition", "DOUBLE", "share of its phrases that were not just said, in [0, 1]"),
        Column("progress", "DOUBLE", "new content, in [0, 1)"),
        Column("low_information", "DOUBLE", "discount in [0.4, 1] for words that say nothing new"),
        Column("repetition", "DOUBLE", "discount in [0.4, 1] for phrases said again"),
        Column("soothing", "DOUBLE", "discount in [0.4, 1] for sentences that would comfort anybody about anything"),
        Column("novelty_decay", "DOUBLE", "discount in [0.4, 1] for phrases that its reader has met in three days"),
        Column("overdraft", "DOUBLE", "discount in [0.4, 1] for emotion above what the scene sustains"),
        Column("q", "DOUBLE", "quality in [0, 1]: geometric mean of the first three"),
        Column("penalty", "DOUBLE", "product of the discounts, in (0, 1]"),
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
            "r_base + alpha · r_consistency + beta · r_progress, mean 0 and SD 1 on the anchors; NULL without text",
        ),
        Column("q", "DOUBLE", "quality in [0, 1]: density, non-repetition and progress of the text"),
        Column(
            "penalty", "DOUBLE", "discount in (0, 1] for hollowness, repetition, soothing, wear and emotional overdraft"
        ),
        Column("gate", "DOUBLE", "sigmoid((q - q0) / T) * penalty, the share of a positive r_temporal that counts"),
        Column("reward", "DOUBLE", "gate * max(r_temporal, 0) + min(r_temporal, 0)"),
        Column(
            "distance",
            "DOUBLE",
            "of the reply from those that the model was trained on; 1 is what 99% of such replies keep within",
        ),
        Column(
            "unfamiliar", "BOOLEAN", "distance above 1: unlike what the model was trained on, so that it knows little"
        ),
        Column("reward_version", "VARCHAR", "the reward model that gave it"),
    ),
)

PAIR_SCORES = TableSchema(
    name="pair_scores",
    row="one preference pair with what the champion makes of it; empty where there was no champion",
    key=("pair_id",),
    columns=(
        Column("pair_id", "VARCHAR", "the preference pair"),
        Column("user_id", "VARCHAR", "whose preference it is"),
        Column("source", "VARCHAR", "tail, regeneration or battle"),
        Column("margin", "DOUBLE", "r_temporal of reply a less that of b, each in its place, in anchor SDs"),
        Column("reward_version", "VARCHAR", "the reward model that gave it"),
    ),
)

CREDIT = TableSchema(
    name="credit",
    row="one kept reply of a session that was left abruptly, with its share of the blame",
    key=("event_id",),
    columns=(
        Column("event_id", "VARCHAR", "the reply"),
        Column("session_id", "VARCHAR", "its session"),
        Column("user_id", "VARCHAR", "who left"),
        Column("conversation_id", "VARCHAR", "its conversation"),
        Column("model_id", "VARCHAR", "the model that wrote it"),
        Column("replies_after", "BIGINT", "kept replies from it to the end of the session; 0 is the last one"),
        Column("break_score", "DOUBLE", "how surely it broke persona, promise or story, in [0, 1]; NULL where unknown"),
        Column(
            "drift", "DOUBLE", "how far it moved the state of the dialogue; 1 is the median over the day's failures"
        ),
        Column("weight", "DOUBLE", "w(t, t'), in [0, 1]"),
        Column(
            "blame", "DOUBLE", "weight over max(1, sum of the session's weights); 0 where nothing speaks against it"
        ),
    ),
)
