"""The client of a launcher: starts it, starts and stops steps through it, and receives their results."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from penguin.orchestration.backend import WorkflowError
from penguin.orchestration.execution import launcher_socket as connection
from penguin.orchestration.execution import orphan_step as takeover
from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution.launcher_socket import LauncherConnection, Message
from penguin.orchestration.execution.step_files import ExitRecord
from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.files.permissions import make_private_folder

log = logging.getLogger(__name__)

PROGRAM = Path(__file__).parent / "launcher" / "launcher.py"
OWNED = 3
DISK_FULL = 4
DISK_TROUBLE = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
PATIENCE = 10.0
"""Seconds for a launcher to start, or for one that is ending to be gone."""


class LauncherError(WorkflowError):
    """The process that starts steps could not be started or reached."""

    code = "launcher"


class AlreadyStarted(Exception):
    """This step was started before; its files say by which engine."""


class StepRequest(Struct, frozen=True, kw_only=True):
    """A request to start a step."""

    id: str
    """Absolute path without suffix of the step's files."""
    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    timeout: float
    """Seconds."""
    max_output: int
    """Bytes."""
    split: bool = False
    """Write standard error to a separate file."""
    note: object = None
    """Stored in the start mark; any JSON value."""
    secrets: dict[str, str] = {}
    """Secrets by name, to be redacted in everything that is stored."""
    report: str | None = None
    """A report that the step writes for Penguin, redacted like its output."""
    stdin: str = ""
    """Absolute path of the file to read as standard input; empty: no input."""
    idle: float = 0.0
    """Seconds without output after which the step is ended; 0: no limit."""
    lease: str = ""
    """Absolute path of the lease that the step needs to run; empty: none."""


class StepHandle:
    """A running step."""

    def __init__(self, step_id: str, launcher: LauncherClient | None) -> None:
        self.id = step_id
        self.exit: asyncio.Future[ExitRecord] = asyncio.get_running_loop().create_future()
        self.note: object = None
        """The note in its start mark, used to judge it; None if another engine wrote it."""
        self._launcher = launcher
        self._takeover: takeover.OrphanStep | None = None
        self._stopping = False

    def stop(self, why: str) -> None:
        """End its whole process tree: SIGTERM, the grace period, SIGKILL. `exit` is set within 15 s of the SIGKILL."""
        reach("stop.before")
        self._stopping = True
        if self._takeover:
            self._takeover.stop()
        elif self._launcher:
            self._launcher.send({"op": "stop", "id": self.id, "why": why})
        reach("stop.after")

    def orphaned(self, error: str = "") -> None:
        """End the step after its launcher died. `exit` then says crash or lease, unless an exit record exists.

        `error`: why the launcher ended; empty: it was killed.
        """
        self._launcher = None
        if not self.exit.done():
            self._takeover = takeover.OrphanStep(self.id, self.exit, error)
            if self._stopping:
                self._takeover.stop()

    def abandon(self) -> None:
        """Leave it running, and cancel those who wait for `exit`."""
        self.exit.cancel()
        if self._takeover:
            self._takeover.abandon()


