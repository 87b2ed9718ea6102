"""Online A/B as assets."""

from datetime import date

from evalloop_assets.lake.assets import Frame, frame_asset, sql_asset, version_of
from evalloop_assets.lake.store import Inputs
from evalloop_assets.online_ab.pictures import UPLIFT
from evalloop_assets.online_ab.tables import DECISIONS, EXPERIMENT_RESULTS, EXPERIMENT_SLICES, READS
from evalloop_assets.settings import Settings

GROUP = "online_ab"
DECIDING = ("experiment_users", "experiment_results", "decisions")
"""Steps whose versions a decision cites."""
DECIDED = "decisions"
"""Metadata key under which the sensor finds what was decided."""
TABLES = (
    "experiment_units",
    "experiment_people",
    "experiment_sessions",
    "experiment_days",
    "experiment_returns",
    "experiment_users",
)
SQL_ASSETS = [sql_asset(f"online_ab/{table}.sql", group=GROUP) for table in TABLES]


@frame_asset(
    schema=EXPERIMENT_RESULTS,
    reads=READS,
    group=GROUP,
    code_version="2",
    horizons=(1, 2),
    once=True,
    picture=UPLIFT,
)
def experiment_results(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Treatment against control, each metric, over 14 days: users are the unit of variance, epochs of constant weights
    are compared within themselves, what users did before is taken out, and always-valid bounds allow a look every day
    for about two months. Retention counts matured users only.
    """
    from evalloop_assets.online_ab.daily import results_of, rows_of

    results = results_of(inputs, settings)
    experiments = sorted({result.experiment_id for result in results})
    rows = [{name: getattr(result, name) for name in EXPERIMENT_RESULTS.column_names} for result in results]
    return Frame(rows_of(EXPERIMENT_RESULTS, day, rows), {"experiments": ", ".join(experiments) or "none"})


@frame_asset(schema=EXPERIMENT_SLICES, reads=READS, group=GROUP, code_version="1", horizons=(1, 2), once=True)
def experiment_slices(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """The same among the users of each locale, channel, role type and product line, and among new and existing users,
    by what was known before their first exposure; corrected for there being many slices, and tested for whether they
    differ.
    """
    from evalloop_assets.online_ab.daily import rows_of, slices_of

    rows = [vars(result) for result in slices_of(inputs, settings)]
    return Frame(rows_of(EXPERIMENT_SLICES, day, rows), {"slices": len({(r["dimension"], r["value"]) for r in rows})})


@frame_asset(
    schema=DECISIONS,
    reads={
        "experiment_results": (0, 0),
        "experiment_users": (-13, 0),
        "sessions": (0, 0),
        "policy_screen": (None, 0),
    },
    group=GROUP,
    code_version="2",
    horizons=(1, 2),
    once=True,
)
def decisions(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Promote when retention is surely up, or surely not down by the margin while more is sent. Invalid, thin or
    immature data holds. Below the volume floor, or without planned power, a decision is advice. The guardrail is asked
    before anything is done.
    """
    from evalloop_assets.online_ab.daily import rows_of
    from evalloop_assets.online_ab.decision_rows import decision_rows
    from evalloop_assets.serving.ledger import Ledger

    ledger = Ledger(settings.ledger_url)
    try:
        entries = ledger.history()
    finally:
        ledger.close()
    versions = {table: version_of(table, settings) for table in DECIDING}
    rows = decision_rows(inputs, day, settings, versions, entries)
    said = {row["experiment_id"]: f"{row['action']}: {row['reason']}" for row in rows}
    again = {row["experiment_id"]: row["reopened"] for row in rows if row["reopened"]}
    return Frame(rows_of(DECISIONS, day, rows), {DECIDED: said, "reopened": again})


ASSETS = [*SQL_ASSETS, experiment_results, experiment_slices, decisions]
