"""`evalloop serving …`: the ledger, and changes to it by hand."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape

from evalloop_assets.backfill.vacuum import cited_versions
from evalloop_assets.cli.home import open_home
from evalloop_assets.lake.erasures import erased_citations, unreadable
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.store import Lake
from evalloop_assets.serving import transitions
from evalloop_assets.serving.flagd import publish, published_sequence
from evalloop_assets.serving.ledger import Action, Applied, Change, Entry, Ledger, Transition
from evalloop_assets.serving.routers import tell_routers
from evalloop_assets.serving.state import changed
from evalloop_assets.settings import Settings

NOTHING = "nothing is served yet: {} is empty (evalloop serving begin MODEL)"


def show(console: Console) -> None:
    """The champion and every experiment of the newest entry, and whether the published file says the same."""
    settings = Settings()
    ledger = _ledger(settings)
    head = ledger.head()
    if head is None:
        console.print(NOTHING.format(ledger.name), soft_wrap=True)
        return
    console.print(
        f"champion [bold]{escape(head.allocation.champion)}[/] since entry {head.sequence} ({head.action}, {head.at})"
    )
    for line in experiment_lines(head):
        console.print(line, soft_wrap=True)
    published = published_sequence(settings.flags)
    if published != head.sequence:
        held = "no entry" if published is None else f"entry {published}"
        console.print(
            f"[red]not published[/]: {escape(str(settings.flags))} holds {held}; "
            "the next tick of alert_sensor publishes",
            soft_wrap=True,
        )


def experiment_lines(entry: Entry) -> list[str]:
    """One line for each experiment of the allocation."""
    return [
        f"     {escape(f'{one.experiment_id}: {one.treatment} against {one.control}')}, "
        f"[bold]{one.status.replace('_', ' ')}[/]; {one.weight_percent:g}% of conversations, "
        f"{one.user_share:g}% of users by user, among users {one.segment[0]:g}-{one.segment[1]:g}%"
        for one in entry.allocation.experiments
    ]


def history(console: Console) -> None:
    """Every entry, oldest first, and what of its evidence went with people who were erased."""
    settings = Settings()
    ledger = _ledger(settings)
    entries = ledger.history()
    if not entries:
        console.print(NOTHING.format(ledger.name), soft_wrap=True)
    gone = unreadable(open_lake(settings))
    for before, entry in zip([None, *entries], entries, strict=False):
        console.print(entry_line(entry, before), soft_wrap=True)
        cited = erased_citations(cited_versions([entry.evidence]), gone)
        if cited:
            console.print(f"     its evidence cites {', '.join(cited)}; its figures stand", soft_wrap=True)


def entry_line(entry: Entry, before: Entry | None) -> str:
    """What the entry did to which experiments, those whose state differs from that of the entry before."""
    states = changed(before.allocation if before else None, entry.allocation)
    what = "".join(f" {escape(text)}," for text in states)
    colour = {"rollback": "red", "promote": "green"}.get(entry.action, "bold")
    return (
        f"{entry.sequence:>3}  {entry.at:%Y-%m-%d %H:%M}  [{colour}]{entry.action}[/] {what} champion "
        f"{escape(f'{entry.allocation.champion}, by {entry.actor}: {entry.reason}')}"
    )


def begin(console: Console, model: str) -> None:
    """Name the first champion and publish."""
    settings = Settings()
    ledger = _ledger(settings)
    applied = ledger.begin(model, _change("start", f"first champion {model}"))
    champion = applied.entry.allocation.champion
    if champion != model:
        raise UserError(
            f"first champion {model}",
            f"the ledger has begun, and {champion} is served",
            f"Test it against that: evalloop serving start NAME --treatment {model}",
        )
    _say(console, settings, ledger, applied)


def start(
    console: Console, experiment: str, treatment: str, weight: float, user_share: float, segment: tuple[float, float]
) -> None:
    """Start an experiment from now on and publish; UserError for a candidate that the offline gate turned down."""
    _require_passed(treatment)
    change = _change("start", f"{treatment} against the champion")
    _apply(
        console,
        change,
        lambda allocation: transitions.start_experiment(
            allocation, experiment, treatment, change.at, weight_percent=weight, user_share=user_share, segment=segment
        ),
    )


def _require_passed(treatment: str) -> None:
    """A model that the loop did not make is the product's own business; one that it made must have passed the gate."""
    lake = open_lake(Settings())
    verdicts = _rows_of(lake, "policy_screen", treatment)
    if verdicts:
        newest = max(verdicts, key=lambda row: row["day"])
        why = None if newest["passed"] else f"the offline gate turned it down ({newest['reason']})"
    else:
        why = "the offline gate has not judged it yet" if _rows_of(lake, "policy_candidates", treatment) else None
    if why:
        raise UserError(f"candidate {treatment}", why, "No user meets it before it passes: see policy_screen.")


