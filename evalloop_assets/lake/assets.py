"""Dagster assets from `.sql` files and from functions: read a window, compute, replace the days, report."""

import functools
import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetDep,
    AssetExecutionContext,
    AssetsDefinition,
    BackfillPolicy,
    MaterializeResult,
    ResourceParam,
    asset,
)

from evalloop_assets.days import Days, Window
from evalloop_assets.lake.ahead import clock_ahead
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.constants import constants, setting_values
from evalloop_assets.lake.difference import difference
from evalloop_assets.lake.engine import View, columns_of
from evalloop_assets.lake.freshness import Definition, Newest, causes
from evalloop_assets.lake.picture import Picture
from evalloop_assets.lake.registry import declare, declared
from evalloop_assets.lake.report import (
    Lineage,
    dagster_schema,
    report,
    shown_day,
    shown_difference,
    shown_picture,
)
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.lake.sql import SqlTransform, load
from evalloop_assets.lake.store import Commit, Inputs, Lake
from evalloop_assets.partitions import days_from, days_of, mapping
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PACKAGE = Path(__file__).parent.parent
DAYS = days_from(Settings().first_day)
TRANSFORMS: dict[str, SqlTransform] = {}
"""Every SQL asset by its table, for the planner of recomputation."""
STEPS: dict[str, "Step"] = {}
"""Every asset that is a table of the lake, SQL or Python, by name."""
STALE_ONLY = {"evalloop/only": "stale"}
"""Tag of a run whose steps compute, of the days asked for, only those that are stale when their turn comes."""


@dataclass(frozen=True)
class Scorer:
    """What the newest days are scored anew for: another model, or other rows of a table that is read as a whole."""

    version: Callable[[Settings], str]
    """Of the model, or the rules, in use; empty where there is none."""
    rescored_days: Callable[[Settings], int]
    """How many of the newest complete days are then scored anew; those before stand."""


@dataclass(frozen=True)
class Step:
    """What the planner must know of an asset."""

    table: str
    reads: Mapping[str, Window]
    horizons: tuple[int, ...]
    code: str
    group: str
    scorer: Scorer | None = None


@dataclass(frozen=True)
class Frame:
    """What a Python step hands back for one day."""

    table: "pa.Table | pd.DataFrame"
    """The schema's columns; `day` is added where missing."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Shown in the UI beside the usual."""
    unfinished: bool = False
    """Of a step in parts: the day lacks rows yet, and the step is to be called again when these are committed."""


def sql_asset(path: str, group: str, picture: Picture | None = None) -> AssetsDefinition:
    """The asset of one `.sql` file (`stage/table.sql`); its header gives dependencies, columns, description.

    The picture is drawn once a run.
    """
    transform = load(PACKAGE / path)
    schema = declare(transform.schema)
    TRANSFORMS[schema.name] = transform
    STEPS[schema.name] = Step(schema.name, transform.reads, transform.horizons, transform.code, group)

    @asset(**_common(schema, transform.reads, group, transform.code), kinds={"sql", "duckdb"})
    def _sql(
        context: AssetExecutionContext, lake: LakeResource, settings: ResourceParam[Settings]
    ) -> MaterializeResult:
        store = lake.open()
        days = days_to_compute(context, store, schema.name, settings)
        if not days:
            return NOTHING_STALE
        commit = run_transform(store, transform, days, settings, context.run.run_id)
        shown = report(store, schema, commit, lineage(schema.name)) | shown_picture(store, commit, picture)
        return result(context, store, schema, commit, shown)

    return _sql


def frame_asset(
    schema: TableSchema,
    reads: Mapping[str, Window],
    group: str,
    code_version: str = "1",
    horizons: Sequence[int] = (),
    once: bool = False,
    scorer: Scorer | None = None,
    picture: Picture | None = None,
    own: Window | None = None,
) -> Callable[[Callable[[Inputs, date, Settings], Frame]], AssetsDefinition]:
    """The asset of a function that computes the rows of one day from its windows; the UI shows its docstring.

    With `once`, a run over a range computes its last day only: for steps that learn or decide. With a `scorer`, former
    days are recomputed like those of a query: when rows came late, and, the newest of them, when the model is another
    or a table that is read as a whole has other rows.
    The picture is drawn once a run. A step with a window on its `own` table runs in parts (`run_in_parts`): beside what
    it `reads` it finds what its table holds of these days, and adds to it. That is no edge of the graph and makes
    nothing stale: its rows are right whatever it finds.
    """
    declare(schema)

    def wrap(function: Callable[[Inputs, date, Settings], Frame]) -> AssetsDefinition:
        code = hashlib.sha256(repr((code_version, sorted(reads.items()), schema)).encode()).hexdigest()[:12]
        STEPS[schema.name] = Step(schema.name, reads, tuple(horizons), code, group, scorer)

        @asset(
            **_common(schema, reads, group, code, description=inspect.getdoc(function)),
            kinds={"python"},
        )
        def _frame(
            context: AssetExecutionContext, lake: LakeResource, settings: ResourceParam[Settings]
        ) -> MaterializeResult:
            store = lake.open()
            days = days_to_compute(context, store, schema.name, settings)
            if not days:
                return NOTHING_STALE
            days = days[-1:] if once else days
            version = version_of(schema.name, settings)
            given = (store, schema, reads, function, days, settings, version, context.run.run_id)
            commit, metadata = run_frames(*given) if own is None else run_in_parts(*given, own)
            shown = report(store, schema, commit) | shown_picture(store, commit, picture) | dict(metadata)
            return result(context, store, schema, commit, shown)

        return _frame

    return wrap


