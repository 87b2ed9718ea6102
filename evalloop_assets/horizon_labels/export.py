"""Pairs as files: nested objects, the flat table, or what TRL's DPOTrainer and RewardTrainer load as it is.

An export is read from fixed versions of the lake, day by day in order of `pair_id`, so that the same versions and
filters give the same bytes again. It is refused where `soundness` finds its pairs unfit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evalloop_assets.days import Days
from evalloop_assets.horizon_labels import export_sql
from evalloop_assets.horizon_labels.export_sql import JUDGED
from evalloop_assets.horizon_labels.soundness import Finding, findings
from evalloop_assets.lake.engine import columns_of
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.store import Inputs, Lake
from evalloop_assets.settings import LabelSettings

if TYPE_CHECKING:
    import pyarrow as pa

READS = {
    "preference_pairs": (0, 0),
    "horizon_labels": (-1, 0),
    "reading": (-1, 0),
    "turns": (-1, 1),
    "bad_cases": (-1, 0),
}
SOURCES = ("tail", "regeneration", "battle")
HORIZONS = ("immediate", "delayed_5", "delayed_session")
JSONL, PARQUET, DPO, REWARD = "jsonl", "parquet", "dpo", "reward"


@dataclass(frozen=True)
class Request:
    """What is asked for."""

    form: str
    """JSONL, PARQUET, DPO or REWARD."""
    days: Days
    sources: tuple[str, ...] = SOURCES
    horizon: str | None = None
    """Only pairs decided at it; None: each at the horizon that it speaks about, and for JSONL and PARQUET ties and
    censored ones as well."""
    history_turns: int = 8

    @property
    def parameters(self) -> dict[str, object]:
        """Values of the queries."""
        return {
            "sources": list(self.sources),
            "horizon": self.horizon,
            "decided": self.horizon is not None or self.form in (DPO, REWARD),
            "trains": self.form in (DPO, REWARD),
            "one_prefix": self.form == DPO,
            "history": self.history_turns,
        }


class Plan(NamedTuple):
    """What an export would hold, found before a byte is written."""

    request: Request
    versions: Mapping[str, int]
    days: tuple[date, ...]
    """Those with pairs to write, in order."""
    left_out: Mapping[str, int]
    """Pairs of the range by the reason for which they are not written."""
    definition_versions: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def about(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "form": self.request.form,
            "filters": {
                "from": self.request.days.first.isoformat(),
                "to": self.request.days.last.isoformat(),
                "sources": self.request.sources,
                "horizon": self.request.horizon,
                "history_turns": self.request.history_turns,
            },
            "inputs": dict(self.versions),
            "definition_versions": self.definition_versions,
            "left_out": dict(self.left_out),
            "checks": {f"{one.check}, {one.source}": one.said for one in self.findings},
        }


def pair_days(lake: Lake) -> Days:
    """First and last day that has pairs; UserError where none has."""
    found = lake.inputs({"preference_pairs": (None, None)}, Days(date.min, date.min)).query(
        "SELECT min(day) AS first, max(day) AS last FROM preference_pairs"
    )
    first, last = (column[0].as_py() for column in found.columns)
    if first is None:
        if lake.version("preference_pairs") is None:
            raise UserError(f"the lake at {lake.root}", "it holds no pairs yet", "Compute them: evalloop run")
        raise UserError(
            f"the lake at {lake.root}",
            "its log gave no pairs: no battle, no regeneration, no session with replies that differ enough",
            "Load more of the log, or lower EVALLOOP_LABELS__LABEL_GAP (docs/labels.md, Pairs).",
        )
    return Days(first, last)


def plan(lake: Lake, request: Request, limits: LabelSettings, versions: Mapping[str, int] | None = None) -> Plan:
    """Count and check; UserError where nothing would be written or the pairs are unfit to learn from."""
    inputs = lake.inputs(READS, request.days, versions)
    lacking = set(columns_of(declared("preference_pairs"))) - set(inputs.views["preference_pairs"].columns)
    if lacking:
        why = f"an earlier version computed it, without {', '.join(sorted(lacking))}"
        raise UserError("table preference_pairs", why, "Compute it again: evalloop run")
    counts = "SELECT day, left_out, definition_version, count(*) AS pairs FROM judged GROUP BY ALL ORDER BY ALL"
    counted = _ask(inputs, f"WITH {JUDGED} {counts}", request).to_pylist()
    left_out: Counter[str] = Counter()
    for row in counted:
        if row["left_out"]:
            left_out[row["left_out"]] += row["pairs"]
    written = [row for row in counted if not row["left_out"]]
    span = f"pairs of {request.days.first} to {request.days.last}"
    if not written:
        reasons = ", ".join(f"{pairs} {reason}" for reason, pairs in left_out.items()) or "there is none"
        raise UserError(span, f"none can be exported as {request.form}: {reasons}", "Choose other days or filters.")

    pairs = f"WITH {JUDGED}, pairs AS (SELECT * FROM judged WHERE fit) SELECT * FROM"
    found = findings(lambda sql: _ask(inputs, f"{pairs} ({sql})", request), limits)
    broken = [one for one in found if one.broken]
    if broken:
        mends = dict.fromkeys(one.mend for one in broken)
        raise UserError(span, "unfit to learn from: " + "; ".join(one.said for one in broken), " ".join(mends))
    return Plan(
        request,
        inputs.versions,
        tuple(sorted({row["day"] for row in written})),
        left_out,
        tuple(sorted({row["definition_version"] or "" for row in written})),
        tuple(found),
    )


def exported(lake: Lake, planned: Plan, as_json: bool) -> Iterator[pa.Table]:
    """Rows of each day of the plan, so that memory holds one day at a time; as JSON, one column `line`."""
    query = f"SELECT * FROM (WITH {JUDGED}, {_select(planned.request.form)}) AS pair"
    if as_json:
        query = query.replace("*", "to_json(pair) AS line", 1)
    for day in planned.days:
        inputs = lake.inputs(READS, Days.one(day), planned.versions)
        yield _ask(inputs, f"{query} ORDER BY pair.pair_id", planned.request)


def write(tables: Iterator[pa.Table], path: Path, parquet: bool, progress: Callable[[int], None]) -> int:
    """The tables of `exported` into one file, Parquet (zstd) or JSON Lines; rows written."""
    rows = 0
    if parquet:
        import pyarrow.parquet as pq

        first = next(tables)
        with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
            for table in chain([first], tables):
                writer.write_table(table)
                rows += table.num_rows
                progress(rows)
        return rows
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for table in tables:
            file.writelines(f"{line}\n" for line in table.column("line").to_pylist())
            rows += table.num_rows
            progress(rows)
    return rows


def _ask(inputs: Inputs, sql: str, request: Request) -> pa.Table:
    """Rows of a query with those of the parameters that it names, since DuckDB refuses others."""
    return inputs.query(sql, {name: value for name, value in request.parameters.items() if f"${name}" in sql})


def _select(form: str) -> str:
    if form == PARQUET:
        return export_sql.flat(tuple(columns_of(declared("preference_pairs"))))
    return {JSONL: export_sql.NESTED, DPO: export_sql.DPO, REWARD: export_sql.REWARD}[form]
