"""What the serving tests share: a moment, a change, an experiment."""

from datetime import datetime, timedelta

from evalloop_assets.serving.ledger import Change
from evalloop_assets.serving.transitions import begin, start_experiment

NOON = datetime(2026, 3, 1, 12)


def after(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def change(action, request_id, at=NOON, **more) -> Change:
    return Change(action, "test", "because the test says so", at, request_id, **more)


def one_experiment(weight_percent=1.0, **more):
    return start_experiment(begin("old"), "exp", "new", NOON, weight_percent=weight_percent, **more)