NOTHING_STALE: MaterializeResult = MaterializeResult(
    metadata={"computed": "nothing: no day of this run was stale any more"}
)


def days_to_compute(context: AssetExecutionContext, lake: Lake, table: str, settings: Settings) -> Sequence[date]:
    """The days that the run was asked for; of a run for what is stale, those that are."""
    days = days_of(context.partition_keys)
    if STALE_ONLY.items() <= context.run.tags.items():
        return stale_now(lake, definition_of(table, settings, lake.clock()), days)
    return tuple(days)


def stale_now(lake: Lake, definition: Definition, days: Days) -> Sequence[date]:
    """The days of one table that are not what its inputs and its definition would give."""
    commits = {table: lake.computed(table) for table in {*definition.reads, definition.table}}
    newest = {table: Newest({day: how.changed for day, how in known.items()}) for table, known in commits.items()}
    known, clock = commits[definition.table], lake.clock()
    return tuple(day for day in days if causes(definition, day, known.get(day), newest, clock))


def definition_of(table: str, settings: Settings, clock: Clock) -> Definition:
    """What tells whether a day of the table is stale."""
    step = STEPS[table]
    newest = clock.watermark or (clock.log_end.date() if clock.log_end else None)
    known = (table, step.reads, step.horizons, version_of(table, settings))
    if step.scorer is None:
        return Definition(*known)
    days = step.scorer.rescored_days(settings)
    return Definition(*known, newest - timedelta(days=days - 1) if newest and days else date.max)


def version_of(table: str, settings: Settings) -> str:
    """Version of a step's definition with these settings, and after a slash that of the model that scores."""
    step = STEPS[table]
    if table in TRANSFORMS:
        return code_of(TRANSFORMS[table], settings)
    return f"{step.code}/{step.scorer.version(settings)}" if step.scorer else step.code


def recomputed() -> list[str]:
    """Tables whose former days are kept up to date: queries, and what a model scores.

    The other steps learn or decide; their former days stand as they were.
    """
    return [table for table, step in STEPS.items() if table in TRANSFORMS or step.scorer]


def run_transform(
    lake: Lake, transform: SqlTransform, days: Days | Sequence[date], settings: Settings, run: str = ""
) -> Commit:
    """Run one SQL transform over a range of days, or some days of one, and commit it."""
    span = days if isinstance(days, Days) else Days(min(days), max(days))

    def compute(inputs: Inputs) -> str:
        return transform.query

    def views(clock: Clock) -> dict[str, View]:
        if transform.clock:
            feeds = {step.table: step.reads for step in STEPS.values()}
            clock = clock_ahead(lake, transform.reads, feeds, span, clock)
        return constants(transform, settings, clock)

    code = code_of(transform, settings)
    return lake.replace(
        transform.schema,
        days,
        transform.reads,
        compute,
        code=code,
        run=run,
        constants=views,
        engine=lake.engine,
        waits=transform.waits,
    )


def code_of(transform: SqlTransform, settings: Settings) -> str:
    """Version of a definition: the query, and the values of the settings that it reads."""
    values = setting_values(transform, settings)
    return hashlib.sha256(repr((transform.code, values)).encode()).hexdigest()[:12] if values else transform.code


def run_frames(
    lake: Lake,
    schema: TableSchema,
    reads: Mapping[str, Window],
    function: Callable[[Inputs, date, Settings], Frame],
    days: Sequence[date],
    settings: Settings,
    code: str,
    run: str = "",
) -> tuple[Commit, Mapping[str, Any]]:
    """Run a Python step for each of the days and commit all of them at once; metadata is the last day's."""
    metadata: dict[str, Any] = {}

    def compute(inputs: Inputs) -> "pa.Table":
        import pyarrow as pa

        tables = []
        for day in days:
            frame = function(lake.inputs(reads, Days.one(day), inputs.versions), day, settings)
            metadata.update(frame.metadata)
            tables.append(_typed(frame.table, schema, day))
        return pa.concat_tables(tables)

    return lake.replace(schema, days, reads, compute, code=code, run=run), metadata


