"""The log contract: the tables a product may deliver, and what every column of them means.

Bold columns of the design are `required` here; every other column may be NULL or missing, and what depends on it is
then NULL and reported as coverage. Times are UTC without zone, ids are opaque strings, text is any language.
"""

from __future__ import annotations

from evalloop_assets.lake.registry import declare
from evalloop_assets.lake.schema import Column, TableSchema, by_name
from evalloop_assets.logs.evaluation_contract import EVALUATION_TABLES

ID, TEXT, COUNT, MONEY, TIME, FLAG, SHARE = "VARCHAR", "VARCHAR", "BIGINT", "DOUBLE", "TIMESTAMP", "BOOLEAN", "DOUBLE"

MAX_TEXT_CHARS = 1_000_000
MAX_ID_CHARS = 512
LONG_TEXTS = frozenset({"user_text", "reply_text", "reply_a", "reply_b", "persona", "text", "reference", "reason"})
"""Columns limited to MAX_TEXT_CHARS; every other VARCHAR is limited to MAX_ID_CHARS."""
EARLIEST_YEAR = 2000
"""A time before it is a mistake of unit or format, not a log."""
MINUTES_PER_DAY = 24 * 60


def _must(name: str, type_: str, about: str, choices: tuple[str, ...] = ()) -> Column:
    return Column(name, type_, about, required=True, choices=choices)


def _count(name: str, about: str) -> Column:
    return Column(name, COUNT, about, minimum=0)


def _share(name: str, about: str) -> Column:
    return Column(name, SHARE, about, minimum=0, maximum=1)


TURNS = TableSchema(
    name="turns",
    row="one reply shown to a user",
    key=("event_id",),
    day_from="shown_at",
    columns=(
        _must("event_id", ID, "id of the reply; delivery is at least once, so it is deduplicated"),
        _must("user_id", ID, "who read it"),
        _must("conversation_id", ID, "the conversation it belongs to"),
        _must("model_id", ID, "the model or policy that wrote it"),
        _must("shown_at", TIME, "when it was fully shown (UTC)"),
        Column("received_at", TIME, "when the log received it (UTC)"),
        Column("utc_offset_minutes", COUNT, "the user's local time less UTC, minutes", minimum=-840, maximum=840),
        Column("character_id", ID, "the persona that spoke"),
        Column("role_type", TEXT, "kind of persona or role play"),
        Column("user_text", TEXT, "the message that it answers"),
        Column("reply_text", TEXT, "the reply itself"),
        _count("user_chars", "length of user_text in characters"),
        _count("reply_chars", "length of reply_text in characters"),
        _count("dwell_ms", "from the reply fully shown to the user's next act, milliseconds"),
        _count("typing_ms", "part of dwell_ms spent typing, milliseconds"),
        _count("foreground_ms", "part of dwell_ms with the app in front, milliseconds"),
        _count("scrolls", "scrolls while it was shown"),
        _count("clicks", "clicks while it was shown"),
        Column("replaces_event_id", ID, "the reply that this one regenerated"),
        Column("interrupted", FLAG, "something outside the chat cut the session here (call, crash, network)"),
        Column("error", FLAG, "the reply failed to be produced or shown"),
        Column("feedback", TEXT, "explicit feedback on it", choices=("like", "dislike", "complaint")),
        Column("experiment_id", ID, "the experiment that chose the model"),
        Column("arm", TEXT, "the arm of that experiment"),
        _share("propensity", "probability with which this arm was chosen"),
        _count("prompt_tokens", "tokens read to write it"),
        _count("completion_tokens", "tokens written"),
        _count("latency_ms", "from the user's message to the reply fully shown, milliseconds"),
        Column("cost_usd", MONEY, "what it cost, US dollars", minimum=0),
        Column("locale", TEXT, "language and region, BCP 47"),
        Column("channel", TEXT, "how the user came or comes in"),
        Column("product_line", TEXT, "the product or line of business"),
        Column(
            "time_source",
            TEXT,
            "logged, or interpolated between the times of the conversation",
            choices=("logged", "interpolated"),
        ),
    ),
)

VISITS = TableSchema(
    name="visits",
    row="one opening of the app",
    key=("user_id", "opened_at"),
    day_from="opened_at",
    columns=(
        _must("user_id", ID, "who opened it"),
        _must("opened_at", TIME, "when (UTC)"),
        Column("visit_id", ID, "id of the visit"),
        Column("channel", TEXT, "how the user came in"),
        Column("utc_offset_minutes", COUNT, "the user's local time less UTC, minutes", minimum=-840, maximum=840),
    ),
)

SIGNUPS = TableSchema(
    name="signups",
    row="one new user",
    key=("user_id",),
    day_from="signed_up_at",
    columns=(
        _must("user_id", ID, "the new user"),
        _must("signed_up_at", TIME, "when (UTC)"),
        Column("channel", TEXT, "where the user came from"),
        Column("locale", TEXT, "language and region, BCP 47"),
    ),
)

