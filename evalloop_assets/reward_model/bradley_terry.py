"""Training: one Bradley-Terry model per horizon over shared features, with censored labels masked.

P(a preferred) = sigmoid(w_h · (x_a - x_b) + c_h * log length ratio). A tie counts half for each side. The length term
takes up what people's length habits explain and is dropped at scoring. There is no intercept, so swapping a and b of a
pair together with its label changes nothing, and it does no harm when every pair is written with its winner first.

The loss with its penalty is convex, so there is one best fit: it depends on no seed and no order of the pairs, and
several processes that share the pairs find it as one does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model.checkpoint import Checkpoints
from evalloop_assets.reward_model.encoder import Matrix
from evalloop_assets.reward_model.features import shares_and_likenesses
from evalloop_assets.reward_model.model import HORIZONS, LINEAR, SCALE
from evalloop_assets.reward_model.pairs import Pairs

if TYPE_CHECKING:
    import torch

Weights = dict[str, Matrix]

DIRECTION_PENALTY = 0.1
"""Penalty of a direction's coefficient beside that of a feature's: there are few, and each sums up many labels."""
SHARE_SCALE = 0.05
"""Standard deviation that a share or likeness is given, beside the columns of words whose vectors have length 1."""
STEPS = 5
"""Steps between two checkpoints."""
MEMORY = 10
"""Former steps by which L-BFGS knows the curvature."""
SMALLEST_GAIN = 1e-5
"""Fall of the loss, relative to it, below which training ends."""


@dataclass(frozen=True)
class Training:
    """How the heads are fitted. The same values and pairs give the same weights, bit for bit, on one machine."""

    epochs: int = 40
    """Most rounds of STEPS steps of L-BFGS, each of which looks at all pairs at least once."""
    penalty: float = 1.0
    """Weight of the squared coefficients beside the summed loss of the labels: the precision of their prior, halved.
    That of a direction's is DIRECTION_PENALTY times as much."""
    tail_weight: float = 1.0
    """Weight of a label of a tail pair, whose replies answer two messages, beside 1 of a pair with one."""
    min_labels: int = 50
    """Decided labels of a horizon among the fitted pairs below which it is not learned."""
    threads: int = 1


class Fitted(NamedTuple):
    """Weights with the course of the training."""

    weights: Weights
    length: NDArray[np.float64]
    """Coefficient of the log length ratio per horizon: how much the labels go by length."""
    along: NDArray[np.float64]
    """Coefficients of the directions per horizon [heads, k], in logits by standard deviation of the pairs; their share
    is in the weights of the fit."""
    learned: tuple[bool, ...]
    """Per horizon; the output of one not learned means nothing."""
    losses: tuple[float, ...]
    """Weighted mean loss of the fitted labels before each epoch, penalty included, in nats."""
    tuning_losses: tuple[float, ...]
    """Weighted mean loss of the tuning labels after each epoch; empty without any."""


def learnable(pairs: Pairs, min_labels: int) -> tuple[bool, ...]:
    """Per horizon: whether enough pairs are decided (neither tie nor censored)."""
    return tuple(bool(count >= min_labels) for count in pairs.decided.sum(axis=0))


def fit(
    pairs: Pairs, tune: Pairs, training: Training, checkpoints: Path | None = None, directions: Matrix | None = None
) -> Fitted:
    """Fits the heads whose horizon has enough labels; ValueError where none has, or where a feature is not finite.

    Each of the `directions` [k, f] of the features (`directions.py`) is one more column, and its share is added to
    the weights: beside them the other coefficients tell what they do not.

    With a folder for `checkpoints`, a run that was killed goes on from its last epoch when it is called again with the
    same pairs, and ends with the same weights. UserError where the folder cannot be written or a GPU is too small.
    """
    learned = learnable(pairs, training.min_labels)
    if not any(learned):
        raise ValueError(f"no horizon has {training.min_labels} decided labels")
    for part in (pairs, tune):
        if not np.isfinite(part.difference).all():
            raise ValueError("features hold NaN or infinity: the text encoder is at fault")
    import torch

    with _threads(training.threads):
        try:
            parts = (_learned_only(pairs, learned), _learned_only(tune, learned))
            return _fit(*parts, learned, training, checkpoints, directions)
        except torch.OutOfMemoryError as error:
            raise UserError(
                "training of the reward model",
                f"the GPU has too little memory for {len(pairs.ids)} pairs",
                "Lower reward.max_pairs, or hide the GPU: CUDA_VISIBLE_DEVICES=",
            ) from error


def _learned_only(pairs: Pairs, learned: tuple[bool, ...]) -> Pairs:
    """Pairs that carry a label of a learned horizon, the other horizons censored."""
    targets = np.where(np.array(learned), pairs.targets, np.nan)
    labelled: NDArray[np.bool_] = np.asarray(np.isfinite(targets).any(axis=1), np.bool_)
    taught = pairs._replace(targets=targets)
    return taught if labelled.all() else taught.where(labelled)


def scale_of(difference: Matrix) -> Matrix:
    """Factor of each feature [f]: shares and likenesses get the spread SHARE_SCALE, constant ones 0, words stay."""
    scale = np.ones(difference.shape[1], np.float32)
    columns = shares_and_likenesses(difference.shape[1])
    spread = difference[:, columns].std(axis=0)
    scale[columns] = np.where(spread > 1e-6, SHARE_SCALE / np.maximum(spread, 1e-6), 0.0)
    return scale


