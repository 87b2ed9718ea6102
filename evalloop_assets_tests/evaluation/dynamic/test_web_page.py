"""A policy through its chat page in Chromium, beside the same policy through its endpoint."""

from pathlib import Path

import pytest
import yaml

from evalloop_assets.evaluation.dynamic.channels import equal_replies
from evalloop_assets.evaluation.dynamic.converse import converse
from evalloop_assets.evaluation.dynamic.grid import scenarios
from evalloop_assets.evaluation.dynamic.web_page import PageFile, load_page_file, page_policy
from evalloop_assets.lake.errors import UserError
from evalloop_assets_tests.evaluation.dynamic.chat_page import SELECTORS, chat_page
from evalloop_assets_tests.evaluation.dynamic.talkers import Says, Talker

SHIPPED = Path(__file__).parents[3] / "docs" / "evaluation" / "page.yaml"
FEW = list(scenarios(["en", "zh"], ["game_npc"], ["role_knowledge"], ["full"]))
"""Two roles in two languages."""


def through_page(chromium, url, turns=3, cells=FEW, **changes):
    at = PageFile(**{**SELECTORS, "url": url, **changes})
    with page_policy(at, chromium) as policy:
        return [converse(policy, cell, 1, turns) for cell in cells]


@pytest.mark.browser
def test_page_and_api_of_one_policy_say_the_same(chromium):
    with chat_page(Talker().reply) as url:
        page = through_page(chromium, url)
    direct = [converse(Talker(), cell, 1, 3) for cell in FEW]
    assert page == direct
    found = equal_replies(page, direct, 2)
    assert (found.value, found.conversations) == (1.0, len(FEW))
    assert found.low < 0.9


@pytest.mark.browser
def test_a_reply_in_several_bubbles_is_one(chromium):
    with chat_page(Says("Come in.\n\nSit down.", "So.\n\nAnd you?").reply) as url:
        [talk] = through_page(chromium, url, turns=2, cells=FEW[:1])
    assert [turn.reply for turn in talk.turns] == ["Come in.\nSit down.", "So.\nAnd you?"]


@pytest.mark.browser
def test_a_page_that_cuts_replies_is_found_out(chromium):
    def cut(messages, system):
        return Talker().reply(messages, system)[:30]

    with chat_page(cut) as url:
        page = through_page(chromium, url, cells=FEW[:2])
    found = equal_replies(page, [converse(Talker(), cell, 1, 3) for cell in FEW[:2]], 2)
    assert found.value == 0.0


@pytest.mark.browser
def test_the_page_gets_the_system_prompt_and_each_conversation_begins_anew(chromium):
    policy = Talker()
    with chat_page(policy.reply) as url:
        through_page(chromium, url, turns=2, cells=FEW[:2])
    assert [len(messages) for messages, _ in policy.seen] == [1, 3, 1, 3]
    assert [system for _, system in policy.seen] == [cell.system for cell in FEW[:2] for _ in range(2)]


@pytest.mark.browser
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"reply": ".answer"}, "in time"),
        ({"input": "#nowhere"}, "in time"),
        ({"send": "#send[["}, "the page failed"),
        ({"system": ""}, "no field for a system prompt"),
    ],
)
def test_a_wrong_selector_ends_the_conversation_with_the_reason(chromium, changes, why):
    with chat_page(Says("Well met.").reply) as url:
        [talk] = through_page(chromium, url, cells=FEW[:1], timeout=0.8, **changes)
    assert talk.turns == ()
    assert why in talk.failure
    assert "\n" not in talk.failure


@pytest.mark.browser
def test_a_page_that_is_not_there_or_stays_blank(chromium):
    with chat_page(Says("").reply) as url:
        [blank] = through_page(chromium, url, cells=FEW[:1], timeout=0.8)
    assert "empty" in blank.failure
    [gone] = through_page(chromium, url, cells=FEW[:1])
    assert "ERR_CONNECTION_REFUSED" in gone.failure


def test_no_chromium_is_one_clear_error(tmp_path):
    nothing = tmp_path / "chromium"
    with pytest.raises(UserError, match="Chromium: does not start"), page_policy(load_page_file(SHIPPED), str(nothing)):
        pass


def test_what_comes_after_a_difference_does_not_count():
    one, other = Says("Well met at last.", "So it goes.", "Again."), Says("Well met at last.", "So it went.", "Again.")
    talks = [[converse(policy, cell, 1, 3) for cell in FEW] for policy in (one, other)]
    assert equal_replies(*talks, 2).value == 0.5
    assert "not enough data" in equal_replies(talks[0], [], 2).reason


def test_the_page_file_that_is_shipped():
    assert load_page_file(SHIPPED).reply == ".reply"


@pytest.mark.parametrize(
    ("held", "why"),
    [
        ({"url": "http://a/", "input": "#a"}, "reply: Field required"),
        ({"url": "file:///etc/passwd", "input": "#a", "reply": ".b"}, "url"),
        ({"url": "http://a/", "input": "#a", "reply": ".b", "colour": "red"}, "colour"),
        ({"url": "http://a/", "input": "#a", "reply": ".b", "timeout": 0}, "timeout"),
        ([], "valid"),
    ],
)
def test_a_page_file_at_fault_says_what(tmp_path, held, why):
    path = tmp_path / "page.yaml"
    path.write_text(yaml.safe_dump(held))
    with pytest.raises(UserError, match=why):
        load_page_file(path)


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\x00", None])
def test_a_page_file_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "page.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read"):
        load_page_file(path)