BATTLES = TableSchema(
    name="battles",
    row="one choice between two replies or conversations",
    key=("battle_id",),
    day_from="decided_at",
    columns=(
        _must("battle_id", ID, "id of the choice"),
        _must("user_id", ID, "who chose"),
        _must("model_a", ID, "model behind side a"),
        _must("model_b", ID, "model behind side b"),
        _must("outcome", TEXT, "the choice", choices=("a", "b", "tie", "both_bad")),
        _must("decided_at", TIME, "when (UTC)"),
        Column("conversation_id", ID, "the conversation it was made in"),
        Column("event_id_a", ID, "reply a, when it is a choice between two replies to one prefix"),
        Column("event_id_b", ID, "reply b, likewise"),
        Column("reply_a", TEXT, "text of reply a, where the losing reply is no turn of the log"),
        Column("reply_b", TEXT, "text of reply b, likewise"),
        Column("user_text", TEXT, "the message that both replies answer"),
        _count("turns_a", "turns seen of side a"),
        _count("turns_b", "turns seen of side b"),
        _count("chars_a", "characters read of side a"),
        _count("chars_b", "characters read of side b"),
        Column("shown_first", TEXT, "the side shown first or on the left", choices=("a", "b")),
        _share("propensity", "probability with which this pairing was drawn"),
        Column("choice_id", ID, "joins the rows of one choice among more than two"),
    ),
)

ASSIGNMENTS = TableSchema(
    name="assignments",
    row="one exposure to an experiment",
    key=("experiment_id", "unit", "unit_id", "arm"),
    day_from="assigned_at",
    columns=(
        _must("experiment_id", ID, "the experiment"),
        _must("unit", TEXT, "what was randomised", choices=("conversation", "user")),
        _must("unit_id", ID, "id of that conversation or user"),
        _must("user_id", ID, "the user behind the unit"),
        _must("arm", TEXT, "the arm it was put into"),
        _must("model_id", ID, "the model that this arm serves"),
        _must("assigned_at", TIME, "first exposure (UTC)"),
        _share("propensity", "probability with which this arm was drawn"),
    ),
)

CHARACTERS = TableSchema(
    name="characters",
    row="one persona",
    key=("character_id",),
    columns=(
        _must("character_id", ID, "id of the persona"),
        Column("role_type", TEXT, "kind of persona or role play"),
        Column("persona", TEXT, "its facts and voice, one a line"),
        Column("locale", TEXT, "language and region, BCP 47"),
    ),
)

MODELS = TableSchema(
    name="models",
    row="one servable model or policy",
    key=("model_id",),
    columns=(
        _must("model_id", ID, "id of the model or policy"),
        Column("kind", TEXT, "its part in the loop", choices=("reference", "incumbent", "candidate")),
        Column("parent", ID, "the model it was made from"),
        Column("released_at", TIME, "when it became servable (UTC)"),
        Column("cost_per_1k_tokens", MONEY, "US dollars per 1,000 tokens", minimum=0),
    ),
)

LOG_TABLES = by_name((TURNS, VISITS, SIGNUPS, BATTLES, ASSIGNMENTS, CHARACTERS, MODELS, *EVALUATION_TABLES))

REJECTED_ROWS = TableSchema(
    name="rejected_rows",
    row="one row of a delivery that breaks the contract; its day is that of the delivery",
    key=("delivery_id", "table_name", "position", "reason"),
    columns=(
        Column("delivery_id", ID, "the delivery it came with"),
        Column("source", TEXT, "file it was read from"),
        Column("position", COUNT, "row, line or record of that file, counted from 1"),
        Column("table_name", ID, "the table it was meant for"),
        Column("reason", TEXT, "column, rule and the offending value, shortened"),
        Column("mend", TEXT, "what to change"),
        Column("rejected_at", TIME, "when (UTC)"),
    ),
)

LOG_DELIVERIES = TableSchema(
    name="log_deliveries",
    row="one file taken in; its day is that of the delivery",
    key=("delivery_id", "table_name"),
    columns=(
        Column("delivery_id", ID, "hash of the file's bytes, the mapping and the table"),
        Column("source", TEXT, "file name"),
        Column("table_name", ID, "the table it went to"),
        Column("rows_read", COUNT, "rows in the file"),
        Column("rows_added", COUNT, "rows new to the lake"),
        Column("rows_duplicate", COUNT, "rows already there, or twice in the file"),
        Column("rows_rejected", COUNT, "rows that broke the contract"),
        Column(
            "rows_erased", COUNT, "rows of people who were erased, which are refused; NULL: 0, before there were any"
        ),
        Column("records_skipped", COUNT, "records that hold no reply, or that the mapping leaves out"),
        Column("bytes", COUNT, "size of the file"),
        Column("first_day", "DATE", "first UTC day among its rows"),
        Column("last_day", "DATE", "last UTC day among its rows; NULL until finished"),
        Column("last_time", TIME, "last time among its rows (UTC); NULL until finished"),
        Column("touched_days", TEXT, "UTC days whose partition changed, comma separated"),
        Column("complete_through", "DATE", "last day that the sender declared complete; NULL until finished"),
        Column("delivered_at", TIME, "when it was taken in (UTC)"),
        Column(
            "finished", FLAG, "false from the plan to the last commit; a killed delivery stays false until repeated"
        ),
    ),
)

DELIVERED = by_name(declare(table) for table in (*LOG_TABLES.values(), REJECTED_ROWS, LOG_DELIVERIES))
"""Every table that taking in a delivery may write."""
