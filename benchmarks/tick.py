"""One day of about 100,000 turns from its delivery to the decisions, without retraining, on a real Dagster instance.

    python -m benchmarks.tick

A simulated product with one experiment serves four days. The third is a tick, one run of the job `daily`, of a product
that has no reward model. Then one is trained on the three days, and the fourth is the tick of a product with a
champion, by which every reply is scored. Time spent on rows (taking in the delivery, queries and functions of the
steps, writing what they give) is told from all the rest: Dagster, commits, checks, reports, pictures.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from time import perf_counter
from typing import Any

from benchmarks.measure import cost
from evalloop_assets.days import Days
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import Settings

USERS = 23_500
HISTORY = 2
BESIDE = ("policy_iteration", "scoreboard")
"""Groups that make policies, or hold the loop against the truth."""
TRAINED = ("turn_embeddings", "reward_model_report")
"""What makes a champion."""
PROMISED_SECONDS = 60


def lines() -> Iterator[str]:
    from evalloop_assets.reward_model.registry import champion_version
    from evalloop_assets.simulator.serve import FIRST_DAY

    with tempfile.TemporaryDirectory() as folder, _environment(EVALLOOP_HOME=folder, EVALLOOP_FIRST_DAY="2026-03-02"):
        settings = Settings()
        serve = _product(settings)
        for number in range(HISTORY):
            serve(number)
            _tick(settings, number, _tables("reward_model"))
        yield _measured("without a reward model", settings, HISTORY, serve(HISTORY), _tables("reward_model"))
        _run(settings, Days(FIRST_DAY, FIRST_DAY + timedelta(days=HISTORY)), TRAINED)
        turns, tables = serve(HISTORY + 1), [name for name in _tables() if name != "reward_model_report"]
        yield _measured(f"champion {champion_version(settings)}", settings, HISTORY + 1, turns, tables)


def _measured(product: str, settings: Settings, number: int, turns: int, tables: Sequence[str]) -> str:
    inside, steps = Inside(), []
    with inside.measuring():
        whole = cost(lambda: steps.extend(_tick(settings, number, tables)))
    outside = whole.wall - inside.wall
    share = outside / whole.wall
    return (
        f"tick, {product}: {turns:,} turns from delivery to decisions in {whole.wall:.0f} s, {whole.cpu:.0f} CPU-s, "
        f"{len(steps)} steps (promise: {PROMISED_SECONDS} s, {_kept(whole.wall <= PROMISED_SECONDS)}); "
        f"outside the transforms {outside:.0f} s, {share:.0%} (promise: at most half, {_kept(share <= 0.5)})"
    )


class Inside:
    """Wall seconds spent on rows: the taking in of deliveries, what steps compute, and the writing of it."""

    def __init__(self) -> None:
        self.wall = 0.0
        self._is_inside = False

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Count the delivery whole, and of `Lake.replace` neither its commits nor its comparisons."""
        from evalloop_assets.logs import landing

        replace, deliver = Lake.replace, landing.deliver

        def measured(lake: Lake, schema: Any, days: Any, reads: Any, compute: Any, **more: Any) -> Any:
            engine = more.pop("engine", None) or lake.reader
            return replace(lake, schema, days, reads, self._timed(compute), engine=_Timed(engine, self), **more)

        Lake.replace, landing.deliver = measured, self._timed(deliver)  # type: ignore[method-assign]
        try:
            yield
        finally:
            Lake.replace, landing.deliver = replace, deliver  # type: ignore[method-assign]

    def _timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **more: Any) -> Any:
            if self._is_inside:
                return call(*arguments, **more)
            self._is_inside, begun = True, perf_counter()
            try:
                return call(*arguments, **more)
            finally:
                self._is_inside = False
                self.wall += perf_counter() - begun

        return timed


class _Timed:
    """An engine whose writes are counted."""

    def __init__(self, engine: Any, inside: Inside) -> None:
        self._engine = engine
        self.write = inside._timed(engine.write)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def _product(settings: Settings) -> Callable[[int], int]:
    """A product with an experiment of two arms; serves the day of that number into the landing folder."""
    from evalloop_assets.serving.flagd import publish
    from evalloop_assets.serving.ledger import Change, Ledger
    from evalloop_assets.serving.transitions import start_experiment
    from evalloop_assets.simulator.conditions import Scale
    from evalloop_assets.simulator.demo_cast import demo_policies, demo_product
    from evalloop_assets.simulator.serve import FIRST_DAY
    from evalloop_assets.simulator.traffic import published_flags

    begun = datetime.combine(FIRST_DAY, time())
    ledger = Ledger(settings.ledger_url)
    ledger.begin("incumbent", Change("start", "benchmark", "first", begun, "first"))
    ledger.apply(
        Change("start", "benchmark", "padded", begun, "padded"),
        lambda allocation: start_experiment(allocation, "exp", "padded", begun, weight_percent=50, user_share=50),
    )
    publish(settings.flags, ledger)
    ledger.close()
    product = demo_product(settings.home, 7, FIRST_DAY, Scale(base_users=USERS, new_users=USERS // 26, battles=1_000))

    def serve(number: int) -> int:
        with published_flags(settings.flags) as client:
            day = FIRST_DAY + timedelta(days=number)
            return product.serve_day(day, client, demo_policies(), settings.landing).turns

    return serve


def _tables(*without: str) -> list[str]:
    """Those of a tick, but for these groups."""
    import evalloop_assets.definitions  # noqa: F401 - declares every step
    from evalloop_assets.lake.assets import STEPS

    return [name for name, step in STEPS.items() if step.group not in (*BESIDE, *without)]


def _tick(settings: Settings, number: int, tables: Sequence[str]) -> list[str]:
    """Take the delivery in and run the loop for its day; gives the steps."""
    from evalloop_assets.logs.contract import DELIVERED
    from evalloop_assets.simulator.serve import FIRST_DAY

    return _run(settings, Days.one(FIRST_DAY + timedelta(days=number)), [*DELIVERED, *tables])


def _run(settings: Settings, days: Days, tables: Sequence[str]) -> list[str]:
    from evalloop_assets.cli.instance import execute, open_instance, require_success
    from evalloop_assets.definitions import build_definitions

    steps: list[str] = []
    with open_instance(settings) as instance:
        ran = execute(build_definitions(settings), "daily", instance, days, steps.append, tables=tables)
        require_success(ran, "daily")
    return steps


@contextmanager
def _environment(**names: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _kept(is_kept: bool) -> str:
    return "kept" if is_kept else "BROKEN"


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
