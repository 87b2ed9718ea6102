"""Stage 3 as assets: who came back, labels by horizon, pairs."""

from evalloop_assets.horizon_labels.pictures import PICTURES
from evalloop_assets.lake.assets import sql_asset

TABLES = (
    "user_days",
    "first_seen",
    "next_day_returns",
    "returns",
    "absences",
    "horizon_labels",
    "signal_sums",
    "signal_validity",
    "tail_pairs",
    "regeneration_pairs",
    "preference_pairs",
)

ASSETS = [
    sql_asset(f"horizon_labels/{table}.sql", group="horizon_labels", picture=PICTURES.get(table)) for table in TABLES
]
