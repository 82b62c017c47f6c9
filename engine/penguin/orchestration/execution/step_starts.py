"""The starts of a step: its files in the run folder, and its next start."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from penguin.orchestration.execution import step_files as records
from penguin.orchestration.execution.attempt_plan import PlannedStep
from penguin.orchestration.execution.launcher import process_tree
from penguin.orchestration.execution.launcher_client import (
    AlreadyStarted,
    LauncherClient,
    LauncherError,
    StepHandle,
    StepRequest,
)
from penguin.orchestration.execution.launcher_socket import read_crash
from penguin.orchestration.execution.step_files import ExitRecord, StartMark
from penguin.orchestration.files.failpoints import reach

MOST_STARTS = 5
MOST_LAUNCHERS = 16
"""Launchers of one engine. With more attempts at the same time, some share a launcher: each one takes 8 MB of memory
and 40 ms to start."""


def _is_copied(mark: StartMark, step_id: str) -> bool:
    """Return whether a mark is part of a copied workspace. Its processes belong to the original, which still has it."""
    return mark.id != step_id and Path(mark.id + records.STARTED).exists()


def _is_before(ended: ExitRecord, server: StartMark) -> bool:
    """Return whether a step started before a server."""
    if ended.boot == server.boot and ended.ticks and server.ticks:
        # The wall clock may have been set between the two.
        return ended.ticks < server.ticks
    return ended.started < server.started


class LauncherPool:
    """The launchers of this engine, one for each attempt that runs, and those of dead engines whose steps still run.

    A step can kill its launcher. Then only the steps of the same attempt lose their results.
    """

    def __init__(
        self, directory: Path, grace: float, on_trouble: Callable[[str], None], lease: Path | None = None
    ) -> None:
        """`lease`: steps that start from now on need it to run."""
        self.lease = str(lease.resolve()) if lease else ""
        self._directory = directory
        self._lost: dict[str, StepHandle] = {}
        self._grace = grace
        self._on_trouble = on_trouble
        self._own: dict[LauncherClient, int] = {}
        """How many attempts use each launcher of this engine."""
        self._others: dict[Path, LauncherClient] = {}

    @contextlib.contextmanager
    def lend(self) -> Iterator[LauncherClient]:
        """Lend a launcher of this engine to one attempt. Others use it too only if there are MOST_LAUNCHERS."""
        launcher = self._least_used()
        self._own[launcher] += 1
        try:
            yield launcher
        finally:
            self._own[launcher] -= 1

    def _least_used(self) -> LauncherClient:
        # An attempt that was abandoned leaves its step in the launcher.
        free = [launcher for launcher, users in self._own.items() if not users and launcher.is_idle]
        if free:
            return free[0]
        if len(self._own) < MOST_LAUNCHERS:
            number = len(self._own) + 1
            directory = self._directory / str(number) if number > 1 else self._directory
            launcher = self._client(directory, own=True)
            self._own[launcher] = 0
            return launcher
        return min(self._own, key=self._own.__getitem__)

    def at(self, directory: Path) -> LauncherClient:
        for launcher in self._own:
            if launcher.directory == directory:
                return launcher
        if directory not in self._others:
            self._others[directory] = self._client(directory, own=False)
        return self._others[directory]

    def _client(self, directory: Path, *, own: bool) -> LauncherClient:
        return LauncherClient(directory, self._lost, self._grace, self._on_trouble, own=own)

    def finish_orphan(self, step_id: str) -> StepHandle:
        """Handle a step whose launcher is dead, once."""
        if step_id not in self._lost:
            self._lost[step_id] = StepHandle(step_id, None)
            mark = records.read_mark(step_id)
            self._lost[step_id].orphaned(read_crash(Path(mark.launcher)) if mark and mark.launcher else "")
        return self._lost[step_id]

    async def aclose(self) -> None:
        """Disconnect from all launchers; running steps continue."""
        for launcher in (*self._own, *self._others.values()):
            await launcher.aclose()
        for running in self._lost.values():
            running.abandon()
        self._lost.clear()


class StepStarts:
    """The starts of the steps of one run folder: find, adopt, start."""

    def __init__(self, run_dir: str, launchers: LauncherPool, launcher: LauncherClient) -> None:
        """`launcher`: starts the steps. The pool finds the launchers of steps that were started before."""
        self._run_dir = run_dir
        self._launchers = launchers
        self._launcher = launcher

    def stem(self, step: PlannedStep) -> str:
        """Return the path of a step's files, without number and suffix.

        Names are redacted, so an engine that knows other secrets may have started the step under another name.
        """
        stem = f"{self._run_dir}/{step.number:02}-{records.slug(step.name)}"
        if records.last_start_number(stem):
            return stem
        other = records.stem_with_number(self._run_dir, step.number)
        return other or stem

    async def find(self, stem: str, servers: Sequence[StartMark] = ()) -> ExitRecord | StepHandle | None:
        """Return the result of the step with this stem, or the running step; None: it has to be started.

        Its results count only if it started after these servers.
        """
        if not (number := records.last_start_number(stem)):
            return None
        step_id = f"{stem}.{number}"
        ended = records.read_exit(step_id)
        if ended is None:
            mark = records.read_mark(step_id)
            if mark and (mark.boot != process_tree.boot_id() or _is_copied(mark, step_id)):
                return None
            reach("adopt.before")
            running = await self._launchers.at(Path(mark.launcher)).find(step_id) if mark and mark.launcher else None
            if running:
                reach("adopt.after")
                return running
            ended = records.read_exit(step_id)
        if ended is None:
            return self._launchers.finish_orphan(step_id)
        return ended if ended.is_result and not any(_is_before(ended, server) for server in servers) else None

    async def start(
        self, stem: str, servers: Sequence[StartMark], order: Callable[[str], Awaitable[StepRequest]]
    ) -> ExitRecord | StepHandle:
        """Start the step once more.

        If another engine started it in the meantime, return that. `order` makes the order from the id.
        """
        for _ in range(MOST_STARTS):
            with contextlib.suppress(AlreadyStarted):
                planned = await order(f"{stem}.{records.last_start_number(stem) + 1}")
                return await self._launcher.start(replace(planned, lease=self._launchers.lease))
            # It was started by another engine, or by this one without an answer; its files tell.
            if (found := await self.find(stem, servers)) is not None:
                return found
        why = f" ({error})" if (error := read_crash(self._launcher.directory)) else ""
        raise LauncherError(f"{Path(stem).name} could not be started: its launcher keeps ending{why}")
