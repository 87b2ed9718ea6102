"""How one allocation becomes the next: pure functions, refused with a `UserError` where the step makes no sense.

A step that is already done gives its input back unchanged, so that repeating it adds nothing to the ledger.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from evalloop_assets.lake.errors import UserError
from evalloop_assets.serving.state import Allocation, Epoch, Experiment, Reign, Status

KEPT_AFTER_END = timedelta(days=7)
"""For so long an ended experiment serves the conversations that began in it; the next start drops it."""


def begin(champion: str) -> Allocation:
    """The first allocation: one model for everybody."""
    if not champion:
        raise UserError("the allocation", "no champion is named", "Name the model to serve.")
    return Allocation(champion)


def start_experiment(
    allocation: Allocation,
    experiment_id: str,
    treatment: str,
    at: datetime,
    *,
    weight_percent: float,
    user_share: float = 20.0,
    segment: tuple[float, float] = (0.0, 100.0),
    user_weight: float = 50.0,
) -> Allocation:
    """Serve `treatment` against the champion to conversations that begin at `at` or later."""
    what = f"experiment {experiment_id}"
    if not experiment_id or not treatment:
        raise UserError(what, "it needs an id and a treatment", "Name both.")
    if allocation.experiment(experiment_id) is not None:
        raise UserError(what, "the id is taken", "Use an id of its own.")
    if treatment == allocation.champion:
        raise UserError(what, f"its treatment {treatment} is the champion already", "Choose another model.")
    first, last = segment
    if not 0 <= first < last <= 100:
        raise UserError(what, f"segment {first} to {last} is no span within 0 to 100", "Give first < last.")
    for percent, name in ((weight_percent, "weight"), (user_share, "user share"), (user_weight, "user weight")):
        _require_percent(what, name, percent)
    for other in allocation.running:
        if first < other.segment[1] and other.segment[0] < last:
            raise UserError(
                what,
                f"its segment {first} to {last} overlaps that of {other.experiment_id}, "
                f"{other.segment[0]} to {other.segment[1]}",
                "Choose a free segment, or end the other experiment first.",
            )
    kept = tuple(one for one in allocation.experiments if _still_serves(one, at))
    started = Experiment(
        experiment_id=experiment_id,
        control=allocation.champion,
        treatment=treatment,
        segment=segment,
        user_share=user_share,
        epochs=(Epoch(at, weight_percent),),
        user_weight=user_weight,
    )
    return replace(allocation, experiments=(*kept, started))


def ramp(allocation: Allocation, experiment_id: str, weight_percent: float, at: datetime) -> Allocation:
    """Open an epoch with a new weight; conversations begun before `at` keep the rule under which they began."""
    experiment = _running(allocation, experiment_id)
    _require_percent(f"experiment {experiment_id}", "weight", weight_percent)
    latest = experiment.epochs[-1]
    if latest.weight_percent == weight_percent:
        return allocation
    if at <= latest.starts_at:
        raise UserError(
            f"experiment {experiment_id}",
            f"a ramp at {at} would not follow the epoch begun at {latest.starts_at}",
            "Ramp at a later time.",
        )
    return _with(allocation, replace(experiment, epochs=(*experiment.epochs, Epoch(at, weight_percent))))


def promote(allocation: Allocation, experiment_id: str, at: datetime) -> Allocation:
    """Make the treatment the champion of conversations that begin at `at` or later; running ones keep their model.

    Other experiments against the old champion have lost their control and end.
    """
    found = allocation.experiment(experiment_id)
    if found is not None and found.status == "promoted":
        return allocation
    experiment = _running(allocation, experiment_id)
    return replace(
        allocation,
        champion=experiment.treatment,
        former=Reign(allocation.champion, at),
        experiments=tuple(
            _ended(one, "promoted" if one is experiment else "stopped", at) for one in allocation.experiments
        ),
    )


def stop(allocation: Allocation, experiment_id: str, at: datetime) -> Allocation:
    """End without a winner and without harm: running conversations keep their arm, new ones get the champion."""
    found = allocation.experiment(experiment_id)
    if found is not None and found.status != "running":
        return allocation
    return _with(allocation, _ended(_running(allocation, experiment_id), "stopped", at))


def roll_back(allocation: Allocation, experiment_id: str, at: datetime) -> Allocation:
    """Take the candidate out of every epoch, so that running conversations leave it at their next turn.

    A candidate that was promoted meanwhile gives the throne back to its control. Every other experiment that tries the
    same candidate is rolled back as well. Experiments that compare against it end with it, and those that had ended
    leave the allocation. So nobody is served it.
    """
    experiment = allocation.experiment(experiment_id)
    if experiment is None:
        raise _unknown(allocation, experiment_id)
    if experiment.status == "rolled_back":
        return allocation
    out = experiment.treatment
    dethroned = allocation.champion == out
    former = allocation.former
    return replace(
        allocation,
        champion=experiment.control if dethroned else allocation.champion,
        former=None if dethroned or (former is not None and former.model_id == out) else former,
        experiments=tuple(
            _rolled_back(one, at) if out in (one.control, one.treatment) else one
            for one in allocation.experiments
            if one.treatment == out or one.control != out or one.status == "running"
        ),
    )


def undo(allocation: Allocation, earlier: Allocation, at: datetime) -> Allocation:
    """Serve what `earlier` said to conversations that begin at `at` or later, and move few running ones.

    An experiment that went on, ended or was promoted meanwhile gets a new epoch of its earlier weight, and the time
    after its end stays an epoch of 0% or 100%. One that was rolled back begins anew: what its rollback took the
    candidate from, and what began outside it, stays outside.
    """
    former = earlier.former
    if allocation.champion == earlier.champion:
        former = allocation.former
    elif allocation.former is None or allocation.former.model_id != earlier.champion:
        former = Reign(allocation.champion, at)
    return replace(
        earlier,
        former=former,
        experiments=tuple(_restored(one, allocation.experiment(one.experiment_id), at) for one in earlier.experiments),
    )


def _restored(before: Experiment, now: Experiment | None, at: datetime) -> Experiment:
    """`before` again from `at` on, where it has become `now`."""
    if now is not None and now.status == before.status != "running":
        return now
    if before.status == "rolled_back":
        return before
    resumed = Epoch(at, before.epochs[-1].weight_percent)
    if now is None or now.status == "rolled_back":
        return replace(before, epochs=(resumed,), ended_at=None if before.status == "running" else at)
    if before.status != "running":
        return replace(now, status=before.status, ended_at=at)
    ended = () if now.ended_at is None else (Epoch(now.ended_at, 100.0 if now.status == "promoted" else 0.0),)
    return replace(before, epochs=_in_order((*now.epochs, *ended, resumed)))


def _in_order(epochs: tuple[Epoch, ...]) -> tuple[Epoch, ...]:
    """Without those that a later one begins before, and those that change no weight."""
    kept: list[Epoch] = []
    for epoch in epochs:
        while kept and kept[-1].starts_at >= epoch.starts_at:
            kept.pop()
        if not kept or kept[-1].weight_percent != epoch.weight_percent:
            kept.append(epoch)
    return tuple(kept)


def _running(allocation: Allocation, experiment_id: str) -> Experiment:
    experiment = allocation.experiment(experiment_id)
    if experiment is None:
        raise _unknown(allocation, experiment_id)
    if experiment.status != "running":
        raise UserError(f"experiment {experiment_id}", f"it is {experiment.status}", "Start a new experiment.")
    return experiment


def _unknown(allocation: Allocation, experiment_id: str) -> UserError:
    known = ", ".join(one.experiment_id for one in allocation.experiments) or "none"
    return UserError(f"experiment {experiment_id}", "the allocation does not know it", f"Known are: {known}.")


def _require_percent(what: str, name: str, percent: float) -> None:
    if not 0 <= percent <= 100:
        raise UserError(what, f"{name} {percent} is no percentage", "Give a number from 0 to 100.")


def _with(allocation: Allocation, changed: Experiment) -> Allocation:
    experiments = tuple(
        changed if one.experiment_id == changed.experiment_id else one for one in allocation.experiments
    )
    return replace(allocation, experiments=experiments)


def _ended(experiment: Experiment, status: Status, at: datetime) -> Experiment:
    return replace(experiment, status=status, ended_at=at) if experiment.status == "running" else experiment


def _rolled_back(experiment: Experiment, at: datetime) -> Experiment:
    return experiment if experiment.status == "rolled_back" else replace(experiment, status="rolled_back", ended_at=at)


def _still_serves(experiment: Experiment, at: datetime) -> bool:
    return experiment.ended_at is None or experiment.ended_at > at - KEPT_AFTER_END
