"""How well reading is told from absence and people from scripts: `python -m benchmarks.reading [SEEDS] [DAYS]`.

Simulated products are read as they were delivered, less second copies and malformed rows. The first figures are means
over seeds of the scenario `dirty`; readers are those of `evalloop_assets_tests.denoise.readers`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

import evalloop_assets
from evalloop_assets.days import Days
from evalloop_assets.denoise.reading import effective_reading
from evalloop_assets.lake import sql
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.frames import run
from evalloop_assets.logs.contract import TURNS
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.scenarios import SCENARIOS
from evalloop_assets.simulator.scoreboard.measure import auc
from evalloop_assets_tests import real_data
from evalloop_assets_tests.denoise.readers import Readers, drawn, pareto_absence, short_absence
from evalloop_assets_tests.simulator.served import home

SQL = Path(evalloop_assets.__file__).parent / "denoise"
FRONT, SIGNS, TYPING = ("foreground_ms",), ("scrolls", "clicks"), ("typing_ms",)
WORDS = ("user_text", "user_chars")
MISSING = {
    "nothing": (),
    "time in front": FRONT,
    "scrolls and clicks": SIGNS,
    "typing": TYPING,
    "time in front, scrolls, clicks": FRONT + SIGNS,
    "all of these": FRONT + SIGNS + TYPING,
    "all of these and the messages": FRONT + SIGNS + TYPING + WORDS,
}
TIMES_ONLY = tuple(
    name
    for name in TURNS.column_names
    if name not in ("event_id", "user_id", "conversation_id", "model_id", "shown_at")
)
READERS = {
    "exponential absences": Readers(),
    "absences with a heavy tail": Readers(absence=pareto_absence),
    "away from one reply in four": Readers(away=0.25),
    "second language": Readers(pace=0.4, between=0.5),
    "erratic readers": Readers(within=0.5, between=0.5),
    "replies of a few characters": Readers(chars=8),
    "replies of 700 characters": Readers(chars=700),
    "absences of half a minute": Readers(absence=short_absence),
    "absences of half a minute, Chinese": Readers(absence=short_absence, han=1.0),
    "app left open": Readers(idle=True),
}
GLOBO = real_data.FOLDER / "globo"


class Told(NamedTuple):
    """Arrays of shape (replies,): truth and what is told of it; NaN where unknown."""

    away: np.ndarray
    read_s: np.ndarray
    score: np.ndarray
    yes: np.ndarray
    effective_s: np.ndarray
    dwell_s: np.ndarray

    def figures(self) -> list[float]:
        """AUC of score, of yes and no, of raw dwell; found and falsely found; error of seconds read; share with it."""
        known = np.isfinite(self.effective_s) & (self.read_s > 0)
        told = np.isfinite(self.yes)
        off = np.abs(self.effective_s - self.read_s)[known] / self.read_s[known]
        return [
            auc(self.score, self.away),
            auc(self.yes, self.away),
            auc(self.dwell_s, self.away),
            float(self.yes[told & self.away].mean()),
            float(self.yes[told & ~self.away].mean()),
            float(np.median(off)),
            float(known.mean()),
        ]


HEADINGS = ("AUC", "yes/no", "raw dwell", "found", "false", "error", "known")


def lines(seeds: int = 3, days: int = 5) -> Iterator[str]:
    yield from _simulated_reading(seeds, days)
    yield from _drawn_reading(seeds)
    yield from _simulated_traffic(seeds, days)
    if GLOBO.is_dir():
        yield _clicks()


def _row(name: str, figures: Sequence[Sequence[float]]) -> str:
    means = np.mean(np.array(figures), axis=0)
    return f"  {name:<52}" + "".join(f"{value:>10.3f}" for value in means)


def _heading(title: str) -> str:
    return f"{title:<54}" + "".join(f"{name:>10}" for name in HEADINGS)


def _simulated_reading(seeds: int, days: int) -> Iterator[str]:
    yield _heading(f"reading, simulated, {seeds} seeds; missing:")
    for name, missing in MISSING.items():
        told = [_told(_log("dirty", seed, days), missing) for seed in range(1, seeds + 1)]
        if name == "nothing":
            for part, untold in (("users whose app tells the time in front", 0), ("users whose app does not", 1)):
                yield _row(f"{name}, {part}", [Told(*(x[u == untold] for x in one)).figures() for one, u in told])
        else:
            yield _row(name, [one.figures() for one, _ in told])


def _drawn_reading(seeds: int) -> Iterator[str]:
    for missing in ("nothing", "time in front", "all of these"):
        yield _heading(f"reading, independent readers; missing: {missing}")
        for name, who in READERS.items():
            found = []
            for seed in range(1, seeds + 1):
                log, read_s, away = drawn(who, seed)
                told = effective_reading(log.drop(columns=list(MISSING[missing])))
                values = (told[n].to_numpy(np.float64) for n in ("background_score", "background", "effective_read_s"))
                found.append(Told(away, read_s, *values, log["dwell_ms"].to_numpy(np.float64)).figures())
            yield _row(name, found)


def _simulated_traffic(seeds: int, days: int) -> Iterator[str]:
    yield f"{'traffic: sessions set apart':<54}{'bots':>12}{'whales':>12}{'people':>14}{'low intent':>12}"
    for title, missing in (("all is logged", ()), ("times only", TIMES_ONLY)):
        for name in SCENARIOS:
            counts = np.zeros((3, 3), np.int64)
            for seed in range(1, seeds + 1 if name == "dirty" else 2):
                counts += _set_apart(_log(name, seed, days), missing)
            shares = [f"{automatic}/{of}" if of else "-" for automatic, _, of in counts]
            yield f"  {name + ', ' + title:<52}{shares[0]:>12}{shares[1]:>12}{shares[2]:>14}{counts[2, 1]:>12}"


class Log(NamedTuple):
    """A simulated log, and the folder of its truth."""

    turns: pa.Table
    truth: Path


def _log(name: str, seed: int, days: int) -> Log:
    folder = home(name, seed, days)
    with duckdb.connect() as connection:
        files = f"read_parquet('{folder}/landing/turns/*.parquet', union_by_name = true)"
        there = {name for name, *_ in connection.execute(f"DESCRIBE SELECT * FROM {files}").fetchall()}
        listed = ", ".join(column if column in there else f"NULL AS {column}" for column in TURNS.column_names)
        rows = connection.sql(
            f"""SELECT DISTINCT ON (event_id) CAST(shown_at AS DATE) AS day, {listed} FROM {files}
            WHERE event_id NOT IN (
              SELECT row_id FROM read_parquet('{folder}/truth/dirt/*.parquet') WHERE kind = 'malformed')
            ORDER BY event_id, received_at"""
        )
        return Log(rows.to_arrow_table().cast(arrow_schema(TURNS)), folder / "truth")


def _tables(turns: pa.Table, missing: Sequence[str]) -> dict[str, pa.Table]:
    for name in missing:
        place = turns.schema.get_field_index(name)
        turns = turns.set_column(place, name, pa.nulls(turns.num_rows, turns.schema.field(name).type))
    shown = turns["shown_at"].to_pylist()
    days = Days(min(shown).date(), max(shown).date())
    chain = [sql.load(SQL / f"{name}.sql") for name in ("sessions", "reading", "traffic")]
    return {"turns": turns} | run(chain, {"turns": turns}, days, Settings(), Clock(days.last, max(shown)))


def _query(found: dict[str, pa.Table], truth: Path, query: str) -> dict[str, np.ndarray]:
    with duckdb.connect() as connection:
        for name, table in found.items():
            connection.register(name, table)
        for name in ("turns", "dirt"):
            connection.execute(f"CREATE VIEW truth_{name} AS FROM read_parquet('{truth}/{name}/*.parquet')")
        return connection.sql(query).df().to_dict("series")


def _told(log: Log, missing: Sequence[str]) -> tuple[Told, np.ndarray]:
    rows = _query(
        _tables(log.turns, missing),
        log.truth,
        """SELECT truth_turns.background_s > 0 AS away, truth_turns.read_s, background_score,
        CAST(background AS DOUBLE) AS yes, effective_read_s, dwell_ms / 1e3 AS dwell_s, foreground_ms IS NULL AS untold
        FROM truth_turns JOIN reading USING (event_id) JOIN turns USING (event_id)""",
    )
    values = {name: column.to_numpy(np.float64) for name, column in rows.items()}
    untold, away = values.pop("untold"), values.pop("away") > 0
    return Told(away, *values.values()), untold


def _set_apart(log: Log, missing: Sequence[str]) -> np.ndarray:
    """(bots, whales, people) x (automatic, low intent, all) sessions."""
    rows = _query(
        _tables(log.turns, missing),
        log.truth,
        """WITH strangers AS (
          SELECT row_id, kind FROM truth_dirt WHERE kind IN ('bot', 'whale') AND table_name = 'turns'),
        who AS (SELECT session_id, COALESCE(MIN(strangers.kind), 'people') AS who FROM reading
          LEFT JOIN strangers ON strangers.row_id = reading.event_id GROUP BY session_id)
        SELECT CASE who WHEN 'bot' THEN 0 WHEN 'whale' THEN 1 ELSE 2 END AS who,
          COUNT(*) FILTER (kind = 'automatic') AS automatic, COUNT(*) FILTER (kind = 'low_intent') AS low_intent,
          COUNT(*) AS sessions
        FROM traffic JOIN who USING (session_id) GROUP BY ALL""",
    )
    found = np.zeros((3, 3), np.int64)
    found[rows["who"].to_numpy()] = np.stack(
        [rows[n].to_numpy() for n in ("automatic", "low_intent", "sessions")], axis=1
    )
    return found


def _clicks() -> str:
    """A public log of news clicks, read as if the time to the next click were dwell."""
    columns = {
        "event_id": "CAST(number AS VARCHAR)",
        "user_id": "CAST(user_id AS VARCHAR)",
        "conversation_id": "CAST(session_id AS VARCHAR)",
        "model_id": "'news'",
        "shown_at": "make_timestamp(click_timestamp * 1000)",
        "reply_chars": "1000",
        "dwell_ms": "following - click_timestamp",
    }
    listed = ", ".join(f"{columns.get(name, 'NULL')} AS {name}" for name in TURNS.column_names)
    rows = duckdb.sql(
        f"""SELECT CAST(make_timestamp(click_timestamp * 1000) AS DATE) AS day, {listed} FROM (
          SELECT *, row_number() OVER () AS number,
            lead(click_timestamp) OVER (PARTITION BY user_id, session_id ORDER BY click_timestamp) AS following
          FROM '{GLOBO}/*.parquet')"""
    )
    found = _tables(rows.to_arrow_table().cast(arrow_schema(TURNS)), ())
    traffic, reading = found["traffic"]["kind"].to_pylist(), found["reading"].select(["event_id", "reason"])
    constant, imputed = duckdb.sql(
        """SELECT COUNT(*), COUNT(*) FILTER (reason = 'imputed')
        FROM reading JOIN (SELECT event_id, dwell_ms FROM clicks) USING (event_id) WHERE dwell_ms = 30000""",
        connection=_connected(reading=reading, clicks=found["turns"]),
    ).fetchall()[0]
    return (
        f"news clicks: {traffic.count('automatic')} of {len(traffic):,} sessions automatic; "
        f"{imputed:,} of {constant:,} gaps of exactly 30 s are imputed"
    )


def _connected(**tables: pa.Table) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for name, table in tables.items():
        connection.register(name, table)
    return connection


if __name__ == "__main__":
    for line in lines(*(int(number) for number in sys.argv[1:])):
        print(line, flush=True)
