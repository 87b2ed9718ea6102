"""Applies a mapping to raw batches: one SELECT that turns picked columns into columns of the contract.

Nothing is judged here. A value that cannot be translated goes on as its text, so that validation rejects it and shows
it. Values of the mapping are bound as parameters.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import pyarrow as pa

from evalloop_assets.logs.batch import DETAIL, POSITION
from evalloop_assets.logs.database import cursor
from evalloop_assets.logs.mapping import EPOCHS, SECONDS, Plain, Source, duration_unit, value_key
from evalloop_assets.logs.plan import NUMBER, Fed, Need, TablePlan

BESIDE = r"^\s*\+?([0-9.]+)\s*/\s*[-−]?([0-9.]+)\s*$"
"""An interval as distances from its value: +6/-4."""

GROUPED = r"[-+]?[0-9]{1,3}(,[0-9]{3})+([.][0-9]*)?"
"""A number with its thousands apart: 1,234.5."""


class Applied(NamedTuple):
    """Rows with the contract's column names, not yet of its types."""

    data: pa.Table
    left_out: int
    """Rows that `where` leaves out."""


class Application:
    """The SELECT of one plan, run batch by batch."""

    def __init__(self, plan: TablePlan) -> None:
        self.plan = plan
        self._connection = cursor()

    def __call__(self, data: pa.Table) -> Applied:
        builder = _Builder(data.schema)
        selected = ", ".join(
            f'{builder.contract_column(name, fed, self.plan)} AS "{name}"' for name, fed in self.plan.columns.items()
        )
        kept = " AND ".join(builder.listed(path, values) for path, values in self.plan.where.items()) or "true"
        sql = f"SELECT {POSITION}, {DETAIL}, {selected} FROM raw WHERE {kept}"
        self._connection.register("raw", data)
        result = self._connection.sql(sql, params=builder.parameters).to_arrow_table()
        return Applied(result, data.num_rows - result.num_rows)


class _Builder:
    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self.parameters: dict[str, Plain] = {}

    def contract_column(self, name: str, fed: Fed, plan: TablePlan) -> str:
        source = fed.source
        column = plan.schema.column(name)
        sql = self._origin(fed)
        if source.values is not None:
            sql = self._translated(sql, source.values)
        if source.time != "iso":
            sql = self._time(sql, source.time)
        unit = duration_unit(column)
        if source.unit is not None and unit is not None:
            factor = self._bind(SECONDS[source.unit] / unit)
            number = f"TRY_CAST({sql} AS DOUBLE)"
            sql = f"coalesce(CAST(TRY_CAST(round({number} * {factor}) AS BIGINT) AS VARCHAR), {sql})"
        if source.scale is not None:
            sql = f"coalesce(CAST({self._number(sql)} * {self._bind(source.scale)} AS VARCHAR), {sql})"
        if source.default is not None:
            sql = f"coalesce({sql}, {self._bind(value_key(source.default))})"
        if fed.numbered:
            sql = f"concat({sql}, ':', {_quoted(NUMBER.key)})"
        return sql

    def listed(self, path: str, values: tuple[str, ...]) -> str:
        names = ", ".join(self._bind(value) for value in values)
        return f"coalesce({self._text(Need('record', path))} IN ({names}), false)"

    def _origin(self, fed: Fed) -> str:
        source = fed.source
        if source.value is not None:
            return self._bind(value_key(source.value))
        needs = [Need(fed.scope, path, source.join) for path in source.paths]
        if source.interval:
            return self._standard_error(list(map(self._text, needs)), source.level)
        if source.hash:
            parts = [f"coalesce(concat(length({text}), ':', {text}), '-')" for text in map(self._text, needs)]
            present = " OR ".join(f"{_quoted(need.key)} IS NOT NULL" for need in needs)
            return f"CASE WHEN {present} THEN md5(concat({', '.join(parts)})) END"
        if len(needs) == 1 and self._untouched(source):
            return _quoted(needs[0].key)
        return f"coalesce({', '.join(self._text(need) for need in needs)})"

    def _untouched(self, source: Source) -> bool:
        return (
            source.values is None
            and source.time == "iso"
            and source.unit is None
            and source.default is None
            and source.scale is None
        )

    def _text(self, need: Need) -> str:
        name = _quoted(need.key)
        if pa.types.is_floating(self._schema.field(need.key).type):
            whole = f"{name} = floor({name}) AND abs({name}) < 1e15"
            return f"CASE WHEN {whole} THEN CAST(CAST({name} AS BIGINT) AS VARCHAR) ELSE CAST({name} AS VARCHAR) END"
        return f"CAST({name} AS VARCHAR)"

    def _translated(self, sql: str, values: dict[str, Plain]) -> str:
        cases = [
            f"WHEN {self._bind(key)} THEN {self._bind(None if value is None else value_key(value))}"
            for key, value in values.items()
            if key != "*"
        ]
        star = values.get("*")
        other = sql
        if "*" in values:
            other = (
                f"CASE WHEN {sql} IS NULL THEN NULL ELSE {self._bind(None if star is None else value_key(star))} END"
            )
        return f"CASE {sql} {' '.join(cases)} ELSE {other} END" if cases else other

    def _standard_error(self, texts: list[str], level: float) -> str:
        """Half of the interval's width by the normal quantile; of a text that is no interval, the text."""
        if len(texts) == 2:
            width = f"TRY_CAST({texts[1]} AS DOUBLE) - TRY_CAST({texts[0]} AS DOUBLE)"
        else:
            width = " + ".join(
                f"TRY_CAST(regexp_extract({texts[0]}, {self._bind(BESIDE)}, {k}) AS DOUBLE)" for k in (1, 2)
            )
        quantile = self._bind(2 * NormalDist().inv_cdf((1 + level) / 2))
        return f"coalesce(CAST(({width}) / {quantile} AS VARCHAR), {texts[0]})"

    def _number(self, sql: str) -> str:
        """A number, also as 12.3 % or 1,234.5."""
        text = f"trim(CAST({sql} AS VARCHAR), {self._bind(' %')})"
        grouped = f"regexp_full_match({text}, {self._bind(GROUPED)})"
        return f"TRY_CAST(CASE WHEN {grouped} THEN replace({text}, ',', '') ELSE {text} END AS DOUBLE)"

    def _time(self, sql: str, time: str) -> str:
        if time in EPOCHS:
            if time == "epoch_ns":  # beyond the whole numbers that a double holds
                micros = f"TRY_CAST({sql} AS BIGINT) // 1000"
            else:
                micros = f"TRY_CAST(round(TRY_CAST({sql} AS DOUBLE) * {self._bind(EPOCHS[time])}) AS BIGINT)"
            moment = f"CASE WHEN abs({micros}) < 200000000000000000 THEN make_timestamp({micros}) END"
        else:
            moment = f"try_strptime({sql}, {self._bind(time)})"
        return f"coalesce(CAST({moment} AS VARCHAR), {sql})"

    def _bind(self, value: Plain) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"${name}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