def _units(directions: Matrix | None, difference: Matrix, scale: Matrix) -> Matrix:
    """The directions of the scaled features with standard deviation 1 over the pairs [k, f]; zeros for one that tells
    no pair apart."""
    if directions is None:
        return np.zeros((0, len(scale)), np.float32)
    scaled = np.where(scale > 0, directions / np.where(scale > 0, scale, 1.0), 0.0)
    spread = np.std(difference @ (scaled * scale).T, axis=0)
    return np.asarray(scaled * np.where(spread > 1e-9, 1 / np.maximum(spread, 1e-9), 0.0)[:, None], np.float32)


def _fit(
    pairs: Pairs,
    tune: Pairs,
    learned: tuple[bool, ...],
    training: Training,
    folder: Path | None,
    directions: Matrix | None,
) -> Fitted:
    import torch

    scale = scale_of(pairs.difference)
    units = _units(directions, pairs.difference, scale)
    data, check = (_tensors(part, rows, training) for part, rows in ((pairs, _own_rows()), (tune, slice(None))))
    labels = _over_processes(data.known.sum())
    size = (len(HORIZONS), len(scale) + len(units) + 1)
    factors, along = (torch.from_numpy(column).to(data.known.device) for column in (scale, units))
    penalty = torch.full((size[1] - 1,), training.penalty, device=data.known.device)
    penalty[len(scale) :] *= DIRECTION_PENALTY
    weights = torch.zeros(size, device=data.known.device, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weights], max_iter=STEPS, history_size=MEMORY, tolerance_change=0.0, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        """Weighted mean over the labels of all processes, penalty included; leaves its gradient."""
        optimiser.zero_grad()
        own = _loss(weights, factors, along, data)
        own.backward()  # type: ignore[no-untyped-call]
        assert weights.grad is not None
        summed = _over_processes(torch.cat([weights.grad.flatten(), own.detach().reshape(1)]))
        with torch.no_grad():
            weights.grad.copy_(summed[:-1].reshape(size) / labels)
            weights.grad[:, :-1] += 2 * penalty / labels * weights[:, :-1]
            found: torch.Tensor = (summed[-1] + (penalty * weights[:, :-1].square()).sum()) / labels
        return found

    kept = Checkpoints.of(folder, (*pairs, *tune, units), training)
    losses, tuning = kept.restore(weights, optimiser)
    while len(losses) < training.epochs and not _settled(losses):
        losses.append(float(optimiser.step(loss)))  # type: ignore[no-untyped-call]
        if len(check.length):
            with torch.no_grad():
                tuning.append(float(_loss(weights, factors, along, check) / check.known.sum().clamp(min=1e-12)))
        if _rank() == 0:
            kept.keep(weights, optimiser, losses, tuning)
    if _rank() == 0:
        kept.remove()
    found = weights.detach().cpu().numpy()
    alone, shares = found[:, : len(scale)], found[:, len(scale) : -1]
    return Fitted(
        {SCALE: scale, LINEAR: np.ascontiguousarray((alone + shares @ units).T, np.float32)},
        found[:, -1].astype(np.float64),
        shares.astype(np.float64),
        learned,
        tuple(losses),
        tuple(tuning),
    )


def _settled(losses: list[float]) -> bool:
    return len(losses) > 1 and losses[-2] - losses[-1] <= SMALLEST_GAIN * abs(losses[-2])


class _Data(NamedTuple):
    difference: torch.Tensor
    """[n, f]"""
    length: torch.Tensor
    """[n] log length ratio."""
    targets: torch.Tensor
    """[heads, n], 0.5 where censored."""
    known: torch.Tensor
    """[heads, n] weight of the label, 0 where it is censored."""


def _tensors(pairs: Pairs, rows: slice, training: Training) -> _Data:
    """These rows of the pairs, on the GPU if there is one; in main memory the differences are not copied."""
    import torch

    device = f"cuda:{_rank() % torch.cuda.device_count()}" if torch.cuda.is_available() else "cpu"
    known = np.isfinite(pairs.targets[rows])
    weight = np.where(pairs.sources[rows] == "tail", training.tail_weight, 1.0)
    columns = (
        pairs.difference[rows],
        pairs.log_length_ratio[rows],
        np.where(known, pairs.targets[rows], 0.5).T,
        (known * weight[:, None]).T,
    )
    return _Data(*(torch.from_numpy(np.ascontiguousarray(column, np.float32)).to(device) for column in columns))


def _loss(weights: torch.Tensor, scale: torch.Tensor, along: torch.Tensor, data: _Data) -> torch.Tensor:
    """Weighted sum of the cross-entropy of the labels that are not censored, in float32 on every device.

    With products in bfloat16 the line search stops short of the one best fit (`docs/reward-model.md`).
    """
    import torch

    # Heads come first: the gradient's product with the long side last takes ten times as long.
    linear = (weights[:, : len(scale)] + weights[:, len(scale) : -1] @ along) * scale
    logits = linear @ data.difference.t() + weights[:, -1:] * data.length
    losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, data.targets, reduction="none")
    return (losses * data.known).sum()


def _over_processes(value: torch.Tensor) -> torch.Tensor:
    """The sum over the processes that train together; the value itself in a process alone."""
    import torch.distributed as group

    if group.is_available() and group.is_initialized():
        group.all_reduce(value)
    return value


def _rank() -> int:
    import torch.distributed as group

    return group.get_rank() if group.is_available() and group.is_initialized() else 0


def _own_rows() -> slice:
    """The pairs of this process: every k-th of k processes, all in a process alone."""
    import torch.distributed as group

    together = group.is_available() and group.is_initialized()
    return slice(group.get_rank(), None, group.get_world_size()) if together else slice(None)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Sums come out alike only with a fixed number of threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