def run_in_parts(
    lake: Lake,
    schema: TableSchema,
    reads: Mapping[str, Window],
    function: Callable[[Inputs, date, Settings], Frame],
    days: Sequence[date],
    settings: Settings,
    code: str,
    run: str,
    own: Window,
) -> tuple[Commit, Mapping[str, Any]]:
    """Run a Python step day by day and part by part, each committed as soon as it is computed; metadata is the last
    part's.

    The step finds in its own table whatever any run has committed of the days of the window `own`, so a run that was
    killed goes on where it stopped. What others commit to other days meanwhile makes it compute nothing anew.
    """
    commits: list[Commit] = []
    frames: list[Frame] = []
    for day in days:

        def compute(inputs: Inputs, day: date = day) -> "pa.Table":
            known = lake.inputs({schema.name: own}, Days.one(day)).views
            frame = function(replace(inputs, views={**inputs.views, **known}), day, settings)
            frames.append(frame)
            return _typed(frame.table, schema, day)

        while True:
            commits.append(lake.replace(schema, [day], reads, compute, code=code, run=run))
            if not frames[-1].unfinished:
                break
    return _as_one(commits), frames[-1].metadata


def _as_one(commits: Sequence[Commit]) -> Commit:
    last = commits[-1]
    days = Days(min(commit.days.first for commit in commits), max(commit.days.last for commit in commits))
    changed = tuple(sorted({day for commit in commits for day in commit.changed}))
    rows = {day: count for commit in commits for day, count in commit.rows.items()}
    before = min((commit.version - 1 for commit in commits if commit.changed), default=None)
    return last._replace(days=days, changed=changed, rows=rows, before=before)


def result(
    context: AssetExecutionContext, lake: Lake, schema: TableSchema, commit: Commit, whole: Mapping[str, Any]
) -> MaterializeResult:
    """Each day's materialisation tells its rows, what the run changed in them, and versions; the last one also what
    holds of the whole run.

    Repeated on each day, column schema and lineage alone would be ten kilobytes an event.
    """
    changes = difference(lake, schema, commit)
    for day, rows in commit.rows.items():
        note_day(context, schema.name, day, {"dagster/partition_row_count": rows} | shown_day(changes.get(day)))
    note_day(context, schema.name, max(days_of(context.partition_keys)), {**whole, **shown_difference(changes)})
    return MaterializeResult(metadata={"lake_version": commit.version, "input_versions": dict(commit.inputs)})


def note_day(context: AssetExecutionContext, table: str, day: date, metadata: Mapping[str, Any]) -> None:
    """Metadata on the materialisation of one day."""
    context.add_asset_metadata(metadata, asset_key=table, partition_key=day.isoformat())


@functools.cache
def lineage(table: str) -> Lineage:
    """For each column of an SQL asset, the (table, column) pairs that it comes from."""
    from evalloop_assets.lake.lineage import column_lineage

    transform = TRANSFORMS[table]
    return column_lineage(transform, {name: columns_of(declared(name)) for name in transform.reads})


def _common(
    schema: TableSchema, reads: Mapping[str, Window], group: str, code: str, description: str | None = None
) -> dict[str, Any]:
    text = f"One row is {schema.row}.\n\nKey: {', '.join(schema.key)}."
    return {
        "name": schema.name,
        "group_name": group,
        "description": f"{text}\n\n{description}" if description else text,
        "partitions_def": DAYS,
        "backfill_policy": BackfillPolicy.single_run(),
        "deps": [AssetDep(name, partition_mapping=mapping(window)) for name, window in reads.items()],
        "code_version": code,
        "metadata": {"dagster/column_schema": dagster_schema(schema), "dagster/table_name": schema.name},
    }


def _typed(table: "pa.Table | pd.DataFrame", schema: TableSchema, day: date) -> "pa.Table":
    import pyarrow as pa

    from evalloop_assets.lake.delta import arrow_schema

    if not isinstance(table, pa.Table):
        table = pa.Table.from_pandas(table, preserve_index=False)
    if "day" not in table.column_names:
        table = table.append_column("day", pa.array([day] * table.num_rows, pa.date32()))
    wanted = arrow_schema(schema)
    return table.select(wanted.names).cast(wanted)
