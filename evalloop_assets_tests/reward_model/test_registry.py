import json
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from itertools import count, islice
from pathlib import Path

import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model import registry
from evalloop_assets.reward_model.gate import Verdict
from evalloop_assets.reward_model.model import RewardModel
from evalloop_assets.reward_model.registry import (
    Dataset,
    Notes,
    Registered,
    _registry,
    champion_version,
    find_champion,
    load_champion,
    load_version,
    register,
    store_folder,
)
from evalloop_assets.settings import Settings
from evalloop_assets_tests.reward_model.test_evaluation import model as model_of

NOTES = Notes(
    {"penalty": 1.0},
    {"accuracy": 0.7},
    {"loss": (0.6, 0.5)},
    {"input.preference_pairs": "4"},
    (Dataset("fit", "abc", 7, "/lake/preference_pairs", 3),),
    b"PNG",
)
YES, NO = Verdict(True, "better"), Verdict(False, "worse")
NUMBERS = count(100)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One store for all tests that bring models of their own: making a fresh one takes seconds."""
    return Settings(home=tmp_path_factory.mktemp("registry"))


@pytest.fixture
def fresh() -> Iterator[RewardModel]:
    """Models that no other test has."""
    return (numbered(number) for number in NUMBERS)


def numbered(number: float) -> RewardModel:
    return model_of(number)


def put(settings: Settings, model: RewardModel, verdict: Verdict) -> Registered:
    return register(settings.home, model, NOTES, lambda champion: verdict)


def aliases(settings: Settings) -> dict[str, int]:
    with _registry(settings.home) as client:
        return dict(client.get_registered_model("reward_model").aliases)


def test_without_a_champion(tmp_path: Path):
    settings = Settings(home=tmp_path)
    assert find_champion(settings) is None
    with pytest.raises(UserError, match="has no champion"):
        load_champion(settings)
    with pytest.raises(UserError, match="does not know it"):
        load_version(settings, "2026-01-01-00000000")
    assert not store_folder(settings.home).exists()


def test_the_alias_moves_only_to_what_the_gate_promotes(settings: Settings, fresh: Iterator[RewardModel]):
    first, worse, better = islice(fresh, 3)
    put(settings, first, YES)
    assert load_champion(settings).version == first.version
    second = put(settings, worse, NO)
    assert second.verdict == NO
    assert load_champion(settings).version == first.version
    assert aliases(settings)["challenger"] == second.mlflow_version
    third = put(settings, better, YES)
    assert load_champion(settings).version == better.version
    assert load_version(settings, worse.version).version == worse.version
    assert aliases(settings) == {"champion": third.mlflow_version, "challenger": third.mlflow_version}


def test_the_gate_sees_the_champion(settings: Settings, fresh: Iterator[RewardModel]):
    first, second = islice(fresh, 2)
    put(settings, first, YES)
    seen: list[RewardModel | None] = []
    register(settings.home, second, NOTES, lambda champion: (seen.append(champion), NO)[1])
    assert [champion.version for champion in seen if champion] == [first.version]


def test_registering_the_same_again_changes_nothing(settings: Settings, fresh: Iterator[RewardModel]):
    first, second = islice(fresh, 2)
    before = put(settings, first, YES)
    put(settings, second, YES)
    assert put(settings, first, NO) == before
    assert load_champion(settings).version == second.version


def test_a_run_that_died_before_the_alias_moved_is_finished(settings: Settings, fresh: Iterator[RewardModel]):
    first, second = (put(settings, model, YES) for model in islice(fresh, 2))
    with _registry(settings.home, writing=True) as client:
        client.set_registered_model_alias("reward_model", "champion", str(first.mlflow_version))
    assert put(settings, load_version(settings, second.reward_version), YES) == second
    assert load_champion(settings).version == second.reward_version


def test_a_gate_that_dies_leaves_the_champion_and_is_asked_again(settings: Settings, fresh: Iterator[RewardModel]):
    first, second = islice(fresh, 2)
    put(settings, first, YES)

    def dies(champion: RewardModel | None) -> Verdict:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        register(settings.home, second, NOTES, dies)
    assert load_champion(settings).version == first.version
    number = aliases(settings)["challenger"]
    assert put(settings, second, YES).mlflow_version == number
    assert load_champion(settings).version == second.version


def test_run_holds_parameters_metrics_tags_datasets_plots_and_safe_artefacts(
    settings: Settings, fresh: Iterator[RewardModel]
):
    registered = put(settings, next(fresh), YES)
    with _registry(settings.home) as client:
        run = client.get_run(registered.run_id)
        losses = [entry.value for entry in client.get_metric_history(registered.run_id, "loss")]
    assert run.info.status == "FINISHED"
    assert run.data.params == {"penalty": "1.0"}
    assert run.data.metrics["accuracy"] == 0.7
    assert losses == [0.6, 0.5]
    assert run.data.tags["input.preference_pairs"] == "4"
    assert run.data.tags["reward_version"] == registered.reward_version
    ((dataset, tags),) = [(one.dataset, one.tags) for one in run.inputs.dataset_inputs]
    assert (dataset.name, dataset.digest, json.loads(dataset.profile)) == (
        "preference_pairs, fit",
        "abc",
        {"num_rows": 7},
    )
    assert json.loads(dataset.source) == {"path": "/lake/preference_pairs", "delta_table_version": 3}
    assert [(tag.key, tag.value) for tag in tags] == [("mlflow.data.context", "fit")]
    files = {file.name for file in (store_folder(settings.home) / "artifacts").rglob("*") if file.is_file()}
    described = {"MLmodel", "requirements.txt", "conda.yaml", "python_env.yaml"}
    assert files == {"config.json", "weights.safetensors", "training.png", *described}


def test_a_folder_with_spaces_and_other_letters(tmp_path: Path):
    settings = Settings(home=tmp_path / "my data ü & 用户")
    put(settings, numbered(1), YES)
    assert load_champion(settings).version == numbered(1).version


def test_a_home_that_cannot_be_written_is_one_clear_line(tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UserError, match="cannot be used"):
        put(Settings(home=tmp_path / "file"), numbered(1), YES)


def test_a_damaged_store_is_one_clear_line_and_a_lost_artefact_too(tmp_path: Path):
    settings = Settings(home=tmp_path)
    put(settings, numbered(1), YES)
    for file in (store_folder(settings.home) / "artifacts").rglob("weights.safetensors"):
        file.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        load_champion(settings)
    (store_folder(settings.home) / "mlflow.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(UserError, match="cannot be used"):
        load_champion(settings)


@pytest.mark.parametrize("name", ["weights.safetensors", "config.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_damaged_champion_is_replaced_by_any_model_of_today(tmp_path: Path, name: str, content: bytes | None):
    settings = Settings(home=tmp_path)
    put(settings, numbered(1.0), YES)
    (file,) = store_folder(tmp_path).rglob(name)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match="Train again"):
        find_champion(settings)
    seen = []
    register(settings.home, numbered(2.0), NOTES, lambda champion: seen.append(champion) or YES)
    assert seen == [None]
    assert load_champion(settings).version == numbered(2.0).version


def test_a_champion_that_cannot_be_read_now_stays(tmp_path: Path):
    settings = Settings(home=tmp_path)
    put(settings, numbered(1.0), YES)
    (file,) = store_folder(tmp_path).rglob("config.json")
    file.unlink()
    file.mkdir()
    with pytest.raises(UserError, match="Repair the folder"):
        put(settings, numbered(2.0), YES)
    with _registry(settings.home) as client:
        assert client.get_model_version_by_alias("reward_model", "champion").version in (1, "1")


def test_a_model_that_cannot_be_written_is_one_clear_line(
    settings: Settings, fresh: Iterator[RewardModel], monkeypatch
):
    """What safetensors makes of a full disk."""
    from safetensors import SafetensorError, numpy

    def full(*_: object) -> None:
        raise SafetensorError("I/O error: No space left on device")

    put(settings, next(fresh), YES)
    champion = load_champion(settings).version
    monkeypatch.setattr(numpy, "save_file", full)
    with pytest.raises(UserError, match="No space left on device"):
        put(settings, next(fresh), YES)
    assert load_champion(settings).version == champion


def test_an_error_without_words_is_one_clear_line(settings: Settings, monkeypatch):
    def down(database: Path) -> None:
        raise OSError

    put(settings, numbered(next(NUMBERS)), YES)
    monkeypatch.setattr(registry, "_client", down)
    with pytest.raises(UserError, match=r"cannot be used \(OSError"):
        load_version(settings, "2026-01-01-00000000")


def test_a_store_that_somebody_holds_is_one_clear_line(tmp_path: Path, monkeypatch):
    """For whoever plans soon enough that a sensor can tell it."""
    settings = Settings(home=tmp_path)
    put(settings, numbered(1.0), YES)
    assert champion_version(settings) == numbered(1.0).version
    assert registry.LOOK_SECONDS < 60
    monkeypatch.setattr(registry, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(registry, "LOCK_SECONDS", 0.1)
    with closing(sqlite3.connect(store_folder(tmp_path) / "mlflow.sqlite", isolation_level=None)) as held:
        held.execute("BEGIN EXCLUSIVE")
        for look in (champion_version, find_champion, lambda settings: put(settings, numbered(2.0), YES)):
            with pytest.raises(UserError, match="database is locked"):
                look(settings)
    assert load_champion(settings).version == numbered(1.0).version


def test_who_scores_never_loads_mlflow(settings: Settings):
    put(settings, numbered(next(NUMBERS)), YES)
    code = """
        import sys
        from pathlib import Path
        from evalloop_assets.reward_model.registry import find_champion
        from evalloop_assets.settings import Settings
        print(find_champion(Settings(home=Path(sys.argv[1]))).version, "mlflow" in sys.modules)
    """
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(settings.home)], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == [load_champion(settings).version, "False"]


FRESH = """
    import json, sys
    from pathlib import Path
    from evalloop_assets.reward_model.registry import register
    from evalloop_assets_tests.reward_model.test_registry import NOTES, YES, numbered
    found = register(Path(sys.argv[1]), numbered(float(sys.argv[2])), NOTES, lambda champion: YES)
    print(json.dumps([found.mlflow_version, found.reward_version]))
