"""The event loop of the launcher: its clients, its steps, its orphans.

The protocol is JSON, one message a line. Clients send `{"op": "hello"}`, `{"op": "start", …StartRequest}`, `{"op":
"stop", "id", "why"}` and `{"op": "ask", "id"}`. The launcher answers a hello with `{"event": "hello"}`. It answers a
start with `{"event": "running", "id"}` (soon, and before the exit event), `{"event": "known", "id"}` (the step was
started before; read its files) or `{"event": "refused", "id", "error", "errno"}`. It answers an ask with `running` or
`known`. Every client gets `{"event": "exit", …StepExit}`. `{"event": "trouble", "problem"}` says that results wait
because the disk is full; an empty problem says that they no longer do.

The exit record on disk is authoritative. A client that was disconnected reads it there; the event only saves polling.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import selectors
import signal
import socket
import time
from typing import Any

from . import process_tree
from .boottime_timer import BoottimeTimer
from .failpoints import reach
from .running_step import RunningStep, StartRequest, StepExit, disk_full, recorded

IDLE = 2.0
"""Seconds without steps and clients after which the launcher ends."""
LATER = 0.005
"""Seconds until a running event is sent. If the step ends sooner, both events are sent at once, so the client wakes up
once."""
AGAIN = 1.0
"""Seconds between two attempts to write an exit record to a full disk."""
LONGEST_LINE = 1 << 24
LONGEST_QUEUE = 1 << 22


class Client:
    """A connection. Sending never blocks: a client that does not read is disconnected."""

    def __init__(self, connection: socket.socket, selector: selectors.BaseSelector) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.closed = False
        self._selector = selector
        self._incoming = b""
        self._outgoing = b""

    def receive(self) -> list[dict[str, Any]]:
        """Return the complete messages. Close the connection at the end of the stream and at invalid data."""
        try:
            data = self.connection.recv(1 << 16)
            if not data or len(self._incoming) > LONGEST_LINE:
                raise ValueError("end of stream, or line too long")
            *lines, self._incoming = (self._incoming + data).split(b"\n")
            return [json.loads(line) for line in lines]
        except BlockingIOError:
            return []
        except (OSError, ValueError):
            self.close()
            return []

    def send(self, message: dict[str, Any]) -> None:
        self.hold(message)
        self.flush()

    def hold(self, message: dict[str, Any]) -> None:
        """Queue a message, to be sent with the next one."""
        self._outgoing += json.dumps(message).encode() + b"\n"

    def flush(self) -> None:
        if not self._outgoing:
            return
        try:
            self._outgoing = self._outgoing[self.connection.send(self._outgoing) :]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
        if len(self._outgoing) > LONGEST_QUEUE:
            self.close()
        if not self.closed:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._outgoing else 0)
            self._selector.modify(self.connection, events, self)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._selector.unregister(self.connection)
            self.connection.close()


class Server:
    """The server of one engine's folder. It ends after some time without steps and clients."""

    def __init__(self, directory: str, listener: socket.socket) -> None:
        self._directory = directory
        self._listener = listener
        self._boot = process_tree.boot_id()
        self._steps: dict[str, RunningStep] = {}
        self._unanswered: dict[str, tuple[Client, float]] = {}
        """The clients to tell that a step runs, and by when, on the monotonic clock."""
        self._unrecorded: list[tuple[RunningStep, StepExit]] = []
        self._clients: list[Client] = []
        self._child_died = False
        self._troubled = False
        self._selector = selectors.DefaultSelector()
        self._alarm = BoottimeTimer()

    def run(self) -> None:
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._alarm.fd, selectors.EVENT_READ, lambda _fd: self._alarm.acknowledge())
        self._listen_for_children()
        busy = time.monotonic()
        while True:
            now = time.monotonic()
            # Only now, after the steps were handled: an exit event may be what closes a client.
            self._clients = [client for client in self._clients if not client.closed]
            if self._clients or self._steps or self._unrecorded:
                busy = now
            elif now - busy >= IDLE:
                return
            self._alarm.set(min((step.lease_at() for step in self._steps.values()), default=math.inf))
            for key, events in self._selector.select(max(0.0, self._wake_at(busy) - now)):
                self._serve(key, events)
            self._tick()

    def _listen_for_children(self) -> None:
        reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self._selector.register(reading, selectors.EVENT_READ, self._note_child)

    def _wake_at(self, busy: float) -> float:
        if not (self._clients or self._steps or self._unrecorded):
            return busy + IDLE
        steps = [step.wake_at() for step in self._steps.values()]
        answers = [at for _, at in self._unanswered.values()]
        return min([*steps, *answers, time.monotonic() + (AGAIN if self._unrecorded else 3600.0)])

    def _serve(self, key: selectors.SelectorKey, events: int) -> None:
        if isinstance(key.data, Client):
            if events & selectors.EVENT_WRITE:
                key.data.flush()
            if events & selectors.EVENT_READ and not key.data.closed:
                self._handle_all(key.data)
        elif isinstance(key.data, RunningStep):
            if not key.data.pump(key.fd):
                self._selector.unregister(key.fd)
        else:
            key.data(key.fd)

    def _accept(self, _fd: int) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            client = Client(connection, self._selector)
            self._selector.register(connection, selectors.EVENT_READ, client)
            self._clients.append(client)

    def _note_child(self, fd: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(fd, 4096)
        self._child_died = True

    # --- requests of clients ---

    def _handle_all(self, client: Client) -> None:
        try:
            for message in client.receive():
                self._handle(client, message)
        except (KeyError, TypeError, AttributeError):
            client.close()  # It speaks another protocol. Other clients' steps must not be affected.

    def _handle(self, client: Client, message: dict[str, Any]) -> None:
        operation = message.pop("op", None)
        if operation == "hello":
            client.send({"event": "hello"})
        elif operation == "start":
            self._start(client, message)  # type: ignore[arg-type]
        elif operation == "ask":
            # The result of a step that is not recorded yet will follow; the client must not consider it lost.
            running = message["id"] in self._steps or any(step.id == message["id"] for step, _ in self._unrecorded)
            client.send({"event": "running" if running else "known", "id": message["id"]})
        elif operation == "stop" and message["id"] in self._steps:
            reach("stop.heard")
            self._steps[message["id"]].stop(message["why"])
            reach("stop.sent")

    def _start(self, client: Client, order: StartRequest) -> None:
        try:
            if order["id"] in self._steps or recorded(order["id"]):
                raise FileExistsError
            reach("mark.before")
            step = RunningStep(order, self._directory, self._boot)
            reach("mark.after")
            step.spawn()
        except FileExistsError:
            client.send({"event": "known", "id": order["id"]})
            return
        except OSError as error:
            client.send({"event": "refused", "id": order["id"], "error": str(error), "errno": error.errno})
            return
        self._steps[step.id] = step
        for pipe in step.pipes:
            self._selector.register(pipe, selectors.EVENT_READ, step)
        self._unanswered[step.id] = client, time.monotonic() + LATER

    def _answer(self, step_id: str) -> None:
        """Queue the running event of a step for its client, unless it was sent."""
        if asked := self._unanswered.pop(step_id, None):
            reach("answer.before")
            asked[0].hold({"event": "running", "id": step_id})
            reach("answer.after")

    def _answer_all(self) -> None:
        now = time.monotonic()
        for step_id in [step_id for step_id, (_, at) in self._unanswered.items() if now >= at]:
            self._answer(step_id)
        for client in self._clients:
            client.flush()

    # --- steps ---

    def _tick(self) -> None:
        orphans = self._reap_orphans() if self._child_died or any(step.ending for step in self._steps.values()) else []
        for step in list(self._steps.values()):
            mine = [pid for pid in orphans if len(self._steps) == 1 or step.owns(pid)]
            if self._child_died:
                step.recheck()
                step.exited(mine)
            step.tick(time.monotonic(), mine)
            if step.over:
                self._finish(step)
        self._child_died = False
        for step, ending in self._unrecorded[:]:
            self._record(step, ending)
        self._answer_all()

    def _reap_orphans(self) -> list[int]:
        """Reap the orphaned processes that ended, and return those that still run."""
        own = {step.pid for step in self._steps.values()}
        found = [pid for pid in process_tree.children(os.getpid()) if pid not in own]
        return [pid for pid in found if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG) is None]

    def _finish(self, step: RunningStep) -> None:
        for pipe in step.pipes:
            with contextlib.suppress(KeyError):
                self._selector.unregister(pipe)
        self._answer(step.id)
        reach("reap.before")
        ending = step.finish()
        reach("reap.after")
        del self._steps[step.id]
        self._unrecorded.append((step, ending))

    def _record(self, step: RunningStep, ending: StepExit) -> None:
        """Write results to disk first, then send them to clients. While the disk is full, they wait."""
        try:
            step.record(ending)
        except OSError as error:
            if disk_full(error):
                self._report_trouble(f"{step.id}: {error.strerror}")
                return
        self._unrecorded.remove((step, ending))
        if not self._unrecorded:
            self._report_trouble("")
        for client in self._clients:
            if not client.closed:
                reach("exit.before")
                client.send({"event": "exit", **ending})
                reach("exit.after")

    def _report_trouble(self, problem: str) -> None:
        """Report once that results wait because the disk is full, and once that they no longer do."""
        if bool(problem) != self._troubled:
            self._troubled = bool(problem)
            for client in self._clients:
                client.send({"event": "trouble", "id": "", "problem": problem})
