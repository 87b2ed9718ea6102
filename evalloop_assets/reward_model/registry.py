"""The MLflow registry of reward models: a SQLite store and artefacts under the home, aliases champion and challenger.

Registering is done under a file lock, once per content: a run that died half-way and is started again ends with the
same version, verdict and aliases. Nothing is sent anywhere: MLflow's telemetry is off before it is imported.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model.gate import Verdict
from evalloop_assets.reward_model.model import RewardModel, Unusable, load
from evalloop_assets.reward_model.pyfunc import DATA, save_as_mlflow_model

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

    from evalloop_assets.settings import Settings

NAME = "reward_model"
CHAMPION, CHALLENGER = "champion", "challenger"
VERSION_TAG, INPUT = "reward_version", "input."
"""Tag of a version with the name by which the lake knows it; beginning of the run's tags with versions of tables."""
RETRAIN = "retrain"
"""Tag of a version that is to be trained anew, and why."""
LOCK_SECONDS = 120
LOOK_SECONDS = 20
"""What a plan waits for a writer; a sensor's tick may take 60."""
PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Columns of MLflow's store that hold absolute addresses of artefacts."""


class Dataset(NamedTuple):
    """Pairs of one part of the split."""

    part: str
    """fit, tune or held_out."""
    digest: str
    """Of their content, at most 36 characters."""
    pairs: int
    path: str
    """Table of the lake that they come from."""
    version: int | None
    """Of that table."""


@dataclass(frozen=True)
class Notes:
    """What is logged about a training."""

    params: Mapping[str, object]
    metrics: Mapping[str, float]
    series: Mapping[str, tuple[float, ...]]
    """Metrics with one value per step."""
    tags: Mapping[str, str]
    """Input versions, days, code version."""
    datasets: tuple[Dataset, ...] = ()
    picture: bytes = b""
    """PNG of the training; empty where none was drawn."""


@dataclass(frozen=True)
class Registered:
    """Where a model went, and what became of it."""

    reward_version: str
    mlflow_version: int
    run_id: str
    verdict: Verdict


def store_folder(home: Path) -> Path:
    """Folder of the MLflow store: `mlflow.sqlite` and `artifacts`."""
    return home.resolve() / "mlflow"


def load_champion(settings: Settings) -> RewardModel:
    """The reward model in use; UserError where there is none yet."""
    model = find_champion(settings)
    if model is None:
        raise UserError(
            "reward model",
            f"the registry in {store_folder(settings.home)} has no champion",
            "Materialise reward_model_report for a day that has preference pairs",
        )
    return model


def find_champion(settings: Settings) -> RewardModel | None:
    """The reward model in use, or None where none was ever promoted; without an import of MLflow."""
    folder = store_folder(settings.home)
    if not (folder / "ready").exists():
        return None
    _follow(folder)
    found = _champion(folder, LOCK_SECONDS)
    return load(_folder(found.source)) if found else None


def champion_version(settings: Settings) -> str | None:
    """Version of the reward model in use, None where none was ever promoted: one query, and no import of MLflow.

    Whoever plans asks this at every look, in processes that otherwise never load MLflow.
    """
    folder = store_folder(settings.home)
    found = _champion(folder, LOOK_SECONDS) if (folder / "ready").exists() else None
    return found.reward_version if found else None


class _Champion(NamedTuple):
    reward_version: str
    source: str
    """Address of its artefacts."""


def _champion(folder: Path, seconds: float) -> _Champion | None:
    """What the store knows of the champion; UserError where a writer holds it for so long."""
    query = """
        SELECT tags.value, versions.source
        FROM registered_model_aliases AS aliases
        JOIN model_versions AS versions ON versions.name = aliases.name AND versions.version = aliases.version
        JOIN model_version_tags AS tags ON tags.name = aliases.name AND tags.version = aliases.version
        WHERE aliases.name = ? AND aliases.alias = ? AND tags.key = 'reward_version'"""
    try:
        with closing(sqlite3.connect(folder / "mlflow.sqlite", timeout=seconds)) as connection:
            row = connection.execute(query, (NAME, CHAMPION)).fetchone()
    except sqlite3.Error as error:
        raise _unusable(folder, error) from error
    return _Champion(*row) if row else None


def load_version(settings: Settings, reward_version: str) -> RewardModel:
    """The reward model of that version, champion or not; UserError where the registry does not know it."""
    with _registry(settings.home) as client:
        found = client and _by_version(client, reward_version)
    if not found:
        raise UserError(
            f"reward model {reward_version}",
            f"the registry in {store_folder(settings.home)} does not know it",
            "Materialise reward_model_report for the day it was trained, or take another candidate",
        )
    return load(_folder(str(found.source)))


