"""How far simulated people are from people on record: reading speeds, session lengths, returns.

The distance is reported, not tuned to zero: the product here is a story companion, those on record are a reading
experiment, a contest of chat bots and a news site. A bound says from where on a figure would no longer pass for people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np

from evalloop_assets.logs.contract import TURNS
from evalloop_assets.simulator.arrays import Floats, Ints
from evalloop_assets.simulator.truth import TRUTH_TURNS, TRUTH_USERS

LEVELS: Floats = (np.arange(20) + 0.5) / 20
"""Levels of every quantile table, the middles of twenty equal shares: the outer 2.5% on either side do not count."""
READING_SPEED, SESSION_LENGTH, NEXT_DAY_RETURN = "reading speed", "session length", "next-day return"


class Reference(NamedTuple):
    """A published distribution, as facts computed from a public data set."""

    figure: str
    """The simulated figure that it is held against."""
    source: str
    unit: str
    n: int
    """What was observed: stretches of text, dialogues, sessions, users on days."""
    computed: str
    """How, from the published files."""
    mean: float
    """Of all observations, also the outermost."""
    quantiles: tuple[float, ...]
    """At LEVELS, each a value that occurs (inverse of the distribution function, no interpolation)."""
    bound: float
    """Largest distance at which the simulation passes for people: one and a half to twice what `healthy` shows, 0.25 at
    least, and for a share below 1, the distance of nobody coming back."""
    note: str
    """What makes the two unlike, whatever the simulation does."""
    at_least: float = -np.inf
    """Smallest value that the source records; simulated values below it are left out as well."""


class Sample(NamedTuple):
    """What a simulation shows of one figure; arrays of one length, an entry per observation."""

    values: Floats
    user: Ints
    """Number of the user whom it was observed on."""
    day: Ints | None = None
    """Where given, the figure is a share per day: values are 0 or 1, and their mean on a day is one observation."""


class Distance(NamedTuple):
    """One simulated figure against one reference."""

    figure: str
    source: str
    unit: str
    n: int
    """Simulated observations."""
    mean: float
    quantiles: tuple[float, ...]
    """Simulated, at LEVELS."""
    reference: Reference
    distance: float
    """Wasserstein-1: mean gap between the two quantile tables, over the mean of the published one.
    NaN without an observation."""
    low: float
    high: float
    """95% bounds from resampling the simulated users, the reference taken as exact. A distance cannot be negative, so
    that near 0 both lie above it."""
    note: str

    @property
    def within(self) -> bool:
        """False where there was nothing to compare."""
        return self.distance <= self.reference.bound


REFERENCES = (
    Reference(
        READING_SPEED,
        "naturalstories, one reader",
        "English characters per second",
        506,
        "words with the space after them, over the sum of their geometric mean times, per sentence (to . ! or ?); then "
        "spread over readers as a log-normal with the mean log of the geometric SDs of the sentence's words, at LEVELS",
        19.0693,
        (8.51, 10.15, 11.37, 12.38, 13.28, 14.11, 14.9, 15.7, 16.51, 17.33,
         18.2, 19.12, 20.07, 21.13, 22.35, 23.76, 25.46, 27.65, 31.08, 37.12),
        0.25,
        "The comparable one: a simulated reply is read by one person. People are at most so wide: what a reader varies "
        "from word to word counts as a difference between readers, for the files do not tell the two apart.",
    ),
    Reference(
        READING_SPEED,
        "naturalstories, mean of readers",
        "English characters per second",
        506,
        "words with the space after them, over the sum of their mean times, per sentence (to . ! or ?); all of them "
        "together: 16.49, the level that users.READING_CHARS_PER_S takes",
        16.5641,
        (12.84, 13.63, 14.11, 14.68, 14.97, 15.31, 15.55, 15.84, 16.12, 16.34,
         16.59, 16.78, 17.07, 17.35, 17.74, 18.04, 18.44, 18.98, 19.75, 21.03),
        0.45,
        "People are at least so wide: some 84 readers are averaged, so that what they differ by is gone. Single words "
        "are wider (7 to 32), for the time per word hardly grows with its length.",
    ),
    Reference(
        SESSION_LENGTH,
        "convai",
        "exchanges",
        139,
        "messages of the person that a bot answered, several in a row counted as one, per dialogue with any",
        12.2230,
        (1, 1, 2, 3, 3, 4, 4, 5, 6, 7, 7, 8, 9, 10, 11, 12, 15, 16, 21, 41),
        0.4,
        "Volunteers of 2018 with persona bots; 152 dialogues in which only one side spoke are left out. One dialogue "
        "of 449 exchanges makes up a quarter of the mean, and counts for nothing in the distance.",
        at_least=1,
    ),
    Reference(
        SESSION_LENGTH,
        "globo",
        "clicks",
        240_541,
        "clicks per session",
        2.8181,
        (2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 7),
        4.5,
        "A click on news is no exchange in a story: for scale only. Sessions of one click are not on record.",
        at_least=2,
    ),
    Reference(
        NEXT_DAY_RETURN,
        "globo",
        "share of the day's users",
        130_234,
        "users with the first click of a session on a day, of them those with one on the next; two local days (UTC-3)",
        0.34133,
        (0.31426,) * 10 + (0.36839,) * 10,
        0.9,
        "News readers, many of them passing by, against users who talked on a day and on the next. Sessions of one "
        "click are not on record.",
    ),
)  # fmt: skip

_SPEEDS = """
    WITH logged AS (
        SELECT event_id, any_value(reply_chars) AS chars FROM read_parquet($turns)
        WHERE locale LIKE 'en%' GROUP BY event_id
    )
    SELECT user_id, chars / read_s AS value
    FROM read_parquet($truth_turns) JOIN logged USING (event_id)
    WHERE fate IN ('goes_on', 'natural') AND NOT regenerated AND chars > 0 AND read_s > 0
    ORDER BY event_id
