"""`evalloop demo`: a simulated product, day after day through the real loop, to one promotion and one rollback."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from evalloop_assets.cli.daemon import daemon, daemon_log
from evalloop_assets.cli.demo_settings import FIRST_DAY
from evalloop_assets.cli.home import clear_for_demo, marker
from evalloop_assets.cli.instance import execute, open_instance, require_success
from evalloop_assets.cli.run import planned
from evalloop_assets.cli.serving import entry_line
from evalloop_assets.days import Days
from evalloop_assets.lake.assets import STEPS
from evalloop_assets.lake.catalogue import catalogue_path, rebuild_catalogue
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.store import Lake
from evalloop_assets.serving.flagd import publish
from evalloop_assets.serving.ledger import Change, Entry, Ledger
from evalloop_assets.serving.transitions import start_experiment
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance, Definitions

    from evalloop_assets.simulator.policies import Policy
    from evalloop_assets.simulator.product import Product

SEED = 20260302
MOST_DAYS = 8
ROLLBACK_WAIT_S = 120
TRAINED_EVERY = 2
"""Days. Another reward model on each day would tell the same story, and score the days before it anew."""
LEARNING = ("reward_model_report", "policy_pairs", "policy_candidates", "policy_screen")
PADDED = "padded-replies"
BEST_OF = "best-of-n"
BY_USER = {PADDED: 60, BEST_OF: 90}
"""Percent of an experiment's users that are randomised by user. A rollback needs time spent, too, which is compared
between conversations; for a promotion return must be told from chance within a day."""
ACTOR = "demo"


class Demo:
    """One demo: the product, the loop, and what has happened so far."""

    def __init__(self, console: Console, settings: Settings, defs: Definitions, instance: DagsterInstance) -> None:
        from evalloop_assets.simulator.demo_cast import demo_policies, demo_product

        self.console, self.settings, self.defs, self.instance = console, settings, defs, instance
        self.lake: Lake = open_lake(settings)
        self.ledger = Ledger(settings.ledger_url)
        self.product: Product = demo_product(settings.home, SEED, FIRST_DAY)
        self.policies: dict[str, Policy] = demo_policies()

    def open_shop(self) -> None:
        """The incumbent for everybody, and a new model that pads its replies on half of the users."""
        self.ledger.begin("incumbent", self._change("start", "first champion", FIRST_DAY))
        self._start(PADDED, "padded", (0, 50), FIRST_DAY)

    def serve(self, day: date) -> None:
        """The product serves a day with what is published, and leaves its logs in the landing folder."""
        from evalloop_assets.simulator.traffic import published_flags

        with self.console.status(f"{day}: the product serves"), published_flags(self.settings.flags) as flags:
            served = self.product.serve_day(day, flags, self.policies, self.settings.landing)
        self.console.print(
            f"[bold]{day}[/]  {served.active_users:,} users, {served.new_users} of them new, "
            f"{served.conversations:,} conversations, {served.turns:,} replies, {served.battles:,} battles",
            soft_wrap=True,
        )
        written = ", ".join(f"{count:,} by {model}" for model, count in served.turns_by_model.items())
        self.console.print(f"    replies: {written}", soft_wrap=True)

    def take_in(self, day: date) -> None:
        """Take in what the product delivered."""
        self._execute("ingest", Days.one(day))

    def loop(self, day: date) -> None:
        """Take the day in, relabel what matured, and run the stages on the day; on every second one they learn."""
        self.take_in(day)
        trains = (day - FIRST_DAY).days % TRAINED_EVERY == 0
        for one in planned(self.lake, self.settings, day, day):
            tables = [table for table in one.tables or STEPS if trains or table not in LEARNING]
            self._execute(one.job, one.days, tables)

    def report(self, day: date) -> list[str]:
        """Print the day's verdicts and decisions; gives the experiments to be rolled back."""
        to_roll_back = []
        for row in self._rows("guardrail_readings", day):
            colour = {"ROLLBACK": "red", "PASS": "green"}.get(row["verdict"], "yellow")
            line = f"    {row['experiment_id']}: [{colour}]{row['verdict']}[/] {escape(str(row['reason']))}"
            self.console.print(line, soft_wrap=True)
            if row["verdict"] == "ROLLBACK":
                to_roll_back.append(row["experiment_id"])
        for row in self._rows("decisions", day):
            if row["action"] == "promote":
                advice = " (advice only)" if row["advisory"] else ""
                line = f"    {row['experiment_id']}: [green]promote{advice}[/] {escape(str(row['reason']))}"
                self.console.print(line, soft_wrap=True)
        return to_roll_back

    def await_rollback(self, experiment: str) -> Entry:
        """Wait until the guardrail sensor's run has rolled the experiment back."""
        end = time.monotonic() + ROLLBACK_WAIT_S
        with self.console.status(f"the guardrail sensor reads the verdict on {experiment}"):
            while time.monotonic() < end:
                for entry in reversed(self.ledger.history()):
                    if entry.action == "rollback":
                        one = entry.allocation.experiment(experiment)
                        if one is not None and one.status == "rolled_back":
                            self.console.print(f"    [red]rolled back[/] by {entry.actor}, entry {entry.sequence}")
                            return entry
                time.sleep(0.5)
        raise UserError(
            f"rollback of {experiment}",
            f"no run of the guardrail sensor wrote it within {ROLLBACK_WAIT_S} s",
            f"Look at the daemon's log {daemon_log(self.settings)} and run the demo again.",
        )

    def start_candidate(self, day: date) -> bool:
        """Put the screened policy into an experiment on the other half of the users; False while there is none."""
        passed = {row["model_id"]: row for row in self._rows("policy_screen", None) if row["passed"]}
        made = self._rows("policy_candidates", None)
        candidates = [row for row in made if row["model_id"] in passed and row["kind"] == "best_of_n"]
        if not candidates:
            return False
        found = candidates[-1]
        self.policies[found["model_id"]] = self._best_of_n(found)
        self._start(BEST_OF, found["model_id"], (50, 100), day)
        gain = passed[found["model_id"]]["reward_gain"]
        self.console.print(
            f"    policy iteration: {found['model_id']}, the best of {found['n']} replies of "
            f"{found['base_model_id']}, passed the offline screen (reward {gain:+.2f} SD); A/B starts",
            soft_wrap=True,
        )
        return True

    def promoted(self) -> Entry | None:
        return next((entry for entry in self.ledger.history() if entry.action == "promote"), None)

    def _best_of_n(self, candidate: dict[str, Any]) -> Policy:
        from evalloop_assets.policy_iteration.rewarding import rewards_of
        from evalloop_assets.simulator.policies import BestOfN

        return BestOfN(
            base=self.policies[candidate["base_model_id"]].spec,
            n=candidate["n"],
            score=rewards_of(self.settings, candidate["reward_version"]),
            model_id=candidate["model_id"],
            reads_history=True,
        )

    def _start(self, experiment: str, treatment: str, segment: tuple[float, float], day: date) -> None:
        at = datetime.combine(day, clock_time.min)
        self.ledger.apply(
            self._change("start", f"{treatment} against the champion", day, experiment),
            lambda allocation: start_experiment(
                allocation,
                experiment,
                treatment,
                at,
                weight_percent=50,
                user_share=BY_USER[experiment],
                segment=segment,
            ),
        )
        publish(self.settings.flags, self.ledger)

    def _change(self, action: str, reason: str, day: date, name: str = "") -> Change:
        at = datetime.combine(day, clock_time.min)
        return Change(action, ACTOR, reason, at, f"{ACTOR}-{action}-{name or 'first'}")  # type: ignore[arg-type]

    def _execute(self, job: str, days: Days, tables: Sequence[str] | None = None) -> None:
        label = f"{days.last}: {job}"
        with self.console.status(label) as status:
            ran = execute(
                self.defs, job, self.instance, days, lambda step: status.update(f"{label}, {step}"), tables=tables
            )
        require_success(ran, job)

    def _rows(self, table: str, day: date | None) -> list[dict[str, Any]]:
        view = self.lake.view(table, Days.one(day) if day else None)
        if not view.files:
            return []
        return list(self.lake.read(table, Days.one(day) if day else None).sort_by("day").to_pylist())


