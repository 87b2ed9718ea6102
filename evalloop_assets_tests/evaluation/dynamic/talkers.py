"""Policies to be talked with."""

from evalloop_assets.evaluation.dynamic.converse import NoReply

WORDS = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty", "kelp", "linden"]


class Talker:
    """Answers with new words each time; `remembers` tells whether what it was told comes back."""

    def __init__(self, remembers=True, silent_from=None):
        self.remembers, self.silent_from = remembers, silent_from
        self.seen = []

    def reply(self, messages, system):
        self.seen.append((list(messages), system))
        turn = (len(messages) + 1) // 2
        if self.silent_from and turn >= self.silent_from:
            raise NoReply("it hung up")
        asked = self.remembers and turn % 6 == 0
        said = " ".join(one["content"] for one in messages if one["role"] == "user") if asked else ""
        drawn = " ".join(WORDS[(turn * 5 + step * (turn % 4 + 1)) % len(WORDS)] for step in range(9))
        return " ".join(f"{turn}. {drawn}. {said} So be it.".split())


class Says:
    """Gives these replies, the last one again and again."""

    def __init__(self, *replies):
        self.replies = replies

    def reply(self, messages, system):
        return self.replies[min((len(messages) - 1) // 2, len(self.replies) - 1)]
