import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.reward_model import pairs as module
from evalloop_assets.reward_model.encoder import HashedNgrams
from evalloop_assets.reward_model.features import features, width
from evalloop_assets.reward_model.history import Exchange, situations
from evalloop_assets.reward_model.logged import Log
from evalloop_assets.reward_model.pairs import read_pairs, split_by_user
from evalloop_assets_tests.reward_model.world import pair_rows, pair_table, planted

ENCODER = HashedNgrams()


def test_labels_become_targets_in_order_of_the_id():
    rows = pair_rows(2)
    rows[0] |= {"pair_id": "z", "immediate": "A", "delayed_5": "B", "delayed_session": "tie"}
    rows[1] |= {"pair_id": "y", "immediate": "censored", "delayed_5": None, "delayed_session": "A"}
    pairs = read_pairs(pair_table(rows), ENCODER)
    assert pairs.ids.tolist() == ["y", "z"]
    np.testing.assert_array_equal(pairs.targets, [[np.nan, np.nan, 1.0], [1.0, 0.0, 0.5]])
    assert pairs.decided.tolist() == [[False, False, True], [True, True, False]]


def test_pairs_without_text_are_left_out_and_a_missing_message_is_empty():
    rows = pair_rows(4)
    rows[0]["reply_a"] = None
    rows[1]["reply_b"] = " \n"
    rows[2]["user_text_a"] = None
    pairs = read_pairs(pair_table(rows), ENCODER)
    assert pairs.ids.tolist() == [rows[2]["pair_id"], rows[3]["pair_id"]]
    assert np.isfinite(pairs.difference).all()


def test_a_difference_is_of_the_first_reply_less_the_second_each_in_its_place(monkeypatch: pytest.MonkeyPatch):
    """Five pairs, three at once: of a conversation of five exchanges, the reply to each against that to the next."""
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 3)
    asked = [f"question {at} of the harbour" for at in range(6)]
    answered = [f"answer {at}: the {'old ' * at}lighthouse, then the sea" for at in range(6)]
    seconds = 100.0 * np.arange(6)
    log = Log(asked, answered, np.zeros(6, np.int64), seconds, {f"e{at}": at for at in range(6)})
    rows = [
        row | {"pair_id": str(at)}
        | {"event_id_a": f"e{at}", "user_text_a": asked[at], "reply_a": answered[at]}
        | {"event_id_b": f"e{at + 1}", "user_text_b": asked[at + 1], "reply_b": answered[at + 1]}
        for at, row in enumerate(pair_rows(5))
    ]  # fmt: skip
    history = [
        [Exchange(asked[then], answered[then], seconds[at] - seconds[then]) for then in range(at)] for at in range(6)
    ]
    alone = features(situations(asked, answered, history), ENCODER)
    found = read_pairs(pair_table(rows), ENCODER, log)
    np.testing.assert_allclose(found.difference, alone[:-1] - alone[1:], atol=1e-6)


def test_the_digest_tells_pairs_and_labels():
    pairs, _ = planted(50)
    changed = (pairs._replace(targets=1 - pairs.targets), pairs._replace(ids=pairs.ids[::-1]), pairs.where(slice(49)))
    assert len({pairs.digest, planted(50)[0].digest}) == 1
    assert len({pairs.digest, *(one.digest for one in changed)}) == 4


def test_length_ratio_by_hand():
    rows = pair_rows(1)
    rows[0] |= {"reply_a": "a" * 7, "reply_b": "b"}
    assert read_pairs(pair_table(rows), ENCODER).log_length_ratio.tolist() == [np.log(8) - np.log(2)]


def test_no_pairs():
    pairs = read_pairs(pair_table([]), ENCODER)
    assert pairs.targets.shape == (0, 3)
    assert pairs.difference.shape == (0, width(ENCODER.dimension))
    assert [len(part.ids) for part in split_by_user(pairs)[:3]] == [0, 0, 0]


def test_no_user_is_in_two_parts_and_shares_are_as_said():
    pairs, _ = planted(4000, users=2000)
    parts = split_by_user(pairs)[:3]
    users = [set(part.users.tolist()) for part in parts]
    assert not users[0] & users[1]
    assert not users[0] & users[2]
    assert not users[1] & users[2]
    assert sum(len(part.ids) for part in parts) == 4000
    assert 0.17 < len(users[2]) / 2000 < 0.23
    assert 0.12 < len(users[1]) / 2000 < 0.18


@given(st.integers(0, 79))
def test_a_user_stays_where_he_is_when_others_join(user: int):
    small, _ = planted(160, users=80)
    large, _ = planted(500, users=250)
    name = f"u{user}"
    assert [name in part.users for part in split_by_user(small)[:3]] == [
        name in part.users for part in split_by_user(large)[:3]
    ]


def test_on_the_newest_days_nothing_is_fitted_or_tuned_and_the_held_out_are_tested():
    pairs, _ = planted(900)
    days = np.datetime64("2026-03-01") + np.arange(900) % 9
    split = split_by_user(pairs._replace(days=days))
    assert split.fit.days.max() == split.tune.days.max() == np.datetime64("2026-03-07")
    assert split.held_out.days.max() == np.datetime64("2026-03-09")
    assert (split.later == (split.held_out.days > np.datetime64("2026-03-07"))).all()
    assert 0 < split.later.sum() < len(split.later)


def test_of_few_days_all_are_fitted_on():
    pairs, _ = planted(300)
    split = split_by_user(pairs._replace(days=np.datetime64("2026-03-01") + np.arange(300) % 6))
    assert len(np.unique(split.fit.days)) == 6
    assert not split.later.any()