def run_demo(console: Console) -> None:
    """Clear the last demo, then serve and learn day by day until one promotion and one rollback have happened."""
    settings = Settings()
    os.environ["EVALLOOP_HOME"] = str(settings.home.resolve())
    if clear_for_demo(settings):
        console.print(f"cleared the last demo in {settings.home}")
    settings.home.mkdir(parents=True, exist_ok=True)
    marker(settings).write_text(json.dumps({"seed": SEED, "first_day": FIRST_DAY.isoformat()}), encoding="utf-8")
    from evalloop_assets.definitions import build_definitions

    begun = time.monotonic()
    with open_instance(settings) as instance, daemon(settings):
        shop = Demo(console, settings, build_definitions(settings), instance)
        shop.open_shop()
        console.print(
            "the demo's product is small: the volume floor is lowered from 50,000 to "
            f"{settings.guardrails.volume_floor:,} daily users, and bounds are planned for "
            f"{settings.ab.planned_users:,} users instead of 20,000; it is planned "
            f"to see {100 * settings.guardrails.planned_effect:g} points of return instead of 2, and a promotion "
            "does not wait for return a week after the assignment, as the demo is over by then; the red flags of "
            "padding, repetition and latency, which would be first, are off, so that time and return decide; a reward "
            "model is trained on every second day\n"
            "experiment padded-replies: a model that pads its replies, on half of the users\n",
            soft_wrap=True,
        )
        rolled_back: Entry | None = None
        started = False
        day = FIRST_DAY
        for number in range(MOST_DAYS):
            day = FIRST_DAY + timedelta(days=number)
            shop.serve(day)
            shop.loop(day)
            due = shop.report(day)
            if PADDED in due and rolled_back is None:
                rolled_back = shop.await_rollback(PADDED)
            if not started:
                started = shop.start_candidate(day + timedelta(days=1))
            if rolled_back is not None and shop.promoted() is not None:
                break
        day += timedelta(days=1)
        shop.serve(day)
        shop.take_in(day)
        rebuild_catalogue(shop.lake, catalogue_path(settings))
    _summary(console, settings, shop, rolled_back, time.monotonic() - begun)


