import pytest

from evalloop_assets.policy_iteration.pair_filter import LoggedPair, filter_pairs, preferred


def pair(number: int, labels: tuple[str | None, ...] = ("A", "A", "censored"), **fields: str) -> LoggedPair:
    whole = {
        "pair_id": f"p{number}",
        "user_id": "u",
        "source": "regeneration",
        "user_text": f"message {number}",
        "reply_a": "yes",
        "reply_b": "no",
    }
    return LoggedPair(**{**whole, **fields}, labels=labels)


def reasons(
    pairs: list[LoggedPair], a: list[float], b: list[float], margin: float = 0.1, per_user: int = 9
) -> list[str]:
    return [entry.reason for entry in filter_pairs(pairs, a, b, margin, per_user)]


@pytest.mark.parametrize(
    ("labels", "side"),
    [
        (("A", "censored", None), "A"),
        (("tie", "B", "B"), "B"),
        (("A", "B", "tie"), "contradictory"),
        (("tie", "censored", None), "undecided"),
        ((), "undecided"),
    ],
)
def test_preferred(labels: tuple[str | None, ...], side: str):
    assert preferred(labels) == side


def test_kept_pair_has_chosen_rejected_and_margin():
    a_wins, b_wins = filter_pairs([pair(1), pair(2, ("B", "B", "B"))], [1.0, 0.0], [0.5, 2.0], 0.1, 9)
    assert (a_wins.chosen, a_wins.rejected, a_wins.margin, a_wins.reason) == ("yes", "no", 0.5, "kept")
    assert (b_wins.chosen, b_wins.rejected, b_wins.margin, b_wins.reason) == ("no", "yes", 2.0, "kept")


def test_a_blank_reply_is_dropped_with_a_reason():
    assert reasons([pair(1, reply_a=" \n"), pair(2, reply_b=""), pair(3)], [1] * 3, [0] * 3) == [
        "blank",
        "blank",
        "kept",
    ]


def test_every_dropped_pair_says_why():
    pairs = [
        pair(1, reply_b="yes"),
        pair(2, ("A", "B")),
        pair(3, ("tie",)),
        pair(4),
        pair(5),
        pair(6),
        pair(7, user_text="same"),
        pair(8, user_text="same"),
    ]
    nan = float("nan")
    a = [1, 1, 1, nan, 0, 0.05, 1, 1]
    assert reasons(pairs, a, [0] * 8) == [
        "identical",
        "contradictory",
        "undecided",
        "unscored",
        "margin",
        "margin",
        "kept",
        "duplicate",
    ]


def test_a_margin_that_is_just_enough_is_kept():
    assert reasons([pair(1), pair(2)], [0.25, 0.24], [0.0, 0.0], margin=0.25) == ["kept", "margin"]


def test_reward_against_the_label_is_dropped():
    assert reasons([pair(1, ("B",))], [2.0], [0.0]) == ["margin"]


def test_a_user_has_a_share_and_only_kept_pairs_use_it_up():
    pairs = [pair(number) for number in range(5)] + [pair(9, user_id="other")]
    assert reasons(pairs, [0, 1, 1, 1, 1, 1], [0] * 6, per_user=2) == [
        "margin",
        "kept",
        "kept",
        "user_share",
        "user_share",
        "kept",
    ]


def test_order_of_arrival_does_not_matter():
    pairs = [pair(number, user_text="same") for number in range(3)]
    forward = filter_pairs(pairs, [1, 2, 3], [0, 0, 0], 0.1, 9)
    assert filter_pairs(pairs[::-1], [3, 2, 1], [0, 0, 0], 0.1, 9) == forward
    assert [entry.reason for entry in forward] == ["kept", "duplicate", "duplicate"]


def test_sources_that_decide_the_same_choice_both_ways_are_all_dropped():
    """A regeneration and a battle on the same message and replies, shown on different sides."""
    battle = pair(2, ("A", "A", None), source="battle", user_text="same", reply_a="no", reply_b="yes", user_id="v")
    agreeing = pair(3, ("B", None, None), source="battle", user_text="other", reply_a="no", reply_b="yes")
    pairs = [pair(1, user_text="same"), battle, agreeing, pair(4, user_text="other")]
    assert reasons(pairs, [1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]) == ["disputed", "disputed", "kept", "duplicate"]


def test_one_class_only_and_nothing_kept():
    assert reasons([pair(at, ("tie", "tie", "tie")) for at in range(3)], [1] * 3, [0] * 3) == ["undecided"] * 3
    assert filter_pairs([], [], [], 0.1, 9) == []


def test_a_reply_of_50_000_characters_is_weighed_like_any_other():
    assert reasons([pair(1, reply_a="yes " * 12_500)], [1.0], [0.0]) == ["kept"]
