"""An HTTP receiver on loopback, in a thread, that keeps what it gets and answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Got(NamedTuple):
    """One request."""

    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers `status` after `delay` seconds, and 413 to what holds the bytes that it refuses."""

    port: int
    got: list[Got] = field(default_factory=list)
    status: int = 200
    delay: float = 0.0
    refuses: bytes | None = None

    @property
    def apprise(self) -> str:
        """Its address for Apprise, with a password in it, and time for a machine that is busy."""
        return f"json://ops:{SECRET}@127.0.0.1:{self.port}/hook/{SECRET}?cto=60&rto=60"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{SECRET}"


SECRET = "hush-Q7x9"


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """A receiver on a free port, or on this one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append(Got(dict(self.headers), body))
            time.sleep(receiver.delay)
            try:
                refused = receiver.refuses is not None and receiver.refuses in body
                self.send_response(413 if refused else receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                return  # the sender has given up

        def log_message(self, *_: object) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    receiver = Receiver(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
