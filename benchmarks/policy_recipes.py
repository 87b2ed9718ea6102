"""How far a tiny model trained on a simulated log gets, by recipe: `python -m benchmarks.policy_recipes`.

`evalloop demo` must have been run in EVALLOOP_HOME: its log and its reward model are used. Each policy serves a small
product alone, and the oracle reads what it says. About 10 CPU-minutes; needs the extra `policy`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from evalloop_assets.cli.demo_settings import FIRST_DAY, set_for_demo
from evalloop_assets.simulator.policies import Policy

RECIPES = (
    {"method": "sft", "draw_prompts": 320, "batch": 16},
    {"method": "dpo", "draw_prompts": 320, "batch": 16, "beta": 0.1},
    {"method": "grpo"},
    {"method": "grpo", "temperature": 1.0, "top_p": 1.0},
)


def lines(day: date = FIRST_DAY) -> Iterator[str]:
    """True utility of a reply and probability of return under each policy, and what its training took."""
    from evalloop_assets.lake.resource import open_lake
    from evalloop_assets.policy_iteration.language_model import load_language_model
    from evalloop_assets.policy_iteration.logged import read_examples, read_preferences
    from evalloop_assets.policy_iteration.lora import train_lora
    from evalloop_assets.policy_iteration.rewarding import gated_by
    from evalloop_assets.policy_iteration.training import decoding
    from evalloop_assets.reward_model.gated import Gate
    from evalloop_assets.reward_model.registry import load_champion
    from evalloop_assets.settings import PolicySettings, Settings, TrainingSettings
    from evalloop_assets.simulator.demo_cast import INCUMBENT
    from evalloop_assets.simulator.policies import BestOfN, Templated
    from evalloop_assets.simulator.trained import served_policy

    settings = Settings()
    model = load_champion(settings)
    rewards = gated_by(model, Gate.of(settings.reward))
    from evalloop_assets.days import Days
    from evalloop_assets.definitions import build_definitions

    build_definitions(settings)
    windows = {"turns": (0, 0), "characters": (None, 0), "policy_pairs": (0, 0)}
    inputs = open_lake(settings).inputs(windows, Days.one(day))
    log, pairs = read_examples(inputs, INCUMBENT.model_id, 12_000), read_preferences(inputs)
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        yield valued("incumbent", Templated(INCUMBENT), folder)
        for n in (4, 16):
            yield valued(f"best of {n}", BestOfN(INCUMBENT, n, rewards, f"best-of-{n}"), folder)
        for number, recipe in enumerate(RECIPES):
            options = PolicySettings(training=TrainingSettings(**recipe))
            begun = time.process_time()
            trained = train_lora(folder, None, log, pairs, rewards, options, model.version)
            seconds, chosen = time.process_time() - begun, trained.weights
            if number == 0:
                base = load_language_model(chosen.base, decoding(options.training))
                yield valued("imitation of the log", served_policy("base", INCUMBENT, base), folder)
            speaker = load_language_model(chosen.base, decoding(options.training), chosen.adapters)
            name = f"{recipe['method']} {number}"
            told = valued(name, served_policy(f"candidate-{number}", INCUMBENT, speaker), folder)
            probe = next(one.probe for one in trained.checkpoints if one.step == trained.step)
            yield (
                f"{told}; step {trained.step}, reward {probe['gain']:+.2f} SD, {probe['kl']:.3f} nats a token, "
                f"{100 * probe['valid']:.0f}% well-formed, {seconds:.0f} CPU-s"
            )


def valued(name: str, policy: Policy, folder: Path) -> str:
    from evalloop_assets.simulator.true_value import world

    value = world(policy, folder / f"world-{name}", 11, FIRST_DAY).value
    utility, returning = value.utility, value.returning
    return (
        f"{name}: utility {utility.value:.2f} [{utility.low:.2f}, {utility.high:.2f}], "
        f"return {100 * returning.value:.0f}% [{100 * returning.low:.0f}, {100 * returning.high:.0f}]"
    )


if __name__ == "__main__":
    set_for_demo()
    for line in lines():
        print(line, flush=True)
