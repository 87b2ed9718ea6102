"""`evalloop demo --generations N`: policies made from the logs of the one before, and what each is truly worth."""

from __future__ import annotations

import json
import os
import time
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console

from evalloop_assets.cli.demo_settings import FIRST_DAY
from evalloop_assets.cli.home import clear_for_demo, marker
from evalloop_assets.cli.instance import execute, open_instance, require_success
from evalloop_assets.cli.run import planned
from evalloop_assets.days import Days
from evalloop_assets.lake.catalogue import catalogue_path, rebuild_catalogue
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance, Definitions

    from evalloop_assets.reward_model.intervals import Estimate
    from evalloop_assets.simulator.policies import Policy
    from evalloop_assets.simulator.true_value import TrueValue

SEED = 20260302
USERS = 800


class Generations:
    """A small product that serves one policy after the other, and the loop that makes the next from its logs."""

    def __init__(self, console: Console, settings: Settings, defs: Definitions, instance: DagsterInstance) -> None:
        from evalloop_assets.simulator.conditions import Scale
        from evalloop_assets.simulator.demo_cast import demo_policies, demo_product

        self.console, self.settings, self.defs, self.instance = console, settings, defs, instance
        self.lake = open_lake(settings)
        scale = Scale(base_users=USERS, new_users=USERS // 25, battles=USERS // 4)
        self.product = demo_product(settings.home, SEED, FIRST_DAY, scale)
        self.policies: dict[str, Policy] = demo_policies()
        self.champion = "incumbent"

    def serve(self, day: date) -> None:
        """The champion serves everybody for a day, and the loop takes it in."""
        from evalloop_assets.simulator.true_value import Everybody

        cast = {name: policy for name, policy in self.policies.items() if name == self.champion}
        with self.console.status(f"{day}: {self.champion} serves"):
            served = self.product.serve_day(day, Everybody(self.champion), cast, self.settings.landing)
        self.console.print(
            f"[bold]{day}[/]  {self.champion} serves {served.active_users:,} users, {served.turns:,} replies",
            soft_wrap=True,
        )
        self._execute("ingest", Days.one(day))
        for one in planned(self.lake, self.settings, day, day):
            self._execute(one.job, one.days, one.tables)

    def candidates(self, day: date) -> list[dict[str, Any]]:
        """Candidates of the day with their verdicts, the most rewarded first."""
        days = Days.one(day)
        made = {row["model_id"]: row for row in self.lake.read("policy_candidates", days).to_pylist()}
        judged = self.lake.read("policy_screen", days).to_pylist()
        return sorted((made[row["model_id"]] | row for row in judged), key=lambda row: -(row["reward_gain"] or 0.0))

    def policy(self, candidate: dict[str, Any]) -> Policy:
        """The candidate as the product serves it; a templated base is sampled by the product itself."""
        from evalloop_assets.policy_iteration.policy import load_policy
        from evalloop_assets.policy_iteration.rewarding import rewards_of
        from evalloop_assets.simulator.demo_cast import INCUMBENT
        from evalloop_assets.simulator.policies import BestOfN, Spoken
        from evalloop_assets.simulator.trained import Sampled, served_policy

        name, base = candidate["model_id"], self.policies.get(candidate["base_model_id"])
        if candidate["kind"] == "best_of_n" and base is not None and not isinstance(base, Spoken):
            score = rewards_of(self.settings, candidate["reward_version"])
            return BestOfN(base.spec, candidate["n"], score, name, reads_history=True)
        drawn = base.speak.policy if isinstance(base, Spoken) and isinstance(base.speak, Sampled) else None
        with_history = candidate["kind"] == "best_of_n" or self.settings.policy.training.history_turns > 0
        return served_policy(name, INCUMBENT, load_policy(self.settings, candidate, drawn), with_history)

    def _execute(self, job: str, days: Days, tables: Any = None) -> None:
        label = f"{days.last}: {job}"
        with self.console.status(label) as status:
            ran = execute(
                self.defs, job, self.instance, days, lambda step: status.update(f"{label}, {step}"), tables=tables
            )
        require_success(ran, job)


def run_generations(console: Console, generations: int) -> None:
    """Serve, learn, gate, measure and promote, `generations` times.

    The product is simulated, so a candidate that passes the gate is measured directly: it and the champion each serve a
    small product with the same users. Of those whose true gain is surely above 0 the best takes the champion's place.
    """
    settings = Settings()
    os.environ["EVALLOOP_HOME"] = str(settings.home.resolve())
    clear_for_demo(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    marker(settings).write_text(json.dumps({"seed": SEED, "first_day": FIRST_DAY.isoformat()}), encoding="utf-8")
    from evalloop_assets.definitions import build_definitions
    from evalloop_assets.simulator.true_value import true_gain, world

    begun = time.monotonic()
    with open_instance(settings) as instance:
        shop = Generations(console, settings, build_definitions(settings), instance)
        worlds = settings.home / "worlds"
        best = world(shop.policies[shop.champion], worlds / "0", SEED, FIRST_DAY)
        console.print(f"generation 0: {shop.champion}, {_value(best.value)}", soft_wrap=True)
        for generation in range(1, generations + 1):
            day = FIRST_DAY + timedelta(days=generation - 1)
            shop.serve(day)
            better = {}
            for number, candidate in enumerate(shop.candidates(day)):
                name = candidate["model_id"]
                verdict = "[green]passed[/]" if candidate["passed"] else "[red]refused[/]"
                console.print(f"generation {generation}: {name}, gate {verdict}: {candidate['reason']}", soft_wrap=True)
                if not candidate["passed"]:
                    continue
                shop.policies[name] = shop.policy(candidate)
                with console.status(f"generation {generation}: {name} serves a small product"):
                    tried = world(shop.policies[name], worlds / f"{generation}-{number}", SEED, FIRST_DAY)
                gain = true_gain(tried, best)
                told = f"    {_value(tried.value)}; against the champion {_interval(gain)} a reply"
                console.print(told, soft_wrap=True)
                if gain.low > 0:
                    better[name] = tried
            if better:
                shop.champion = max(better, key=lambda name: better[name].value.utility.value)
                best = better[shop.champion]
            console.print(f"    [green]{shop.champion} serves from the next day on[/]", soft_wrap=True)
        rebuild_catalogue(shop.lake, catalogue_path(settings))
    console.print(f"\n[bold green]done[/] in {time.monotonic() - begun:.0f} s; look at it: make ui", soft_wrap=True)


def _value(value: TrueValue) -> str:
    return f"true value of a reply {_interval(value.utility)}, of coming back {_interval(value.returning)}"


def _interval(found: Estimate) -> str:
    return f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
