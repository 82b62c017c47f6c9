"""The socket of an engine: other processes ask it whether they may change something, and for an approval.

The engine looks at the process that asks, not at what it says about itself. The kernel names that process, in the
namespaces of the engine, so neither another path to the workspace nor a namespace hides that it is inside a step.
Each connection carries one request, a line of JSON. The engine sends an empty line when it has the request, then a line
of JSON: examining a large working tree for an approval takes longer than the time-out of a silent engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import socket
import sqlite3
import stat
import struct
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from penguin.orchestration.backend import IllegalCommand, StoreError, WorkflowError, WorkflowNotFound
from penguin.orchestration.core.signals import Approve
from penguin.orchestration.files.engine_lock import is_alive, live_engines
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.runtime.step_guard import (
    InsideStep,
    inside_step,
    process_name,
    records_of,
    refuse_inside_step,
    runs_inside_step,
)
from penguin.orchestration.store.workspace_databases import workspace_databases

log = logging.getLogger(__name__)

SOCKET = "engine.sock"
PATIENCE = 5.0
"""Seconds after which a silent or unreachable engine counts as one that does not answer."""
AGAIN = 0.05
"""Seconds between two attempts to reach an engine: it may be starting or ending."""
LONGEST_LINE = 1 << 24
SO_PEERPIDFD = 77
"""Linux 6.5 and later."""
CREDENTIALS = struct.Struct("3i")
"""Process, user and group."""
STOPPED = (b"T", b"t")
"""States of a suspended process."""
ERRORS = {error.code: error for error in (InsideStep, IllegalCommand, StoreError, WorkflowNotFound)}


class Request(Struct):
    """What a process wants to do."""

    what: str
    """In words, for the error: `start a workflow`."""
    workflow_id: str = ""
    approve: Approve | None = None
    """Record this approval of `workflow_id`; None: only check whether the process may change something."""


class Answer(Struct):
    """The answer to a request."""

    seen: bool = True
    """False: the engine can't see the process that asks, so nothing was decided."""
    code: str = ""
    """Code of the error; empty: none."""
    message: str = ""
    hint: str = ""


class Peer:
    """The process at the other end of a connection, as the kernel names it in this process's namespace."""

    def __init__(self, connection: socket.socket) -> None:
        options = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        self.pid, self.user, _ = CREDENTIALS.unpack(options)
        """0: it is in a namespace that this process can't see."""
        self._handle = _peer_handle(connection, self.pid)

    def is_alive(self) -> bool:
        """Return whether the process still runs, so that its id was not reused."""
        if self._handle < 0:
            return False
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        """Release the handle of the process."""
        if self._handle >= 0:
            os.close(self._handle)


def _peer_handle(connection: socket.socket, pid: int) -> int:
    """Return a pidfd of the peer, or -1 if it has ended."""
    with contextlib.suppress(OSError):
        return connection.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD)
    with contextlib.suppress(OSError):
        return os.pidfd_open(pid)
    return -1


# --- the engine ---


