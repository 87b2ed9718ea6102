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
            "kept, or why not: blank, identical, undecided, contradictory, disputed, unscored, margin, duplicate, "
            "user_share",
        ),
        Column("reward_version", "VARCHAR", "the reward model that gave the margin"),
    ),
)

POLICY_CANDIDATES = TableSchema(
    name="policy_candidates",
    row="one candidate policy with its lineage",
    key=("model_id",),
    columns=(
        Column("model_id", "VARCHAR", "the candidate"),
        Column("kind", "VARCHAR", "arm, best_of_n or lora"),
        Column("base_model_id", "VARCHAR", "the model that its replies are drawn from or its weights were trained on"),
        Column("n", "BIGINT", "replies drawn, of which the best is shown"),
        Column("reward_version", "VARCHAR", "the reward model that chooses or taught it; NULL for an arm"),
        Column("generation", "BIGINT", "1 for a child of a model not made here, one more for each ancestor made here"),
        Column("parent", "VARCHAR", "the model that it is to replace"),
        Column("created_on", "DATE", "UTC day"),
        Column("settings", "VARCHAR", "JSON of what it was made with"),
        Column("seed", "BIGINT", "of the training; NULL where nothing was trained"),
        Column("data_versions", "VARCHAR", "JSON of the versions of the tables that it was made from"),
        Column("step", "BIGINT", "training step of the checkpoint, the best of all; NULL where nothing was trained"),
    ),
)

POLICY_SCREEN = TableSchema(
    name="policy_screen",
    row="one candidate policy at the offline gate",
    key=("model_id",),
    columns=(
        Column("model_id", "VARCHAR", "the candidate"),
        Column("generation", "BIGINT", "of the candidate, as in `policy_candidates`"),
        Column(
            "reward_gain", "DOUBLE", "expected reward less that of the model it comes from, anchor standard deviations"
        ),
        Column("low", "DOUBLE", "lower 95% bound of the gain, clustered by user"),
        Column("high", "DOUBLE", "upper 95% bound"),
        Column("length_ratio", "DOUBLE", "expected length over that of the model it comes from"),
        Column("repetition_gain", "DOUBLE", "repeated share less that of the model it comes from"),
        Column("kl", "DOUBLE", "nats a token between trained weights and their base, on its own replies"),
        Column("valid", "DOUBLE", "share of its replies that are well-formed"),
        Column("valid_reference", "DOUBLE", "share of the incumbent's"),
        Column("variety", "DOUBLE", "share of different runs of three words among all of its replies"),
        Column("variety_reference", "DOUBLE", "of as many of the incumbent's"),
        Column("novelty", "DOUBLE", "share of its runs of three words that no logged reply holds"),
        Column("novelty_reference", "DOUBLE", "share of the incumbent's"),
        Column("unsafe", "DOUBLE", "share of its replies with a safety word"),
        Column("unsafe_reference", "DOUBLE", "share of the incumbent's"),
        Column("off_policy_gain", "DOUBLE", "what the next five turns would say more of its replies, by the log"),
        Column("off_policy_low", "DOUBLE", "lower 95% bound, clustered by user; NULL where too few rows are effective"),
        Column("off_policy_high", "DOUBLE", "upper 95% bound"),
        Column("effective_share", "DOUBLE", "effective share of the logged rows that the estimate rests on"),
        Column("accuracy_low", "DOUBLE", "lower bound of the reward model's accuracy on held-out users"),
        Column("prompts", "BIGINT", "logged prompts or replies that it was judged on"),
        Column("users", "BIGINT", "users who wrote them"),
        Column("passed", "BOOLEAN", "may enter ranking and A/B"),
        Column("reason", "VARCHAR", "why, in plain words"),
    ),
)
