"""Guardrails as assets."""

from datetime import date

from evalloop_assets.guardrails.pictures import TIMELINE
from evalloop_assets.guardrails.tables import ALLOCATIONS, CANDIDATE_STATES, GUARDRAIL_READINGS
from evalloop_assets.lake.assets import Frame, frame_asset, version_of
from evalloop_assets.lake.store import Inputs
from evalloop_assets.settings import Settings

GROUP = "guardrails"
VERDICTS = "verdicts"
"""Metadata key under which the sensor finds the readings of the last day of a run."""

DECIDING = ("experiment_users", "experiment_results", "guardrail_readings")
"""Steps whose versions a reading cites."""
EXAMPLES = "examples"
"""The same for the examples that alerts show, by reading."""


@frame_asset(
    schema=GUARDRAIL_READINGS,
    reads={"experiment_results": (0, 0), "experiment_users": (-13, 0), "sessions": (0, 0)},
    group=GROUP,
    code_version="2",
    horizons=(1, 2),
    once=True,
    picture=TIMELINE,
)
def guardrail_readings(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """ROLLBACK when time spent is surely up while return is surely down (gaming), when return is surely down by more
    than the margin (harm), or when a red flag is confirmed; HOLD on invalid, immature or thin data; BLIND without data;
    else PASS. The sensor reads the verdicts from this asset's metadata and requests the rollback.
    """
    from evalloop_assets.guardrails.examples import examples_of
    from evalloop_assets.guardrails.readings import readings_of
    from evalloop_assets.online_ab.daily import rows_of

    rows = readings_of(inputs, day, settings, {table: version_of(table, settings) for table in DECIDING})
    shown = [
        {
            name: value if isinstance(value, str | int | float | None) else value.isoformat()
            for name, value in row.items()
        }
        | {"day": day.isoformat()}
        for row in rows
    ]
    said = {row["experiment_id"]: f"{row['verdict']}: {row['reason']}" for row in rows}
    again = {row["experiment_id"]: row["reopened"] for row in rows if row["reopened"]}
    metadata = {
        VERDICTS: shown,
        EXAMPLES: examples_of(inputs, rows),
        "said": said,
        "judged_day": day.isoformat(),
        "reopened": again,
    }
    return Frame(rows_of(GUARDRAIL_READINGS, day, rows), metadata)


@frame_asset(
    schema=ALLOCATIONS,
    reads={"decisions": (0, 0), "guardrail_readings": (0, 0), "launch_gates": (None, 0)},
    group=GROUP,
    code_version="1",
    once=True,
)
def allocations(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Carries out the promotions and the steps of ramps decided on the newest complete day, if the guardrail passed
    them, the launch gate lets the candidate through, and they are more than advice, publishes the allocation, and
    mirrors the ledger, which itself is the truth.
    """
    from evalloop_assets.guardrails.promotion import carry_out, ledger_rows
    from evalloop_assets.online_ab.daily import rows_of
    from evalloop_assets.serving.ledger import Ledger

    ledger = Ledger(settings.ledger_url)
    try:
        outcomes = carry_out(inputs, day, settings, ledger)
        entries = ledger.history()
    finally:
        ledger.close()
    said = {one.experiment_id: str(one) for one in outcomes}
    served = entries[-1].allocation.champion if entries else "nothing"
    return Frame(rows_of(ALLOCATIONS, day, ledger_rows(entries, day)), {"promotions": said, "champion": served})


@frame_asset(
    schema=CANDIDATE_STATES,
    reads={
        "policy_candidates": (None, 0),
        "policy_screen": (None, 0),
        "ratings": (None, 0),
        "eliminations": (None, 0),
        "guardrail_readings": (None, 0),
        "allocations": (0, 0),
    },
    group=GROUP,
    code_version="1",
    once=True,
)
def candidate_states(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """The state of every candidate: registered, ranked, eliminated, in an A/B test, ramping, champion, held, rolled
    back or cut, since when and why. What the ledger did to a candidate against its state is told as refused.
    """
    from dagster import MetadataValue

    from evalloop_assets.guardrails.candidate_rows import candidate_rows
    from evalloop_assets.online_ab.daily import rows_of
    from evalloop_assets.serving.ledger import Ledger

    ledger = Ledger(settings.ledger_url)
    try:
        rows = candidate_rows(inputs, day, ledger.history())
    finally:
        ledger.close()
    lines = [f"| {one['model_id']} | {one['state']} | {one['since']:%Y-%m-%d %H:%M} | {one['why']} |" for one in rows]
    shown = "\n".join(["| model | state | since | why |", "|---|---|---|---|", *lines])
    return Frame(rows_of(CANDIDATE_STATES, day, rows), {"states": MetadataValue.md(shown)})


ASSETS = [guardrail_readings, allocations, candidate_states]
