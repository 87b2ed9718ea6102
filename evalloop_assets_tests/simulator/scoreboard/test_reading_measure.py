"""Reading against the truth: background, seconds read, coverage, and strangers."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evalloop_assets.simulator.scoreboard.reading import LONG_DWELL, RAW_DWELL, measured_reading
from evalloop_assets_tests.simulator.scoreboard.tiny import TinyRun, values

AUC = "time in the background found where the app does not tell it, AUC"
ERROR = "seconds read, median relative error"
COVERAGE = "replies with known reading, share"
READ_S = [10.0, 20.0, 40.0, 5.0, 8.0]
BACKGROUND_S = [0.0, 0.0, 0.0, 30.0, 9.0]
TYPING_S = [2.0, 0.0, 5.0, 1.0, None]
DWELL_S = [read + away + (typing or 0) for read, away, typing in zip(READ_S, BACKGROUND_S, TYPING_S, strict=True)]
BOT, WHALE, PEOPLE = (f"turns kept out of the labels, {kind}, share" for kind in ("bot", "whale", "people"))


def run_of(effective, background, labelled=("0", "1", "2", "3", "4"), told=()):
    """The time in front is in the log for the replies of `told`."""
    events = [str(number) for number in range(len(READ_S))]
    return TinyRun(
        turns=[
            {
                "event_id": event,
                "dwell_ms": round(1000 * dwell),
                "typing_ms": typing and round(1000 * typing),
                "foreground_ms": 1000 if event in told else None,
            }
            for event, dwell, typing in zip(events, DWELL_S, TYPING_S, strict=True)
        ]
        + [{"event_id": event, "dwell_ms": 900_000} for event in ("bot-0", "bot-1", "whale-0")],
        reading=[
            {"event_id": event, "effective_read_s": read, "background": away}
            for event, read, away in zip(events, effective, background, strict=True)
        ]
        + [{"event_id": "bot-0", "effective_read_s": 0.5, "background": True}],
        horizon_labels=[{"event_id": event} for event in labelled],
        truth_turns=[
            {"event_id": event, "read_s": read, "background_s": away, "regenerated": event == "3"}
            for event, read, away in zip(events, READ_S, BACKGROUND_S, strict=True)
        ]
        + [{"event_id": "never delivered", "read_s": 1.0, "background_s": 1.0, "regenerated": False}],
        truth_dirt=[
            {"table_name": "turns", "row_id": event, "kind": event[:-2]} for event in ("bot-0", "bot-1", "whale-0")
        ]
        + [
            {"table_name": "turns", "row_id": "bot-0", "kind": "late"},
            {"table_name": "turns", "row_id": "bot-2", "kind": "bot"},
            {"table_name": "visits", "row_id": "bot-1", "kind": "bot"},
        ],
    )


def test_a_perfect_loop_has_full_marks():
    found = values(measured_reading(run_of(READ_S, [False] * 5)))
    assert (found[AUC], found[ERROR], found[COVERAGE]) == (1, pytest.approx(0, abs=1e-12), 1)


def test_what_counts_as_background_altogether_has_no_reading():
    found = values(measured_reading(run_of([*READ_S[:3], None, 8.0], [False, False, False, True, False])))
    assert (found[AUC], found[COVERAGE]) == (1, 0.8)


def test_a_wrong_loop_has_the_marks_counted_by_hand():
    """Taken off: 5, 0, none known, 0 and 9 seconds; of the pairs away against here two of four are won, one is even."""
    told = [5.0, 20.0, None, 35.0, 8.0]
    found = values(measured_reading(run_of(told, [False, False, None, False, False])))
    assert found[AUC] == pytest.approx((2 + 0.5) / 4) == roc_auc_score([0, 0, 1, 1], [5, 0, 0, 9])
    assert found[ERROR] == pytest.approx(np.median([0.5, 0, 6, 0]))
    assert found[COVERAGE] == 0.8


def test_the_background_is_to_be_found_only_where_the_log_does_not_tell_it():
    """Of the third reply, where the loop errs, the log tells the time in front; or of all in the background or out."""
    loop = [10.0, 20.0, 1.0, 5.0, 8.0]
    known = (("2", "4"), ("0", "1", "2"), ("0", "1", "2", "3", "4"))
    found = [measured_reading(run_of(loop, [False] * 5, told=told)) for told in known]
    assert values(found[0])[AUC] == 1 > values(measured_reading(run_of(loop, [False] * 5)))[AUC]
    assert values(found[0], LONG_DWELL)[AUC] == 1
    for one in found[1:]:
        assert math.isnan(values(one)[AUC])
        assert math.isnan(values(one, LONG_DWELL)[AUC])
        assert values(one)[COVERAGE] == 1


def test_long_dwell_and_raw_dwell_by_hand():
    run = run_of([*READ_S[:4], None], [False] * 5)
    away = [seconds > 0 for seconds in BACKGROUND_S]
    assert values(measured_reading(run), LONG_DWELL) == {AUC: pytest.approx(roc_auc_score(away, DWELL_S))}
    assert values(measured_reading(run), RAW_DWELL) == {ERROR: pytest.approx(np.median([0.2, 0, 0.125, 31 / 5]))}


def test_strangers_are_set_apart_where_they_have_no_labels():
    """Of the two turns of bots in the log one has a label; a regenerated reply of a person needs none."""
    found = values(measured_reading(run_of(READ_S, [False] * 5, ("0", "1", "2", "bot-0"))))
    assert (found[BOT], found[WHALE], found[PEOPLE]) == (0.5, 1.0, 0.25)


def test_nothing_is_measured_without_replies():
    assert all(math.isnan(one.value) for one in measured_reading(TinyRun()))
