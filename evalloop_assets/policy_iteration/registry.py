"""Candidates in the MLflow registry: each a version of the model `policy`, with lineage, curves and weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from evalloop_assets.lake.errors import UserError
from evalloop_assets.policy_iteration.candidates import LORA
from evalloop_assets.reward_model.registry import RETRAIN, open_store, store_folder

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

NAME = "policy"
CANDIDATE, SCREENED, CHAMPION = "candidate", "screened", "champion"
"""Aliases: the newest that was made, the newest that passed the gate, the one that serves."""
LINEAGE_FILE = "lineage.json"
VERSION_TAG = "model_id"
"""Tag of a version with the name by which the lake knows it."""
SERVED_ON = "served_on"
"""Tag of the registered model: the newest day on which a candidate is known to have served."""
MOST_TAG_CHARS = 4_000


def register_policy(
    home: Path, lineage: Mapping[str, Any], curves: Mapping[str, Sequence[tuple[int, float]]], files: Sequence[Path]
) -> str:
    """Registers a candidate once by its `model_id` and gives the version; `curves` are (step, value) by metric."""
    from mlflow.entities import Metric, Param, RunTag

    model_id = str(lineage["model_id"])
    with open_store(home) as client:
        found = _version(client, model_id)
        if found is None:
            run = client.create_run(_experiment(client, home), run_name=model_id)
            now = run.info.start_time
            metrics = [
                Metric(name, value, now, step)
                for name, curve in curves.items()
                for step, value in curve
                if value == value
            ]
            params = [Param(name, str(value)[:6_000]) for name, value in lineage.items()]
            for first in range(0, max(len(metrics), 1), 1_000):
                client.log_batch(run.info.run_id, metrics[first : first + 1_000])
            client.log_batch(run.info.run_id, [], params, [RunTag(VERSION_TAG, model_id)])
            client.log_text(run.info.run_id, json.dumps(dict(lineage), default=str, indent=2), f"policy/{LINEAGE_FILE}")
            for path in files:
                client.log_artifact(run.info.run_id, str(path), "policy")
            client.set_terminated(run.info.run_id)
            found = client.create_model_version(
                NAME,
                f"{run.info.artifact_uri}/policy",
                run.info.run_id,
                tags={VERSION_TAG: model_id},
                description=f"{model_id}, generation {lineage.get('generation')}, to replace {lineage.get('parent')}",
            )
            client.set_registered_model_alias(NAME, CANDIDATE, str(found.version))
        return str(found.version)


def crown(home: Path, model_id: str, day: date) -> None:
    """Moves the alias of the champion to the candidate that served on this day.

    Nothing where it was never registered, or where who served on a later day is known: a day that is computed again
    crowns nobody.
    """
    with open_store(home) as client:
        found = _version(client, model_id)
        known = client.get_registered_model(NAME).tags.get(SERVED_ON, "")
        if found is not None and known <= day.isoformat():
            client.set_registered_model_alias(NAME, CHAMPION, str(found.version))
            client.set_registered_model_tag(NAME, SERVED_ON, day.isoformat())


def record_verdict(home: Path, model_id: str, passed: bool, reason: str, figures: Mapping[str, float]) -> None:
    """Puts the gate's verdict and figures to a registered candidate, refused ones too; nothing where it is unknown.

    The same verdict is recorded once, and the alias of those that passed never goes back to an older one.
    """
    gate = "passed" if passed else "refused"
    with open_store(home) as client:
        found = _version(client, model_id)
        if found is None:
            return
        version = str(found.version)
        if (found.tags.get("gate"), found.tags.get("gate_reason")) != (gate, reason[:MOST_TAG_CHARS]):
            for name, value in figures.items():
                if value == value:
                    client.log_metric(str(found.run_id), f"gate.{name}", value)
            client.set_model_version_tag(NAME, version, "gate", gate)
            client.set_model_version_tag(NAME, version, "gate_reason", reason[:MOST_TAG_CHARS])
        screened = client.get_registered_model(NAME).aliases.get(SCREENED)
        if passed and (screened is None or int(screened) < int(version)):
            client.set_registered_model_alias(NAME, SCREENED, version)


class Lineage(NamedTuple):
    """What a registered candidate was made from."""

    model_id: str
    reward_version: str | None
    carries_on: str | None
    """The candidate whose weights it was trained on; None where it has none, or none of ours."""
    data_versions: Mapping[str, int]
    """Version of each table that it read."""


def registered_policies(home: Path) -> list[Lineage]:
    """Every registered candidate, the oldest first."""
    if not (store_folder(home) / "ready").exists():
        return []
    with open_store(home) as client:
        versions = client.search_model_versions(f"name = '{NAME}'", order_by=["version_number ASC"])
        runs = [client.get_run(str(version.run_id)).data.params for version in versions]
    made = {run["model_id"]: run.get("kind") for run in runs}
    return [
        Lineage(
            run["model_id"],
            None if run.get("reward_version") in (None, "None") else run["reward_version"],
            run.get("parent") if run.get("kind") == LORA == made.get(run.get("parent", "")) else None,
            json.loads(run.get("data_versions", "{}")),
        )
        for run in runs
    ]


def is_to_be_retrained(home: Path, model_id: str) -> bool:
    """Whether a candidate is marked for retraining, so that no other may carry its weights on."""
    with open_store(home) as client:
        found = _version(client, model_id)
    return found is not None and RETRAIN in found.tags


def policy_folder(home: Path, model_id: str) -> Path:
    """Where the files of a registered candidate are; UserError where the registry does not know it."""
    with open_store(home) as client:
        found = _version(client, model_id)
    if found is None:
        raise UserError(
            f"policy {model_id}",
            f"the registry in {store_folder(home)} does not know it",
            "Materialise policy_candidates for the day it was made",
        )
    return Path(url2pathname(urlsplit(str(found.source)).path))


def _experiment(client: MlflowClient, home: Path) -> str:
    found = client.get_experiment_by_name(NAME)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(NAME, artifact_location=(store_folder(home) / "artifacts").as_uri()))


def _version(client: MlflowClient, model_id: str) -> ModelVersion | None:
    if not client.search_registered_models(f"name = '{NAME}'"):
        client.create_registered_model(NAME, description="Candidate policies, with lineage and gate")
    for version in client.search_model_versions(f"name = '{NAME}'", order_by=["version_number DESC"]):
        if version.tags.get(VERSION_TAG) == model_id:
            return client.get_model_version(NAME, str(version.version))
    return None
