"""The tables about bad cases."""

from __future__ import annotations

from evalloop_assets.evaluation.bad_cases.sides import SIDES
from evalloop_assets.lake.schema import Column, TableSchema

BAD_CASES = TableSchema(
    name="bad_cases",
    row="one bad reply that was kept as a case, with the side that it was given for good",
    key=("event_id",),
    columns=(
        Column("event_id", "VARCHAR", "the reply"),
        Column("session_id", "VARCHAR", "its session"),
        Column("user_id", "VARCHAR", "who read it"),
        Column("conversation_id", "VARCHAR", "its conversation"),
        Column("model_id", "VARCHAR", "the model that wrote it"),
        Column("character_id", "VARCHAR", "the persona that spoke"),
        Column("role_type", "VARCHAR", "kind of persona"),
        Column("kind", "VARCHAR", "kind of break, else the first of the reasons"),
        Column("reasons", "VARCHAR", "what speaks against it, as in bad_signals"),
        Column("by_behaviour", "BOOLEAN", "something else than the disagreement with the reward model"),
        Column("certainty", "DOUBLE", "how surely it was bad, in (0, 1]"),
        Column("cost", "DOUBLE", "what it cost, in replies"),
        Column("dedup_group", "VARCHAR", "the near duplicates that it is one of, over all days"),
        Column("users", "BIGINT", "users of the day who met one of the group"),
        Column("harm", "DOUBLE", "of the group on the day: over users, the sum of the largest certainty times cost"),
        Column("rank", "BIGINT", "of the group by harm among those of the day, 1 the most harmful"),
        Column("side", "VARCHAR", "training, evaluation, or withheld from both", choices=SIDES),
        Column("pair_id", "VARCHAR", "a preference pair in which behaviour rejected it; NULL where there is none"),
        Column("same_prefix", "BOOLEAN", "both replies of that pair answer the same message"),
        Column("better_reply", "VARCHAR", "the reply that behaviour preferred"),
        Column("text_hash", "VARCHAR", "md5 of the reply"),
        Column("user_text", "VARCHAR", "the message that it answers"),
        Column("reply_text", "VARCHAR", "the reply"),
    ),
)
