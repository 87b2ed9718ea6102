"""Reads a delivered file of any known format as raw batches, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evalloop_assets.lake.errors import UserError
from evalloop_assets.logs import harness, langfuse, otel
from evalloop_assets.logs.batch import RawBatch, Rejected
from evalloop_assets.logs.collect import Collector, Row
from evalloop_assets.logs.columnar import csv_batches, parquet_batches
from evalloop_assets.logs.dialogue import replies
from evalloop_assets.logs.harness import NAMED_BY_PATH
from evalloop_assets.logs.json_records import Record, json_any, json_array, json_lines
from evalloop_assets.logs.mapping import Mapping
from evalloop_assets.logs.mapping_file import did_you_mean
from evalloop_assets.logs.paths import known_paths
from evalloop_assets.logs.plan import Need, TablePlan, plans
from evalloop_assets.logs.presets import EXPANDED


def read(path: str | Path, mapping: Mapping, batch_rows: int) -> Iterator[RawBatch]:
    """Batches of the file, for the main table and those filled along with it.

    UserError where the file cannot be read to its end or has nothing where a required column is said to be.
    """
    path = Path(path)
    wanted = plans(mapping)
    if mapping.format == "parquet":
        return parquet_batches(path, mapping, wanted, batch_rows)
    if mapping.format == "csv":
        return csv_batches(path, mapping, wanted, batch_rows)
    return _record_batches(path, mapping, wanted, batch_rows)


def _record_batches(path: Path, mapping: Mapping, wanted: Sequence[TablePlan], batch_rows: int) -> Iterator[RawBatch]:
    main, *further = (Collector(plan) for plan in wanted)
    example: object = None
    for record in _records(path, mapping):
        if isinstance(record, Rejected):
            main.reject(record)
        else:
            example = example or record.value
            taken = _gather(main, record, mapping, path)
            for collector in further:
                for row in taken:
                    collector.add(row, record.size // len(taken))
        for collector in (main, *further):
            if len(collector) >= batch_rows or collector.full:
                yield collector.take()
    for collector in (main, *further):
        if example is not None:
            _require_found(path, mapping, collector, example)
        yield collector.take()


def _records(path: Path, mapping: Mapping) -> Iterator[Record | Rejected]:
    match mapping.format:
        case "jsonl":
            return json_lines(path)
        case "json":
            return json_array(path, mapping.records)
        case _:
            return json_any(path)


def _expanded(record: object, format_: str, path: Path) -> list[dict[str, Any] | None]:
    """The flat records of one of a format in EXPANDED; None for what holds nothing to take."""
    match format_:
        case "otel":
            return [otel.turn_of(span, shared) for span, shared in otel.spans(record)]
        case "langfuse":
            return [langfuse.turn_of(item) for item in langfuse.observations(record)]
        case "lm_eval":
            return list(harness.lm_eval_rows(record, path))
        case _:
            return list(harness.evalscope_rows(record, path))


def _gather(main: Collector, record: Record, mapping: Mapping, path: Path) -> list[Row]:
    """Adds what the record holds to the main table; the rows that the tables filled along with it are made of."""
    whole = [Row(record.position, record.value)]
    if mapping.format in EXPANDED:
        found = _expanded(record.value, mapping.format, path)
        for number, turn in enumerate(found, 1):
            if turn is None:
                main.skip()
            else:
                detail = f"entry {number}" if len(found) > 1 else None
                main.add(Row(record.position, turn, detail=detail), record.size // len(found))
        if not found:
            main.skip()
        if mapping.format in NAMED_BY_PATH:
            return [Row(record.position, one) for one in found if one is not None and "sample" in one]
    elif mapping.dialogue is not None:
        rows = replies(record.value, record.position, mapping.dialogue)
        if isinstance(rows, Rejected):
            main.reject(rows)
            return whole
        added = list(rows)
        for row in added:
            main.add(row, record.size // len(added))
        if not added:
            main.skip()
    else:
        main.add(whole[0], record.size)
    return whole


def _require_found(path: Path, mapping: Mapping, collector: Collector, example: object) -> None:
    if not collector.rows_seen:
        return
    for column, paths in collector.plan.required_paths().items():
        keys = {Need("record", name).key for name in paths}
        if not keys & collector.seen:
            mend = did_you_mean(paths[0], known_paths(example)) or f"Correct `{column}` in the mapping."
            shown = " or ".join(f"`{name}`" for name in paths)
            raise UserError(f"{mapping.name}: {column}", f"reads {shown}, which no record of {path.name} has", mend)
