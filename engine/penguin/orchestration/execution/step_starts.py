"""The starts of a step: its files in the run folder, and its next start."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
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
from penguin.orchestration.execution.step_files import ExitRecord
from penguin.orchestration.files.failpoints import reach

MOST_STARTS = 5


def _is_copied(mark: records.StartMark, step_id: str) -> bool:
    """Return whether a mark is part of a copied workspace. Its processes belong to the original, which still has it."""
    return mark.id != step_id and Path(mark.id + records.STARTED).exists()


class LauncherPool:
    """The launcher of this engine, and those of dead engines whose steps still run."""

    def __init__(
        self, directory: Path, grace: float, on_trouble: Callable[[str], None], lease: Path | None = None
    ) -> None:
        """`lease`: steps that start from now on need it to run."""
        self.lease = str(lease.resolve()) if lease else ""
        self._lost: dict[str, StepHandle] = {}
        self._grace = grace
        self._on_trouble = on_trouble
        self.own = LauncherClient(directory, self._lost, grace, on_trouble, own=True)
        self._others: dict[Path, LauncherClient] = {}

    def at(self, directory: Path) -> LauncherClient:
        if directory == self.own.directory:
            return self.own
        if directory not in self._others:
            self._others[directory] = LauncherClient(directory, self._lost, self._grace, self._on_trouble, own=False)
        return self._others[directory]

    def finish_orphan(self, step_id: str) -> StepHandle:
        """Handle a step whose launcher is dead, once."""
        if step_id not in self._lost:
            self._lost[step_id] = StepHandle(step_id, None)
            self._lost[step_id].orphaned()
        return self._lost[step_id]

    async def aclose(self) -> None:
        """Disconnect from all launchers; running steps continue."""
        for launcher in (self.own, *self._others.values()):
            await launcher.aclose()
        for running in self._lost.values():
            running.abandon()
        self._lost.clear()


class StepStarts:
    """The starts of the steps of one run folder: find, adopt, start."""

    def __init__(self, run_dir: str, launchers: LauncherPool) -> None:
        self._run_dir = run_dir
        self._launchers = launchers

    def stem(self, step: PlannedStep) -> str:
        """Return the path of a step's files, without number and suffix.

        Names are redacted, so an engine that knows other secrets may have started the step under another name.
        """
        stem = f"{self._run_dir}/{step.number:02}-{records.slug(step.name)}"
        if records.last_start_number(stem):
            return stem
        other = records.stem_with_number(self._run_dir, step.number)
        return other or stem

    async def find(self, stem: str, not_before: float) -> ExitRecord | StepHandle | None:
        """Return the result of the step with this stem, or the running step; None: it has to be started.

        Results of starts before `not_before` (seconds since the epoch) do not count.
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
        return ended if ended.is_result and ended.started >= not_before else None

    async def start(
        self, stem: str, not_before: float, order: Callable[[str], Awaitable[StepRequest]]
    ) -> ExitRecord | StepHandle:
        """Start the step once more.

        If another engine started it in the meantime, return that. `order` makes the order from the id.
        """
        for _ in range(MOST_STARTS):
            with contextlib.suppress(AlreadyStarted):
                planned = await order(f"{stem}.{records.last_start_number(stem) + 1}")
                return await self._launchers.own.start(replace(planned, lease=self._launchers.lease))
            # It was started by another engine, or by this one without an answer; its files tell.
            if (found := await self.find(stem, not_before)) is not None:
                return found
        raise LauncherError(f"{Path(stem).name} could not be started: its launcher keeps ending")