"""
_LENGTHS = """
    SELECT any_value(user_id) AS user_id, count(*) FILTER (NOT regenerated) AS value
    FROM read_parquet($truth_turns) GROUP BY conversation_id ORDER BY conversation_id
"""
_RETURNS = """
    WITH talked AS (
        SELECT user_id, CAST(parse_filename(filename, true) AS DATE) AS day
        FROM read_parquet($truth_users, filename = true) WHERE model_id IS NOT NULL
    )
    SELECT today.user_id, today.day - DATE '1970-01-01' AS day, again.user_id IS NOT NULL AS value
    FROM talked AS today LEFT JOIN talked AS again ON again.user_id = today.user_id AND again.day = today.day + 1
    WHERE today.day < (SELECT max(day) FROM talked)
    ORDER BY today.day, today.user_id
"""


def simulated_figures(landing: Path, truth: Path) -> dict[str, Sample]:
    """The figures of a served product, from its log and its truth.

    Reading speed: per English reply that was read to its end. Session length: replies kept per conversation. Next-day
    return: users who talked on a day, the last one left out.
    """
    turns = str(landing / TURNS.name / "*.parquet")
    truth_turns, truth_users = (
        str(truth / schema.name.removeprefix("truth_") / "*.parquet") for schema in (TRUTH_TURNS, TRUTH_USERS)
    )
    with duckdb.connect() as connection:
        found = {
            READING_SPEED: connection.execute(_SPEEDS, {"turns": turns, "truth_turns": truth_turns}).fetchnumpy(),
            SESSION_LENGTH: connection.execute(_LENGTHS, {"truth_turns": truth_turns}).fetchnumpy(),
            NEXT_DAY_RETURN: connection.execute(_RETURNS, {"truth_users": truth_users}).fetchnumpy(),
        }
    return {figure: _sample(columns) for figure, columns in found.items()}


def _sample(columns: Mapping[str, Any]) -> Sample:
    user = np.unique(np.asarray(columns["user_id"], dtype=str), return_inverse=True)[1]
    day = np.asarray(columns["day"], dtype=np.int64) if "day" in columns else None
    return Sample(np.asarray(columns["value"], dtype=np.float64), np.asarray(user, dtype=np.int64), day)


def distances(
    simulated: Mapping[str, Sample],
    references: Sequence[Reference] = REFERENCES,
    *,
    resamples: int = 200,
    seed: int = 0,
) -> list[Distance]:
    """Each reference against the simulated figure of its name, in their order."""
    return [_distance(simulated[one.figure], one, resamples, np.random.default_rng(seed)) for one in references]


def _distance(simulated: Sample, reference: Reference, resamples: int, rng: np.random.Generator) -> Distance:
    sample = _sorted(simulated, reference.at_least)
    n, published = len(sample.values), np.array(reference.quantiles)

    def gap(quantiles: Floats) -> float:
        return float(np.abs(quantiles - published).mean() / published.mean())

    mean, quantiles = _summary(sample, np.ones(n, dtype=np.int64))
    low, high = np.nan, np.nan
    if n and resamples:
        users, user = np.unique(sample.user, return_inverse=True)
        drawn = (rng.multinomial(len(users), np.full(len(users), 1 / len(users))) for _ in range(resamples))
        found = [gap(_summary(sample, times[user])[1]) for times in drawn]
        low, high = np.quantile(found, (0.025, 0.975)).tolist()
    return Distance(
        reference.figure, reference.source, reference.unit, n, mean, tuple(quantiles.tolist()), reference,
        gap(quantiles), low, high, reference.note,
    )  # fmt: skip


def _sorted(sample: Sample, at_least: float) -> Sample:
    """The values that the source would have recorded, smallest first."""
    order = np.argsort(sample.values, kind="stable")
    order = order[sample.values[order] >= at_least]
    return Sample(sample.values[order], sample.user[order], None if sample.day is None else sample.day[order])


def _summary(sample: Sample, times: Ints) -> tuple[float, Floats]:
    """Mean and quantiles at LEVELS with every observation counted so many times; NaN without any."""
    values = sample.values
    if sample.day is not None:
        day = np.unique(sample.day, return_inverse=True)[1]
        seen = np.bincount(day, weights=times)
        values = np.sort(np.bincount(day, weights=times * values)[seen > 0] / seen[seen > 0])
        times = np.ones(len(values), dtype=np.int64)
    below = np.cumsum(times)
    if not len(below) or not below[-1]:
        return np.nan, np.full(len(LEVELS), np.nan)
    mean = float((times * values).sum() / below[-1])
    return mean, np.asarray(values[np.searchsorted(below, LEVELS * below[-1])])
