"""The tables about bad cases."""

from __future__ import annotations

from evalloop_assets.evaluation.bad_cases.flywheel import VERDICTS
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
        Column("user_text", "VARCHAR", "the message that it answers"),
        Column("reply_text", "VARCHAR", "the reply"),
        Column("said_grams", "INTEGER[]", "hashes of the n-grams of message and reply, for days to come"),
        Column("better_grams", "INTEGER[]", "of message and better reply; NULL where that answers another message"),
    ),
)

RELABEL_QUEUE = TableSchema(
    name="relabel_queue",
    row="one bad case of the two weeks up to this day that waits for people, in the form of their queue",
    key=("day", "item_id"),
    columns=(
        Column("item_id", "VARCHAR", "the preference pair of the case"),
        Column("place", "BIGINT", "1 is to be judged first: by the harm that it did"),
        Column("purpose", "VARCHAR", "bad_case"),
        Column("needed", "BIGINT", "people who are still needed"),
        Column("asked", "VARCHAR", "annotators who have judged it and are not to be asked again, comma separated"),
        Column("confidence", "DOUBLE", "of judges; not known here"),
        Column("slice", "VARCHAR", "kind of bad case"),
        Column("user_id", "VARCHAR", "who met it; annotators are not told"),
        Column("side", "VARCHAR", "training or evaluation; annotators are not told", choices=SIDES),
        Column("user_text", "VARCHAR", "the message that both replies answer"),
        Column("reply_a", "VARCHAR", "one side; whether the bad one is decided by a hash"),
        Column("reply_b", "VARCHAR", "the other"),
    ),
)

CASE_SCORES = TableSchema(
    name="case_scores",
    row="one bad case that no champion saw anything of, as a champion scored it up to this day",
    key=("day", "pair_id", "reward_version"),
    columns=(
        Column("pair_id", "VARCHAR", "the preference pair of the case"),
        Column("user_id", "VARCHAR", "whose preference it is"),
        Column("dedup_group", "VARCHAR", "the near duplicates that the case is one of"),
        Column("reward_version", "VARCHAR", "the champion"),
        Column("error", "DOUBLE", "1 where it rates the bad reply above the better one, 0.5 where neither, else 0"),
    ),
)

FLYWHEEL = TableSchema(
    name="flywheel",
    row="one champion of the four weeks up to this day on bad cases of users whom no champion learned from",
    key=("day", "reward_version"),
    columns=(
        Column("reward_version", "VARCHAR", "the champion"),
        Column("previous_version", "VARCHAR", "the one before it; NULL for the first"),
        Column("cases", "BIGINT", "cases that it scored"),
        Column("users", "BIGINT", "their users"),
        Column("error", "DOUBLE", "share of which it prefers the bad reply; NULL with fewer than ten users"),
        Column("error_low", "DOUBLE", "lower 95% bound, users as clusters"),
        Column("error_high", "DOUBLE", "upper 95% bound"),
        Column("common", "BIGINT", "cases that the one before scored too"),
        Column("common_users", "BIGINT", "their users"),
        Column("difference", "DOUBLE", "its error less that of the one before on these; below 0 it is better"),
        Column("difference_low", "DOUBLE", "lower 95% bound, users as clusters"),
        Column("difference_high", "DOUBLE", "upper 95% bound"),
        Column("verdict", "VARCHAR", "of the difference", choices=VERDICTS),
    ),
)
