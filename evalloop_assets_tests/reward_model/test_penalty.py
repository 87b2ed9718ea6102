import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.reward_model import penalty as p
from evalloop_assets.reward_model.penalty import FLOOR, discount, faded, wear
from evalloop_assets.reward_model.quality import read
from evalloop_assets.reward_model.reader import Reader

DAY = 86_400.0


def intensity(text: str) -> float:
    return p.intensity(text, read(text))


def test_a_discount_goes_straight_from_1_to_the_floor():
    assert [discount(badness) for badness in (-1, 0, 0.5, 1, 2)] == pytest.approx([1, 1, 0.7, 0.4, 0.4])


def test_the_penalty_is_the_product_of_its_five_factors():
    assert p.Penalty(0.9, 0.8, 0.7, 0.6, 0.5).product == pytest.approx(0.1512)


def test_low_information_by_hand():
    """Two new words among sixteen are half of one in four: 1 - 0.6 / 2."""
    assert p.low_information(2, 16) == pytest.approx(0.7)
    assert p.low_information(8, 16) == 1
    assert p.low_information(0, 16) == FLOOR


def test_repetition_by_hand():
    """0.55 repeated is (0.55 - 0.1) / 0.9 = a half of what can be bad."""
    assert p.repetition(0.55) == pytest.approx(0.7)
    assert p.repetition(0.1) == 1


@pytest.mark.parametrize(
    "text",
    [
        "I am always here for you.",
        "Don't worry, everything is going to be okay.",
        "Take your time.",
        "I'm so proud of you!",
        "没关系，我会一直陪着你。",
        "慢慢来，别担心。",
    ],
)
def test_comfort_for_anybody_is_soothing(text: str):
    assert p.soothing(read(text)) == FLOOR


@pytest.mark.parametrize(
    "text",
    [
        "The ferryman is waiting below, and the tide turns at nine.",
        "Your brother hid the letter under the third stair.",
        "你把灯笼举高，墙上露出一道暗门。",
        "",
    ],
)
def test_what_belongs_to_the_story_is_not(text: str):
    assert p.soothing(read(text)) == 1


def test_half_of_the_sentences_soothing():
    assert p.soothing(read("Take your time. The ferry leaves at nine.")) == pytest.approx(discount(0.5))


def test_wear_by_hand():
    """Two uses of a phrase are half worn, none is not worn: a quarter on average. A use fades to 1/e in tau."""
    assert wear([2], 2) == pytest.approx(0.25)
    assert wear([], 0) == 0
    assert p.novelty_decay(0.25) == pytest.approx(0.85)
    assert faded(2, DAY, DAY) == pytest.approx(2 / math.e)


def test_intensity_by_hand():
    """Two signs in one sentence: 2 / 3. Calm words have none."""
    assert intensity("I adore you!") == pytest.approx(2 / 3)
    assert intensity("我永远爱死你了") == pytest.approx(2 / 3)
    assert intensity("The ferry leaves at nine.") == 0
    assert intensity("") == 0


def test_the_arc_by_hand():
    """From calm, one exchange of intensities 0.2 and 0.6 lifts the arc by 0.3 of 0.4."""
    assert p.moved_arc(0.0, 0.2, 0.6) == pytest.approx(0.12)


def test_overdraft_by_hand():
    """0.7 above a calm arc is (0.7 - 0.25) / 0.75 = 0.6 overdrawn; the same is sustained once the user is as moved."""
    assert p.overdraft(0.7, 0.0, 0.0) == pytest.approx(discount(0.6))
    assert p.overdraft(0.7, 0.6, 0.0) == 1
    assert p.overdraft(0.7, 0.0, 0.5) == 1


def test_a_stimulus_wears_out_over_days_and_recovers():
    reply = "The lantern flickers twice above the flooded stair."
    reader = Reader(novelty_tau=3 * DAY)
    factors = [reader.take("go on", reply, day * DAY).penalty.novelty_decay for day in range(4)]
    assert factors[0] == 1
    assert factors == sorted(factors, reverse=True)
    assert reader.judge("go on", reply, 30 * DAY).penalty.novelty_decay > 0.99


def test_a_scene_may_be_moving_where_the_talk_is():
    burst = "I love you forever! I can't stop trembling!"
    calm, moved = Reader(DAY), Reader(DAY)
    for at in range(6):
        calm.take("What do the records say?", "They list a ship and its cargo.", at)
        moved.take("I love you, hold me!", "Darling, I adore you! Come!", at)
    assert calm.judge("And then?", burst, 7).penalty.overdraft < moved.judge("And then?", burst, 7).penalty.overdraft
    assert moved.judge("And then?", burst, 7).penalty.overdraft == 1


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=80)), min_size=1, max_size=5))
def test_every_reply_that_says_something_has_a_penalty_in_0_to_1(exchanges: list[tuple[str, str]]):
    reader = Reader(DAY)
    for at, (message, reply) in enumerate(exchanges):
        found = reader.take(message, reply, float(at))
        assert (found is None) == (not reply.strip())
        if found:
            assert all(FLOOR <= factor <= 1 for factor in found.penalty)
            assert 0 < found.penalty.product <= 1
            assert 0 <= found.q <= 1
