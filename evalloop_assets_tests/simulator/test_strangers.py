"""Users who are no people: what they leave in the log, and that their ids do not give them away."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets.simulator.arrow import arrow_schema
from evalloop_assets.simulator.dirt import (
    MOST_WHALE_TURNS,
    ROW_IDS,
    Dirt,
)
from evalloop_assets.simulator.packs import LEXICON
from evalloop_assets.simulator.strangers import BOT, WHALE, stranger_rows, strangers
from evalloop_assets.simulator.traffic import Assignment
from evalloop_assets_tests.simulator.soiled_world import (
    SEED,
    ids,
    judged,
)
from evalloop_assets_tests.simulator.world import FIRST, day

BUSY = Dirt(bots=6, whale_turns=2000, whale_day=1)


def visitors(dirt: Dirt, number: int, served: Assignment, seed: int = SEED):
    who = strangers(dirt, LEXICON, day=day(number), first_day=FIRST, base_users=50, first_conversation=300, seed=seed)
    rng = np.random.default_rng([seed, day(number).toordinal(), 8])
    return who, stranger_rows(who, [served] * len(who), {"m": 0.01}, LEXICON, first_visit=70, rng=rng)


def test_strangers_keep_the_contract_and_stay_within_the_day():
    for unit in ("conversation", "user"):
        who, found = visitors(BUSY, 1, Assignment("m", "exp", "treatment", unit, 0.5))
        for name, rows in found.tables.items():
            assert rows.schema == arrow_schema(LOG_TABLES[name])
            accepted, rejected = judged(name, rows)
            assert not rejected
            assert len(accepted) == rows.num_rows
            times = rows[LOG_TABLES[name].day_from].to_pylist()
            assert {one.date() for one in times} == {day(1)}
            wanted = sorted(ids(name, rows))
            truth = [row["row_id"] for row in found.truth.to_pylist() if row["table_name"] == name]
            assert sorted(truth) == wanted
            assert len(set(wanted)) == len(wanted)
        expected = who.user_id if unit == "user" else who.conversation_id
        assert found.tables["assignments"]["unit_id"].to_pylist() == expected
    assert visitors(BUSY, 1, Assignment("m"))[1].tables["assignments"].num_rows == 0


def test_bots_say_the_same_at_regular_intervals_around_the_clock_without_typing():
    _, found = visitors(BUSY, 0, Assignment("m"))
    turns = found.tables["turns"].to_pandas()
    assert turns.user_id.nunique() == 6
    for _, own in turns.groupby("user_id"):
        gaps = own.shown_at.diff().dropna().dt.total_seconds()
        assert 60 <= len(own) < 500
        assert gaps.std() < 0.5
        assert gaps.max() < 30 * 60
        assert own.dwell_ms.std() < 500
        assert own.dwell_ms.min() > 0
        assert own.shown_at.dt.hour.nunique() == 24
        assert own.user_text.nunique() == 1
        assert own.reply_text.nunique() > 30
        assert set(own.typing_ms) == {0}
        following = (gaps * 1000).to_numpy() - own.latency_ms.to_numpy()[1:]
        assert np.abs(following - own.dwell_ms.to_numpy()[:-1]).max() <= 1
    assert {row["kind"] for row in found.truth.to_pylist()} == {BOT}


def test_bots_are_the_same_every_day_and_look_like_everybody_by_their_ids():
    first, second = visitors(BUSY, 0, Assignment("m"))[0], visitors(BUSY, 1, Assignment("m"))[0]
    assert first.user_id == second.user_id[:6]
    assert second.kind == [BOT] * 6 + [WHALE]
    assert first.message.tolist() == second.message[:6].tolist()
    many = strangers(
        Dirt(bots=500), LEXICON, day=FIRST, first_day=FIRST, base_users=50, first_conversation=0, seed=1
    ).user_id
    assert len(set(many)) == 500
    assert len(set(second.user_id)) == 7
    assert all(pa.compute.match_substring_regex(pa.array(many), r"^u-base-\d{5}$").to_pylist())
    assert first.conversation_id[0] == f"c-{FIRST:%Y%m%d}-00300"
    assert first.started_at[0].date() == FIRST


def test_the_whale_fits_its_turns_into_its_day():
    dirt = Dirt(whale_turns=MOST_WHALE_TURNS, whale_day=2)
    assert len(visitors(dirt, 1, Assignment("m"))[0]) == 0
    assert visitors(dirt, 1, Assignment("m"))[1].tables["turns"].num_rows == 0
    who, found = visitors(dirt, 2, Assignment("m"))
    turns = found.tables["turns"]
    assert turns.num_rows == MOST_WHALE_TURNS
    assert who.kind == [WHALE]
    shown = np.asarray(turns["shown_at"].cast(pa.int64())) / 1e6
    assert np.diff(shown).min() > 1.4
    assert np.diff(shown).max() < 1.8
    assert {one.date() for one in (turns["shown_at"][0].as_py(), turns["shown_at"][-1].as_py())} == {day(2)}
    assert len(set(ids("turns", turns))) == MOST_WHALE_TURNS


def test_strangers_are_the_same_for_the_same_seed():
    a, b = (visitors(BUSY, 1, Assignment("m"))[1] for _ in range(2))
    assert all(a.tables[name].equals(b.tables[name]) for name in a.tables)
    assert a.truth.equals(b.truth)
    other = visitors(BUSY, 1, Assignment("m"), seed=SEED + 1)[1]
    assert not a.tables["turns"].equals(other.tables["turns"])
    who = visitors(BUSY, 1, Assignment("m"))[0]
    with pytest.raises(ValueError, match="assignments"):
        stranger_rows(who, [], {}, LEXICON, first_visit=0, rng=np.random.default_rng(1))


def test_every_table_of_the_log_has_ids():
    assert set(ROW_IDS) == set(LOG_TABLES)
