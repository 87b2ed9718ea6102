"""What a mapping file says: where each column of the contract is found in a log of another shape.

The models are strict: an unknown key is an error, so that a typing mistake never drops a column in silence.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from evalloop_assets.lake.schema import Column

Format = Literal["parquet", "jsonl", "csv", "json", "openai", "otel", "langfuse", "lm_eval", "evalscope"]
Plain = str | int | float | bool | None

EPOCHS = {"epoch_s": 1_000_000.0, "epoch_ms": 1000.0, "epoch_us": 1.0, "epoch_ns": 0.001}
"""Microseconds in one unit of each epoch format."""
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
"""Seconds in one unit of a duration."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _time_format(value: str) -> str:
    if value != "iso" and value not in EPOCHS and "%" not in value:
        raise ValueError(
            f"`{value}` is no time format; use iso, {', '.join(EPOCHS)} or a pattern such as %d/%m/%Y %H:%M"
        )
    return value


class Source(_Strict):
    """Where the values of one column come from. A bare string in the file is short for `{from: that path}`."""

    from_: tuple[str, ...] = Field((), alias="from", description="path in a record; of several the first that is there")
    value: Plain = Field(None, description="the same constant for every row")
    hash: tuple[str, ...] = Field((), description="an id made from these paths; `.` is the whole record")
    time: str = Field("iso", description="iso, epoch_s, epoch_ms, epoch_us, epoch_ns, or a pattern such as %d/%m/%Y")
    unit: Literal["ns", "us", "ms", "s", "min", "h"] | None = Field(None, description="unit of a duration in the log")
    scale: float | None = Field(
        None,
        allow_inf_nan=False,
        description="factor of a number, a percentage or 1,234: 0.01 of percent, -1 where low is better",
    )
    values: dict[str, Plain] | None = Field(None, description="translation of values; `*` stands for all others")
    default: Plain = Field(None, description="taken where the log has nothing")
    join: str | None = Field(None, description="text between the elements of a list")
    interval: tuple[str, ...] = Field(
        (), description="of a standard error: paths of both bounds, or of a text such as +6/-4 beside the value"
    )
    level: float = Field(0.95, gt=0, lt=1, description="confidence of that interval")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, data: object) -> object:
        return {"from": data} if isinstance(data, str) else data

    @field_validator("from_", "hash", "interval", mode="before")
    @classmethod
    def _one_or_several(cls, data: object) -> object:
        return (data,) if isinstance(data, str) else data

    @field_validator("values", mode="before")
    @classmethod
    def _keys_as_text(cls, data: object) -> object:
        return {value_key(key): value for key, value in data.items()} if isinstance(data, Map) else data

    @field_validator("time")
    @classmethod
    def _known_time(cls, value: str) -> str:
        return _time_format(value)

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if sum((bool(self.from_), self.value is not None, bool(self.hash), bool(self.interval))) != 1:
            raise ValueError("give exactly one of `from`, `value`, `hash` and `interval`")
        if self.scale == 0:
            raise ValueError("`scale` is 0, which leaves nothing")
        if len(self.interval) > 2:
            raise ValueError("`interval` takes the paths of two bounds, or of one text")
        return self

    @property
    def paths(self) -> tuple[str, ...]:
        return self.from_ or self.hash or self.interval


class Dialogue(_Strict):
    """How a record that holds a whole dialogue becomes one row for each reply."""

    turns: str = Field(description="path of the list of messages in a record")
    speaker: str = Field(description="path in a message that says who speaks")
    user: tuple[str, ...] = Field(description="values of speaker that mean the user")
    assistant: tuple[str, ...] = Field(description="values of speaker that mean the model")
    ignore: tuple[str, ...] = Field(
        ("system", "developer", "tool", "function"), description="values of speaker whose messages are left out"
    )
    text: str = Field(description="path in a message: a string, or a list of parts")
    time: str | None = Field(None, description="path in a message: when it was shown")
    start: str | None = Field(None, description="path in a record: when the dialogue began")
    end: str | None = Field(None, description="path in a record: when it ended")
    clock: str = Field("iso", description="format of time, start and end: iso, epoch_s, epoch_ms, epoch_us, epoch_ns")
    replies: Literal["all", "last"] = Field("all", description="last: the messages before the last reply are history")
    reply: dict[str, Source] = Field(default_factory=dict, description="columns taken from the reply's own message")

    @field_validator("user", "assistant", "ignore", mode="before")
    @classmethod
    def _one_or_several(cls, data: object) -> object:
        return (data,) if isinstance(data, str) else data

    @field_validator("clock")
    @classmethod
    def _known_time(cls, value: str) -> str:
        return _time_format(value)


class Mapping(_Strict):
    """One mapping file: format, table, and the source of each column."""

    format: Format
    table: str = Field("turns", description="the table of the contract that the rows go to")
    columns: dict[str, Source] = Field(default_factory=dict)
    where: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="path and values: other records are left out and counted"
    )
    records: str = Field("", description="json: path of the array of records; empty where the file is the array")
    delimiter: str = Field(",", min_length=1, max_length=1, description="csv: what separates the fields")
    dialogue: Dialogue | None = None
    also: dict[str, dict[str, Source]] = Field(
        default_factory=dict, description="further tables filled from the same records, one row a record"
    )
    name: str = Field("mapping", exclude=True, description="what messages call it: the file's name")

    @field_validator("where", mode="before")
    @classmethod
    def _listed(cls, data: object) -> object:
        if not isinstance(data, Map):
            return data
        return {
            path: tuple(value_key(value) for value in (values if isinstance(values, list | tuple) else (values,)))
            for path, values in data.items()
        }


def duration_unit(column: Column) -> float | None:
    """Seconds in one unit of the column, by its name; None where it is no duration."""
    if column.name.endswith("_ms"):
        return SECONDS["ms"]
    return SECONDS["min"] if column.name.endswith("_minutes") else None


def value_key(value: object) -> str:
    """A value of the mapping as the text that is compared with the log: `1`, `0.5`, `true`, `up`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
