"""A policy behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalloop_assets.evaluation.dynamic.converse import NoReply
from evalloop_assets.evaluation.judges.endpoint import Endpoint, NoAnswer


@dataclass(frozen=True)
class EndpointPolicy:
    """Replies of the endpoint's model at temperature 0; what has no reply after all repetitions ends its
    conversation.
    """

    endpoint: Endpoint

    def reply(self, messages: Sequence[Mapping[str, str]], system: str) -> str:
        instruction = [{"role": "system", "content": system}] if system else []
        try:
            return self.endpoint.complete([*instruction, *messages]).text
        except NoAnswer as error:
            raise NoReply(str(error)) from error
