"""Reads a mapping file; every mistake in it is one line that names the file, the key and the mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets.logs.mapping import Dialogue, Mapping, Source, duration_unit
from evalloop_assets.logs.opened import reading
from evalloop_assets.logs.presets import EXPANDED, with_preset

if TYPE_CHECKING:
    import yaml


def load_mapping(path: str | Path) -> Mapping:
    """The mapping in a YAML file; UserError where it cannot be read or does not fit the contract."""
    path = Path(path)
    with reading(path):
        raw = path.read_bytes()
    try:
        content = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(str(path), "is no text in UTF-8", "Give the path of a YAML mapping, not of a log.") from error
    return parse_mapping(content, path.name)


def parse_mapping(content: str, name: str) -> Mapping:
    """The mapping in YAML text; `name` is what messages call it."""
    import yaml

    try:
        data = yaml.load(content, _loader())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UserError(name, f"{where}{problem}", "Correct the YAML there.") from error
    if not isinstance(data, dict):
        raise UserError(name, "is no mapping", "Begin with `format:`, `table:` and `columns:` (docs/log-contract.md).")
    try:
        mapping = Mapping.model_validate({**with_preset(data), "name": name})
    except ValidationError as error:
        raise _from_validation(name, error) from error
    check_mapping(mapping)
    return mapping


def check_mapping(mapping: Mapping) -> None:
    """UserError where the mapping asks for what the contract or its format does not have."""
    _schema(mapping.name, mapping.table)
    _check_columns(mapping, mapping.table, mapping.columns, "columns")
    for table, columns in mapping.also.items():
        if table == mapping.table:
            raise UserError(
                f"{mapping.name}: also.{table}", "is the main table again", "Put its columns into `columns`."
            )
        _check_columns(mapping, table, columns, f"also.{table}")
        _check_required(mapping, _schema(mapping.name, table), set(columns), f"also.{table}")
    given = set(mapping.columns)
    if mapping.dialogue is not None:
        if mapping.format in ("parquet", "csv", *EXPANDED):
            raise UserError(
                f"{mapping.name}: dialogue", f"does not go with format {mapping.format}", "Use format json or jsonl."
            )
        if mapping.table != "turns":
            raise UserError(f"{mapping.name}: dialogue", f"cannot fill {mapping.table}", "Set `table: turns`.")
        _check_columns(mapping, mapping.table, mapping.dialogue.reply, "dialogue.reply")
        given |= set(mapping.dialogue.reply) | {"event_id", "conversation_id", "user_text", "reply_text"}
        if mapping.dialogue.time or mapping.dialogue.start:
            given.add("shown_at")
    elif mapping.format in ("otel", "langfuse"):
        given |= {"shown_at"}
    _check_required(mapping, _schema(mapping.name, mapping.table), given, "columns")


def _check_required(mapping: Mapping, schema: TableSchema, given: set[str], where: str) -> None:
    missing = [column.name for column in schema.columns if column.required and column.name not in given]
    if missing:
        raise UserError(
            f"{mapping.name}: {where}",
            f"says nothing of {', '.join(missing)}, which every row of {schema.name} needs",
            f"Add `{missing[0]}: <path in the log>`.",
        )


def _check_columns(mapping: Mapping, table: str, columns: dict[str, Source], where: str) -> None:
    schema = _schema(mapping.name, table)
    for name, source in columns.items():
        key = f"{mapping.name}: {where}.{name}"
        if name not in schema.column_names:
            raise UserError(key, f"is no column of {table}", _suggestion(name, schema.column_names))
        column = schema.column(name)
        if source.time != "iso" and column.type != "TIMESTAMP":
            raise UserError(key, "has `time`, but the column is no time", "Remove `time`.")
        if source.unit is not None and duration_unit(column) is None:
            raise UserError(key, "has `unit`, but the column is no duration", "Remove `unit`.")
        if source.scale is not None and (column.type != "DOUBLE" or source.unit is not None):
            raise UserError(key, "has `scale`, but the column is no number without a unit", "Remove `scale`.")
        if source.interval and name != "standard_error":
            raise UserError(key, "has `interval`, but the column is no standard error", "Give `from`.")
        if "." in source.hash and mapping.format in ("parquet", "csv"):
            raise UserError(key, f"hashes the whole record of a {mapping.format} file", "Name the columns to hash.")


def _schema(name: str, table: str) -> TableSchema:
    if table not in LOG_TABLES:
        raise UserError(f"{name}: table {table}", "is not in the log contract", _suggestion(table, LOG_TABLES))
    return LOG_TABLES[table]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean x?`, or nothing where no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"Did you mean `{near[0]}`?" if near else ""


def _suggestion(word: str, known: Iterable[str]) -> str:
    known = list(known)
    return did_you_mean(word, known) or f"Known: {', '.join(known)}."


def _from_validation(name: str, error: ValidationError) -> UserError:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    key = f"{name}: {'.'.join(path)}" if path else name
    if first["type"] == "extra_forbidden":
        return UserError(key, "is no key of a mapping", _suggestion(path[-1], _known_keys(path)))
    reason = str(first["msg"]).removeprefix("Value error, ")
    return UserError(key, reason[0].lower() + reason[1:], "See docs/log-contract.md, section Mapping files.")


def _known_keys(path: list[str]) -> list[str]:
    model: type[BaseModel] = Mapping
    if len(path) > 1:
        in_columns = path[0] in ("columns", "also") or (path[0] == "dialogue" and len(path) > 2)
        model = Source if in_columns else Dialogue
    return [field.alias or name for name, field in model.model_fields.items() if not field.exclude]


def _loader() -> type[yaml.SafeLoader]:
    import yaml

    class Loader(yaml.SafeLoader):
        """Refuses a key given twice, which YAML loaders otherwise settle in silence."""

    def construct(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = loader.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key `{key}` is given twice", key_node.start_mark)
            seen.add(key)
        return loader.construct_mapping(node, deep=True)

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, construct)
    return Loader
