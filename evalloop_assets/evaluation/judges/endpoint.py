"""A model behind an OpenAI-compatible endpoint (`POST {base}/chat/completions`), asked with patience.

What fails for a moment (time-out, no connection, 408, 409, 429, 5xx, an answer that is no completion) is asked again,
later each time; what is refused for good (401, 404, …) is not. The key travels in one header and is in no message, no
error and no record.
"""

from __future__ import annotations

import http.client
import json
import math
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from evalloop_assets.lake.errors import UserError

PASSING = (408, 409, 425, 429)
LONGEST_WAIT = 60.0
"""Seconds; a server that asks for more is asked again after these."""
MOST_BYTES = 1 << 22
MILLION = 1_000_000


@dataclass(frozen=True)
class Patience:
    """How an endpoint is asked."""

    timeout: float = 60.0
    """Seconds without a byte, and seconds that an answer may take from its first byte on, before a call is given up."""
    retries: int = 4
    """Times that a call is repeated."""
    first_wait: float = 1.0
    """Seconds before the first repetition; each further one waits twice as long."""
    calls_per_minute: float = math.inf


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    prompt: float
    completion: float


class Completion(NamedTuple):
    """What the model said, and what it took."""

    text: str
    prompt_tokens: int | None
    completion_tokens: int | None

    def cost(self, price: Price | None) -> float | None:
        """US dollars; None where price or tokens are not known."""
        if price is None or self.prompt_tokens is None or self.completion_tokens is None:
            return None
        return (self.prompt_tokens * price.prompt + self.completion_tokens * price.completion) / MILLION


class NoAnswer(Exception):
    """The endpoint gave no completion; says why, without the key."""


@dataclass
class Endpoint:
    """One model at one address. Threads may share it: its calls keep the rate together."""

    base_url: str
    model: str
    key: str = field(repr=False)
    patience: Patience
    sleep: Callable[[float], None]
    clock: Callable[[], float]
    """Seconds, from any moment on."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _next: float = -math.inf

    def __post_init__(self) -> None:
        if not _is_address(self.base_url):
            raise UserError("base URL of the endpoint", "is no http or https address", "Write it as https://host/v1.")
        if not (self.key.isascii() and self.key.isprintable()) or " " in self.key:
            why = "holds a space, a line break or another character that no header can carry"
            raise UserError("key of the endpoint", why, "Set its variable to the key alone.")

    def complete(self, messages: Sequence[Mapping[str, str]]) -> Completion:
        """One completion at temperature 0. NoAnswer where there is none after all repetitions."""
        wait = self.patience.first_wait
        for left in range(self.patience.retries, -1, -1):
            self._keep_rate()
            try:
                return self._ask(messages)
            except _Passing as error:
                if left == 0:
                    raise NoAnswer(f"{error}, {self.patience.retries + 1} times") from error
                self.sleep(min(max(wait, error.wait), LONGEST_WAIT))
                wait *= 2
        raise AssertionError("unreachable")

    def _keep_rate(self) -> None:
        with self._lock:
            now = self.clock()
            begins = max(now, self._next)
            self._next = begins + 60 / self.patience.calls_per_minute
        if begins > now:
            self.sleep(begins - now)

    def _ask(self, messages: Sequence[Mapping[str, str]]) -> Completion:
        body = json.dumps({"model": self.model, "messages": list(messages), "temperature": 0}).encode()
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        url = f"{self.base_url.rstrip('/')}/chat/completions"
        request = urllib.request.Request(url, body, headers)
        try:
            with _OPENER.open(request, timeout=self.patience.timeout) as response:
                raw = self._read(response)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error.code, error.headers) from None
        except TimeoutError:
            raise _Passing("it did not answer in time") from None
        except (OSError, http.client.HTTPException) as error:
            late = isinstance(getattr(error, "reason", None), TimeoutError)
            raise _Passing("it did not answer in time" if late else "the connection failed") from None
        return _completion(raw)

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        """The answer. TimeoutError where it trickles in for longer than a call may be silent."""
        until, parts, size = self.clock() + self.patience.timeout, [], 0
        while size < MOST_BYTES and (part := response.read1(MOST_BYTES - size)):
            parts.append(part)
            size += len(part)
            if self.clock() > until:
                raise TimeoutError
        return b"".join(parts)

    def _refused(self, status: int, headers: Message) -> Exception:
        if status in PASSING or status >= 500:
            asked = headers.get("Retry-After", "")
            return _Passing(f"it answered with status {status}", float(asked) if asked.isdigit() else 0.0)
        return NoAnswer(f"it refused the call with status {status}")


class _Passing(Exception):
    """What may be over in a moment."""

    def __init__(self, why: str, wait: float = 0.0) -> None:
        super().__init__(why)
        self.wait = wait


class _StaysHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: the key is for this address alone."""

    def redirect_request(self, *given: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_StaysHere)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_host and parts.scheme in ("http", "https") and url.isascii() and url.isprintable() and " " not in url


def _completion(raw: bytes) -> Completion:
    try:
        held = json.loads(raw)
        text = held["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise _Passing("what it answered is no completion") from None
    if not isinstance(text, str):
        raise _Passing("what it answered is no text")
    text = text.encode("utf-8", "replace").decode()  # half a surrogate pair can be stored nowhere
    usage = held.get("usage") if isinstance(held.get("usage"), dict) else {}
    return Completion(text, *(_tokens(usage.get(name)) for name in ("prompt_tokens", "completion_tokens")))


def _tokens(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
