"""Reads Parquet and CSV: files whose columns are known before their rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evalloop_assets.lake.errors import UserError
from evalloop_assets.logs.batch import DETAIL, NOT_UTF8, POSITION, WRITE_UTF8, RawBatch, Rejected, decoded
from evalloop_assets.logs.collect import BATCH_BYTES
from evalloop_assets.logs.mapping import Mapping
from evalloop_assets.logs.mapping_file import did_you_mean
from evalloop_assets.logs.opened import SHORTENED, opened, reading
from evalloop_assets.logs.plan import Need, TablePlan

MAX_FIELD_CHARS = 16 << 20


def parquet_batches(path: Path, mapping: Mapping, plans: Sequence[TablePlan], rows: int) -> Iterator[RawBatch]:
    """Batches of a Parquet file for each plan; UserError where the file is cut short or a column is missing."""
    with reading(path), whole_parquet(path), pq.ParquetFile(path, pre_buffer=False) as file:
        names = _wanted(path, mapping, plans, file.schema_arrow)
        done = 0
        for record_batch in file.iter_batches(_bounded(file.metadata, rows), columns=names, use_threads=False):
            table = pa.Table.from_batches([record_batch])
            positions = pa.array(range(done + 1, done + table.num_rows + 1), pa.int64())
            done += table.num_rows
            yield from _batches(plans, positions, _picker(table))


@contextmanager
def whole_parquet(path: Path) -> Iterator[None]:
    """UserError for a Parquet file that Arrow cannot make sense of."""
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise UserError(str(path), f"is no whole Parquet file ({_first_line(error)})", SHORTENED) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise UserError(str(path), f"is cut short or damaged ({_first_line(error)})", SHORTENED) from error


def csv_batches(path: Path, mapping: Mapping, plans: Sequence[TablePlan], rows: int) -> Iterator[RawBatch]:
    """Batches of a CSV file with a header; a row with more or fewer fields than the header is rejected."""
    csv.field_size_limit(MAX_FIELD_CHARS)
    with opened(path) as stream:
        text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
        reader = csv.reader(text, delimiter=mapping.delimiter, strict=True)
        header = next(reader, None)
        if header is None:
            raise UserError(str(path), "is empty", "Deliver a CSV file with a header.")
        if len(set(header)) < len(header):
            twice = next(name for name in header if header.count(name) > 1)
            raise UserError(str(path), f"has column `{twice}` twice", "Give each column a name of its own.")
        names = _wanted(path, mapping, plans, pa.schema([(name, pa.string()) for name in header]))
        picked = [header.index(name) for name in names]
        for kept, rejected in _csv_rows(reader, len(header), rows):
            fields = {name: _texts(kept, index) for name, index in zip(names, picked, strict=True)}
            positions = pa.array([line for line, _ in kept], pa.int64())
            table = pa.table(fields) if fields else pa.table({"": pa.nulls(len(kept))})
            yield from _batches(plans, positions, _picker(table), rejected)


def _csv_rows(reader: Any, width: int, rows: int) -> Iterator[tuple[list[tuple[int, list[str]]], list[Rejected]]]:
    kept: list[tuple[int, list[str]]] = []
    rejected: list[Rejected] = []
    size = 0
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            rejected.append(Rejected(line, f"the row is no CSV: {error}", "Close the quotes, or shorten the field."))
            continue
        if len(fields) == width:
            try:
                size += sum(map(len, fields))
                "".join(fields).encode("utf-8")
                kept.append((line, fields))
            except UnicodeEncodeError:
                rejected.append(Rejected(line, f"the row {NOT_UTF8}", WRITE_UTF8))
        elif fields:
            reason = f"the row has {len(fields)} fields, the header {width}"
            rejected.append(Rejected(line, reason, "Quote fields that hold the delimiter or a line break."))
        if len(kept) + len(rejected) >= rows or size > BATCH_BYTES:
            yield kept, rejected
            kept, rejected, size = [], [], 0
    yield kept, rejected


def _texts(kept: Sequence[tuple[int, list[str]]], index: int) -> pa.Array:
    return pa.array([fields[index] or None for _, fields in kept], pa.large_string())


def _batches(
    plans: Sequence[TablePlan],
    positions: pa.Array,
    pick: Callable[[Need], pa.Array],
    rejected: Sequence[Rejected] = (),
) -> Iterator[RawBatch]:
    for plan in plans:
        arrays = {POSITION: positions, DETAIL: pa.nulls(len(positions), pa.string())}
        faults: dict[int, str] = {}
        for need in plan.needs:
            arrays[need.key], found = _readable(pick(need), need)
            faults |= {index: f"{need.path} {reason}" for index, reason in found.items()}
        data = pa.table(arrays)
        if faults:
            data = data.filter(pa.array([index not in faults for index in range(len(positions))]))
        undecoded = [Rejected(positions[index].as_py(), reason, WRITE_UTF8) for index, reason in faults.items()]
        yield RawBatch(plan.schema.name, data, (*(rejected if plan.main else ()), *undecoded))


def _readable(array: pa.Array, need: Need) -> tuple[pa.Array, dict[int, str]]:
    """The column in a type that the mapping's SQL takes."""
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        joined = pc.binary_join(array.cast(pa.list_(pa.string())), need.join or "\n")
        return joined, {}
    if pa.types.is_timestamp(array.type):
        return array.cast(pa.timestamp("us"), safe=False), {}
    if pa.types.is_decimal(array.type):
        return array.cast(pa.float64()), {}
    textual = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    if any(test(array.type) for test in textual) or "view" in str(array.type):
        return decoded(array)
    return array, {}


def _picker(table: pa.Table) -> Callable[[Need], pa.Array]:
    def pick(need: Need) -> pa.Array:
        if need.path in table.column_names:
            return table.column(need.path).combine_chunks()
        head, *rest = need.path.split(".")
        return pc.struct_field(table.column(head).combine_chunks(), rest)

    return pick


def _wanted(path: Path, mapping: Mapping, plans: Sequence[TablePlan], schema: pa.Schema) -> list[str]:
    """Top-level columns to read; UserError for a path that the file does not have."""
    names: dict[str, None] = {}
    known = set(_paths(schema))
    for plan in plans:
        for need in plan.needs:
            if need.path not in known:
                mend = did_you_mean(need.path, known) or f"The file has {', '.join(schema.names)}."
                raise UserError(f"{mapping.name}: `{need.path}`", f"is no column of {path.name}", mend)
            names[need.path if need.path in schema.names else need.path.split(".")[0]] = None
    return list(names)


def _paths(fields: pa.Schema | pa.StructType, prefix: str = "") -> Iterator[str]:
    for field in fields:
        yield prefix + field.name
        if pa.types.is_struct(field.type):
            yield from _paths(field.type, f"{prefix}{field.name}.")


def _bounded(metadata: pq.FileMetaData, rows: int) -> int:
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    widest = max((group.total_byte_size / max(group.num_rows, 1) for group in groups), default=1)
    return max(1, min(rows, int(BATCH_BYTES / max(widest, 1))))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:160]
