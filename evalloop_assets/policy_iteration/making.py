"""The candidates of a day: made, registered, and written down with their lineage."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import MetadataValue

from evalloop_assets.lake.picture import drawn_by
from evalloop_assets.policy_iteration.candidates import (
    BEST_OF_N,
    LORA,
    Candidate,
    Served,
    arm_candidate,
    best_of_n_candidate,
    lora_candidate,
)
from evalloop_assets.policy_iteration.manner import Manner
from evalloop_assets.policy_iteration.pictures import draw_training
from evalloop_assets.policy_iteration.policy import has_weights, weights_of
from evalloop_assets.policy_iteration.registry import crown, is_to_be_retrained, register_policy
from evalloop_assets.policy_iteration.rewarding import rewards_of
from evalloop_assets.policy_iteration.step import Step, rows_of
from evalloop_assets.policy_iteration.tables import POLICY_CANDIDATES
from evalloop_assets.reward_model.registry import champion_version

if TYPE_CHECKING:
    from evalloop_assets.lake.store import Inputs
    from evalloop_assets.policy_iteration.lora import Trained
    from evalloop_assets.settings import PolicySettings, Settings

INCUMBENT = """
    SELECT t.model_id, c.kind, c.base_model_id, coalesce(c.generation, 0) AS generation
    FROM turns AS t LEFT JOIN policy_candidates AS c ON c.model_id = t.model_id
    WHERE t.arm IS DISTINCT FROM 'treatment' AND t.day = $day
    GROUP BY t.model_id, c.kind, c.base_model_id, c.generation
    ORDER BY count(*) DESC, t.model_id
    LIMIT 1
"""

PROMOTED = "SELECT DISTINCT reward_version FROM reward_model_report WHERE promoted ORDER BY reward_version"


def candidate_day(inputs: Inputs, day: date, settings: Settings) -> Step:
    """The candidates that the settings ask for: arms once each, the others whenever a reward model was promoted."""
    incumbents = inputs.query(INCUMBENT, {"day": day}).to_pylist()
    if not incumbents:
        return Step(rows_of(POLICY_CANDIDATES, []), {"none": "no reply was shown on this day"})
    incumbent, kinds = Served(**incumbents[0]), settings.policy.kinds
    if incumbent.kind is not None:
        crown(settings.home, incumbent.model_id, day)
    data = {table: version for table, version in inputs.versions.items() if table != POLICY_CANDIDATES.name}
    versions = inputs.query(PROMOTED).column("reward_version").to_pylist()
    found: list[Candidate] = []
    told: dict[str, Any] = {}
    if "best_of_n" in kinds:
        found += [
            best_of_n_candidate(incumbent, _draws(incumbent, settings.policy), version, day, data)
            for version in versions
        ]
    if "arm" in kinds:
        judged = champion_version(settings) is not None
        offered = set(inputs.query("SELECT model_id FROM policy_candidates").column("model_id").to_pylist())
        ready = [arm for arm in settings.policy.arms if judged or not has_weights(arm.model)]
        if len(ready) < len(settings.policy.arms):
            told["arms"] = "arms with weights wait for a reward model that can judge them"
        arms = [arm_candidate(incumbent, arm, day) for arm in ready]
        found += [arm for arm in arms if arm.model_id not in offered]
    for candidate in found:
        register_policy(settings.home, candidate._asdict(), {}, ())
    if "lora" in kinds:
        for version in versions:
            trained, shown = _trained(inputs, day, settings, incumbent, version, data)
            told |= shown
            found += [trained] if trained else []
    if not found and not told:
        told["none"] = "no reward model was promoted on this day"
    rows = [candidate._asdict() for candidate in found]
    return Step(rows_of(POLICY_CANDIDATES, rows), {"candidates": [row["model_id"] for row in rows]} | told)


def _draws(incumbent: Served, options: PolicySettings) -> int:
    """How many replies a best-of-n draws: more than the one that serves, where the settings let it grow."""
    if incumbent.kind != BEST_OF_N:
        return options.best_of
    grown: int = options.best_of * options.best_of_growth**incumbent.generation
    return min(grown, options.best_of_most)


def _trained(
    inputs: Inputs, day: date, settings: Settings, incumbent: Served, version: str, data: Mapping[str, int]
) -> tuple[Candidate | None, Mapping[str, Any]]:
    """The candidate of trained weights, or why there is none."""
    from evalloop_assets.policy_iteration.logged import read_examples, read_preferences
    from evalloop_assets.policy_iteration.lora import Untrainable, train_lora

    training = settings.policy.training
    log = read_examples(inputs, incumbent.model_id, 2 * training.examples)
    pairs = read_preferences(inputs, settings.policy.pairs_per_user) if training.method == "dpo" else []
    carries_on = incumbent.kind == LORA and not is_to_be_retrained(settings.home, incumbent.model_id)
    parent = weights_of(settings, incumbent.model_id) if carries_on else None
    try:
        trained = train_lora(
            settings.home.resolve() / "policies",
            parent,
            log,
            pairs,
            rewards_of(settings, version),
            settings.policy,
            version,
        )
    except Untrainable as reason:
        return None, {"lora": str(reason)}
    base = Path(trained.weights.base).name if Path(trained.weights.base).is_dir() else trained.weights.base
    candidate = lora_candidate(incumbent, base, training, version, day, data, trained.step, trained.digest)
    _register(settings, candidate, trained)
    return candidate, {"training": _checkpoint_table(trained), "picture": _picture(trained)}


def _checkpoint_table(trained: Trained) -> MetadataValue:
    """One row a checkpoint; the one that was handed on is bold."""
    names = ["kl", *Manner._fields]
    rows = []
    for one in trained.checkpoints:
        step = f"**{one.step}**" if one.step == trained.step else str(one.step)
        gain = f"{one.probe['gain']:.3f} ({one.probe['low']:.3f} to {one.probe['high']:.3f})"
        figures = [f"{one.probe.get(name, float('nan')):.3f}" for name in names]
        rows.append(f"| {' | '.join([step, gain, *figures])} |")
    head = f"| {' | '.join(['step', 'reward gain', *names])} |"
    return MetadataValue.md("\n".join([head, "|---" * (len(names) + 2) + "|", *rows]))


def _picture(trained: Trained) -> MetadataValue:
    """The training as the UI shows it."""
    losses = [loss for one in trained.checkpoints for loss in one.losses]

    def draw(figure: Any) -> None:
        draw_training(figure, losses, trained.base_losses, trained.checkpoints, trained.step)

    encoded = base64.b64encode(drawn_by(draw)).decode()
    return MetadataValue.md(f"![training](data:image/png;base64,{encoded})")


def _register(settings: Settings, candidate: Candidate, trained: Trained) -> None:
    weights = trained.weights.within(settings.home.resolve())
    curves = {
        name: [(one.step, float(one.probe[name])) for one in trained.checkpoints if name in one.probe]
        for name in trained.checkpoints[0].probe
    }
    size = trained.checkpoints[0].step
    curves["loss"] = [
        (one.step - size + 1 + at, loss) for one in trained.checkpoints for at, loss in enumerate(one.losses)
    ]
    if trained.base_losses:
        curves["base_loss"] = list(enumerate(trained.base_losses))
    lineage = candidate._asdict() | {
        "rows": trained.rows,
        "digest": trained.digest,
        "weights": {"base": weights.base, "adapters": weights.adapters[:-1]},
    }
    adapter = Path(trained.weights.adapters[-1])
    files = [adapter / name for name in ("adapter_model.safetensors", "adapter_config.json")]
    register_policy(settings.home, lineage, curves, files)