def register(
    home: Path, model: RewardModel, notes: Notes, judge: Callable[[RewardModel | None], Verdict]
) -> Registered:
    """Logs the training, registers the model as challenger, and makes it champion if `judge` promotes it.

    `judge` gets the champion, None where there is none that this release can read. The verdict is kept with the
    version: registering the same content again asks no second time and moves no alias that has moved on since.
    """
    with _registry(home, writing=True) as client:
        assert client is not None
        version = _by_version(client, model.version) or _create(client, home, model, notes)
        number = int(version.version)
        champion = _by_alias(client, CHAMPION)
        if "verdict" in version.tags:
            verdict = Verdict(**json.loads(version.tags["verdict"]))
        else:
            client.set_registered_model_alias(NAME, CHALLENGER, str(number))
            verdict = judge(_readable(champion))
            client.set_model_version_tag(NAME, str(number), "against", _reward_version(champion))
            client.set_model_version_tag(NAME, str(number), "verdict", json.dumps(verdict._asdict()))
            version = client.get_model_version(NAME, str(number))
        if verdict.promoted and _reward_version(champion) == version.tags["against"]:
            client.set_registered_model_alias(NAME, CHAMPION, str(number))
        return Registered(model.version, number, str(version.run_id), verdict)


def registered_rewards(home: Path) -> list[tuple[str, dict[str, int]]]:
    """Each registered reward model with the version of every table that it was trained on, the oldest first."""
    with _registry(home) as client:
        if client is None:
            return []
        found = []
        for version in _versions(client, NAME):
            tags = client.get_run(str(version.run_id)).data.tags
            read = {name.removeprefix(INPUT): int(tags[name]) for name in tags if name.startswith(INPUT)}
            found.append((str(version.tags[VERSION_TAG]), read))
        return found


def tag_versions(home: Path, registry: str, tag: str, names: Collection[str], put: Mapping[str, str]) -> None:
    """Puts tags on those versions of a registered model whose own `tag` is among the names."""
    with open_store(home) as client:
        for version in _versions(client, registry):
            if version.tags.get(tag) in names:
                for name, value in put.items():
                    client.set_model_version_tag(registry, str(version.version), name, value)


@contextmanager
def open_store(home: Path) -> Iterator[MlflowClient]:
    """A client of the store for whoever keeps another kind of model in it; writers wait for each other."""
    with _registry(home, writing=True) as client:
        assert client is not None
        yield client


@contextmanager
def _registry(home: Path, writing: bool = False) -> Iterator[MlflowClient | None]:
    """A client of the store, None where it is only to be read and not there; writers wait for each other."""
    from filelock import FileLock, Timeout

    folder = store_folder(home)
    database = folder / "mlflow.sqlite"
    if not writing and not (folder / "ready").exists():
        yield None
        return
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        if (folder / "ready").exists():
            _follow(folder)
        if writing:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / "lock", timeout=LOCK_SECONDS), _mended(folder):
                client = _client(database)
                _prepare(client, folder)
                yield client
        else:
            with _mended(folder):
                yield _client(database)
    except (OSError, Timeout) as error:
        raise _unusable(folder, error) from error


@contextmanager
def _mended(folder: Path) -> Iterator[None]:
    """Errors of the store as one line for the user."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error) as error:
        raise _unusable(folder, error) from error


def _unusable(folder: Path, error: Exception) -> UserError:
    return UserError(
        f"MLflow registry in {folder}",
        f"it cannot be used ({(str(error).splitlines() or [repr(error)])[0]})",
        "Free or repair the folder and run again; the champion stays as it is",
    )


def _client(database: Path) -> MlflowClient:
    _require_usable(database)
    from mlflow.tracking import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    address = f"sqlite:///{database}"
    return MlflowClient(tracking_uri=address, registry_uri=address)


def _require_usable(database: Path) -> None:
    """Raises at once what MLflow would retry for minutes."""
    with closing(sqlite3.connect(database, timeout=LOCK_SECONDS)) as connection:
        connection.execute("PRAGMA schema_version").fetchone()


def _follow(folder: Path) -> None:
    """Puts the artefacts' new place into a store whose home was moved or copied: MLflow keeps it as an absolute one."""
    from filelock import FileLock, Timeout

    place, find = (folder / "artifacts").as_uri(), "SELECT artifact_location FROM experiments WHERE name = ?"
    try:
        with closing(sqlite3.connect(folder / "mlflow.sqlite", timeout=LOCK_SECONDS)) as connection:
            if connection.execute(find, (NAME,)).fetchone() in (None, (place,)):
                return
            with FileLock(folder / "lock", timeout=LOCK_SECONDS), connection:
                (before,) = connection.execute(find, (NAME,)).fetchone()
                for table, column in PLACES:
                    connection.execute(
                        f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                        (place, len(before) + 1, len(before), before),
                    )
    except (OSError, Timeout, sqlite3.Error) as error:
        raise _unusable(folder, error) from error


