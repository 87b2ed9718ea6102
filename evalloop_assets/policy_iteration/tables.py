"""Tables of this stage."""

from __future__ import annotations

from evalloop_assets.lake.schema import Column, TableSchema

POLICY_PAIRS = TableSchema(
    name="policy_pairs",
    row="one pair of replies to one prefix, with the decision whether it may train a policy",
    key=("pair_id",),
    columns=(
        Column("pair_id", "VARCHAR", "the preference pair"),
        Column("user_id", "VARCHAR", "whose preference it is"),
        Column("source", "VARCHAR", "regeneration or battle"),
        Column("user_text", "VARCHAR", "the message that both replies answer"),
        Column("chosen", "VARCHAR", "the preferred reply; NULL where the horizons do not tell"),
        Column("rejected", "VARCHAR", "the other one"),
        Column("margin", "DOUBLE", "reward of the chosen less the rejected reply, in anchor standard deviations"),
        Column("kept", "BOOLEAN", "may train a policy"),
        Column(
            "reason",
            "VARCHAR",
            "kept, or why not: identical, undecided, contradictory, unscored, margin, duplicate, user_share",
        ),
        Column("reward_version", "VARCHAR", "the reward model that gave the margin"),
    ),
)

POLICY_CANDIDATES = TableSchema(
    name="policy_candidates",
    row="one candidate policy, made on the day its reward model was promoted",
    key=("model_id",),
    columns=(
        Column("model_id", "VARCHAR", "the candidate"),
        Column("kind", "VARCHAR", "best_of_n"),
        Column("base_model_id", "VARCHAR", "the model that its replies are drawn from"),
        Column("n", "BIGINT", "replies drawn, of which the best is shown"),
        Column("reward_version", "VARCHAR", "the reward model that chooses"),
        Column("generation", "BIGINT", "1 for a child of a model not made here, one more for each ancestor made here"),
        Column("parent", "VARCHAR", "the model that it is to replace"),
        Column("created_on", "DATE", "UTC day"),
    ),
)

POLICY_SCREEN = TableSchema(
    name="policy_screen",
    row="one candidate policy at the offline gate",
    key=("model_id",),
    columns=(
        Column("model_id", "VARCHAR", "the candidate"),
        Column(
            "reward_gain", "DOUBLE", "expected reward of its choice less that of one draw, anchor standard deviations"
        ),
        Column("low", "DOUBLE", "lower 95% bound of the gain, clustered by user"),
        Column("high", "DOUBLE", "upper 95% bound"),
        Column("length_ratio", "DOUBLE", "expected length of its choice over that of one draw"),
        Column("repetition_gain", "DOUBLE", "repeated share of its choice less that of one draw"),
        Column("accuracy_low", "DOUBLE", "lower bound of the reward model's accuracy on held-out users"),
        Column("prompts", "BIGINT", "logged prompts that it was judged on"),
        Column("users", "BIGINT", "users who wrote them"),
        Column("passed", "BOOLEAN", "may enter ranking and A/B"),
        Column("reason", "VARCHAR", "why, in plain words"),
    ),
)
