"""The champion behind HTTP on loopback, for trainers that ask for rewards while they train.

`POST /reward` takes what TRL's reward functions and OpenRLHF's remote reward model send: lists under `prompts` and
`completions`, or `query` and `prompts`, or `messages`. Back come `rewards` in anchor standard deviations, the same as
`scores`, and `extra_logs`. `GET /health` names the reward model, which stays the same while the server runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from evalloop_assets.lake.errors import UserError
from evalloop_assets.reward_model.dialogue import Reply, reply_of, rewards_of
from evalloop_assets.reward_model.gated import BLANK_REWARD

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse

    from evalloop_assets.reward_model.gated import Gate
    from evalloop_assets.reward_model.model import RewardModel

MOST_BYTES = 64 * 2**20
SINGULAR = {"prompts": "prompt", "completions": "completion", "query": "query", "messages": "messages"}


def application(model: RewardModel, at: Gate) -> Starlette:
    """The server's application; one model for as long as it runs."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import ClientDisconnect
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def health(request: Request) -> JSONResponse:
        return JSONResponse({"reward_version": model.version, "encoder": model.config.encoder})

    async def reward(request: Request) -> JSONResponse:
        taken = bytearray()
        try:
            async for part in request.stream():
                taken += part
                if len(taken) > MOST_BYTES:
                    return JSONResponse({"error": f"more than {MOST_BYTES:,} bytes: send fewer replies at once"}, 413)
        except ClientDisconnect:
            return JSONResponse({"error": "the request broke off"}, 400)
        try:
            replies = replies_of(json.loads(taken))
        except ValueError as error:  # not JSON, or none of the forms
            return JSONResponse({"error": str(error)}, 400)
        except RecursionError:
            return JSONResponse({"error": "the request is nested too deep"}, 400)
        try:
            return JSONResponse(await run_in_threadpool(answer, model, replies, at))
        except UserError as error:  # the text encoder is at fault
            return JSONResponse({"error": str(error)}, 500)

    return Starlette(routes=[Route("/health", health), Route("/reward", reward, methods=["POST"])])


def replies_of(body: Any) -> list[Reply]:
    """The replies that a request names, in order; ValueError where lists do not fit or a reply has no known form."""
    if not isinstance(body, Mapping):
        raise ValueError("the request is no JSON object")
    lists = {one: body[many] for many, one in SINGULAR.items() if body.get(many) is not None}
    if not lists or not all(isinstance(values, list) for values in lists.values()):
        raise ValueError("the request has no lists `completions`, `query` or `messages`")
    if len({len(values) for values in lists.values()}) > 1:
        sizes = ", ".join(f"{len(values)} {name}" for name, values in lists.items())
        raise ValueError(f"the lists differ in length: {sizes}")
    found = []
    for at, values in enumerate(zip(*lists.values(), strict=True)):
        try:
            found.append(reply_of(dict(zip(lists, values, strict=True))))
        except ValueError as error:
            raise ValueError(f"reply {at}: {error}") from error
    return found


def answer(model: RewardModel, replies: list[Reply], at: Gate) -> dict[str, Any]:
    """One finite reward a reply."""
    scores = rewards_of(model, replies, at)
    blank = int(np.isnan(scores).sum())
    rewards = np.where(np.isnan(scores), BLANK_REWARD, scores).tolist()
    return {
        "rewards": rewards,
        "scores": rewards,
        "extra_logs": {"blank": blank},
        "reward_version": model.version,
    }