def _summary(console: Console, settings: Settings, shop: Demo, rolled_back: Entry | None, seconds: float) -> None:
    promoted = shop.promoted()
    console.print("\nwhat happened to serving")
    entries = shop.ledger.history()
    for before, entry in zip([None, *entries], entries, strict=False):
        console.print(entry_line(entry, before), soft_wrap=True)
    if promoted is None or rolled_back is None:
        missing = "promotion" if promoted is None else "rollback"
        raise UserError(
            "the demo",
            f"no {missing} happened within {MOST_DAYS} days",
            "Look at the reasons above and in the UI: make ui",
        )
    console.print(
        f"\n[bold green]done[/] in {seconds:.0f} s: one promotion (entry {promoted.sequence}), "
        f"one rollback (entry {rolled_back.sequence})\n\n"
        "look at it:\n"
        "  make ui                      every asset, check, sensor tick and run, at http://127.0.0.1:3000\n"
        f"  duckdb {catalogue_path(settings)}     the newest rows of every table\n"
        "  evalloop report              the week on one page: decisions, risks, what agrees with users\n"
        "  evalloop status              what is served, in flight, stale, rejected\n"
        f"  evalloop serving undo {rolled_back.sequence} --reason …   take the rollback back",
        markup=True,
        soft_wrap=True,
    )