def _prepare(client: MlflowClient, folder: Path) -> None:
    """Makes the experiment and the registered model once; the file `ready` says that it is done."""
    if (folder / "ready").exists():
        return
    if client.get_experiment_by_name(NAME) is None:
        client.create_experiment(NAME, artifact_location=(folder / "artifacts").as_uri())
    if not client.search_registered_models(f"name = '{NAME}'"):
        client.create_registered_model(NAME, description="What a reply is worth, learned from behaviour")
    (folder / "ready").touch()


def _create(client: MlflowClient, home: Path, model: RewardModel, notes: Notes) -> ModelVersion:
    from mlflow.entities import Metric, Param, RunTag

    experiment = client.get_experiment_by_name(NAME)
    if experiment is None:
        raise UserError(
            f"MLflow registry in {store_folder(home)}",
            f"its experiment {NAME} is gone",
            "Restore it with `mlflow experiments restore`",
        )
    tags = {**notes.tags, "reward_version": model.version}
    run = client.create_run(experiment.experiment_id, run_name=model.version, tags=tags)
    run_id = run.info.run_id
    now = run.info.start_time
    metrics = [Metric(name, value, now, 0) for name, value in notes.metrics.items()]
    metrics += [
        Metric(name, value, now, step) for name, values in notes.series.items() for step, value in enumerate(values)
    ]
    params = [Param(name, str(value)) for name, value in notes.params.items()]
    client.log_batch(run_id, metrics, params, [RunTag(name, value) for name, value in tags.items()])
    client.log_inputs(run_id, [_dataset_input(one) for one in notes.datasets])
    with tempfile.TemporaryDirectory() as scratch:
        save_as_mlflow_model(model, Path(scratch) / "model", Path(scratch))
        client.log_artifacts(run_id, f"{scratch}/model", "model")
        if notes.picture:
            picture = Path(scratch) / "training.png"
            picture.write_bytes(notes.picture)
            client.log_artifact(run_id, str(picture), "plots")
    client.set_terminated(run_id)
    return client.create_model_version(
        NAME,
        source=f"{run.info.artifact_uri}/model",
        run_id=run_id,
        tags={"reward_version": model.version, "trained_through": model.config.trained_through},
    )


def _dataset_input(dataset: Dataset) -> DatasetInput:
    from mlflow.entities import Dataset as Logged
    from mlflow.entities import DatasetInput, InputTag

    source = {"path": dataset.path, "delta_table_version": dataset.version}
    logged = Logged(
        f"preference_pairs, {dataset.part}",
        dataset.digest,
        "delta_table",
        json.dumps(source),
        profile=json.dumps({"num_rows": dataset.pairs}),
    )
    return DatasetInput(logged, [InputTag("mlflow.data.context", dataset.part)])


def _readable(champion: ModelVersion | None) -> RewardModel | None:
    """The champion; None where there is none, or where it is unusable: any model of today replaces it."""
    try:
        return load(_folder(str(champion.source))) if champion else None
    except Unusable:
        return None


def _by_alias(client: MlflowClient, alias: str) -> ModelVersion | None:
    aliases = client.get_registered_model(NAME).aliases
    return client.get_model_version(NAME, str(aliases[alias])) if alias in aliases else None


def _versions(client: MlflowClient, registry: str) -> list[ModelVersion]:
    """Every version of a registered model, the oldest first."""
    return list(client.search_model_versions(f"name = '{registry}'", order_by=["version_number ASC"]))


def _by_version(client: MlflowClient, reward_version: str) -> ModelVersion | None:
    for version in client.search_model_versions(f"name = '{NAME}'", order_by=["version_number DESC"]):
        if version.tags.get("reward_version") == reward_version:
            return client.get_model_version(NAME, str(version.version))
    return None


def _reward_version(version: ModelVersion | None) -> str:
    return version.tags["reward_version"] if version else ""


def _folder(source: str) -> Path:
    return Path(url2pathname(urlsplit(source).path)) / "data" / DATA
