from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from evalloop_assets.denoise.reading import effective_reading
from evalloop_assets.lake.errors import UserError
from evalloop_assets_tests.denoise.world import World, at, turn

COLUMNS = ["event_id", "effective_read_s", "chars_per_second", "background", "reason", "background_score"]
LOG = [
    turn("e4", "05-02 00:10", reply_text="and then they rode home" * 4, dwell_ms=6_000, typing_ms=1_000),
    turn("e1", "05-01 23:50", reply_chars=200, dwell_ms=15_000, typing_ms=3_000, foreground_ms=15_000),
    turn("e3", "05-01 10:00", reply_text="好" * 60, dwell_ms=900_000),
    turn("e2", "05-01 23:51", reply_chars=100, dwell_ms=1_000, conversation_id="d"),
    turn("e5", "05-02 00:11", error=True),
    turn("e6", "05-02 00:12", reply_chars=100, dwell_ms=50_000, foreground_ms=9_000),
]


def frame(**more: object) -> pd.DataFrame:
    return pd.DataFrame(LOG).assign(**more)


def test_it_tells_what_the_asset_tells_in_the_order_of_the_input_and_under_its_index():
    found = effective_reading(frame().set_index(pd.Index([9, 8, 7, 9, 5, 4])))
    assert list(found.columns) == COLUMNS
    assert list(found.index) == [9, 8, 7, 9, 5, 4]
    assert list(found["event_id"]) == [row["event_id"] for row in LOG]
    asset = {row["event_id"]: row for row in World(turns=LOG).run_to("reading", "05-01", "05-02")}
    for row in found.replace({np.nan: None}).to_dict("records"):
        assert row == {name: asset[row["event_id"]][name] for name in COLUMNS}


def test_whatever_form_the_values_come_in():
    plain = effective_reading(frame())
    east = timezone(timedelta(hours=8))
    loose = frame(
        shown_at=[row["shown_at"].replace(tzinfo=UTC).astimezone(east).isoformat() for row in LOG],
        dwell_ms=[row.get("dwell_ms", np.nan) for row in LOG],
        error=[row.get("error") for row in LOG],
        user_id=7,
        mood="unknown to the contract",
    )
    pd.testing.assert_frame_equal(plain, effective_reading(loose))
    aware = frame(shown_at=pd.to_datetime(loose["shown_at"], utc=True).dt.tz_convert("Asia/Shanghai"))
    pd.testing.assert_frame_equal(plain, effective_reading(aware))
    nullable = frame(dwell_ms=pd.array([row.get("dwell_ms") for row in LOG], dtype="Int64"))
    pd.testing.assert_frame_equal(plain, effective_reading(nullable))


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_types_of_any_backend_and_nanoseconds_are_read_alike(backend: str):
    shown = pd.to_datetime(frame()["shown_at"])
    exact = frame(shown_at=shown + pd.Timedelta(117, "ns")).convert_dtypes(dtype_backend=backend)
    told = effective_reading(exact)
    assert told["effective_read_s"].notna().any()
    pd.testing.assert_frame_equal(told[COLUMNS[1:]], effective_reading(frame())[COLUMNS[1:]])


def test_three_columns_are_enough_to_be_told_that_nothing_is_known():
    found = effective_reading(frame()[["user_id", "conversation_id", "shown_at"]])
    assert list(found["reason"]) == ["unknown"] * len(LOG)
    assert found.drop(columns="reason").isna().all().all()


def test_an_empty_frame():
    found = effective_reading(frame().head(0))
    assert list(found.columns) == COLUMNS
    assert found.empty


def test_the_input_is_left_as_it_was():
    given = frame()
    effective_reading(given)
    pd.testing.assert_frame_equal(given, frame())


@pytest.mark.parametrize("column", ["user_id", "conversation_id", "shown_at"])
def test_a_missing_column_or_value_is_named(column: str):
    with pytest.raises(UserError, match=f"column {column}: it is missing"):
        effective_reading(frame().drop(columns=column))
    with pytest.raises(UserError, match=f"column {column}: 1 values are missing"):
        effective_reading(frame(**{column: [None, *frame()[column][1:]]}))


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("dwell_ms", -1, "column dwell_ms: -1 is below 0"),
        ("dwell_ms", 1e300, "column dwell_ms: not every value is a whole number: 1e.300 has no place in 64 bits"),
        ("dwell_ms", True, "column dwell_ms: not every value is a whole number: true or false is no number"),
        (
            "dwell_ms",
            pd.Timedelta(4, "s"),
            "column dwell_ms: not every value is a whole number: a time or duration is no number. "
            r"Give a whole number \(.*milliseconds\)",
        ),
        ("dwell_ms", pd.Timestamp("2026-05-01"), "column dwell_ms: .*: a time or duration is no number"),
        ("cost_usd", pd.Timedelta(4, "s"), "column cost_usd: not every value is a number: a time or duration"),
        ("dwell_ms", "soon", "column dwell_ms: not every value is a whole number"),
        ("shown_at", "yesterday", "column shown_at: not every value is a time"),
        ("shown_at", 1_777_000_000, "column shown_at: not every value is a time: a number does not say its unit"),
        ("event_id", "e1", "event_id e1: it is there more than once"),
    ],
)
def test_what_cannot_be_is_the_users_to_mend(column: str, value: object, why: str):
    with pytest.raises(UserError, match=why):
        effective_reading(frame(**{column: value}))


def test_what_is_no_frame_and_a_column_there_twice_are_named():
    with pytest.raises(UserError, match="turns: it is no data frame of pandas but NoneType"):
        effective_reading(None)
    with pytest.raises(UserError, match="column user_id: it is there more than once"):
        effective_reading(pd.concat([frame(), frame()[["user_id"]]], axis=1))


def test_a_category_of_models_is_read_as_names():
    given = frame(model_id=pd.Categorical([None] * len(LOG)))
    assert effective_reading(given).equals(effective_reading(frame()))


def test_an_id_twice_as_number_and_as_text_is_twice():
    rows = [
        {"event_id": name, "user_id": "u", "conversation_id": "c", "shown_at": at("05-01 10:00")} for name in (1, "1")
    ]
    with pytest.raises(UserError, match="event_id 1: it is there more than once"):
        effective_reading(pd.DataFrame(rows))


def test_dates_of_python_are_times():
    given = pd.DataFrame(LOG[:1]).astype({"shown_at": object})
    given["shown_at"] = [datetime(2026, 5, 2, 0, 10, tzinfo=UTC)]
    assert effective_reading(given)["effective_read_s"][0] == 5.0
