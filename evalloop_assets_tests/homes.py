"""Home folders for tests of the whole command: a small simulated log, and ways to run and to compare."""

import os
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import duckdb

FIRST_DAY = date(2026, 3, 2)
DAYS = 3
ROOT = Path(__file__).parent.parent
CLOCKED = {"delivered_at", "rejected_at"}
"""Columns that tell when a delivery was taken in, and so differ between homes."""


def serve(home: Path, ledger_url: str | None = None) -> None:
    """Three days of a small simulated product, with one experiment, in the landing folder of `home`.

    The ledger is that of `home` unless another one is named.
    """
    from datetime import datetime

    from evalloop_assets.serving.flagd import publish
    from evalloop_assets.serving.ledger import Change, Ledger
    from evalloop_assets.serving.transitions import start_experiment
    from evalloop_assets.simulator.conditions import Scale
    from evalloop_assets.simulator.demo_cast import demo_policies, demo_product
    from evalloop_assets.simulator.traffic import published_flags

    begun = datetime(2026, 3, 2)
    ledger = Ledger(ledger_url or f"sqlite:///{home / 'ledger.sqlite'}")
    ledger.begin("incumbent", Change("start", "test", "first", begun, "first"))
    ledger.apply(
        Change("start", "test", "padded", begun, "padded"),
        lambda allocation: start_experiment(allocation, "exp", "padded", begun, weight_percent=50, user_share=50),
    )
    flags = home / "serving" / "flags.json"
    publish(flags, ledger)
    ledger.close()
    product = demo_product(home, 7, FIRST_DAY, Scale(base_users=100, new_users=12, battles=60))
    with published_flags(flags) as client:
        for day in days_served():
            product.serve_day(day, client, demo_policies(), home / "landing")


def days_served() -> list[date]:
    return [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]


def copy_of(home: Path, to: Path) -> Path:
    shutil.copytree(home, to)
    return to


def command(home: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """Start `evalloop …` on that home, with more variables in its environment and as many threads as a user's has."""
    ours = ("EVALLOOP_", "DAGSTER_", "RAYON_", "TOKIO_")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        "EVALLOOP_HOME": str(home),
        "COLUMNS": "200",
        **more,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "evalloop_assets", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(home: Path, *arguments: str, **more: str) -> str:
    """Run `evalloop …` to its end and give what it printed; it must succeed."""
    process = command(home, *arguments, **more)
    printed, _ = process.communicate(timeout=900)
    assert process.returncode == 0, printed
    return printed


def tables(home: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, sorted, floats to nine digits, without the columns that tell the time of delivery."""
    with duckdb.connect(str(home / "evalloop.duckdb"), read_only=True) as connection:
        found = {}
        for (name,) in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall():
            described = connection.execute(f'DESCRIBE "{name}"').fetchall()
            kept = [f'"{column}"' for column, *_ in described if column not in CLOCKED]
            if name in ("log_deliveries", "rejected_rows"):
                kept.remove('"day"')
            rows = connection.execute(f'SELECT {", ".join(kept)} FROM "{name}"').fetchall()
            found[name] = sorted((tuple(map(comparable, row)) for row in rows), key=repr)
        return found


def comparable(value: object) -> object:
    """The value as far as two computations of it agree: threads add floats up in different orders."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    return tuple(map(comparable, value)) if isinstance(value, list) else value
