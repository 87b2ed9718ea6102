"""Which candidates a day brings, and where each comes from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from evalloop_assets.settings import ArmSettings, TrainingSettings

ARM, BEST_OF_N, LORA = "arm", "best_of_n", "lora"


class Served(NamedTuple):
    """The incumbent, and, if it is a candidate of an earlier day, where it came from."""

    model_id: str
    kind: str | None
    """None where it is no candidate of ours."""
    base_model_id: str | None
    """The model that its replies are drawn from; None where it is no candidate of ours."""
    generation: int
    """0 where it is none of ours."""


class Candidate(NamedTuple):
    """A policy that is to be tried, with its lineage."""

    model_id: str
    kind: str
    base_model_id: str
    """The model that its replies are drawn from, or the weights that its own were trained on."""
    n: int
    """Replies drawn for each that is shown."""
    reward_version: str | None
    """None for an arm: it was there before."""
    generation: int
    """1 for a child of a model that is none of ours, one more for each candidate that came to serve."""
    parent: str
    """The model that it is to replace."""
    created_on: date
    settings: str
    """JSON of what it was made with."""
    seed: int | None
    data_versions: str
    """JSON of the versions of the lake's tables that it was made from."""
    step: int | None = None
    """Of the checkpoint that was chosen; None where nothing was trained."""


def best_of_n_candidate(
    incumbent: Served, n: int, reward_version: str, day: date, data_versions: Mapping[str, int]
) -> Candidate:
    """Best-of-n is drawn from the base model, never from another best-of-n: n replies are n replies, not n squared."""
    base = incumbent.base_model_id if incumbent.kind == BEST_OF_N and incumbent.base_model_id else incumbent.model_id
    return Candidate(
        model_id=f"{base}-best-of-{n}-{reward_version}",
        kind=BEST_OF_N,
        base_model_id=base,
        n=n,
        reward_version=reward_version,
        generation=incumbent.generation + 1,
        parent=incumbent.model_id,
        created_on=day,
        settings=_json({"best_of": n}),
        seed=None,
        data_versions=_json(data_versions),
    )


def lora_candidate(
    incumbent: Served,
    base: str,
    training: TrainingSettings,
    reward_version: str,
    day: date,
    data_versions: Mapping[str, int],
    step: int,
    digest: str,
) -> Candidate:
    """Its name holds the digest of what it was made from: other weights never pass under the name of these."""
    generation = incumbent.generation + 1
    return Candidate(
        model_id=f"{training.method}-{generation}-{reward_version}-{digest[:6]}",
        kind=LORA,
        base_model_id=base,
        n=1,
        reward_version=reward_version,
        generation=generation,
        parent=incumbent.model_id,
        created_on=day,
        settings=_json(training.model_dump()),
        seed=training.seed,
        data_versions=_json(data_versions),
        step=step,
    )


def arm_candidate(incumbent: Served, arm: ArmSettings, day: date) -> Candidate:
    """The same arm has the same name for good, so that it is offered once."""
    settings = _json(arm.model_dump())
    return Candidate(
        model_id=f"{arm.model.rstrip('/').rsplit('/', 1)[-1]}-arm-{hashlib.sha256(settings.encode()).hexdigest()[:8]}",
        kind=ARM,
        base_model_id=arm.model,
        n=1,
        reward_version=None,
        generation=incumbent.generation + 1,
        parent=incumbent.model_id,
        created_on=day,
        settings=settings,
        seed=None,
        data_versions="{}",
    )


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True)