"""


def test_three_processes_on_a_fresh_store(tmp_path: Path):
    settings = Settings(home=tmp_path)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(FRESH), str(settings.home), str(number)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in (1, 2, 2)
    ]
    ended = [process.communicate(timeout=400) for process in started]
    assert [process.returncode for process in started] == [0] * 3, [errors for _, errors in ended]
    assert all(not errors.strip() for _, errors in ended), "MLflow is to be quiet"
    found = {tuple(json.loads(out)) for out, _ in ended}
    assert len(found) == 2, "the same content is registered once"
    assert sorted(number for number, _ in found) == [1, 2]
    assert load_champion(settings).version in {version for _, version in found}


def test_a_champion_of_a_former_format_says_so_and_any_model_of_today_replaces_it(tmp_path: Path):
    settings = Settings(home=tmp_path)
    put(settings, numbered(1.0), YES)
    (config,) = store_folder(tmp_path).rglob("config.json")
    fields = json.loads(config.read_text())
    del fields["format"]
    config.write_text(json.dumps(fields))
    with pytest.raises(UserError, match="Train again"):
        find_champion(settings)
    seen = []
    register(settings.home, numbered(2.0), NOTES, lambda champion: seen.append(champion) or YES)
    assert seen == [None]
    assert load_champion(settings).version == numbered(2.0).version
