"""The runs that change the ledger: rollback and undo. Green runs, one entry, however often they are repeated."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from dagster import Backoff, Config, OpExecutionContext, ResourceParam, RetryPolicy, job, op
from pydantic import Field

from evalloop_assets.settings import Settings

OUTCOME_TAG = "evalloop/outcome"
"""Run tag that tells what became of the request."""
ROLLED_BACK = "rolled back"
NOT_OURS = "not ours to roll back"
OUT_OF_DATE = "nothing to roll back"
FIRST = {"dagster/priority": "10"}
"""What changes serving leaves the queue before everything else."""
RETRIES = RetryPolicy(max_retries=4, delay=5, backoff=Backoff.EXPONENTIAL)
"""The ledger or the published file may be out of reach for a minute."""


class RollbackConfig(Config):
    """One rollback."""

    experiment_id: str = Field(description="experiment whose candidate is taken out")
    reading_id: str = Field(description="the reading that asks for it; a second run for it changes nothing")
    reason: str = Field(description="plain words")
    at: str = Field("", description="when it takes effect, ISO time in UTC; empty: now")
    actor: str = Field("guardrail_sensor", description="who asks")
    evidence: dict[str, Any] = Field({}, description="the figures of the reading")


class UndoConfig(Config):
    """One undo."""

    to_sequence: int = Field(description="ledger entry whose allocation is restored")
    expected_sequence: int | None = Field(
        None, description="newest entry to take back, refused where there is a newer one; empty: to_sequence + 1"
    )
    request_id: str = Field(description="names the request; a second run for it changes nothing")
    reason: str = Field(description="plain words")
    at: str = Field("", description="when it takes effect, ISO time in UTC; empty: now")
    actor: str = Field(description="who asks")


@op(retry_policy=RETRIES)
def roll_back(context: OpExecutionContext, config: RollbackConfig, settings: ResourceParam[Settings]) -> None:
    """Take the candidate out of every epoch, in the ledger by compare-and-set, then in the published file.

    An experiment that the ledger has never heard of is not ours to take out: the run is green, changes nothing and says
    where to do it. The same for a reading that is out of date.
    """
    from evalloop_assets.guardrails.in_flight import known_to, out_of_date
    from evalloop_assets.serving import transitions
    from evalloop_assets.serving.flagd import publish
    from evalloop_assets.serving.ledger import Change, Ledger
    from evalloop_assets.serving.routers import tell_routers

    at = _moment(config.at)
    change = Change("rollback", config.actor, config.reason, at, config.reading_id, config.evidence)
    ledger = Ledger(settings.ledger_url)
    try:
        if config.experiment_id not in known_to(ledger):
            _say(context, NOT_OURS, f"{elsewhere(config.experiment_id)} The reading says: {config.reason}")
            return
        why = out_of_date(ledger.history(), config.experiment_id, _day(config.evidence))
        if why is not None:
            _say(context, OUT_OF_DATE, f"{config.experiment_id}: {why}. Nothing was changed. {config.reason}")
            return
        done = ledger.apply(change, lambda state: transitions.roll_back(state, config.experiment_id, at))
        published = publish(settings.flags, ledger)
        tell_routers(settings, ledger)
    finally:
        ledger.close()
    word = "appended" if done.appended else "found already done in"
    _say(
        context,
        ROLLED_BACK,
        f"Rollback of {config.experiment_id}: {word} ledger entry {done.entry.sequence}; "
        f"the published file holds entry {published.sequence}. {config.reason}",
    )


@op
def restore(context: OpExecutionContext, config: UndoConfig, settings: ResourceParam[Settings]) -> None:
    """Append an entry that restores the allocation of a named earlier one, and publish it."""
    from evalloop_assets.serving.flagd import publish
    from evalloop_assets.serving.ledger import Change, Ledger
    from evalloop_assets.serving.routers import tell_routers

    change = Change("undo", config.actor, config.reason, _moment(config.at), config.request_id)
    ledger = Ledger(settings.ledger_url)
    try:
        done = ledger.undo(config.to_sequence, change, config.expected_sequence)
        published = publish(settings.flags, ledger)
        tell_routers(settings, ledger)
    finally:
        ledger.close()
    context.log.info(
        f"Allocation of entry {config.to_sequence} restored by entry {done.entry.sequence}; "
        f"the published file holds entry {published.sequence}."
    )


@job(tags=FIRST, description="Take an experiment's candidate out of service: ledger entry and published file.")
def rollback() -> None:
    roll_back()


@job(tags=FIRST, description="Restore the allocation of an earlier ledger entry.")
def undo() -> None:
    restore()


def elsewhere(experiment_id: str) -> str:
    """What to do about an experiment that another router serves."""
    return (
        f"Experiment {experiment_id} is not in this ledger, so it is not ours to take out, and nothing was changed. "
        "It is served by another router: take its candidate out there."
    )


def rollback_config(**values: Any) -> dict[str, Any]:
    """Run configuration of the job `rollback`; the values are the fields of `RollbackConfig`."""
    return {"ops": {"roll_back": {"config": values}}}


def undo_config(**values: Any) -> dict[str, Any]:
    """Run configuration of the job `undo`; the values are the fields of `UndoConfig`."""
    return {"ops": {"restore": {"config": values}}}


def _say(context: OpExecutionContext, outcome: str, words: str) -> None:
    context.log.info(words)
    context.add_output_metadata({"outcome": outcome, "said": words})
    context.instance.add_run_tags(context.run_id, {OUTCOME_TAG: outcome})


def _day(evidence: Mapping[str, Any]) -> date | None:
    return date.fromisoformat(evidence["day"]) if "day" in evidence else None


def _moment(text: str) -> datetime:
    from evalloop_assets.serving.ledger import utc_now

    return datetime.fromisoformat(text) if text else utc_now()
