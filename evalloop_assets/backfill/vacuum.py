"""The job that deletes files which no version needs any more, sparing every version that a decision cites."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from dagster import Config, OpExecutionContext, ResourceParam, job, op
from pydantic import Field

from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import Settings


class VacuumConfig(Config):
    """How far back versions stay readable whether they are cited or not."""

    retention_hours: int = Field(168, ge=0, description="files younger than this stay; running steps read them")


@op
def delete_unneeded(
    context: OpExecutionContext, config: VacuumConfig, lake: LakeResource, settings: ResourceParam[Settings]
) -> None:
    """Delete what neither the newest version, nor a young one, nor a decision or a change of serving refers to."""
    from evalloop_assets.serving.ledger import Ledger

    store = lake.open()
    ledger = Ledger(settings.ledger_url)
    try:
        evidence = [entry.evidence for entry in ledger.history()]
    finally:
        ledger.close()
    cited = cited_versions([*decided(store), *evidence])
    removed = store.vacuum(cited, config.retention_hours)
    kept = sum(len(versions) for versions in cited.values())
    context.log.info(f"{sum(map(len, removed.values()))} files deleted, {kept} cited versions spared")


def decided(lake: Lake) -> list[Mapping[str, Any]]:
    """The evidence of every decision in the lake."""
    if not lake.view("decisions").files:
        return []
    return [json.loads(text) for text in lake.read("decisions").column("evidence").to_pylist() if text]


def cited_versions(evidence: Iterable[Mapping[str, Any]]) -> dict[str, list[int]]:
    """Table to versions, from every `input_versions` in the evidence, however deep."""
    found: dict[str, set[int]] = {}
    waiting: list[Any] = list(evidence)
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            for table, version in dict(value.get("input_versions") or {}).items():
                found.setdefault(table, set()).add(int(version))
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return {table: sorted(versions) for table, versions in sorted(found.items())}


@job(description="Delete files that no version needs, sparing the versions that decisions and rollbacks cite.")
def vacuum() -> None:
    delete_unneeded()
