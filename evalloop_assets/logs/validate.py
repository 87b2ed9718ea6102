"""Holds rows against the contract: typed rows come out on one side, rejected rows with reason and mend on the other.

Every rule is a column expression over the whole batch. A row is rejected for all its faults at once.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

import pyarrow as pa

from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.logs.batch import DETAIL, POSITION
from evalloop_assets.logs.contract import EARLIEST_YEAR, LONG_TEXTS, MAX_ID_CHARS, MAX_TEXT_CHARS
from evalloop_assets.logs.database import cursor

SHOWN_CHARS = 60
LENGTHS = {"user_chars": "user_text", "reply_chars": "reply_text"}
"""Columns that are counted from a text where the log does not give them."""


class Validated(NamedTuple):
    """The two sides of one batch."""

    accepted: pa.Table
    """`position`, `day`, then every column of the table with its type."""
    rejected: pa.Table
    """`position` BIGINT, `reason` VARCHAR (column, rule, shortened value unless it is a text), `mend` VARCHAR."""
    erased: int
    """Rows of people who were erased: they come out on neither side."""


class Rule(NamedTuple):
    """One way in which a value breaks the contract, as SQL over `raw_<column>` and `typed_<column>`."""

    broken: str
    reason: str
    """SQL text expression."""
    mend: str


class Validation:
    """The rules of one table, run batch by batch. `now` and `tolerance` decide what lies in the future."""

    def __init__(
        self, schema: TableSchema, now: datetime, tolerance: timedelta, day: date, refused: pa.Table | None = None
    ) -> None:
        """`day`: that of the rows of a table that has no time of its own. `refused`: user_hash and salt of people who
        must not come back."""
        self.schema = schema
        self._refused = refused if "user_id" in schema.column_names else None
        self._latest = now + tolerance
        self._day = day
        self._connection = cursor()

    def __call__(self, batch: pa.Table) -> Validated:
        """`batch`: `position`, `detail` and columns named as in the contract, of any type; missing ones are NULL."""
        connection = self._connection
        connection.register("batch", batch)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE judged AS {self._judgement(batch)}")
        erased = self._leave_out_erased()
        names = ", ".join(self._result(column) for column in self.schema.columns)
        day = f"CAST(typed_{self.schema.day_from} AS DATE)" if self.schema.day_from else f"DATE '{self._day}'"
        accepted = connection.sql(
            f"SELECT position, {day} AS day, {names} FROM judged WHERE reason = '' ORDER BY position"
        ).to_arrow_table()
        rejected = connection.sql(
            f"SELECT position, concat({DETAIL} || ': ', reason) AS reason, mend FROM judged WHERE reason <> '' "
            "ORDER BY position, reason"
        ).to_arrow_table()
        wanted = pa.schema([(POSITION, pa.int64()), *arrow_schema(self.schema)])
        return Validated(accepted.cast(wanted), rejected, erased)

    def _leave_out_erased(self) -> int:
        """Delete the rows of erased people from `judged`, whatever else is wrong with them; gives their number."""
        if self._refused is None or not self._refused.num_rows:
            return 0
        self._connection.register("refused", self._refused)
        found = self._connection.execute("""
            DELETE FROM judged WHERE typed_user_id IN (
                SELECT seen.user_id
                FROM (SELECT DISTINCT typed_user_id AS user_id FROM judged WHERE typed_user_id IS NOT NULL) AS seen
                CROSS JOIN (SELECT DISTINCT salt FROM refused) AS salts
                JOIN refused ON refused.salt = salts.salt AND refused.user_hash = sha256(salts.salt || seen.user_id)
            )""").fetchall()
        return int(found[0][0])

    def _result(self, column: Column) -> str:
        typed = f"typed_{column.name}"
        if column.name in LENGTHS:
            typed = f"coalesce({typed}, length(typed_{LENGTHS[column.name]}))"
        if column.name == "time_source":
            typed = f"coalesce({typed}, 'logged')"
        return f'{typed} AS "{column.name}"'

    def _judgement(self, batch: pa.Table) -> str:
        """A column without any value gets only the rule that asks for one: half of the contract, in most logs."""
        raw, typed, reasons, mends = [], [], [], []
        for column in self.schema.columns:
            present = column.name in batch.column_names and batch.column(column.name).null_count < batch.num_rows
            kind = batch.schema.field(column.name).type if present else pa.null()
            raw.append(f'"{column.name}" AS raw_{column.name}' if present else f"NULL AS raw_{column.name}")
            computed = _typed(column, kind) if present else f"CAST(NULL AS {column.type})"
            typed.append(f"{computed} AS typed_{column.name}")
            rules = _rules(column, kind, self._latest) if present else _required(column, kind)
            for rule in rules:
                reasons.append(f"CASE WHEN {rule.broken} THEN {_literal(column.name + ' ')} || {rule.reason} END")
                mends.append(f"CASE WHEN {rule.broken} THEN {_literal(rule.mend)} END")
        return (
            f"WITH raw AS (SELECT {POSITION}, {DETAIL}, {', '.join(raw)} FROM batch), "
            f"typed AS (SELECT *, {', '.join(typed)} FROM raw) "
            f"SELECT *, concat_ws('; ', {', '.join(reasons)}) AS reason, coalesce({', '.join(mends)}) AS mend "
            "FROM typed"
        )


def _typed(column: Column, kind: pa.DataType) -> str:
    raw = f"raw_{column.name}"
    text = f"CAST({raw} AS VARCHAR)"
    match column.type:
        case "VARCHAR":
            return f"CASE WHEN trim({_plain(raw, kind)}) <> '' THEN {_plain(raw, kind)} END"
        case "TIMESTAMP":
            if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
                return "CAST(NULL AS TIMESTAMP)"
            if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
                return f"CAST({raw} AS TIMESTAMP)"
            return f"TRY_CAST({text} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
        case "BIGINT":
            whole = f"TRY_CAST({raw} AS DOUBLE) = floor(TRY_CAST({raw} AS DOUBLE))"
            return f"CASE WHEN {whole} THEN TRY_CAST({raw} AS BIGINT) END"
        case "DOUBLE":
            return f"TRY_CAST({raw} AS DOUBLE)"
        case "BOOLEAN":
            return f"TRY_CAST({_plain(raw, kind)} AS BOOLEAN)"
    raise ValueError(f"the contract has no type {column.type}")


def _rules(column: Column, kind: pa.DataType, latest: datetime) -> list[Rule]:
    raw, typed = f"raw_{column.name}", f"typed_{column.name}"
    plain = _plain(raw, kind)
    shown = _shown(plain)
    filled = f"trim({plain}) <> ''"
    rules = _required(column, kind)
    match column.type:
        case "VARCHAR":
            limit = MAX_TEXT_CHARS if column.name in LONG_TEXTS else MAX_ID_CHARS
            quoted = "" if column.name in LONG_TEXTS else f" || ': ' || {shown}"  # nobody's words stand in a reason
            rules += [
                Rule(f"contains({typed}, chr(0))", f"'holds a NUL character'{quoted}", "Remove NUL characters."),
                Rule(
                    f"length({typed}) > {limit}",
                    f"'is ' || length({typed}) || ' characters long, above {limit}'{quoted}",
                    f"Shorten {column.name} or leave the row out.",
                ),
            ]
        case "TIMESTAMP":
            mend = "Write UTC times such as 2026-01-31T12:00:00Z, or set `time:` in the mapping."
            early, late = f"TIMESTAMP '{EARLIEST_YEAR}-01-01'", f"TIMESTAMP '{latest.isoformat(' ')}'"
            rules += [
                Rule(f"{filled} AND {typed} IS NULL", f"'is no time: ' || {shown}", mend),
                Rule(f"{typed} < {early}", f"'is before {EARLIEST_YEAR}: ' || {shown}", mend),
                Rule(
                    f"{typed} > {late}",
                    f"'is in the future: ' || {shown}",
                    "Check the clock and the unit of the times.",
                ),
            ]
        case "BIGINT":
            rules.append(
                Rule(f"{filled} AND {typed} IS NULL", f"'is no whole number: ' || {shown}", "Write a whole number.")
            )
        case "DOUBLE":
            broken = f"({filled} AND {typed} IS NULL) OR NOT isfinite({typed})"
            rules.append(Rule(broken, f"'is no finite number: ' || {shown}", "Write a number, or nothing."))
        case "BOOLEAN":
            rules.append(
                Rule(
                    f"{filled} AND {typed} IS NULL", f"'is neither true nor false: ' || {shown}", "Write true or false."
                )
            )
    if column.choices:
        listed = ", ".join(column.choices)
        names = ", ".join(map(_literal, column.choices))
        rules.append(
            Rule(
                f"{typed} NOT IN ({names})",
                f"'is none of {listed}: ' || {shown}",
                "Translate it with `values:` in the mapping.",
            )
        )
    if column.minimum is not None:
        rules.append(
            Rule(f"{typed} < {column.minimum}", f"'is below {column.minimum}: ' || {shown}", "Check value and unit.")
        )
    if column.maximum is not None:
        rules.append(
            Rule(f"{typed} > {column.maximum}", f"'is above {column.maximum}: ' || {shown}", "Check value and unit.")
        )
    return rules


def _required(column: Column, kind: pa.DataType) -> list[Rule]:
    if not column.required:
        return []
    missing = f"coalesce(trim({_plain(f'raw_{column.name}', kind)}) = '', true)"
    return [Rule(missing, "'is missing'", f"Give every row its {column.name}.")]


def _plain(raw: str, kind: pa.DataType) -> str:
    """The raw value as text; a whole float as an integer, since ids with gaps often come as floats."""
    if pa.types.is_floating(kind):
        whole = f"{raw} = floor({raw}) AND abs({raw}) < 1e15"
        return f"(CASE WHEN {whole} THEN CAST(CAST({raw} AS BIGINT) AS VARCHAR) ELSE CAST({raw} AS VARCHAR) END)"
    return f"CAST({raw} AS VARCHAR)"


def _shown(plain: str) -> str:
    short = f"replace(left({plain}, {SHOWN_CHARS}), chr(0), '␀')"
    return f"({short} || CASE WHEN length({plain}) > {SHOWN_CHARS} THEN '…' ELSE '' END)"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
