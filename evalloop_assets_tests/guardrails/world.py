"""A lake with one day of experiment data, a ledger that runs the experiments, and settings that point to both."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from evalloop_assets.days import Days
from evalloop_assets.denoise.assets import ASSETS as DENOISE
from evalloop_assets.evaluation.assets import ASSETS as EVALUATION
from evalloop_assets.guardrails.assets import ASSETS as GUARDRAILS
from evalloop_assets.horizon_labels.assets import ASSETS as LABELS
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.resource import LakeResource, lake_resource
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.assets import ASSETS as LOGS
from evalloop_assets.online_ab.assets import ASSETS as ONLINE_AB
from evalloop_assets.policy_iteration.assets import ASSETS as POLICIES
from evalloop_assets.ranking.assets import ASSETS as RANKING
from evalloop_assets.serving.ledger import Change, Ledger
from evalloop_assets.serving.transitions import start_experiment
from evalloop_assets.settings import ABSettings, GuardrailSettings, Settings

DECLARED = (LOGS, DENOISE, LABELS, EVALUATION, POLICIES, RANKING, ONLINE_AB, GUARDRAILS)
"""Importing these makes their tables known to the lake."""
DAY = date(2026, 5, 3)
START = datetime(2026, 5, 1)


@dataclass
class World:
    """One product at the end of `DAY`."""

    settings: Settings
    resource: LakeResource

    @property
    def lake(self) -> Lake:
        return self.resource.open()

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.settings.ledger_url)

    @property
    def resources(self):
        return {"lake": self.resource, "settings": self.settings}

    def write(self, table: str, rows: list[dict], day: date = DAY) -> None:
        schema = declared(table)
        names = schema.column_names
        full = [{"day": day} | {name: row.get(name) for name in names} for row in rows]
        data = pa.Table.from_pylist(full, arrow_schema(schema))
        self.lake.replace(schema, Days.one(day), {}, lambda inputs: data)

    def complete_through(self, day: date, log_end: datetime) -> None:
        self.write(
            "log_deliveries",
            [
                {
                    "delivery_id": "d",
                    "table_name": "turns",
                    "complete_through": day,
                    "last_day": day,
                    "last_time": log_end,
                }
            ],
        )


def an_empty_world(
    folder: Path, volume_floor: int = 100, planned_users: int = 800, retention_margin: float = 0.01
) -> World:
    """Nothing is logged, and the ledger serves nothing."""
    settings = Settings(
        home=folder,
        ab=ABSettings(planned_users=planned_users),
        guardrails=GuardrailSettings(
            volume_floor=volume_floor, planned_effect=0.1, week_users=0, retention_margin=retention_margin
        ),
    )
    return World(settings, lake_resource(settings))


def a_world(
    folder: Path,
    experiments: tuple[str, ...] = ("x",),
    weight_percent: float = 50,
    start: datetime = START,
    **settings: float,
) -> World:
    """Experiments against `old` on equal shares of the users; `settings` are those of `an_empty_world`."""
    world = an_empty_world(folder, **settings)
    ledger = world.ledger
    ledger.begin("old", Change("start", "test", "first champion", START, "first"))
    width = 100 / max(len(experiments), 1)
    for place, name in enumerate(experiments):
        ledger.apply(
            Change("start", "test", "a candidate", start, f"start:{name}"),
            lambda state, name=name, place=place: start_experiment(
                state,
                name,
                f"new-{name}",
                start,
                weight_percent=weight_percent,
                segment=(place * width, (place + 1) * width),
            ),
        )
    ledger.close()
    world.complete_through(DAY, datetime(2026, 5, 4, 0, 30))
    return world


def experiment_rows(name, users=800, retention_effect=0.0, seconds_effect=0.0, seed=1, lost=0.0, metrics=None):
    """Rows of experiment_users, randomised by user, base retention 50%, 100 s a day; `lost` of the treated vanish."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(users):
        treated = k % 2 == 1
        if treated and rng.random() < lost:
            continue
        figures = {
            "exposure": 0.0,
            "chat_send": 10.0,
            "drop_off": 0.0,
            "chat_duration": rng.normal(100 + seconds_effect * treated, 30),
            "daily_return": float(rng.random() < 0.5 + retention_effect * treated),
        }
        rows += [
            {
                "experiment_id": name,
                "unit": "user",
                "epoch": "weight_05000",
                "user_id": f"{name}-u{k}",
                "arm": "treatment" if treated else "control",
                "metric": metric,
                "units": 1,
                "total": total,
                "eligible": 1,
            }
            for metric, total in figures.items()
            if metrics is None or metric in metrics
        ]
    return rows


def fill(world: World, *parts: list[dict], daily_users: int = 1_000) -> None:
    """Write the day's experiment data, its exposures and sessions."""
    rows = [row for part in parts for row in part]
    world.write("experiment_users", rows)
    names = sorted({row["experiment_id"] for row in rows})
    world.write(
        "assignments",
        [
            {
                "experiment_id": name,
                "unit": "user",
                "unit_id": f"{name}-{arm}",
                "user_id": f"{name}-{arm}",
                "arm": arm,
                "model_id": model,
                "assigned_at": datetime(2026, 5, 3, 12),
            }
            for name in names
            for arm, model in (("control", "old"), ("treatment", f"new-{name}"))
        ],
    )
    world.write("sessions", [{"session_id": f"s{k}", "user_id": f"p{k}"} for k in range(daily_users)])
