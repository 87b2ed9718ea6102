"""The tables of dynamic evaluation."""

from __future__ import annotations

from evalloop_assets.lake.schema import Column, TableSchema

WHICH = (
    Column("model_id", "VARCHAR", "the policy"),
    Column("pair", "VARCHAR", "locale, role, intent, prompt and seed: the same for every policy and perturbation"),
    Column("perturbation", "VARCHAR", "none, typos, noise or adversarial"),
    Column("turn", "BIGINT", "1 is the first"),
)
TURNS = TableSchema(
    name="dynamic_turns",
    row="one message of the simulated user to a policy and its reply, by the day on which they were exchanged",
    key=("day", "model_id", "pair", "perturbation", "turn"),
    columns=(
        *WHICH,
        Column("role_type", "VARCHAR", "kind of the role that the policy plays"),
        Column("role_id", "VARCHAR", "the role"),
        Column("intent", "VARCHAR", "what the conversation examines"),
        Column("prompt_setting", "VARCHAR", "none, persona, or full: persona with rules and history"),
        Column("locale", "VARCHAR", "language of the conversation, BCP 47"),
        Column("seed", "BIGINT", "of the simulated user"),
        Column("channel", "VARCHAR", "how the policy was reached: endpoint, page or process"),
        Column("act", "VARCHAR", "what the user does: open, tell, ask_on, boundary, recall, or reacts"),
        Column("meant", "VARCHAR", "the message before it was perturbed"),
        Column("user_text", "VARCHAR", "the message as it was sent; NULL in a row that tells of a failure"),
        Column("reply", "VARCHAR", "the reply; NULL where there was none"),
        Column("failure", "VARCHAR", "why there was no reply, which ended the conversation; NULL where there was one"),
        Column("grid_version", "VARCHAR", "of roles, phrases and metrics"),
    ),
)
SCORES = TableSchema(
    name="dynamic_scores",
    row="one score of one reply of dynamic_turns",
    key=("day", "model_id", "pair", "perturbation", "turn", "metric", "scorer"),
    columns=(
        *WHICH,
        Column("metric", "VARCHAR", "what is scored, such as reward, consistency, recall, empathy"),
        Column("scorer", "VARCHAR", "what gave the score, with its version"),
        Column(
            "score", "DOUBLE", "larger is better; reward in anchor standard deviations, text in [0, 1], judges 1 to 10"
        ),
    ),
)
RESULTS = TableSchema(
    name="dynamic_results",
    row="one figure of one policy in one slice, of its newest conversations in the 28 days up to this day",
    key=(
        "day", "model_id", "metric", "scorer", "role_type", "intent", "prompt_setting", "figure", "turn", "against",
    ),
    columns=(
        Column("model_id", "VARCHAR", "the policy"),
        Column("metric", "VARCHAR", "what was scored, or completed: whether the conversation got every reply"),
        Column("scorer", "VARCHAR", "by what"),
        Column("role_type", "VARCHAR", "kind of role, or all"),
        Column("intent", "VARCHAR", "what was examined, or all"),
        Column("prompt_setting", "VARCHAR", "system prompt, or all"),
        Column("figure", "VARCHAR", "mean, turn, slope (a turn), difference, slope_difference, or robustness"),
        Column("turn", "BIGINT", "of `turn`; 0 for other figures"),
        Column("against", "VARCHAR", "the other policy of a difference, the perturbation of robustness; else empty"),
        Column("value", "DOUBLE", "the figure; NULL where it is not known"),
        Column("low", "DOUBLE", "lower 95% bound, conversations as clusters"),
        Column("high", "DOUBLE", "upper 95% bound, likewise"),
        Column("conversations", "BIGINT", "on which it rests"),
        Column("reason", "VARCHAR", "why value or bounds are NULL; else NULL"),
    ),
)  # fmt: skip
