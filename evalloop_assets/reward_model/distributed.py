"""Training in several processes: `torchrun --nproc_per_node 2 -m evalloop_assets.reward_model.distributed FOLDER`.

The folder holds `pairs.npz` and `training.json` (`write_job`); the first process leaves `fitted.npz` there
(`read_result`). Each process takes every k-th pair, gradients are summed by gloo (by nccl where each has a GPU), and
all go the same way to the one best fit.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model.bradley_terry import Fitted, Training, fit
from evalloop_assets.reward_model.encoder import Matrix
from evalloop_assets.reward_model.pairs import Pairs

PAIRS, TRAINING, FITTED = "pairs.npz", "training.json", "fitted.npz"
DIRECTIONS = "directions"


def write_job(folder: Path, pairs: Pairs, tune: Pairs, training: Training, directions: Matrix | None = None) -> None:
    """What is to be trained, into a folder that is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {
        f"{part}.{name}": column
        for part, of in (("fit", pairs), ("tune", tune))
        for name, column in of._asdict().items()
    }
    if directions is not None:
        parts[DIRECTIONS] = directions
    np.savez(folder / PAIRS, **parts)
    (folder / TRAINING).write_text(json.dumps(asdict(training)))


def read_result(folder: Path) -> Fitted:
    """What the training left; UserError where it has not ended."""
    try:
        with np.load(folder / FITTED) as found:
            weights = {name.removeprefix("weights."): found[name] for name in found if name.startswith("weights.")}
            losses = (tuple(found[name].tolist()) for name in ("learned", "losses", "tuning_losses"))
            return Fitted(weights, found["length"], found["along"], *losses)
    except OSError as error:
        raise UserError(f"training in {folder}", f"it left no result ({error})", "Run it with torchrun") from error


def main(folder: Path) -> None:
    """Trains as one process of those that torchrun started."""
    import torch
    import torch.distributed as group

    try:
        training = Training(**json.loads((folder / TRAINING).read_text()))
        with np.load(folder / PAIRS) as file:
            pairs, tune = (Pairs(*(file[f"{part}.{name}"] for name in Pairs._fields)) for part in ("fit", "tune"))
            directions = file.get(DIRECTIONS)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"training job in {folder}", f"it cannot be read ({error})", "Write it anew") from error
    group.init_process_group("nccl" if torch.cuda.device_count() >= group_size() else "gloo")
    try:
        found = fit(pairs, tune, training, folder / "checkpoints", directions)
        if group.get_rank() == 0:
            weights = {f"weights.{name}": value for name, value in found.weights.items()}
            rest = {name: np.array(value) for name, value in found._asdict().items() if name != "weights"}
            np.savez(folder / FITTED, **weights, **rest)  # type: ignore[arg-type]
    finally:
        group.destroy_process_group()


def group_size() -> int:
    """Processes on this machine, as torchrun says."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: torchrun --nproc_per_node N -m evalloop_assets.reward_model.distributed FOLDER")
    try:
        main(Path(sys.argv[1]))
    except UserError as error:
        raise SystemExit(str(error)) from None
