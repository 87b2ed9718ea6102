"""What an alert says (design, section 8), and which incidents are told when.

An alert goes out once for each incident. That of a rollback waits for the rollback, so that it can tell the weights
before and after and how to undo it, but for `alerts.rollback_minutes` at most: then it says that there was none.
Nothing in it is of a user: examples are figures of conversations under a digest of their id.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from evalloop_assets.guardrails.alert_picture import effects_in, scale_of
from evalloop_assets.guardrails.incidents import Incident, Incidents
from evalloop_assets.guardrails.reopened import REOPENED, lines_of
from evalloop_assets.guardrails.watch import DEAD_MAN, RUN_FAILURE, Rollback, asks_for_rollback, rollback_of
from evalloop_assets.serving.ledger import Ledger
from evalloop_assets.serving.outbox import Outbox
from evalloop_assets.settings import AlertSettings

RECENT = timedelta(days=1)
"""What was resolved longer ago is not told any more."""
THREADS = "incident-"


class Alert(NamedTuple):
    """One alert for people."""

    title: str
    text: str
    level: Literal["failure", "warning", "success"]
    """What is harmful, what blinds the loop, what is over."""


def alert_of(incident: Incident, rollback: Rollback, settings: AlertSettings) -> Alert:
    """The alert of an incident that has opened."""
    seen = incident.content
    if incident.kind == RUN_FAILURE:
        lines = [f"Run {seen['run_id']} of job {incident.topic} failed in {seen['steps']}: {seen['error']}."]
        return _alert(incident, f"RUN FAILED {incident.topic}", "failure", lines, settings)
    if incident.kind == DEAD_MAN:
        lines = [
            f"No new day of experiment {incident.topic} has been judged since {seen['since']} UTC, for more than "
            f"{settings.dead_man_hours:g} h, though it is in flight: nothing would roll it back."
        ]
        return _alert(incident, f"NO VERDICT {incident.topic}", "failure", lines, settings)
    if incident.kind == REOPENED:
        return _alert(incident, f"REOPENED {incident.topic}", "warning", list(lines_of(incident)), settings)
    title = f"{seen['verdict']} {incident.topic} ({incident.kind})"
    lines = [str(seen["reason"]), "", *_figures(seen), *_examples(seen.get("examples", ()))]
    if not asks_for_rollback(incident):
        return _alert(incident, title, "warning", lines, settings)
    return _alert(incident, title, "failure", [*lines, *_weights(incident.topic, rollback)], settings)


def end_of(incident: Incident, settings: AlertSettings) -> Alert:
    """The alert that an incident is over."""
    lines = [f"{incident.resolution} (opened {incident.opened_at:%Y-%m-%d %H:%M} UTC)"]
    return _alert(incident, f"RESOLVED {incident.topic} ({incident.kind})", "success", lines, settings, "resolved")


def tell(
    incidents: Incidents,
    outbox: Outbox,
    ledger: Ledger,
    channels: Iterable[str],
    settings: AlertSettings,
    now: datetime,
    picture: Callable[[Incident], bytes | None],
) -> None:
    """Hand the alerts that are due to the outbox; nothing while no channel is set."""
    names = list(channels)
    if not names:
        return
    outbox.readdress(THREADS, names, now)
    for incident in incidents.since(now - RECENT):
        rollback = rollback_of(ledger, incident.topic)
        if incident.told_at is None and _is_due(incident, rollback, settings, now):
            alert, drawn = _illustrated(alert_of(incident, rollback, settings), picture, incident)
            outbox.put(*_addressed(incident, "opened", names, alert), now, drawn)
            incidents.told(incident, now)
        elif _has_ended_since(incident) and not incident.is_silent(now):
            outbox.put(*_addressed(incident, "resolved", names, end_of(incident, settings)), now)


def key_of(incident: Incident, event: str) -> str:
    """Idempotency key of a message."""
    return f"{incident.thread}-{event}"


def _is_due(incident: Incident, rollback: Rollback, settings: AlertSettings, now: datetime) -> bool:
    if incident.is_silent(now):
        return False
    if not asks_for_rollback(incident):
        return incident.resolved_at is None
    if incident.resolved_at is not None:
        return rollback.entry is not None and incident.silenced_until is None
    waited = now - incident.opened_at >= timedelta(minutes=settings.rollback_minutes)
    return waited or rollback.entry is not None or not rollback.ours


def _illustrated(
    alert: Alert, picture: Callable[[Incident], bytes | None], incident: Incident
) -> tuple[Alert, bytes | None]:
    """The alert with its picture; where that cannot be drawn, the alert says so and goes out without."""
    try:
        return alert, picture(incident)
    except Exception as error:  # noqa: BLE001 - whatever it was, people are told
        return alert._replace(text=f"{alert.text}\nno picture: {type(error).__name__} while it was drawn"), None


def _has_ended_since(incident: Incident) -> bool:
    """Whether it ended after its alert, which so cannot have said it."""
    return incident.told_at is not None and incident.resolved_at is not None and incident.resolved_at > incident.told_at


def _addressed(
    incident: Incident, event: str, channels: list[str], alert: Alert
) -> tuple[str, str, list[str], dict[str, Any]]:
    seen = {} if incident.kind in (RUN_FAILURE, DEAD_MAN) else {"reading": incident.content}
    content = {
        "event": event,
        "incident": incident.number,
        "topic": incident.topic,
        "kind": incident.kind,
        **alert._asdict(),
        **seen,
    }
    return key_of(incident, event), incident.thread, channels, content


def _alert(
    incident: Incident,
    title: str,
    level: Literal["failure", "warning", "success"],
    lines: list[str],
    settings: AlertSettings,
    event: str = "opened",
) -> Alert:
    page = settings.runbooks.rstrip("/") + "/" + runbook_of(incident.kind)
    foot = [f"runbook: {page}", f"incident {incident.number}: evalloop alerts show {incident.number}"]
    if incident.resolved_at is None:
        foot.append(f"acknowledge: evalloop alerts ack {incident.number}")
    return Alert(title, "\n".join([*lines, "", *foot, f"key: {key_of(incident, event)}"]), level)


def runbook_of(kind: str) -> str:
    """The page of a kind of incident."""
    pages = ("gaming", "harm", "red_flag", "srm", "multiple_exposure", REOPENED, DEAD_MAN, RUN_FAILURE)
    return {"no_data": "blind.md", **{name: f"{name}.md" for name in pages}}.get(kind, "rollback.md")


def _figures(seen: Mapping[str, Any]) -> list[str]:
    """Effects with their bounds, who is behind them, and whether the arms are as they should be."""
    lines = []
    for name in effects_in([seen]):
        scale, unit = scale_of(name)
        effect, low, high = (scale * seen[f"{name}_{part}"] for part in ("effect", "low", "high"))
        lines.append(f"{name}: {effect:+.2f} {unit} [{low:+.2f}, {high:+.2f}]")
    ratio = "unknown" if seen.get("srm_p") is None else f"p {seen['srm_p']:.2g}"
    lines.append(f"matured users: {seen.get('matured_users') or 0:,} on {seen['day']}; sample ratio: {ratio}")
    return lines


def _examples(examples: Iterable[Mapping[str, Any]]) -> list[str]:
    return [
        f"example: conversation {one['digest']}, {one['replies']} replies, {one['regenerations']} regenerated, "
        f"{one['complaints']} complained about"
        for one in examples
    ]


def _weights(experiment_id: str, rollback: Rollback) -> list[str]:
    if not rollback.ours:
        return ["weights: another router serves it and this ledger cannot take it out: take it out there"]
    if rollback.entry is None:
        return [
            f"weights: {rollback.before:g}% of new conversations get the candidate; NOT rolled back so far",
            f'take it out: evalloop serving rollback {shlex.quote(experiment_id)} --reason "…"',
        ]
    before = "unknown" if rollback.before is None else f"{rollback.before:g}%"
    return [
        f"weights: {before} of new conversations before, 0% since ledger entry {rollback.entry}",
        f'undo: evalloop serving undo {rollback.entry} --reason "…"',
    ]
