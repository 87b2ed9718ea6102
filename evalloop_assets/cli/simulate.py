"""`evalloop simulate`: a named product with known truth, served into a home folder for the loop to learn from."""

from __future__ import annotations

from rich.console import Console

from evalloop_assets.cli.home import open_home, refuse_demo
from evalloop_assets.lake.errors import UserError
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.scenarios import Scenario, find_scenario, resized
from evalloop_assets.simulator.serve import FIRST_DAY, serve, truth_folder
from evalloop_assets.simulator.state import DaySummary


def run_simulate(console: Console, name: str, seed: int, days: int | None, users: int | None) -> None:
    """Serve the scenario; days that were served before are left as they are."""
    scenario = _sized(find_scenario(name), users)
    if days is not None and days < 1:
        raise UserError(f"--days {days}", "a product serves a day at least", "Give 1 or more.")
    if seed < 0:
        raise UserError(f"--seed {seed}", "a seed is a whole number from 0 on", "Give another.")
    settings = Settings()
    refuse_demo(settings)
    open_home(settings)
    _refuse_log(settings)

    def told(served: DaySummary) -> None:
        console.print(
            f"{served.day}  {served.active_users:,} users, {served.conversations:,} conversations, "
            f"{served.turns:,} replies, {served.battles:,} battles",
            soft_wrap=True,
        )

    console.print(f"[bold]{scenario.name}[/] {scenario.about}", soft_wrap=True)
    serve(scenario, settings, seed, days=days, progress=told)
    console.print(
        f"log in {settings.landing}, truth in {truth_folder(settings.home)}; now: "
        f"EVALLOOP_HOME={settings.home} EVALLOOP_FIRST_DAY={FIRST_DAY} evalloop run",
        soft_wrap=True,
    )


def _refuse_log(settings: Settings) -> None:
    """Keep a simulated product out of a home that holds a log of somebody's own."""
    own = [name for name in ("lake", "ledger.sqlite") if (settings.home / name).exists()]
    if own and not (settings.home / "product").exists():
        raise UserError(
            f"folder {settings.home}",
            f"it holds {own[0]}, which no simulation made",
            "Give the product a folder of its own: EVALLOOP_HOME=data/simulated evalloop simulate …",
        )


def _sized(scenario: Scenario, users: int | None) -> Scenario:
    if users is None:
        return scenario
    if users < 1:
        raise UserError(f"--users {users}", "a product has a user", "Give 1 or more.")
    return resized(scenario, users)
