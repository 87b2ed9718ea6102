"""A small chat page on loopback: it types its replies out in pieces, paragraph by paragraph, as such pages do."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!doctype html><meta charset="utf-8"><title>chat</title>
<textarea id="persona"></textarea><button id="new">new</button><div id="log"></div>
<p id="typing" hidden>writing ...</p><textarea id="message"></textarea><button id="send">send</button>
<script>
let said = [];
const at = (id) => document.getElementById(id);
const wait = (ms) => new Promise((go) => setTimeout(go, ms));
at("new").onclick = () => { said = []; at("log").innerHTML = ""; };
at("send").onclick = async () => {
  said.push({role: "user", content: at("message").value});
  at("message").value = "";
  at("typing").hidden = false;
  const asked = {messages: said, system: at("persona").value};
  const got = await fetch("/reply", {method: "POST", body: JSON.stringify(asked)});
  const text = (await got.json()).reply;
  for (const part of text.split("\\n\\n")) {
    const shown = document.createElement("div");
    shown.className = "reply";
    at("log").append(shown);
    for (let end = 0; end < part.length; end += Math.ceil(part.length / 3)) {
      shown.textContent = part.slice(0, end);
      await wait(20);
    }
    shown.textContent = part;
  }
  said.push({role: "assistant", content: text});
  at("typing").hidden = true;
};
</script>"""
SELECTORS = {
    "input": "#message",
    "send": "#send",
    "reply": ".reply",
    "busy": "#typing",
    "system": "#persona",
    "new_conversation": "#new",
    "timeout": 10,
    "settled": 0.1,
}


@contextmanager
def chat_page(answer):
    """URL of a running page; `answer(messages, system)` gives its replies."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._send(PAGE.encode(), "text/html")

        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(json.dumps({"reply": answer(asked["messages"], asked["system"])}).encode(), "application/json")

        def _send(self, content, kind):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *given):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
