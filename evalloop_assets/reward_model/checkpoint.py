"""Checkpoints of a training: what L-BFGS knows after each epoch, so that a killed run goes on as if it had not been.

One safetensors file with the loss curves in its header, named by what is trained and how: other pairs or settings
find none. It is replaced as a whole, and removed at the end.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evalloop_assets.lake.errors import UserError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

LOG = logging.getLogger(__name__)

LISTS = ("old_dirs", "old_stps", "ro")
SINGLES = ("d", "prev_flat_grad", "t", "n_iter", "func_evals", "H_diag", "prev_loss")
"""State of `torch.optim.LBFGS`: lists of tensors, and what is a number or a tensor."""


class Checkpoints:
    """The file of one training; without a file nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    @classmethod
    def of(cls, folder: Path | None, columns: Sequence[NDArray[Any]], training: object) -> Checkpoints:
        """Its file in the folder, by the content of the arrays and the settings (a dataclass)."""
        if folder is None:
            return cls(None)
        digest = hashlib.sha256(json.dumps(asdict(training), sort_keys=True).encode())  # type: ignore[call-overload]
        for column in columns:
            digest.update(f"{column.dtype} {column.shape}".encode())
            digest.update(np.ascontiguousarray(column).tobytes())
        return cls(folder / f"{digest.hexdigest()[:32]}.safetensors")

    def restore(self, weights: torch.Tensor, optimiser: torch.optim.Optimizer) -> tuple[list[float], list[float]]:
        """Puts back what was kept; the loss curves so far, empty where nothing is kept or it cannot be read."""
        import torch
        from safetensors import SafetensorError, safe_open

        if self.path is None or not self.path.exists():
            return [], []
        try:
            with safe_open(self.path, "pt", device=str(weights.device)) as file:
                # Copies, since sums over memory that lies differently come out differently in the last bit.
                tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
                known = json.loads((file.metadata() or {})["state"])
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            LOG.warning("checkpoint %s cannot be read (%s): training starts anew", self.path, error)
            return [], []
        with torch.no_grad():
            weights.copy_(tensors.pop("weights"))
        state = optimiser.state[weights]
        state.update(known["numbers"])
        state.update({name: tensors[name] for name in SINGLES if name in tensors})
        for name in LISTS:
            state[name] = [tensors[f"{name}.{at}"] for at in range(known["lengths"][name])]
        state["al"] = [None] * known["history"]
        return known["losses"], known["tuning"]

    def keep(
        self, weights: torch.Tensor, optimiser: torch.optim.Optimizer, losses: list[float], tuning: list[float]
    ) -> None:
        """Replaces the file; UserError where it cannot be written."""
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        if self.path is None:
            return
        state = optimiser.state[weights]
        tensors = {"weights": weights.detach()}
        tensors |= {f"{name}.{at}": one for name in LISTS for at, one in enumerate(state.get(name) or [])}
        tensors |= {name: state[name] for name in SINGLES if isinstance(state.get(name), torch.Tensor)}
        numbers = {name: state[name] for name in SINGLES if isinstance(state.get(name), int | float)}
        about = {
            "numbers": numbers,
            "lengths": {name: len(state.get(name) or []) for name in LISTS},
            "history": optimiser.param_groups[0]["history_size"],
            "losses": losses,
            "tuning": tuning,
        }
        partial = self.path.with_suffix(f".{os.getpid()}.partial")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            copies = {name: one.detach().clone().contiguous() for name, one in tensors.items()}
            save_file(copies, partial, {"state": json.dumps(about)})
            partial.replace(self.path)
        except (OSError, SafetensorError) as error:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise UserError(
                f"checkpoint {self.path}",
                f"it cannot be written ({error})",
                "Free or repair the folder and run again; the champion stays as it is",
            ) from error

    def remove(self) -> None:
        """Removes the file, and what runs that were killed while they wrote it have left."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            for partial in self.path.parent.glob(f"{self.path.stem}.*.partial"):
                partial.unlink(missing_ok=True)
