"""`evalloop alerts …`: incidents, who was told of them, and what people do with them."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table

import evalloop_assets.definitions  # noqa: F401 - declares every table
from evalloop_assets.cli.home import open_home
from evalloop_assets.cli.tables import print_table
from evalloop_assets.days import Days
from evalloop_assets.guardrails.alerts import alert_of, end_of
from evalloop_assets.guardrails.channels import alert_channels
from evalloop_assets.guardrails.examples import CONVERSATIONS, REPLIES, digest, redacted
from evalloop_assets.guardrails.incidents import Incident
from evalloop_assets.guardrails.stores import Stores, open_stores
from evalloop_assets.guardrails.watch import rollback_of
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.serving.ledger import utc_now
from evalloop_assets.serving.outbox import Message
from evalloop_assets.settings import Settings

RECENT = timedelta(days=7)
TEXT_SHOWN = 160
COLOURS = {"open": "red", "acknowledged": "yellow", "silenced": "yellow", "resolved": "green"}


def list_alerts(console: Console, everything: bool) -> None:
    """Open incidents and those of the last week, or all; then what could not be delivered so far."""
    settings, now = Settings(), utc_now()
    with _stores(settings) as (incidents, outbox, _):
        found = incidents.since(datetime.min if everything else now - RECENT)
        waiting = outbox.waiting()
    if found:
        table = Table("incident", "state", "about", "kind", "opened (UTC)", "what", "over (UTC)", "why over")
        for one in found:
            state = one.state(now)
            over = f"{one.resolved_at:%Y-%m-%d %H:%M}" if one.resolved_at else ""
            table.add_row(
                str(one.number), f"[{COLOURS[state]}]{state}[/]", escape(one.topic), one.kind,
                f"{one.opened_at:%Y-%m-%d %H:%M}", escape(what(one)), over, escape(one.resolution or ""),
            )  # fmt: skip
        print_table(console, table)
    else:
        console.print("no incident" if everything else "no incident is open, and none was in the last 7 days")
    for line in delivery_lines(settings, waiting, now):
        console.print(line, soft_wrap=True)


def show_alert(console: Console, number: int) -> None:
    """What its alert says, who was told, and the replies behind its examples, redacted."""
    settings, now = Settings(), utc_now()
    with _stores(settings) as (incidents, outbox, ledger):
        one = incidents.get(number)
        alert = alert_of(one, rollback_of(ledger, one.topic), settings.alerts)
        messages = outbox.of(one.thread)
    state = one.state(now)
    console.print(f"incident {number}: [{COLOURS[state]}]{state}[/], opened {one.opened_at:%Y-%m-%d %H:%M} UTC")
    if one.acknowledged_at is not None:
        console.print(f"acknowledged by {escape(str(one.acknowledged_by))}, {one.acknowledged_at:%Y-%m-%d %H:%M} UTC")
    if one.resolved_at is not None:
        console.print(escape(end_of(one, settings.alerts).text.partition("\n")[0]), soft_wrap=True)
    console.print(f"\n[bold]{escape(alert.title)}[/]\n{escape(alert.text)}", soft_wrap=True)
    for line in _examples(settings, one):
        console.print(line, markup=False, soft_wrap=True)
    for message in messages:
        arrived = message.delivered_at and f"delivered {message.delivered_at:%Y-%m-%d %H:%M} UTC"
        console.print(f"{message.key} to {message.channel}: {arrived or _waits(message)}", markup=False, soft_wrap=True)
    if not messages:
        console.print("nobody has been told")


def acknowledge(console: Console, number: int) -> None:
    """Note who takes care; what could not be delivered so far is given up."""
    with _stores(Settings()) as (incidents, outbox, _):
        one = incidents.acknowledge(number, getpass.getuser(), utc_now())
        outbox.withdraw(one.thread)
    console.print(f"incident {number}, {one.topic} ({one.kind}): acknowledged by {one.acknowledged_by}", markup=False)


def silence(console: Console, number: int, hours: float) -> None:
    """Tell nothing of the incident, nor of others of its topic and kind, for so long."""
    with _stores(Settings()) as (incidents, _, _):
        one = incidents.silence(number, utc_now() + timedelta(hours=hours))
    console.print(
        f"incident {number}: nothing is told of {one.topic} ({one.kind}) until "
        f"{one.silenced_until:%Y-%m-%d %H:%M} UTC; what lasts longer is told then",
        markup=False,
        soft_wrap=True,
    )


def resolve(console: Console, number: int, reason: str) -> None:
    """Close an incident by hand."""
    with _stores(Settings()) as (incidents, _, _):
        one = incidents.get(number)
        closed = incidents.resolve(number, f"{reason} ({getpass.getuser()})", utc_now())
    state = "resolved" if closed else f"was over before ({one.resolution})"
    console.print(f"incident {number}, {one.topic} ({one.kind}): {state}", markup=False)


def incident_lines(incidents: list[Incident], now: datetime) -> list[str]:
    """One line for each incident that is open."""
    return [
        f"     {one.number} [{COLOURS[one.state(now)]}]{one.state(now)}[/] {escape(one.topic)} ({one.kind}) since "
        f"{one.opened_at:%Y-%m-%d %H:%M} UTC: {escape(what(one))}"
        for one in incidents
    ]


def delivery_lines(settings: Settings, waiting: list[Message], now: datetime) -> list[str]:
    """What has not arrived and why; and that nobody would be told, where that is so."""
    lines = [
        f"[red]not delivered[/] {one.key} to {one.channel} for {_age(now - one.created_at)}: {escape(_waits(one))}"
        for one in waiting
    ]
    if not alert_channels(settings):
        lines.append("[yellow]alerts[/] go nowhere: set EVALLOOP_ALERTS__URLS (docs/runbooks/undelivered.md)")
    return lines


def what(incident: Incident) -> str:
    """A few words on what was seen."""
    seen = incident.content
    return str(seen.get("reason") or seen.get("error") or f"no verdict since {seen.get('since')} UTC")


def _waits(message: Message) -> str:
    tried = f"{message.attempts} attempts, next {message.next_try_at:%Y-%m-%d %H:%M} UTC"
    return f"{message.last_error} ({tried})" if message.last_error else f"not tried yet ({tried})"


def _age(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _examples(settings: Settings, incident: Incident) -> Iterator[str]:
    """Replies of the conversations that the alert names by a digest, as long as the lake has them."""
    wanted = {one["digest"] for one in incident.content.get("examples", ())}
    if not wanted:
        return
    lake, days = open_lake(settings), Days.one(date.fromisoformat(incident.content["day"]))
    bound = {"experiment": incident.topic}
    sessions = lake.reader.fetch(CONVERSATIONS, {"sessions": lake.view("sessions", days)}, bound)
    for conversation in sessions.column("conversation_id").to_pylist():
        name = digest(incident.source, conversation)
        if name in wanted:
            bound = {"conversation": conversation}
            for reply in lake.reader.fetch(REPLIES, {"turns": lake.view("turns", days)}, bound).to_pylist():
                yield f"{name}: {redacted(reply['reply_text'], TEXT_SHOWN)}"


def _stores(settings: Settings) -> AbstractContextManager[Stores]:
    open_home(settings)
    return open_stores(settings)
