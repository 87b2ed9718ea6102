"""Serving a scenario day by day into a home folder: ledger, published flags, landing folder and truth."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from evalloop_assets.lake.errors import UserError
from evalloop_assets.serving.flagd import publish
from evalloop_assets.serving.ledger import Action, Change, Ledger
from evalloop_assets.serving.state import Allocation
from evalloop_assets.serving.transitions import ramp, start_experiment
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.lexicon import Lexicon
from evalloop_assets.simulator.packs import LEXICON
from evalloop_assets.simulator.policies import Policy, templated
from evalloop_assets.simulator.product import Product
from evalloop_assets.simulator.scenarios import Scenario, Trial
from evalloop_assets.simulator.state import DaySummary
from evalloop_assets.simulator.traffic import published_flags

FIRST_DAY = date(2026, 3, 2)
ACTOR = "scenario"


def truth_folder(home: Path) -> Path:
    return home / "truth"


def plan_of(scenario: Scenario) -> str:
    """Name and digest of what the scenario serves to whom."""
    served = repr((scenario.champion, scenario.cast, scenario.trials))
    return f"{scenario.name} {hashlib.sha256(served.encode()).hexdigest()[:12]}"


def product_of(scenario: Scenario, home: Path, seed: int, lexicon: Lexicon = LEXICON) -> Product:
    """The product of a scenario, with its state and its truth in sub-folders of the home folder."""
    return Product(
        home / "product", truth_folder(home), seed, FIRST_DAY, scenario.conditions, lexicon, plan_of(scenario)
    )


def serve(
    scenario: Scenario,
    settings: Settings,
    seed: int,
    *,
    days: int | None = None,
    lexicon: Lexicon = LEXICON,
    policies: Mapping[str, Policy] | None = None,
    progress: Callable[[DaySummary], None] = lambda summary: None,
) -> None:
    """Serves the first `days` days of the scenario, all of them unless said; days served already are left as they are.

    `policies` take the place of templated models of the same id. UserError as of `Product.serve_day`, and where another
    process serves the same home.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with _alone(settings.home):
        _serve(scenario, settings, seed, scenario.days if days is None else days, lexicon, policies or {}, progress)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One process at a time; the lock goes with the process that held it."""
    lock = FileLock(home / "product.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        why = "another process serves a product in it"
        raise UserError(f"folder {home}", why, "Wait for it, or give another folder: EVALLOOP_HOME=…") from error
    try:
        yield
    finally:
        lock.release()


def _serve(
    scenario: Scenario,
    settings: Settings,
    seed: int,
    days: int,
    lexicon: Lexicon,
    policies: Mapping[str, Policy],
    progress: Callable[[DaySummary], None],
) -> None:
    product = product_of(scenario, settings.home, seed, lexicon)
    written = {**templated(scenario.cast), **policies}
    ledger = Ledger(settings.ledger_url)
    try:
        ledger.begin(scenario.champion, _change("start", "first champion", 0, "champion"))
        for number in range(days):
            for trial in scenario.trials:
                _set(ledger, trial, number)
            publish(settings.flags, ledger)
            with published_flags(settings.flags) as flags:
                progress(product.serve_day(_day(number), flags, written, settings.landing))
    finally:
        ledger.close()


def _set(ledger: Ledger, trial: Trial, number: int) -> None:
    """What changes for this trial at the beginning of the day of that number."""
    name, at = trial.experiment_id, datetime.combine(_day(number), time.min)

    def started(allocation: Allocation) -> Allocation:
        return start_experiment(
            allocation,
            name,
            trial.treatment,
            at,
            weight_percent=trial.weight_percent,
            user_share=trial.user_share,
            segment=trial.segment,
        )

    if number == trial.on_day:
        ledger.apply(_change("start", f"{trial.treatment} against the champion", number, name), started)
    percent = dict(trial.ramp).get(number)
    if percent is not None:
        change = _change("ramp", f"widened to {percent:g}%", number, f"{name}:{percent:g}")
        ledger.apply(change, lambda allocation: ramp(allocation, name, percent, at))


def _change(action: Action, reason: str, number: int, name: str) -> Change:
    return Change(action, ACTOR, reason, datetime.combine(_day(number), time.min), f"{ACTOR}:{action}:{name}")


def _day(number: int) -> date:
    return FIRST_DAY + timedelta(days=number)
