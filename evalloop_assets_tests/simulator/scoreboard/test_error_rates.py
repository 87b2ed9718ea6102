"""The table of error rates: that its limits can be broken, and that small samples of it are as promised."""

from dataclasses import replace

import numpy as np
import pytest

from evalloop_assets.simulator.scoreboard.error_rates import (
    BLOCK,
    BOTH_ARMS,
    KINDS,
    LINES,
    PADDING,
    Block,
    Line,
    Rate,
    _acted,
    blocks,
    figures,
    first_days,
    predicted_day,
    rates,
    records,
)
from evalloop_assets.simulator.scoreboard.experiment_rows import experiment
from evalloop_assets.simulator.scoreboard.experiments import Effects, chats
from evalloop_assets.simulator.scoreboard.figures import Interval, share
from evalloop_assets.simulator.scoreboard.page import STAGES


@pytest.fixture(scope="module")
def few():
    """Four experiments of each kind, twenty of the one that is promised most."""
    return [one for kind in KINDS for one in records(Block(kind, 0, 20 if kind == "padding" else 4), seed=3)]


def of(found, kind, key):
    return next(rate.found for rate in rates(found) if (rate.line.kind, rate.line.key) == (kind, key))


def test_every_kind_tells_what_its_lines_need_and_nothing_else(few):
    told = {(kind, key) for kind, outcome in few for key in outcome}
    assert told == {(line.kind, line.key) for line in LINES}
    assert {line.kind for line in LINES} == set(KINDS)
    assert {one.stage for one in figures(few)} <= set(STAGES)
    assert len({one.figure for one in figures(few)}) == len(LINES)


def test_padding_is_rolled_back_by_the_day_that_the_power_formula_names(few):
    assert 4 <= predicted_day() <= 8
    assert of(few, "padding", "in_time").value >= 0.9
    assert 2 < of(few, "padding", "day").value <= predicted_day()
    assert of(few, "flagged", "earlier").low > 0


@pytest.mark.parametrize("kind", ["dirty", "thin", "no_data"])
def test_what_cannot_be_read_is_never_acted_on(few, kind):
    """The same padding in clean data is rolled back, as the test before shows."""
    assert of(few, kind, "acted").value == 0


def test_units_in_both_arms_are_what_holds_a_dirty_experiment():
    """The same experiment, with a share of crossed units below the limit, is rolled back."""
    one = experiment(first_days(PADDING.world, 14), PADDING.effects, np.random.default_rng(1))
    assert [_acted(replace(one, crossed=share)) for share in (0.005, BOTH_ARMS)] == [True, False]


def test_silence_is_what_holds_a_harmful_experiment():
    """On the last day with a log it is rolled back, on the first without one not, though the window is as full."""
    one, day = experiment(first_days(PADDING.world, 14), PADDING.effects, np.random.default_rng(1)), 12
    assert _acted(replace(one, silent_from=day + 1), day)
    assert not _acted(replace(one, silent_from=day), day)


def test_a_limit_holds_is_broken_or_is_undecided_by_the_whole_interval():
    line = Line("a_a", "fired", "guardrails", "", 0.0, 0.01, "below 1%")
    assert [Rate(line, share(hits, 2_000)).holds for hits in (2, 20, 60)] == ["holds", "undecided", "broken"]
    assert Rate(line, share(0, 100)).holds == "undecided"
    assert Rate(Line("a_a", "day", "guardrails", ""), Interval(4.0, 3.0, 5.0, 9)).holds == ""
    level = Line("planned", "time", "online_ab", "", 0.04, 0.06, "4 to 6%")
    assert [Rate(level, share(hits, 10_000)).holds for hits in (500, 300)] == ["holds", "broken"]


def test_the_first_days_of_a_world_are_those_of_the_whole():
    whole = chats(PADDING.world, Effects(), np.random.default_rng(1))
    part = chats(first_days(PADDING.world, 7), Effects(), np.random.default_rng(2))
    kept = whole.day < 7
    for ours, theirs in (
        (np.bincount(part.day), np.bincount(whole.day[kept])),
        (np.bincount(part.start), np.bincount(whole.start[whole.start < 7])),
    ):
        assert np.abs(ours - theirs).max() <= 6 * np.sqrt(theirs.max())


def test_any_split_into_blocks_gives_the_same_table(few):
    again = [one for first in (2, 0) for one in records(Block("thin", first, 2), seed=3)]
    assert rates(again) == rates([one for one in few if one[0] == "thin"])
    assert {block.experiments for block in blocks(100)} >= {BLOCK}
    wanted = {kind: sum(one.experiments for one in blocks(2_000) if one.kind == kind) for kind in KINDS}
    assert min(wanted.values()) >= 2_000
    assert wanted["pools"] == 3_000
