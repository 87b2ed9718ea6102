"""Every defect of pairs is caught when it is planted, and clean pairs leave the checks silent."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from evalloop_assets.horizon_labels.pair_checks import PAIR_CHECKS, pairs_are_sound
from evalloop_assets.horizon_labels.soundness import (
    CONTRADICTED,
    LENGTH,
    POSITION,
    REPEATED,
    SIDES,
    SPOKEN,
    TWICE,
    UNDECIDED,
    findings,
)
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import LabelSettings
from evalloop_assets_tests.conftest import connect
from evalloop_assets_tests.denoise.world import Row
from evalloop_assets_tests.horizon_labels.pairs_in_a_lake import DAYS, pair, put, sides, tail

LIMITS = LabelSettings()


def broken(rows: list[Row]) -> set[str]:
    """Names of the checks that find something."""
    table = pa.Table.from_pylist(rows, arrow_schema(declared("preference_pairs")))
    with connect() as connection:
        connection.register("preference_pairs", table)
        connection.execute(f"CREATE TEMP VIEW pairs AS SELECT *, {SPOKEN} AS preferred FROM preference_pairs")
        return {one.check for one in findings(lambda sql: connection.sql(sql).to_arrow_table(), LIMITS) if one.broken}


def clean(count: int = 400) -> list[Row]:
    """Battles and tail pairs, the latter with the better reply early as often as late."""
    drawn = sides(2 * count)
    battles = [pair(n, drawn[n]) for n in range(count)]
    places = [{"position_a": 3, "position_b": 6}, {"position_a": 6, "position_b": 3}]
    return battles + [tail(n, drawn[n], **places[n // 2 % 2]) for n in range(count, 2 * count)]


def better_first(rows: list[Row]) -> None:
    for row in rows:
        if row["source"] == "tail":
            first, last = (3, 6) if row["delayed_5"] == "A" else (6, 3)
            row |= {"position_a": first, "position_b": last}


def better_longer(rows: list[Row]) -> None:
    for row in rows[:150]:
        row[f"reply_{row['immediate'].lower()}"] += " and on"


def always_a(rows: list[Row]) -> None:
    for row in rows:
        row |= {"immediate": "A"} if row["source"] == "battle" else {"delayed_5": "A"}


def mostly_ties(rows: list[Row]) -> None:
    for row in rows[:300]:
        row["immediate"] = "tie"


def one_again(rows: list[Row]) -> None:
    rows.append(dict(rows[7]))


def two_replies_again(rows: list[Row]) -> None:
    rows.append(
        rows[-1] | {"pair_id": "another", "event_id_a": rows[-1]["event_id_b"], "event_id_b": rows[-1]["event_id_a"]}
    )


def texts_again(rows: list[Row]) -> None:
    rows.extend(row | {"pair_id": f"again {n}"} for n, row in enumerate(rows[:10]))


def turned_round(rows: list[Row]) -> None:
    """The same user and texts, sides swapped, and the other text preferred."""
    for n, row in enumerate(rows[:10]):
        swapped = {
            f"{name}_{side}": row[f"{name}_{other}"] for name in ("reply", "user_text") for side, other in ("ab", "ba")
        }
        rows.append(row | swapped | {"pair_id": f"turned {n}"})


@pytest.mark.parametrize(
    ("plant", "caught"),
    [
        (lambda rows: None, set()),
        (better_first, {POSITION}),
        (better_longer, {LENGTH}),
        (always_a, {SIDES}),
        (mostly_ties, {UNDECIDED}),
        (one_again, {TWICE}),
        (two_replies_again, {TWICE}),
        (texts_again, {REPEATED}),
        (turned_round, {REPEATED, CONTRADICTED}),
    ],
)
def test_each_planted_defect_is_caught_by_its_check_alone(plant: Callable[[list[Row]], None], caught: set[str]):
    rows = clean()
    plant(rows)
    assert broken(rows) == caught


def test_two_users_may_disagree_and_be_shown_the_same():
    rows = clean()
    rows += [row | {"pair_id": f"other {n}", "user_id": f"v{n}", "immediate": "B"} for n, row in enumerate(rows[:40])]
    rows += [
        row | {"pair_id": f"one more {n}", "user_id": f"w{n}", "immediate": "A"} for n, row in enumerate(rows[:40])
    ]
    assert broken(rows) == set()


def test_a_handful_of_pairs_proves_nothing():
    assert broken([tail(n, "A") for n in range(6)]) == set()


def test_chance_alone_raises_hardly_an_alarm():
    """Pairs of users with habits of their own: one likes long replies, another short ones, and nobody on average."""
    draws = np.random.default_rng(5)
    alarms = 0
    for _ in range(25):
        rows = []
        for user in range(60):
            habit = draws.normal(0, 0.8)
            for _ in range(5):
                n = len(rows)
                lengths = draws.integers(20, 60, 2)
                likes_a = draws.random() < 1 / (1 + np.exp(-habit * (lengths[0] - lengths[1]) / 10))
                texts = {"reply_a": f"{n:09}" + "x" * lengths[0], "reply_b": f"{n:09}" + "y" * lengths[1]}
                rows.append(pair(n, "A" if likes_a else "B", user_id=f"u{user}", **texts))
        alarms += bool(broken(rows))
    assert alarms <= 1


def test_the_ui_shows_every_check_with_its_figures(lake: Lake):
    put(lake, "preference_pairs", clean())
    checks = (POSITION, LENGTH, SIDES, UNDECIDED, TWICE, REPEATED, CONTRADICTED)
    sound = pairs_are_sound(lake, DAYS, LIMITS, checks)
    assert sound.passed
    assert sound.metadata["position: tail"].value == 0.5
    rows = clean()
    better_first(rows)
    put(lake, "preference_pairs", rows)
    assert not pairs_are_sound(lake, DAYS, LIMITS, (POSITION,)).passed
    assert pairs_are_sound(lake, DAYS, LIMITS, (LENGTH, SIDES)).passed
    assert len(PAIR_CHECKS) == 5
