"""A scripted model for the real agents, on loopback, without an account.

In a test: `with ModelServer() as model: … model.url …`. By hand: `python -m tests.agents.model_server --port 8080`,
which prints its address; `POST /release/NAME` continues a waiting conversation.
"""

from __future__ import annotations

import argparse
import gzip
import json
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.agents.model_scripts import (
    MARKER,
    SCRIPTS,
    Action,
    Cut,
    Hang,
    Refuse,
    Say,
    Script,
    ScriptInput,
    Wait,
    in_order,
)
from tests.agents.model_wires import WIRES, Entry, Wire


@dataclass(frozen=True)
class Received:
    """A request that the model got."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    conversation: tuple[Entry, ...]
    """Oldest first."""
    script: str
    """Empty if the conversation has no marker."""
    step: int

    def carries(self, text: str) -> bool:
        """Return whether the conversation contains the text."""
        return any(text in entry.text for entry in self.conversation)

    @property
    def prompt(self) -> str:
        """The newest text of the user that has a marker."""
        return next((e.text for e in reversed(self.conversation) if e.role == "user" and MARKER.search(e.text)), "")


class ModelServer:
    """The server, with its requests and scripts."""

    def __init__(self, port: int = 0) -> None:
        self.scripts: dict[str, Script] = dict(SCRIPTS)
        """Tests can add scripts."""
        self.requests: list[Received] = []
        self._news = threading.Condition()
        self._released: set[str] = set()
        self._closed = False
        self._counts: Counter[str] = Counter()
        self._http = _Http(("127.0.0.1", port), _Handler)
        self._http.model = self
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> ModelServer:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._news:
            self._closed = True
            self._news.notify_all()
        self._http.shutdown()
        self._http.server_close()

    def serve_forever(self) -> None:
        """Serve in this thread."""
        self._http.serve_forever()

    def release(self, name: str) -> None:
        """Continue conversations that wait for this name, now and later."""
        with self._news:
            self._released.add(name)
            self._news.notify_all()

    def of(self, script: str) -> list[Received]:
        """The requests of a script."""
        return [received for received in self.requests if received.script == script]

    def await_request(self, script: str, step: int = 0, timeout: float = 60) -> Received:
        """Wait for the first request of a script at this step."""
        with self._news:
            assert self._news.wait_for(lambda: self._at(script, step), timeout), f"no request of {script} at {step}"
            return self._at(script, step)[0]

    def _at(self, script: str, step: int) -> list[Received]:
        return [received for received in self.of(script) if received.step == step]

    def action(self, wire: Wire, headers: Mapping[str, str], body: dict[str, Any]) -> Action:
        """Record a request, and choose the action."""
        entries = wire.read(body)
        places = [n for n, entry in enumerate(entries) if entry.role == "user" and MARKER.search(entry.text)]
        prompt = entries[places[-1]].text if places else ""
        marker = MARKER.search(prompt)
        name = marker[1] if marker else ""
        step = sum(entry.role == "tool" for entry in entries[places[-1] :]) if places else 0
        numbers = tuple(int(n) for n in (marker[2] or "").split(",") if n) if marker else ()
        with self._news:
            self._counts[name] += 1
            self.requests.append(Received(wire.path, headers, body, tuple(entries), name, step))
            self._news.notify_all()
            count = self._counts[name]
        script = self.scripts.get(name) or in_order(Say("I was told no script."))
        return self._waited(script(ScriptInput(prompt, numbers, step, count)))

    def _waited(self, action: Action) -> Action:
        while isinstance(action, Wait):
            self._until_released(action.name)
            action = action.then
        if isinstance(action, Hang):
            self._until_released(None)
        return action

    def _until_released(self, name: str | None) -> None:
        """None: until the end."""
        with self._news:
            self._news.wait_for(lambda: self._closed or name in self._released)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    model: ModelServer


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(404, {"error": {"type": "not_found_error", "message": self.path}})

    do_HEAD = do_GET

    def do_POST(self) -> None:
        raw = self._body()
        # The test may have killed the client meanwhile.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._answer(raw)

    def _body(self) -> bytes:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return gzip.decompress(raw) if self.headers.get("Content-Encoding") == "gzip" else raw

    def _answer(self, raw: bytes) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/release/"):
            self.server.model.release(path.removeprefix("/release/"))
            return self._send(200, {})
        wire = next((wire for wire in WIRES if wire.path == path), None)
        if wire is None:
            return self.do_GET()
        body = json.loads(raw)
        return self._say(wire, body, self.server.model.action(wire, dict(self.headers.items()), body))

    def _say(self, wire: Wire, body: dict[str, Any], action: Action) -> None:
        match action:
            case Hang():
                self.close_connection = True
            case Refuse():
                retry = {} if action.retry_after is None else {"Retry-After": str(action.retry_after)}
                self._send(action.status, wire.refusal(action), retry)
            case Cut(plainly) if not body.get("stream") and plainly is not None:
                self._send(200, wire.plain(body, plainly))
            case Cut() if not body.get("stream"):
                self.close_connection = True
            case Cut():
                self._stream(wire, body, Say("These words are never"), cut=True)
            case _ if body.get("stream"):
                self._stream(wire, body, action)
            case _:
                self._send(200, wire.plain(body, action))

    def _send(self, status: int, document: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _stream(self, wire: Wire, body: dict[str, Any], action: Action, *, cut: bool = False) -> None:
        events = wire.stream(body, action)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for name, data in events[: len(events) // 2] if cut else events:
            text = data if isinstance(data, str) else json.dumps(data)
            self._chunk((f"event: {name}\n" if name else "") + f"data: {text}\n\n")
        if cut:
            self.close_connection = True
        else:
            self._chunk("")

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: `ModelServer.requests` has the requests."""


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    model = ModelServer(parser.parse_args().port)
    print(model.url, flush=True)
    with suppress(KeyboardInterrupt):
        model.serve_forever()


if __name__ == "__main__":
    main()
