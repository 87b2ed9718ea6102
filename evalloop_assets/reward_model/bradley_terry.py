"""Training: one Bradley-Terry model per horizon over shared features, with censored labels masked.

P(a preferred) = sigmoid(f_h(a) - f_h(b) + c_h * log length ratio). A tie counts half for each side. The length term
takes up what people's length habits explain and is dropped at scoring. There is no intercept, so swapping a and b of a
pair together with its label changes nothing, and it does no harm when every pair is written with its winner first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.reward_model.encoder import Matrix
from evalloop_assets.reward_model.model import HORIZONS
from evalloop_assets.reward_model.pairs import Pairs

if TYPE_CHECKING:
    import torch

Weights = dict[str, Matrix]

NEWTON_STEPS = 15


@dataclass(frozen=True)
class Training:
    """How the heads are fitted. The same values and pairs give the same weights, bit for bit, on one machine."""

    hidden: int = 32
    """Width of the hidden layer beside the linear one; 0 leaves a linear model."""
    epochs: int = 20
    batch: int = 128
    learning_rate: float = 0.003
    penalty: float = 0.01
    """Weight of the squared coefficients in the loss."""
    patience: int = 4
    """Epochs without a better tuning loss before training stops."""
    min_labels: int = 50
    """Decided labels of a horizon among the fitted pairs below which it is not learned."""
    threads: int = 1
    seed: int = 0


class Fitted(NamedTuple):
    """Weights with the course of the training."""

    weights: Weights
    length: NDArray[np.float64]
    """Coefficient of the log length ratio per horizon: how much the labels go by length."""
    learned: tuple[bool, ...]
    """Per horizon; the output of one not learned means nothing."""
    losses: tuple[float, ...]
    """Loss on the tuning pairs (on the fitted pairs where there are none) after each epoch, in nats."""


def learnable(pairs: Pairs, min_labels: int) -> tuple[bool, ...]:
    """Per horizon: whether enough pairs are decided (neither tie nor censored)."""
    return tuple(bool(count >= min_labels) for count in pairs.decided.sum(axis=0))


def fit(pairs: Pairs, tune: Pairs, training: Training) -> Fitted:
    """Fits the heads whose horizon has enough labels; ValueError where none has, or where a feature is not finite."""
    learned = learnable(pairs, training.min_labels)
    if not any(learned):
        raise ValueError(f"no horizon has {training.min_labels} decided labels")
    for part in (pairs, tune):
        if not (np.isfinite(part.a).all() and np.isfinite(part.b).all()):
            raise ValueError("features hold NaN or infinity: the text encoder is at fault")
    with _threads(training.threads):
        return _fit(_learned_only(pairs, learned), _learned_only(tune, learned), learned, training)


def _learned_only(pairs: Pairs, learned: tuple[bool, ...]) -> Pairs:
    """Pairs that carry a label of a learned horizon, the other horizons censored."""
    targets = np.where(np.array(learned), pairs.targets, np.nan)
    labelled: NDArray[np.bool_] = np.asarray(np.isfinite(targets).any(axis=1), np.bool_)
    return pairs._replace(targets=targets).where(labelled)


def _fit(pairs: Pairs, tune: Pairs, learned: tuple[bool, ...], training: Training) -> Fitted:
    import torch

    both = np.concatenate([pairs.a, pairs.b])
    mean, spread = both.mean(axis=0), both.std(axis=0)
    spread = np.where(spread > 1e-6, spread, 1.0)
    data = _tensors(pairs, mean, spread)
    check = _tensors(tune if len(tune.ids) else pairs, mean, spread)

    draw = torch.Generator().manual_seed(training.seed)
    parameters = _initial(both.shape[1], training.hidden, length_alone(pairs), draw)
    optimiser = torch.optim.Adam(parameters.values(), lr=training.learning_rate)
    steps = training.epochs * max(1, -(-len(pairs.ids) // training.batch))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1.0 - step / (steps + 1))
    best, best_loss, losses = _copied(parameters), float("inf"), []
    since = 0
    for _ in range(training.epochs):
        order = torch.randperm(len(pairs.ids), generator=draw)
        for rows in torch.split(order, training.batch):
            optimiser.zero_grad()
            loss = _loss(parameters, [part[rows] for part in data])
            (loss + training.penalty * _squares(parameters)).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            losses.append(float(_loss(parameters, check)))
        if losses[-1] < best_loss:
            best, best_loss, since = _copied(parameters), losses[-1], 0
        else:
            since += 1
            if since >= training.patience:
                break
    length = best.pop("length").astype(np.float64)
    weights = {"input_mean": mean.astype(np.float32), "input_sd": spread.astype(np.float32), **best}
    return Fitted(weights, length, learned, tuple(losses))


def _initial(features: int, hidden: int, length: NDArray[np.float64], draw: torch.Generator) -> dict[str, torch.Tensor]:
    import torch

    heads = len(HORIZONS)
    parameters = {"linear": torch.zeros(features, heads), "length": torch.from_numpy(length.astype(np.float32))}
    if hidden:
        parameters["hidden"] = torch.randn(features, hidden, generator=draw) / features**0.5
        parameters["hidden_bias"] = torch.zeros(hidden)
        parameters["out"] = torch.randn(hidden, heads, generator=draw) * 0.1 / hidden**0.5
    return {name: value.requires_grad_() for name, value in parameters.items()}


def length_alone(pairs: Pairs) -> NDArray[np.float64]:
    """Coefficient of the log length ratio per horizon when nothing else explains the labels [heads].

    Training starts from it, so that the features are left with what length does not explain; starting from 0, they take
    up much of its effect before the coefficient has grown. A horizon without a label has 0.
    """
    known = np.isfinite(pairs.targets)
    ratio, targets = pairs.log_length_ratio[:, None], np.where(known, pairs.targets, 0.5)
    found = np.zeros(pairs.targets.shape[1])
    for _ in range(NEWTON_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(found * ratio, -30, 30)))
        slope = np.sum(known * (targets - chance) * ratio, axis=0) - found
        bend = np.sum(known * chance * (1 - chance) * ratio**2, axis=0) + 1.0
        found = found + slope / bend
    return found


def _tensors(pairs: Pairs, mean: Matrix, spread: Matrix) -> list[torch.Tensor]:
    """a, b, log length ratio, targets with 0.5 where censored, mask of what is not censored."""
    import torch

    known = np.isfinite(pairs.targets)
    columns = (
        (pairs.a - mean) / spread,
        (pairs.b - mean) / spread,
        pairs.log_length_ratio[:, None],
        np.where(known, pairs.targets, 0.5),
        known,
    )
    return [torch.from_numpy(np.ascontiguousarray(column, np.float32)) for column in columns]


def _loss(parameters: dict[str, torch.Tensor], data: list[torch.Tensor]) -> torch.Tensor:
    """Mean cross-entropy over the labels that are not censored."""
    import torch

    a, b, ratio, targets, known = data
    logits = _heads(parameters, a) - _heads(parameters, b) + ratio * parameters["length"]
    losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (losses * known).sum() / known.sum().clamp(min=1.0)


def _heads(parameters: dict[str, torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    outputs = inputs @ parameters["linear"]
    if "hidden" in parameters:
        outputs = outputs + (inputs @ parameters["hidden"] + parameters["hidden_bias"]).tanh() @ parameters["out"]
    return outputs


def _squares(parameters: dict[str, torch.Tensor]) -> torch.Tensor:
    import torch

    return torch.stack([value.square().sum() for name, value in parameters.items() if name != "length"]).sum()


def _copied(parameters: dict[str, torch.Tensor]) -> Weights:
    return {name: value.detach().numpy().copy() for name, value in parameters.items()}


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
