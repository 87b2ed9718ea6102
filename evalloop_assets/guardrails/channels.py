"""Where alerts go: Apprise addresses and signed webhooks, from the settings."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from evalloop_assets.serving.addresses import channel_name, listed, without_secrets
from evalloop_assets.serving.outbox import Message, Send, Undelivered
from evalloop_assets.serving.webhook import webhook
from evalloop_assets.settings import Settings

TOLD = ("apprise", "urllib3", "requests")
"""Loggers that write parts of an address."""
_ONE_AT_A_TIME = threading.Lock()
"""Loggers belong to the whole process, so that two senders would hear each other's."""


def alert_channels(settings: Settings) -> dict[str, Send]:
    """A channel for each address of `alerts.urls` and `webhooks.alerts`, by a name that tells no secret."""
    secret = settings.webhooks.secret.get_secret_value()
    found = {channel_name(_scheme(url), url): apprise_channel(url) for url in listed(settings.alerts.urls)}
    return found | {
        channel_name("webhook", url): webhook(url, secret, time.time) for url in listed(settings.webhooks.alerts)
    }


def apprise_channel(url: str) -> Send:
    """The channel of one Apprise address. What it does not take with its picture, it gets without."""

    def send(message: Message) -> None:
        import apprise

        with _heard() as heard, TemporaryDirectory() as folder:
            service = apprise.Apprise.instantiate(url)
            if service is None:
                raise Undelivered("Apprise does not understand the address (EVALLOOP_ALERTS__URLS)")
            sender = apprise.Apprise()
            sender.add(service)
            content = message.content
            notify = partial(sender.notify, content["text"], content["title"], content["level"], "text")
            taken = message.picture is not None and notify(attach=_attached(Path(folder), message.picture))
            if not taken and not notify():
                raise Undelivered(without_secrets("; ".join(heard), [url]) or "Apprise could not hand it over")

    return send


def _attached(folder: Path, picture: bytes) -> str:
    """A file, since several services send nothing that is in memory only."""
    path = folder / "figures.png"
    path.write_bytes(picture)
    return str(path)


class _Lines(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def _heard() -> Iterator[list[str]]:
    """What Apprise warns of, which goes nowhere else: its own log, and that of its HTTP client, tell addresses."""
    handler = _Lines(logging.WARNING)
    with _ONE_AT_A_TIME:
        before = [(one, one.propagate) for one in map(logging.getLogger, TOLD)]
        for logger, _ in before:
            logger.addHandler(handler)
            logger.propagate = False
        try:
            yield handler.lines
        finally:
            for logger, propagate in before:
                logger.removeHandler(handler)
                logger.propagate = propagate


def _scheme(url: str) -> str:
    return url.partition("://")[0] if "://" in url else "apprise"
