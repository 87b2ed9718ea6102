"""An OpenAI-compatible endpoint on loopback that answers as it is told, well or badly."""

import json
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HTML = b"<!doctype html><html><body>502 Bad Gateway</body></html>"

PAUSE = 0.1
"""Seconds between the pieces of an answer."""


def completion(text, usage=True):
    held = {"choices": [{"message": {"role": "assistant", "content": text}}]}
    if usage:
        held["usage"] = {"prompt_tokens": 100, "completion_tokens": 10}
    return json.dumps(held).encode()


def verdict(choice, reason="it answers", confidence=0.9):
    return completion(json.dumps({"reason": reason, "verdict": choice, "confidence": confidence}))


class Script:
    """What the server does, call by call; the last one is repeated. An act gets the request's body and gives (status,
    body, headers), a number of seconds to stay silent, or None to close at once; a body in pieces trickles in."""

    def __init__(self, *acts):
        self.acts = list(acts)
        self.calls = []
        self.lock = threading.Lock()

    def next(self, call):
        with self.lock:
            self.calls.append(call)
            return self.acts[min(len(self.calls), len(self.acts)) - 1]


@contextmanager
def chat_server(*acts):
    """URL of a running endpoint, and its script."""
    script = Script(*acts)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            act = script.next({"path": self.path, "key": self.headers["Authorization"], "body": json.loads(body)})
            act = act(json.loads(body)) if callable(act) else act
            if isinstance(act, float):
                time.sleep(act)
                return
            if act is None:
                self.connection.close()
                return
            status, content, headers = (*act, {})[:3] if isinstance(act, tuple) else (200, act, {})
            self.send_response(status)
            pieces = content if isinstance(content, list) else [content]
            for name, value in {"Content-Length": str(sum(map(len, pieces))), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):
                for piece in pieces:
                    self.wfile.write(piece)
                    time.sleep(PAUSE if len(pieces) > 1 else 0)

        def log_message(self, *given):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def prefers(word):
    """An act: the reply that holds the word, else a tie."""

    def act(body):
        pair = json.loads(body["messages"][-1]["content"])
        for choice in ("first", "second"):
            if word in pair[choice]:
                return verdict(choice)
        return verdict("tie")

    return act
