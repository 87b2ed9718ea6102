"""Settings of engines, logs, denoising and labels."""

from __future__ import annotations

from typing import Literal

from pydantic import ByteSize, Field, TypeAdapter, field_validator

from evalloop_assets.settings.section import Section

LEAST_MEMORY = 100_000_000
"""Bytes."""


class EngineSettings(Section):
    """What runs the transforms (`EVALLOOP_ENGINE=spark` is short for its kind), and how DuckDB runs a step."""

    kind: Literal["duckdb", "spark"] = Field(
        "duckdb", description="what runs the transforms; all else is DuckDB's in any case"
    )
    memory_limit: str = Field(
        "4GB",
        pattern=r"^\d+(\.\d+)? ?([KMGT]i?B)$",
        description="most memory that one step may use before it spills to disk, 100MB or more",
    )
    threads: int = Field(2, ge=1, description="threads of one step, and processes where it reads texts by rules")

    @field_validator("memory_limit")
    @classmethod
    def _enough(cls, limit: str) -> str:
        if TypeAdapter(ByteSize).validate_python(limit) < LEAST_MEMORY:
            raise ValueError("with less than 100MB no step of any size ends")
        return limit


class SparkSettings(Section):
    """Where Spark runs, when it runs the transforms."""

    master: str = Field(
        "local[2]",
        pattern=r"^(local(\[(\d+|\*)\])?|spark://\S+)$",
        description="`local[threads]` in this process, or `spark://host:port` of a standalone master",
    )
    driver_host: str = Field("127.0.0.1", description="address under which the workers reach this process")
    memory: str = Field("2g", pattern=r"^\d+[mg]$", description="heap of this process's Spark, and of each executor")
    shuffle_partitions: int = Field(
        16, ge=1, description="parts of a shuffle; about three for each core of the cluster"
    )
    options: dict[str, str] = Field({}, description="further `spark.…` options, which go over all others")


class LogSettings(Section):
    """How deliveries are taken in."""

    future_tolerance_minutes: int = Field(10, ge=0, description="a time further ahead than this is rejected")
    batch_rows: int = Field(20_000, ge=1, description="rows read from a file at a time")


class DenoiseSettings(Section):
    """Sessions, effective reading, exits."""

    session_idle_minutes: int = Field(
        30, ge=1, le=720, description="a longer silence ends a session; at most 12 hours, as a day looks one day back"
    )
    slowest_cps: float = Field(
        2.0,
        gt=0,
        description="slowest plausible reading of Latin script, characters per second: caps the time of one reply",
    )
    typical_cps: float = Field(
        16.0,
        gt=0,
        description="reading of Latin script by most people, characters per second, until a log tells better",
    )
    fastest_cps: float = Field(
        60.0, gt=0, description="fastest plausible reading of Latin script: what is faster was skipped"
    )
    han_pace: float = Field(
        0.42,
        gt=0,
        description="characters of Chinese read or typed in the time of one of Latin script: scales all four",
    )
    other_pace: float = Field(0.7, gt=0, description="the same of scripts that are neither Latin nor Chinese")
    typing_cps: float = Field(4.0, gt=0, description="typing of Latin script, characters per second, where not logged")
    thinking_seconds: float = Field(2.0, gt=0, description="time on a reply that does not grow with its length")
    pause_seconds: float = Field(10.0, ge=0, description="pause that counts as reading, on top of the slowest reading")
    pace_spread: float = Field(
        0.35, gt=0, description="standard deviation of the logarithm of a reader's times, until a log tells better"
    )
    away_deviations: float = Field(
        1.75,
        gt=0,
        description="standard deviations above a reader's usual time at which an absence is as likely as not",
    )
    idle_deviations: float = Field(
        4.0, gt=0, description="the same where the time in front is logged, and the app would have to be left open"
    )
    away_seconds: float = Field(2.0, gt=0, description="logged time in the background that counts as background")
    pace_replies: int = Field(
        100,
        ge=2,
        description="replies of one script and day that tell what time is usual; below, only endless times count",
    )
    background_seconds: float = Field(
        300.0, gt=0, description="longer than this without a scroll or click is absence where too few replies tell more"
    )
    imputed_replies: int = Field(
        20, ge=2, description="times that one round dwell must be there on a day to be suspected of being imputed"
    )
    automatic_replies: int = Field(
        20, ge=5, description="replies of a user on a day from which on it can be told whether a script was behind them"
    )
    closure_score: float = Field(
        0.5, gt=0, lt=1, description="evidence, from 0 to 1, from which on a session counts as closed by itself"
    )
    quiet_ratio: float = Field(
        1.0,
        gt=0,
        description="time on the last reply over what its length takes, at which a silent end is as likely natural",
    )
    most_replies_a_day: int = Field(5_000, ge=1, description="more replies of one user on one day are no person's")
    longest_silence_hours: float = Field(
        4.0, gt=0, le=24, description="a user never silent for so long on a whole UTC day was active around the clock"
    )
    fastest_typing_cps: float = Field(
        20.0,
        gt=0,
        description="fastest plausible typing, characters per second: what is faster was not typed by a person",
    )
    low_intent_replies: int = Field(
        3, ge=1, description="most replies of a session without any message of the user that nobody meant to have"
    )


