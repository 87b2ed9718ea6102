"""Histories: the same from a list of exchanges and from the log, in real time, and what the features read off them."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from evalloop_assets.days import Days
from evalloop_assets.logs.contract import TURNS
from evalloop_assets.reward_model.encoder import HashedNgrams
from evalloop_assets.reward_model.features import GROUPS, features, group_slices, width
from evalloop_assets.reward_model.history import MOST_EXCHANGES, Exchange, situations
from evalloop_assets.reward_model.lexical import Words, counts, share_within, signatures
from evalloop_assets.reward_model.logged import NO_LOG, log_of, logged_situations, read_log
from evalloop_assets_tests.reward_model.stage import Stage
from evalloop_assets_tests.reward_model.world import DAY, READING_TABLE, _table

ENCODER = HashedNgrams()
STORY = ["the lantern went out at the harbour", "a comet rose above the orchard", "then the violin fell silent"]


def said(rows):
    names = ("event_id", "conversation_id", "seconds", "user_text", "reply_text")
    return pa.table({name: [row[at] for row in rows] for at, name in enumerate(names)})


LOG = log_of(
    said(
        [
            ("e1", "c", 0.0, "hi", STORY[0]),
            ("e2", "c", 40.0, "and?", STORY[1]),
            ("e3", "c", 90_000.0, "more", STORY[2]),
            ("f1", "d", 10.0, "hello", "另一个故事开始了"),
        ]
    ),
    pa.table({"event_id": ["e2-old"], "kept_event_id": ["e2"]}),
)
HISTORY = [Exchange("hi", STORY[0], 90_000.0), Exchange("and?", STORY[1], 89_960.0)]


def test_the_log_and_a_list_of_exchanges_give_the_same_features():
    from_log = logged_situations(LOG, ["e1", "e3"], ["hi", "more"], [STORY[0], STORY[2]])
    listed = situations(["hi", "more"], [STORY[0], STORY[2]], [[], HISTORY])
    np.testing.assert_array_equal(features(from_log, ENCODER), features(listed, ENCODER))


def test_a_version_that_was_regenerated_away_has_the_history_and_the_time_of_the_kept_one():
    """Otherwise the later one, which was kept, would be told by its later time."""
    places = logged_situations(LOG, ["e2-old", "e2"], ["and?"] * 2, [STORY[1]] * 2)
    assert places.seconds[0, 0] == places.seconds[1, 0] == 40.0
    assert (places.earlier_replies[0] == places.earlier_replies[1]).all()


def test_another_conversation_and_what_came_after_are_no_history():
    places = logged_situations(LOG, ["f1", "e1", None, "unknown"], ["hello"] * 4, ["x"] * 4)
    assert np.isinf(places.seconds).all()
    assert np.isinf(logged_situations(NO_LOG, ["e1"], ["hi"], ["x"]).seconds).all()


def test_only_the_newest_exchanges_are_looked_at():
    many = [Exchange("m", f"reply {at}", 1000.0 - at) for at in range(30)]
    places = situations(["hi"], ["x"], [many])
    assert places.seconds[0].tolist() == [971.0 + back for back in range(MOST_EXCHANGES)]


def test_what_is_no_history_is_refused():
    with pytest.raises(ValueError, match="2 histories but 1 replies"):
        situations(["hi"], ["x"], [[], []])
    for wrong in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="negative or NaN"):
            situations(["hi"], ["x"], [[Exchange("m", "r", wrong)]])


def parts(reply, history):
    found = features(situations(["hi"], [reply], [history]), ENCODER)[0]
    return {name: found[columns] for name, columns in group_slices(len(found)).items()}


def test_a_repetition_shows_in_progress_and_not_in_base():
    new, repeated = parts(STORY[2], HISTORY), parts(STORY[2], [Exchange("hi", STORY[2], 30.0)])
    np.testing.assert_array_equal(new["base"], repeated["base"])
    assert repeated["progress"][0] == pytest.approx(1.0)
    assert new["progress"][0] < 0.4
    assert not parts(STORY[2], [])["progress"].any()


def test_a_longer_gap_weighs_less():
    """The latest repetition counts by the time since it, not only by how many turns ago it was."""
    recent, old = (parts(STORY[0], [Exchange("hi", STORY[0], gap)])["progress"] for gap in (10.0, 200_000.0))
    assert recent[5:8] == pytest.approx(np.exp(-10.0 / np.array([60.0, 600.0, 86_400.0])), rel=1e-4)
    assert (recent[5:8] > old[5:8] + 0.5).all()
    np.testing.assert_allclose(recent[:5], old[:5], atol=1e-6)


def test_a_repetition_further_back_weighs_less():
    """Two replies ago weighs 0.7 of what the last one does."""
    history = [Exchange("hi", STORY[0], 100.0), Exchange("hi", STORY[1], 50.0)]
    repeated = share_within(signatures(Words.of(STORY[:1])), signatures(Words.of(STORY[:2])))
    assert parts(STORY[0], history)["progress"][4] == pytest.approx(0.7 * repeated[0] + repeated[1], rel=1e-5)


def test_a_regeneration_counts_as_shown_when_its_first_version_was(tmp_path: Path):
    """Read from the lake: the kept version came 20 seconds later, and no feature may tell."""
    stage = Stage.at(tmp_path)
    start = datetime(2026, 3, 5, 8)
    told = (("e1", "e1", 0, 1), ("e2-old", "e2-old", 40, None), ("e2", "e2-old", 60, 2), ("e3", "e3", 100, 3))
    rows = [
        {
            "event_id": event,
            "root_event_id": root,
            "session_id": "s",
            "user_id": "u",
            "conversation_id": "c",
            "position": position,
            "shown_at": start + timedelta(seconds=second),
            "reply_text": event,
        }
        for event, root, second, position in told
    ]
    for schema in (TURNS, READING_TABLE):
        table = _table(schema, rows, DAY)
        stage.lake.replace(schema, Days.one(DAY), {}, lambda inputs, table=table: table)
    log = read_log(stage.inputs(DAY, reading=(0, 0), turns=(0, 1)), "SELECT 'c'", {})
    places = logged_situations(log, ["e2", "e2-old", "e3"], ["hi"] * 3, ["x"] * 3)
    assert places.seconds[:, 0].tolist() == [40.0, 40.0, 60.0]
    assert log.replies == ["e1", "e2", "e3"]


def test_groups_are_disjoint_and_cover_all():
    columns = group_slices(width(ENCODER.dimension))
    assert tuple(columns) == GROUPS
    covered = np.concatenate([np.arange(width(ENCODER.dimension))[part] for part in columns.values()])
    np.testing.assert_array_equal(covered, np.arange(width(ENCODER.dimension)))


# --- words ------------------------------------------------------------------------------------------------------------


def test_shares_are_those_of_sets_of_n_grams():
    """Oracle: Python sets of runs of one to three words."""

    def runs(text):
        words = text.casefold().split()
        return {tuple(words[at : at + n]) for n in (1, 2, 3) for at in range(len(words) - n + 1)}

    texts = [*STORY, "The lantern went out again", "the lantern"]
    bits = signatures(Words.of(texts))
    found = share_within(bits[:, None], bits[None, :])
    for row, one in enumerate(texts):
        for column, other in enumerate(texts):
            assert found[row, column] == pytest.approx(len(runs(one) & runs(other)) / len(runs(one)), abs=0.1)


def test_chinese_characters_count_as_words_and_odd_texts_do_no_harm():
    bits = signatures(Words.of(["我想听故事", "我想听歌", "", "\ud800", "word " * 50_000]))
    assert 0.3 < share_within(bits[0], bits[1]) < 0.8
    assert share_within(bits[2], bits[0]) == 0
    found = counts(Words.of(["我想听故事", "", "\ud800", "word " * 50_000]))
    assert np.isfinite(found).all()
    assert not found[1].any()