def _rows_of(lake: Lake, table: str, model_id: str) -> list[dict[str, Any]]:
    """A model's rows in a table's newest version; none where the table is not there."""
    if lake.version(table) is None:
        return []
    return [row for row in lake.read(table).to_pylist() if row["model_id"] == model_id]


def ramp(console: Console, experiment: str, weight: float, reason: str) -> None:
    """Open an epoch with another weight and publish."""
    change = _change("ramp", reason)
    _apply(console, change, lambda allocation: transitions.ramp(allocation, experiment, weight, change.at))


def roll_back(console: Console, experiment: str, reason: str) -> None:
    """Roll back by hand and publish."""
    change = _change("rollback", reason)
    _apply(console, change, lambda allocation: transitions.roll_back(allocation, experiment, change.at))


def take_back(console: Console, sequence: int, reason: str, discard_later: bool) -> None:
    """Restore what was served before entry `sequence` and publish; later entries go with it only where that is said."""
    settings = Settings()
    ledger = _ledger(settings)
    if sequence <= 1:
        raise UserError(f"ledger entry {sequence}", "nothing was served before it", "Name an entry from 2 on.")
    entries = ledger.history()
    if sequence > len(entries):
        raise UserError(f"ledger entry {sequence}", "there is none", "See them all: evalloop serving history")
    later = entries[sequence:]
    if later and not discard_later:
        what = ", ".join(f"{entry.sequence} ({entry.action})" for entry in later)
        raise UserError(
            f"undo of entry {sequence}",
            f"it would take back entries {what} too",
            "Undo the newest first, or say --discard-later.",
        )
    _say(console, settings, ledger, ledger.undo(sequence - 1, _change("undo", reason), len(entries)))


def _apply(console: Console, change: Change, transition: Transition) -> None:
    settings = Settings()
    ledger = _ledger(settings)
    _say(console, settings, ledger, ledger.apply(change, transition))


def _say(console: Console, settings: Settings, ledger: Ledger, applied: Applied) -> None:
    entry = applied.entry
    publish(settings.flags, ledger)
    if applied.appended:
        console.print(f"entry {entry.sequence}: {entry.action}; published to {settings.flags}", soft_wrap=True)
        if entry.sequence > 1:
            console.print(f"to take it back: evalloop serving undo {entry.sequence} --reason …", markup=False)
    else:
        console.print(f"nothing to change: entry {entry.sequence} ({entry.action}) holds already")
    for attempt in tell_routers(settings, ledger):
        state = (
            "told of it" if attempt.error is None else f"[yellow]not told[/], and tried again: {escape(attempt.error)}"
        )
        console.print(f"{attempt.message.channel} {state}", soft_wrap=True)


def _change(action: Action, reason: str) -> Change:
    if not reason.strip():
        raise UserError("--reason", "is empty", "Say why in a few words: the ledger keeps it.")
    now = datetime.now(UTC).replace(tzinfo=None)
    return Change(action, "command line", reason, now, f"cli-{uuid.uuid4()}")


def _ledger(settings: Settings) -> Ledger:
    open_home(settings)
    return Ledger(settings.ledger_url)