class LauncherClient:
    """A connection to the launcher in one folder: one of this engine's own, or of a dead engine."""

    def __init__(
        self,
        directory: Path,
        lost: dict[str, StepHandle],
        grace: float,
        on_trouble: Callable[[str], None],
        own: bool,
    ) -> None:
        """Create an unconnected client.

        `grace` is the seconds between SIGTERM and SIGKILL. If not `own`, the connection ends with the steps. Steps that
        ran when the launcher died are added to `lost`. `on_trouble` is called when the disk is full, and with "" when
        it no longer is.
        """
        self.directory = directory
        self._lost = lost
        self._grace = grace
        self._on_trouble = on_trouble
        self._own = own
        self._running: dict[str, StepHandle] = {}
        self._answers: dict[str, asyncio.Future[StepHandle]] = {}
        self._connection: LauncherConnection | None = None
        self._connecting = asyncio.Lock()

    @property
    def is_idle(self) -> bool:
        """Return whether no step runs in it that this client knows of."""
        return not (self._running or self._answers)

    async def connect(self, start: bool) -> bool:
        """Connect. Return False if there is no launcher and `start` is false. Raises LauncherError."""
        async with self._connecting:
            if self._connection:
                return True
            give_up = asyncio.get_running_loop().time() + PATIENCE
            while not await self._say_hello():
                if not start:
                    return False
                await self._start_process()
                if asyncio.get_running_loop().time() > give_up:
                    raise LauncherError(f"the launcher in {self.directory} does not answer", "try again")
            return True

    async def _say_hello(self) -> bool:
        found = await connection.connect(self.directory, self._on_message, self._on_disconnect)
        if not found or not await found.handshake():
            return False
        self._connection = found
        return True

    async def _start_process(self) -> None:
        make_private_folder(self.directory)
        command = [sys.executable, "-I", "-S", str(PROGRAM), str(self.directory)]
        # Start it in its own session, so that Ctrl-C at the terminal does not reach it.
        ended = await asyncio.to_thread(
            subprocess.run, command, stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True
        )
        if ended.returncode == OWNED or ended.returncode < 0:
            # Its owner is starting or ending, or it was killed. A crash is not a reason to fail: try again.
            await asyncio.sleep(0.02)
        elif ended.returncode == DISK_FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(self.directory))
        elif ended.returncode:
            detail = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            raise LauncherError(f"the launcher could not be started: {detail or ended.returncode}")

    async def start(self, order: StepRequest) -> StepHandle:
        """Start a step. Raises AlreadyStarted, LauncherError, or OSError if the disk is full."""
        await self.connect(start=True)
        message = {"op": "start", "mark": records.mark_name(order.id), "grace": self._grace}
        reach("order.before")
        running = await self._request_start(message | msgspec.structs.asdict(order))
        running.note = order.note
        reach("order.answered")
        return running

    async def find(self, step_id: str) -> StepHandle | None:
        """Return the step if it runs here. If not, read its exit record again: it may just have ended."""
        if not await self.connect(start=False):
            return None
        with contextlib.suppress(AlreadyStarted):
            return await self._request_start({"op": "ask", "id": step_id})
        return None

    async def _request_start(self, message: Message) -> StepHandle:
        answer: asyncio.Future[StepHandle] = asyncio.get_running_loop().create_future()
        self._answers[message["id"]] = answer
        self.send(message)
        reach("order.sent")
        return await answer

    def send(self, message: Message) -> None:
        """Send a message, unless the launcher died; its death is handled elsewhere."""
        if self._connection:
            self._connection.send(message)

    def _on_disconnect(self, ended: LauncherConnection) -> None:
        """Handle the steps and requests that depended on a connection that ended."""
        if ended is not self._connection:
            return
        self._connection = None
        if error := connection.read_crash(self.directory):
            log.error("the launcher in %s ended with an error: %s", self.directory, error)
        for step_id, answer in self._answers.items():
            # The start mark says whether it was started.
            _fail(answer, AlreadyStarted(step_id))
        for running in self._running.values():
            running.orphaned(error)
        self._lost |= self._running
        self._answers.clear()
        self._running.clear()

    def _on_message(self, heard_at: LauncherConnection, message: Message) -> None:
        """Handle one message, and disconnect when there is nothing left to wait for."""
        if heard_at is not self._connection:
            return  # Nothing was requested yet, or the request was abandoned.
        step_id = message["id"]
        if message["event"] == "exit":
            reach("exit.heard")
            ended = self._running.pop(step_id, None)
            if ended and not ended.exit.done():
                ended.exit.set_result(msgspec.convert(message, ExitRecord))
        elif message["event"] == "trouble":
            self._on_trouble(message["problem"])
        else:
            self._on_start_reply(step_id, message)
        if not (self._own or self._running or self._answers):
            self._disconnect()

    def _on_start_reply(self, step_id: str, message: Message) -> None:
        answer = self._answers.pop(step_id, None)
        if message["event"] == "running":
            # Register it here, not in the caller: its exit event may be the next message.
            running = self._running.get(step_id) or StepHandle(step_id, self)
            self._running[step_id] = running
            if answer and not answer.done():
                answer.set_result(running)
        elif message["event"] == "known":
            _fail(answer, AlreadyStarted(step_id))
        elif message["errno"] in DISK_TROUBLE:
            _fail(answer, OSError(message["errno"], message["error"]))
        else:
            _fail(answer, LauncherError(f"{step_id} could not be started: {message['error']}"))

    def _disconnect(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    async def aclose(self) -> None:
        """Disconnect. Running steps continue; those who wait for them here are cancelled."""
        if left := self._connection:
            self._connection = None
            # The launcher counts the client until the socket is closed, and this event loop may not run any longer.
            await left.aclose()
        for answer in self._answers.values():
            answer.cancel()
        for running in self._running.values():
            running.abandon()
        self._answers.clear()
        self._running.clear()


def _fail(answer: asyncio.Future[StepHandle] | None, error: Exception) -> None:
    if answer and not answer.done():
        answer.set_exception(error)
