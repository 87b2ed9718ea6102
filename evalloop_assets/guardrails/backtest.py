"""What the guardrail would have done under other limits: history judged again, day by day, on what each day knew."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Literal, NamedTuple

from evalloop_assets.days import Days
from evalloop_assets.guardrails.readings import ACTIVE
from evalloop_assets.guardrails.verdict import Limits, Verdict, verdict
from evalloop_assets.lake.engine import View
from evalloop_assets.lake.store import Inputs, Lake
from evalloop_assets.online_ab.daily import results_of
from evalloop_assets.online_ab.figures import per_conversation_first, retention
from evalloop_assets.online_ab.results import Result
from evalloop_assets.online_ab.tables import READS
from evalloop_assets.serving.ledger import Entry
from evalloop_assets.settings import Settings

ALL_DAYS = {**dict.fromkeys(READS, (0, 0)), "experiment_people": READS["experiment_people"]}
"""READS without a window."""
KNOWN_BY_THEN = {
    "experiment_users": "SELECT * FROM experiment_users WHERE metric <> 'next_day_return' OR day < $day",
    "experiment_returns": """
        SELECT * FROM experiment_returns
        WHERE day < $day - CASE metric WHEN 'd3' THEN 2 WHEN 'd7' THEN 6 WHEN 'reengagement' THEN 6 ELSE 0 END
    """,
}
SPAN = "SELECT experiment_id, min(day) AS first, max(day) AS last FROM experiment_users GROUP BY experiment_id"
OF_ONE = {
    "experiment_users": "SELECT * FROM experiment_users WHERE experiment_id = $name",
    "experiment_returns": "SELECT * FROM experiment_returns WHERE experiment_id = $name",
}
FIRED = """
    SELECT experiment_id, day, cause, reason
    FROM guardrail_readings
    WHERE verdict = 'ROLLBACK' AND day <= $last
    ORDER BY day
"""

Afterwards = Literal["confirmed", "contradicted", "undecided"]


class Fired(NamedTuple):
    """A rollback that was, or would have been, asked for."""

    day: date
    """Whose data asked for it."""
    cause: str
    reason: str


class Replay(NamedTuple):
    """One experiment under the limits asked for, and as it was."""

    experiment_id: str
    treatment: str | None
    words: Mapping[str, int]
    """Verdict to days, up to the rollback."""
    would: Fired | None
    did: Fired | None
    """By `guardrail_readings`."""
    entry: Entry | None
    """The ledger's rollback."""
    harm: Afterwards
    """What the fixed 95% bounds over all of the experiment's data say of the harm: that it is there, that it is not, or
    nothing. Users are followed for 14 days from the assignment, past a rollback too, when the treatment is served to
    nobody: that draws the harm towards 0."""


def replays(lake: Lake, days: Days, settings: Settings, limits: Limits, entries: Sequence[Entry]) -> list[Replay]:
    """Every experiment with data on these days, in order of names."""
    would: dict[str, Fired] = {}
    words: dict[str, Counter[str]] = defaultdict(Counter)
    for day in days:
        for name, found in judged(lake, day, settings, limits):
            if name in would:
                continue
            words[name][found.word] += 1
            if found.word == "ROLLBACK" and found.cause is not None:
                would[name] = Fired(day, found.cause, found.reason)
    did = _fired(lake, days)
    finals = {name: _final(lake, span, name, settings) for name, span in spans(lake).items() if name in words}
    return [
        Replay(
            experiment_id=name,
            treatment=finals[name][0].treatment if finals[name] else None,
            words=dict(words[name]),
            would=would.get(name),
            did=did.get(name),
            entry=_rolled_back(entries, name),
            harm=harm_of(finals[name], limits, would.get(name) or did.get(name)),
        )
        for name in sorted(words)
    ]


def judged(lake: Lake, day: date, settings: Settings, limits: Limits) -> Iterator[tuple[str, Verdict]]:
    """The verdict on each experiment in the window of one day."""
    inputs = known_by(lake, day)
    active = set(inputs.query(ACTIVE, {"day": day}).column("experiment_id").to_pylist())
    by_name: dict[str, list[Result]] = defaultdict(list)
    for result in results_of(inputs, settings):
        by_name[result.experiment_id].append(result)
    for name, results in sorted(by_name.items()):
        yield name, verdict(results, name in active, limits)


def known_by(lake: Lake, day: date) -> Inputs:
    """What `experiment_results` would have read at the end of the day.

    The return on the day after an assignment is told on the day of the assignment: of the latest it was not known.
    What else `experiment_users` holds of a day was known at its end, but for chats across midnight and for the last
    hours of users west of Greenwich.
    """
    inputs = lake.inputs(READS, Days.one(day))
    known = {table: View({}, rows=inputs.query(sql, {"day": day})) for table, sql in KNOWN_BY_THEN.items()}
    return replace(inputs, views={**inputs.views, **known})


def spans(lake: Lake) -> dict[str, Days]:
    """First and last day with data of each experiment."""
    view = lake.view("experiment_users")
    if not view.files:
        return {}
    rows = lake.reader.fetch(SPAN, {"experiment_users": view}, {}).to_pylist()
    return {row["experiment_id"]: Days(row["first"], row["last"]) for row in rows}


def harm_of(results: Sequence[Result], limits: Limits, fired: Fired | None) -> Afterwards:
    """Whether what was feared is there in the end, by fixed 95% bounds of the largest sample there is.

    What was feared is what fired; of an experiment that nothing fired for, a loss of return beyond the margin.
    """
    if fired is not None and fired.cause == "red_flag":
        flags = [(per_conversation_first(results, metric), limit) for metric, limit in limits.red_flags.items()]
        known = [(one, limit) for one, limit in flags if one is not None and one.metric in fired.reason]
        if not known:
            return "undecided"
        return _told(*((one.low > limit, one.high < limit) for one, limit in known))
    came_back = retention(results)
    if came_back is None:
        return "undecided"
    edge = 0.0 if fired is not None and fired.cause == "gaming" else -limits.retention_margin
    return _told((came_back.high < edge, came_back.low > edge))


def _told(*sides: tuple[bool, bool]) -> Afterwards:
    if any(harmful for harmful, _ in sides):
        return "confirmed"
    return "contradicted" if all(harmless for _, harmless in sides) else "undecided"


def _final(lake: Lake, span: Days, name: str, settings: Settings) -> list[Result]:
    inputs = lake.inputs(ALL_DAYS, span)
    mine = {table: View({}, rows=inputs.query(sql, {"name": name})) for table, sql in OF_ONE.items()}
    return results_of(replace(inputs, views={**inputs.views, **mine}), settings)


def _fired(lake: Lake, days: Days) -> dict[str, Fired]:
    if not lake.view("guardrail_readings").columns:
        return {}
    rows = lake.reader.fetch(FIRED, {"guardrail_readings": lake.view("guardrail_readings")}, {"last": days.last})
    found: dict[str, Fired] = {}
    for row in rows.to_pylist():
        found.setdefault(row["experiment_id"], Fired(row["day"], row["cause"], row["reason"]))
    return found


def _rolled_back(entries: Sequence[Entry], name: str) -> Entry | None:
    for entry in entries:
        one = entry.allocation.experiment(name)
        if entry.action == "rollback" and one is not None and one.status == "rolled_back":
            return entry
    return None
