"""Logged replies as groups that could have answered one prompt: what best-of-n would have chosen from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from evalloop_assets.policy_iteration.rewarding import Rewards
from evalloop_assets.policy_iteration.screen import Group
from evalloop_assets.reward_model.history import Exchange


class LoggedReply(NamedTuple):
    """One reply of the base model."""

    event_id: str
    replaces_event_id: str | None
    user_id: str
    character_id: str | None
    user_text: str
    reply_text: str
    locale: str = ""
    exchanges: tuple[Exchange, ...] = ()
    """Those before it in its conversation."""


class Draws(NamedTuple):
    """One message with the replies that compete for it."""

    user_id: str
    user_text: str
    replies: tuple[str, ...]
    event_id: str | None = None
    """Of the first reply, where it was shown in answer to this message."""
    locale: str = ""
    exchanges: tuple[Exchange, ...] = ()
    """Those before the message."""


def regenerated(replies: Sequence[LoggedReply]) -> list[Draws]:
    """Versions of one reply: true draws for one prefix, wherever the user asked for another."""
    by_id = {reply.event_id: reply for reply in replies}
    versions: dict[str, list[LoggedReply]] = defaultdict(list)
    for reply in replies:
        versions[_first_version(reply, by_id)].append(reply)
    return [
        Draws(
            group[0].user_id,
            group[0].user_text,
            tuple(reply.reply_text for reply in group),
            locale=group[0].locale,
            exchanges=group[0].exchanges,
        )
        for _, group in sorted(versions.items())
        if len(group) > 1
    ]


def same_character(replies: Sequence[LoggedReply], prompts: int, draws: int) -> list[Draws]:
    """The first `prompts` messages, each with its own reply and the next ones in the role of the same character.

    These are draws for other prefixes, so they overstate how far replies to one prompt lie apart. The given order
    decides who comes next; shuffle by a hash of the id before.
    """
    by_character: dict[str, list[LoggedReply]] = defaultdict(list)
    place: dict[str, int] = {}
    for reply in replies:
        place[reply.event_id] = len(by_character[reply.character_id or ""])
        by_character[reply.character_id or ""].append(reply)
    found = []
    for reply in replies[:prompts]:
        peers = by_character[reply.character_id or ""]
        at = place[reply.event_id]
        taken = tuple(peers[(at + step) % len(peers)].reply_text for step in range(min(draws, len(peers))))
        if len(taken) > 1:
            found.append(Draws(reply.user_id, reply.user_text, taken, reply.event_id, reply.locale, reply.exchanges))
    return found


def scored(prompts: Sequence[Draws], rewards: Rewards) -> list[Group]:
    """Every reply scored as an answer to its prompt's message, after what was said before."""
    asked = [prompt for prompt in prompts for _ in prompt.replies]
    replies = [reply for prompt in prompts for reply in prompt.replies]
    found = rewards([one.user_text for one in asked], replies, [one.exchanges for one in asked]).tolist()
    groups, at = [], 0
    for prompt in prompts:
        judged = tuple(found[at : at + len(prompt.replies)])
        groups.append(Group(prompt.user_id, prompt.replies, judged, prompt.locale))
        at += len(prompt.replies)
    return groups


def _first_version(reply: LoggedReply, by_id: dict[str, LoggedReply]) -> str:
    """Id of the reply at the start of the chain of replacements; a chain that bites its tail ends where it began."""
    seen = {reply.event_id}
    while reply.replaces_event_id in by_id and reply.replaces_event_id not in seen:
        reply = by_id[reply.replaces_event_id]
        seen.add(reply.event_id)
    return min(seen) if reply.replaces_event_id in seen else reply.event_id