class LabelSettings(Section):
    """Returns, labels per horizon, pairs."""

    definition_version: str = Field("2", description="goes into every exported pair")
    absence_days: int = Field(
        7, ge=1, le=28, description="whole local days without a start after which a start is a re-engagement"
    )
    feedback_weight: float = Field(1.0, ge=0, le=1, description="weight of explicit feedback in `immediate`")
    reading_weight: float = Field(0.5, ge=0, le=1, description="weight of the reading speed in `immediate`")
    kept_weight: float = Field(
        0.1,
        ge=0,
        le=1,
        description="weight of being the version kept, in `immediate`; low, since the version replaced was a poor one",
    )
    next_weight: float = Field(
        0.3, ge=0, le=1, description="weight of the next message, long, short or none, in `immediate`"
    )
    turns_weight: float = Field(
        0.4,
        ge=0,
        le=1,
        description="weight of how many of the next five turns came, in `delayed_5`; the rest is their reception",
    )
    min_habit_replies: int = Field(
        20, ge=2, description="replies read in the 28 days before that tell how fast a user usually reads"
    )
    min_read_replies: int = Field(
        4, ge=2, description="replies of known reading that a session needs before its percentiles mean something"
    )
    validity_user_days: int = Field(
        200, ge=2, description="days of users below which nothing is said of whether a signal still predicts returns"
    )
    tail_share: float = Field(
        0.35, gt=0, le=0.5, description="share of a session's replies that counts as read fast, and as read slowly"
    )
    sustained_turns: int = Field(3, ge=1, le=5, description="of the next five turns, those that a good position needs")
    label_gap: float = Field(
        0.3,
        ge=0,
        description="where reading is unknown: least difference of delayed_5 between the sides of a tail pair",
    )
    tail_pairs_per_session: int = Field(2, ge=1, description="tail pairs of one session in each direction")
    regeneration_pairs_per_reply: int = Field(
        3, ge=1, description="replaced versions of one reply that are compared with the kept one, the latest first"
    )
    regeneration_pairs_per_session: int = Field(8, ge=1, description="regeneration pairs of one session")
    tie_margin: float = Field(0.1, ge=0, description="labels nearer than this are a tie")
    leak_tolerance: float = Field(
        0.05, gt=0, description="distance of an AUC from 0.5 up to which position says nothing"
    )
    length_tolerance: float = Field(
        0.12,
        gt=0,
        description="the same of length, which people may truly mind: wider, so that only an artefact is told",
    )
    undecided_tolerance: float = Field(
        0.6, gt=0, le=1, description="share of a source's pairs that may be ties or censored at their own horizon"
    )
    repeat_tolerance: float = Field(
        0.01, ge=0, lt=1, description="share of pairs that may say the same twice, or contradict one another"
    )
    history_turns: int = Field(8, ge=0, description="replies before a candidate that an export tells with it")
