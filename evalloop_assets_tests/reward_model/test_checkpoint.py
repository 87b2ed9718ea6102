import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model.bradley_terry import Fitted, Training, fit
from evalloop_assets.reward_model.checkpoint import Checkpoints
from evalloop_assets.reward_model.distributed import read_result, write_job
from evalloop_assets.reward_model.pairs import Pairs, split_by_user
from evalloop_assets_tests.reward_model.world import planted

TRAINING = Training(penalty=0.05)


@pytest.fixture(scope="module")
def parts() -> tuple[Pairs, Pairs]:
    pairs, _ = planted(1500)
    split = split_by_user(pairs)
    return split.fit, split.tune


@pytest.fixture(scope="module")
def whole(parts: tuple[Pairs, Pairs]) -> Fitted:
    return fit(*parts, TRAINING)


def assert_same(found: Fitted, whole: Fitted) -> None:
    assert found.losses == whole.losses
    assert found.tuning_losses == whole.tuning_losses
    for name, value in whole.weights.items():
        np.testing.assert_array_equal(found.weights[name], value)
    np.testing.assert_array_equal(found.length, whole.length)


def test_a_killed_training_goes_on_and_ends_the_same_bit_for_bit(
    parts: tuple[Pairs, Pairs], whole: Fitted, tmp_path: Path
):
    """A process of its own is killed hard once its second checkpoint is there."""
    write_job(tmp_path, *parts, TRAINING)
    program = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        import numpy as np
        from evalloop_assets.reward_model.bradley_terry import Training, fit
        from evalloop_assets.reward_model.checkpoint import Checkpoints
        from evalloop_assets.reward_model.pairs import Pairs

        keep = Checkpoints.keep
        def killed(self, weights, optimiser, losses, tuning):
            keep(self, weights, optimiser, losses, tuning)
            if len(losses) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
        Checkpoints.keep = killed
        folder = Path(sys.argv[1])
        with np.load(folder / "pairs.npz") as file:
            parts = [Pairs(*(file[f"{part}.{name}"] for name in Pairs._fields)) for part in ("fit", "tune")]
        fit(*parts, Training(penalty=0.05), folder / "kept")
    """)
    died = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    (file,) = (tmp_path / "kept").iterdir()
    before = file.stat().st_mtime_ns
    assert len(whole.losses) > 2
    found = fit(*parts, TRAINING, tmp_path / "kept")
    assert_same(found, whole)
    assert before
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_checkpoint_is_gone_on_from_and_not_begun_anew(parts: tuple[Pairs, Pairs], tmp_path: Path, monkeypatch):
    monkeypatch.setattr(Checkpoints, "remove", lambda self: None)
    first = fit(*parts, Training(penalty=0.05, epochs=2), tmp_path)
    (file,) = tmp_path.iterdir()
    seen = []
    restore = Checkpoints.restore
    monkeypatch.setattr(Checkpoints, "restore", lambda self, *args: seen.append(restore(self, *args)) or seen[-1])
    fit(*parts, Training(penalty=0.05, epochs=2), tmp_path)
    assert seen[0][0] == list(first.losses)
    other = parts[0]._replace(targets=1 - parts[0].targets)
    fit(other, parts[1], Training(penalty=0.05, epochs=1), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert file.exists()


@pytest.mark.parametrize("content", [b"", b"garbage" * 10, b"\x02\0\0\0\0\0\0\0{}"])
def test_a_damaged_checkpoint_and_a_half_written_one_are_left_behind(
    parts: tuple[Pairs, Pairs], whole: Fitted, tmp_path: Path, content: bytes
):
    no_directions = np.zeros((0, parts[0].difference.shape[1]), np.float32)
    path = Checkpoints.of(tmp_path, [*parts[0], *parts[1], no_directions], TRAINING).path
    assert path
    path.write_bytes(content)
    path.with_suffix(".77.partial").write_bytes(b"half")
    assert_same(fit(*parts, TRAINING, tmp_path), whole)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_clear_line(parts: tuple[Pairs, Pairs], tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        fit(*parts, TRAINING, tmp_path / "file" / "folder")


def test_a_gpu_without_memory_is_one_clear_line(parts: tuple[Pairs, Pairs], monkeypatch):
    import torch

    from evalloop_assets.reward_model import bradley_terry

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(bradley_terry, "_loss", full)
    with pytest.raises(UserError, match=r"too little memory for \d+ pairs\. Lower reward.max_pairs"):
        fit(*parts, TRAINING)


def test_two_processes_find_what_one_finds(parts: tuple[Pairs, Pairs], tmp_path: Path):
    """Real torchrun with gloo on loopback."""
    directions = np.random.default_rng(1).normal(size=(3, parts[0].difference.shape[1])).astype(np.float32)
    weighted = Training(penalty=0.05, tail_weight=0.3)
    mixed = [part._replace(sources=np.where(part.targets[:, 0] == 1, "tail", "battle")) for part in parts]
    whole = fit(*mixed, weighted, directions=directions)
    write_job(tmp_path, *mixed, weighted, directions)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    run = subprocess.run(
        [*command, "-m", "evalloop_assets.reward_model.distributed", str(tmp_path)],
        check=False,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=900,
    )
    assert run.returncode == 0, run.stderr.decode()[-2000:]
    found = read_result(tmp_path)
    margins, same = ((parts[1].difference * one.weights["scale"]) @ one.weights["linear"] for one in (found, whole))
    np.testing.assert_allclose(margins, same, atol=0.02 * float(same.std()))
    assert found.learned == whole.learned
    np.testing.assert_allclose(found.along, whole.along, atol=0.02)
    assert found.losses[-1] == pytest.approx(whole.losses[-1], abs=1e-4)


def test_a_job_that_is_not_there_is_one_clear_line(tmp_path: Path):
    with pytest.raises(UserError, match="left no result"):
        read_result(tmp_path)
