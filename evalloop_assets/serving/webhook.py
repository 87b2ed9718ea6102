"""Signed webhooks: JSON posted to an address, with a signature by which the receiver knows who sent it and when.

Three headers go with the body. `Evalloop-Key` is the idempotency key: a receiver that has seen it has seen the
message. `Evalloop-Timestamp` is the time of sending, whole seconds since 1970 (UTC). `Evalloop-Signature` is `v1=`
and, in hexadecimal, HMAC-SHA256 under the shared secret of the timestamp, a full stop and the body as it was sent. A
receiver refuses a signature that is wrong, and a timestamp more than `REPLAY_SECONDS` away from its own clock.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from evalloop_assets.serving.outbox import Message, Send, Undelivered

KEY, TIMESTAMP, SIGNATURE = "Evalloop-Key", "Evalloop-Timestamp", "Evalloop-Signature"
REPLAY_SECONDS = 300
ANSWER_SECONDS = 5
"""An address that does not answer for so long has not taken the message."""


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The value of `Evalloop-Signature`."""
    return f"v1={hmac.new(secret.encode(), b'%d.%b' % (timestamp, body), hashlib.sha256).hexdigest()}"


def is_authentic(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether a request that a receiver got is ours and fresh; `now` in seconds since 1970."""
    stated = headers.get(TIMESTAMP, "")
    if not stated.isdecimal() or abs(now - int(stated)) > REPLAY_SECONDS:
        return False
    return hmac.compare_digest(signature(secret, int(stated), body).encode(), headers.get(SIGNATURE, "").encode())


def webhook(url: str, secret: str, seconds: Callable[[], float]) -> Send:
    """The channel that posts to `url`; `seconds` tells the time since 1970."""

    def send(message: Message) -> None:
        if not secret:
            raise Undelivered("EVALLOOP_WEBHOOKS__SECRET is not set, and nothing goes out unsigned")
        body = json.dumps({"key": message.key, **message.content}, ensure_ascii=False).encode()
        stamp = int(seconds())
        headers = {
            "Content-Type": "application/json",
            KEY: message.key,
            TIMESTAMP: str(stamp),
            SIGNATURE: signature(secret, stamp, body),
        }
        _post(url, body, headers)

    return send


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """A signed message goes to the address that was set, and nowhere else."""


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    if not url.startswith(("http://", "https://")):
        raise Undelivered("its address is no http or https URL")
    try:
        request = urllib.request.Request(url, body, dict(headers), method="POST")
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=ANSWER_SECONDS):
            return
    except urllib.error.HTTPError as error:
        error.close()
        raise Undelivered(f"the receiver answered {error.code}") from None
    except TimeoutError:
        raise Undelivered(f"no answer within {ANSWER_SECONDS} s") from None
    except urllib.error.URLError as error:
        raise Undelivered(f"it cannot be reached ({type(error.reason).__name__})") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Undelivered(f"it cannot be reached ({type(error).__name__})") from None