class EngineSocket:
    """Answers other processes while the engine is alive. Needs a running loop."""

    def __init__(self, workspace: Path, folder: Path, approve: Callable[[str, Approve], Awaitable[object]]) -> None:
        """Listen in `folder`, which is the engine's own. `approve` records an approval of a workflow."""
        self._workspace = workspace
        self._path = folder / SOCKET
        self._approve = approve
        self._connections: set[asyncio.Task[None]] = set()
        self._taken: set[asyncio.Task[None] | None] = set()
        """Tasks whose request is answered even when the socket closes."""
        # Not start_unix_server: from Python 3.13 on it removes the socket by the name that it was bound to.
        server = asyncio.start_server(self._accept, sock=_listen(folder), limit=LONGEST_LINE)
        self._serving = asyncio.create_task(server)

    async def aclose(self) -> None:
        """Accept no more requests, and finish those that were accepted."""
        (await self._serving).close()
        for connection in self._connections - self._taken:
            connection.cancel()
        if self._connections:
            await asyncio.wait(self._connections)
        self._path.unlink(missing_ok=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        task.add_done_callback(self._taken.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(writer.get_extra_info("socket"))
        try:
            async with asyncio.timeout(PATIENCE):
                request = msgspec.json.decode(await reader.readline(), type=Request)
            self._taken.add(asyncio.current_task())
            writer.write(b"\n")
            writer.write(msgspec.json.encode(await self._answer(request, peer)) + b"\n")
            await writer.drain()
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            log.debug("a connection ended without an answer", exc_info=error)
        finally:
            peer.close()
            writer.close()

    async def _answer(self, request: Request, peer: Peer) -> Answer:
        if not peer.pid:
            return Answer(seen=False)
        try:
            self._refuse_inside_step(peer, request.what)
            if request.approve is not None:
                command = replace(request.approve, process=process_name(peer.pid))
                await self._approve(request.workflow_id, command)
        except WorkflowError as error:
            return Answer(code=error.code, message=error.message, hint=error.hint)
        except (OSError, sqlite3.Error) as error:
            return Answer(code=WorkflowError.code, message=f"the engine can't {request.what}: {error}")
        return Answer()

    def _refuse_inside_step(self, peer: Peer, what: str) -> None:
        if runs_inside_step(peer.pid, records_of(self._workspace)):
            raise inside_step(what)
        # Checked last: while it is alive, the ancestors that were read are its own.
        if not peer.is_alive():
            raise WorkflowError(f"can't {what}: the requesting process has ended")


def _listen(folder: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    with _opened(folder, os.O_DIRECTORY) as descriptor:
        # Before the socket has a name, so that no other user can connect even for a moment.
        os.fchmod(listener.fileno(), 0o600)
        # Through the descriptor of its folder: a socket's path is limited to 108 bytes.
        listener.bind(f"/proc/self/fd/{descriptor}/{SOCKET}")
    listener.listen(64)
    listener.setblocking(False)
    return listener


# --- other processes ---


async def ask_to_change(engines: Path, own: str, what: str) -> None:
    """Ask the other living engines whether this process may change something. Raises InsideStep if one refuses.

    All of them are asked: one may be inside a step itself, and see no more than this process does. If none answers,
    the check of this process has to do. `own`: the engine of this process, or "".
    """
    others = live_engines(engines) - {own}
    await asyncio.gather(*(_ask_to_change(engines, engine, what) for engine in others))


async def refuse_steps_of_workspace(workspace: Workspace, what: str) -> None:
    """Raise InsideStep if this process runs inside a step of the workspace, on either backend."""
    refuse_inside_step(workspace.root, what)
    for engines in {place.engines for place in workspace_databases(workspace)}:
        await ask_to_change(engines, "", what)


async def _ask_to_change(engines: Path, engine: str, what: str) -> None:
    with contextlib.suppress(_NoAnswer):
        await _ask(engines, [engine], Request(what))


async def approve_elsewhere(engines: Path, own: str, owner: str, workflow_id: str, command: Approve) -> bool:
    """Let another engine record an approval: the owner of the workflow, or else any. Return False if no other is alive.

    Raises InsideStep, the errors of an approval, and WorkflowError if an engine is alive but none answers.
    """
    request = Request("approve a workflow", workflow_id, command)
    deadline = time.monotonic() + PATIENCE
    while True:
        others = sorted(live_engines(engines) - {own}, key=lambda engine: engine != owner)
        try:
            return await _ask(engines, others, request)
        except _NoAnswer as error:
            if not error.passing or time.monotonic() > deadline:
                raise _not_approved(workflow_id, error) from error
        await asyncio.sleep(AGAIN)


def _not_approved(workflow_id: str, reason: _NoAnswer) -> WorkflowError:
    return WorkflowError(
        f"can't approve {workflow_id}: {reason}; a living engine has to record the approval",
        "continue or end that process, then approve again",
    )


class _NoAnswer(Exception):
    """A living engine does not answer; `str()` says which and why."""

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing
        """Whether it may answer soon."""


async def _ask(engines: Path, asked: Iterable[str], request: Request) -> bool:
    """Send a request to one engine after another. Return whether one did it. Raises its error, or _NoAnswer."""
    silent: _NoAnswer | None = None
    for engine in asked:
        try:
            answer = await _converse(engines / engine, request)
        except _NoAnswer as error:
            silent = error
        except OSError as error:
            if is_alive(engines, engine):
                silent = _NoAnswer(f"the engine {engine} can't be reached ({error.strerror or error})", passing=True)
        else:
            if answer.code:
                raise ERRORS.get(answer.code, WorkflowError)(answer.message, answer.hint)
            if answer.seen:
                return True
            silent = _NoAnswer(f"the engine {engine} is in a process namespace that can't see this process")
    if silent is not None:
        raise silent
    return False


async def _converse(folder: Path, request: Request) -> Answer:
    """Return the answer of one engine. Raises OSError if it can't be reached, and _NoAnswer if it is silent."""
    connection = _connect(folder)
    pid = CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))[0]
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=LONGEST_LINE)
    try:
        if _is_stopped(pid):
            raise _NoAnswer(f"the engine, process {pid}, is suspended")
        writer.write(msgspec.json.encode(request) + b"\n")
        async with asyncio.timeout(PATIENCE):
            taken = await reader.readline()
        answer = await reader.readline() if taken else b""
    except TimeoutError as error:
        raise _NoAnswer(f"the engine, process {pid}, does not answer") from error
    finally:
        writer.close()
    if not answer.endswith(b"\n"):
        raise ConnectionResetError("the connection was closed")
    return msgspec.json.decode(answer, type=Answer)


def _connect(folder: Path) -> socket.socket:
    with _opened(folder, os.O_DIRECTORY) as parent, _opened(SOCKET, parent=parent) as opened:
        if not stat.S_ISSOCK(os.fstat(opened).st_mode):
            raise _NoAnswer(f"{folder / SOCKET} is not a socket")
        connection = socket.socket(socket.AF_UNIX)
        connection.setblocking(False)
        try:
            connection.connect(f"/proc/self/fd/{opened}")
        except OSError:
            connection.close()
            raise
    return connection


def _is_stopped(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state in STOPPED


@contextlib.contextmanager
def _opened(path: Path | str, flags: int = 0, parent: int | None = None) -> Iterator[int]:
    """Open a file or folder that is not a link, for use by its descriptor."""
    descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
