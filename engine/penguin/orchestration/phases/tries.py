"""The tries of a step: what a run folder tells of it, and its next start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from penguin.orchestration.phases import records
from penguin.orchestration.phases.client import AlreadyStarted, Launcher, LauncherError, Running, StepOrder
from penguin.orchestration.phases.launcher import tree
from penguin.orchestration.phases.plan import PlannedStep
from penguin.orchestration.phases.records import Exit

MOST_STARTS = 5


class Launchers:
    """This engine's launcher, and those that dead engines left with steps that still run."""

    def __init__(self, directory: Path, grace: float) -> None:
        self.own = Launcher(directory, grace)
        self._others: dict[Path, Launcher] = {}

    def at(self, directory: Path) -> Launcher:
        if directory == self.own.directory:
            return self.own
        return self._others.setdefault(directory, Launcher(directory, own=False))

    async def aclose(self) -> None:
        """Disconnect from all; what runs goes on."""
        for launcher in (self.own, *self._others.values()):
            await launcher.aclose()


class Tries:
    """Finds, adopts and starts the steps of one run folder."""

    def __init__(self, run_dir: Path, launchers: Launchers) -> None:
        self._run_dir = run_dir
        self._launchers = launchers

    def _stem(self, step: PlannedStep) -> Path:
        return self._run_dir / f"{step.number:02}-{records.slug(step.name)}"

    async def find(self, step: PlannedStep, not_before: float) -> Exit | Running | None:
        """The step's result, or the step as it runs; None: it is to be started.

        Results of what was started before `not_before` (seconds since the epoch) don't count.
        """
        stem = self._stem(step)
        if not (number := records.newest_try(stem)):
            return None
        step_id = f"{stem}.{number}"
        ended = records.read_exit(step_id)
        if ended is None:
            mark = records.read_mark(step_id)
            if mark and mark.boot != tree.boot_id():
                return None
            running = await self._launchers.at(Path(mark.launcher)).find(step_id) if mark and mark.launcher else None
            if running:
                return running
            ended = records.read_exit(step_id)
        if ended is None:
            return _orphan(step_id)
        return ended if ended.counts and ended.started >= not_before else None

    async def start(self, step: PlannedStep, not_before: float, order: Callable[[str], StepOrder]) -> Exit | Running:
        """The step's result or the running step, started now if need be; `order` makes an order for a try's id."""
        for _ in range(MOST_STARTS):
            found = await self.find(step, not_before)
            if found is not None:
                return found
            stem = self._stem(step)
            try:
                return await self._launchers.own.start(order(f"{stem}.{records.newest_try(stem) + 1}"))
            except AlreadyStarted:
                continue  # By another engine, or by this one and never heard of: its files tell.
        raise LauncherError(f"{step.name} could not be started: its launcher ends again and again")


def _orphan(step_id: str) -> Running:
    running = Running(step_id, None)
    running.orphaned()
    return running
