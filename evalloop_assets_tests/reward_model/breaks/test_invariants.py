from hypothesis import given, settings
from hypothesis import strategies as st

from evalloop_assets.reward_model.breaks import find_breaks
from evalloop_assets_tests.reward_model.breaks.talk import CASES, talk, talks

WORDS = (
    "I",
    "never",
    "have",
    "a cat",
    "love",
    "hate",
    "tea",
    "no",
    "yes,",
    "you",
    "我",
    "不",
    "喜欢",
    "养",
    "猫",
    "25岁",
    ".",
    "?",
    "，",
)
MESSAGE = st.one_of(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), st.text(max_size=30), st.none())
TALK = st.lists(MESSAGE, min_size=1, max_size=6)
ALL = [(case["case"], case["messages"], case.get("persona")) for kind in CASES.values() for case in kind]


@given(TALK, st.one_of(st.none(), MESSAGE))
@settings(max_examples=150)
def test_scores_lie_between_0_and_1_and_name_their_kind(messages, persona):
    found = find_breaks(talk(messages, persona))
    assert found["score"].between(0, 1).all()
    assert (found["kind"].notna() == (found["score"] > 0)).all()
    assert set(found["kind"].dropna()) <= {"contradiction", "promise", "rupture"}


@given(st.permutations(range(len(ALL))), st.integers(1, len(ALL)))
@settings(max_examples=15)
def test_other_conversations_and_their_order_change_nothing(order, most):
    chosen = [ALL[place] for place in order[:most]]
    together = find_breaks(talks(chosen))
    for name, messages, persona in chosen[:3]:
        alone = find_breaks(talk(messages, persona, name))
        assert together[together["conversation_id"] == name].reset_index(drop=True).equals(alone)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_the_order_of_rows_changes_nothing_but_the_order_of_the_result(seed):
    frame = talks(ALL[:12])
    shuffled = frame.sample(frac=1, random_state=seed)
    expected = find_breaks(frame).loc[shuffled.index].reset_index(drop=True)
    assert find_breaks(shuffled).equals(expected)


@given(TALK, TALK)
@settings(max_examples=60)
def test_what_comes_later_changes_nothing(messages, later):
    whole = [*messages, *later]
    frame = talk(whole)
    cut = frame.iloc[: len(messages)]
    assert find_breaks(cut).equals(find_breaks(frame).iloc[: len(messages)])
