"""What one table needs from a file: the raw columns to pick from it, and the contract column that each feeds."""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import Literal, NamedTuple

from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets.logs.mapping import Mapping, Source

Scope = Literal["record", "reply", "built"]

BUILT = ("user_text", "reply_text", "shown_at", "time_source")
"""Columns that expanding a dialogue gives by itself."""


class Need(NamedTuple):
    """One raw column: a path in a record, in the reply's message, or a value that the reader makes."""

    scope: Scope
    path: str
    join: str | None = None

    @property
    def key(self) -> str:
        return f"{self.scope}:{self.path}" + ("" if self.join is None else f":{self.join!r}")


@dataclass(frozen=True)
class Fed:
    """One contract column and what feeds it."""

    source: Source
    scope: Scope
    numbered: bool = False
    """Append the message's number in its dialogue."""

    @property
    def needs(self) -> tuple[Need, ...]:
        picked = tuple(Need(self.scope, path, self.source.join) for path in self.source.paths)
        return (*picked, NUMBER) if self.numbered else picked


NUMBER = Need("built", "number")
CONVERSATION_OF_RECORD = Source.model_validate({"hash": "."})


@dataclass(frozen=True)
class TablePlan:
    """All that one table takes from one file."""

    schema: TableSchema
    columns: Map[str, Fed]
    where: Map[str, tuple[str, ...]]
    main: bool
    """False for a table that is filled along with the main one."""

    @property
    def needs(self) -> tuple[Need, ...]:
        """Raw columns, each once, in order."""
        picked = [need for fed in self.columns.values() for need in fed.needs]
        return tuple(dict.fromkeys([*picked, *(Need("record", path) for path in self.where)]))

    def required_paths(self) -> dict[str, tuple[str, ...]]:
        """Required column to the record paths that could feed it, where nothing else could."""
        return {
            name: fed.source.paths
            for name, fed in self.columns.items()
            if self.schema.column(name).required
            and fed.scope == "record"
            and fed.source.default is None
            and fed.source.paths
        }


def plans(mapping: Mapping) -> tuple[TablePlan, ...]:
    """The main table's plan, then those of the tables filled along with it."""
    main = {name: Fed(source, "record") for name, source in mapping.columns.items()}
    if mapping.dialogue is not None:
        conversation = mapping.columns.get("conversation_id", CONVERSATION_OF_RECORD)
        built = {name: Fed(Source.model_validate(name), "built") for name in BUILT}
        built["conversation_id"] = Fed(conversation, "record")
        built["event_id"] = Fed(conversation, "record", numbered=True)
        reply = {name: Fed(source, "reply") for name, source in mapping.dialogue.reply.items()}
        main = {**built, **main, **reply}
    further = [
        TablePlan(
            LOG_TABLES[table], {name: Fed(source, "record") for name, source in columns.items()}, mapping.where, False
        )
        for table, columns in mapping.also.items()
    ]
    return (TablePlan(LOG_TABLES[mapping.table], main, mapping.where, True), *further)


def identity(schema: TableSchema, present: tuple[str, ...]) -> Mapping:
    """The mapping of a Parquet file whose columns already have the contract's names."""
    columns = {name: Source.model_validate(name) for name in schema.column_names if name in present}
    return Mapping(format="parquet", table=schema.name, columns=columns, name=f"{schema.name} as delivered")
