"""`evalloop serving …`: the ledger, and changes to it by hand."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from evalloop_assets.lake.errors import UserError
from evalloop_assets.serving.flagd import publish
from evalloop_assets.serving.ledger import Change, Entry, Ledger
from evalloop_assets.serving.transitions import roll_back as roll_back_transition
from evalloop_assets.settings import Settings


def show(console: Console) -> None:
    """The champion and every experiment of the newest entry."""
    head = _ledger(Settings()).head()
    if head is None:
        console.print("nothing is served yet: the ledger is empty")
        return
    console.print(
        f"champion [bold]{head.allocation.champion}[/] since entry {head.sequence} ({head.action}, {head.at})"
    )
    if head.allocation.experiments:
        console.print(experiments_table(head))


def experiments_table(entry: Entry) -> Table:
    table = Table("experiment", "control", "treatment", "status", "of conversations", "by user", "users")
    for one in entry.allocation.experiments:
        weight = f"{one.weight_percent:g}%"
        layer = f"{one.user_share:g}% of users, {one.user_weight:g}% treated"
        segment = f"{one.segment[0]:g}-{one.segment[1]:g}%"
        table.add_row(one.experiment_id, one.control, one.treatment, one.status, weight, layer, segment)
    return table


def history(console: Console) -> None:
    """Every entry, oldest first."""
    table = Table("entry", "at (UTC)", "who", "what", "champion", "why")
    for entry in _ledger(Settings()).history():
        table.add_row(
            str(entry.sequence), str(entry.at), entry.actor, entry.action, entry.allocation.champion, entry.reason
        )
    console.print(table)


def roll_back(console: Console, experiment: str, reason: str) -> None:
    """Roll back by hand and publish."""
    settings = Settings()
    ledger = _ledger(settings)
    change = _change("rollback", reason)
    applied = ledger.apply(change, lambda allocation: roll_back_transition(allocation, experiment, change.at))
    _say(console, settings, ledger, applied.appended, applied.entry)


def take_back(console: Console, sequence: int, reason: str) -> None:
    """Restore what was served before entry `sequence` and publish."""
    settings = Settings()
    ledger = _ledger(settings)
    if sequence <= 1:
        raise UserError(f"ledger entry {sequence}", "nothing was served before it", "Name an entry from 2 on.")
    applied = ledger.undo(sequence - 1, _change("undo", reason))
    _say(console, settings, ledger, applied.appended, applied.entry)


def _say(console: Console, settings: Settings, ledger: Ledger, appended: bool, entry: Entry) -> None:
    publish(settings.flags, ledger)
    if appended:
        console.print(f"entry {entry.sequence}: {entry.action}; published to {settings.flags}")
        console.print(f"to take it back: evalloop serving undo {entry.sequence} --reason …", markup=False)
    else:
        console.print(f"nothing to change: entry {entry.sequence} ({entry.action}) holds already")


def _change(action: str, reason: str) -> Change:
    now = datetime.now(UTC).replace(tzinfo=None)
    return Change(action, "command line", reason, now, f"cli-{uuid.uuid4()}")  # type: ignore[arg-type]


def _ledger(settings: Settings) -> Ledger:
    return Ledger(settings.ledger_url)
