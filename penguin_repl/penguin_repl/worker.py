"""The worker: an engine without a terminal."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import WorkflowStatus
from penguin_commands.errors import ExitCode
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowInfo
    from penguin_commands.session import Session
    from penguin_repl.output.screen import Screen


def run_worker(session: Session, screen: Screen, *, grace: float | None, until_settled: bool) -> ExitCode:
    """Run every workflow of the workspace until SIGTERM or Ctrl-C, or until all are settled.

    On a stop signal, it leaves its steps running for the next engine; with `grace` it waits that many seconds and then
    stops them. Raises WorkflowError if there is no workspace, or if its store can't be opened.
    """
    asyncio.run(Worker(session, screen, grace, until_settled).run())
    return ExitCode.OK


class Worker:
    """One run of a worker. It prints to standard error."""

    def __init__(self, session: Session, screen: Screen, grace: float | None, until_settled: bool) -> None:
        self._session = session
        self._screen = screen
        self._grace = grace
        self._until_settled = until_settled
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Run until stopped."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stopped.set)
        try:
            await self._session.report_other_backend()
            await self._session.backend.run_engine()
            self._screen.narrate(
                f"worker: running in {clean(str(self._session.workspace.root))}; {self._active_count()}"
            )
            await self._run_until_stopped()
            if self._stopped.is_set():
                await self._stop()
        finally:
            await self._session.aclose()

    def _active_count(self) -> str:
        active = len(self._active_workflows())
        return f"{active} active workflow{'' if active == 1 else 's'}"

    def _active_workflows(self) -> list[WorkflowInfo]:
        return self._session.reader.list(statuses=WorkflowStatus.active(), limit=1_000_000)

    async def _run_until_stopped(self) -> None:
        stopped = asyncio.ensure_future(self._stopped.wait())
        waits: set[asyncio.Future[Any]] = {stopped, asyncio.ensure_future(self._session.backend.failure())}
        if self._until_settled:
            waits.add(asyncio.ensure_future(self._wait_settled()))
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        # When the workspace disappears, both waits fail. Report one error, and leave none unread.
        for error in [wait.exception() for wait in done]:
            if error is not None:
                raise error

    async def _wait_settled(self) -> None:
        """Wait until all workflows are settled and no step runs, including those started meanwhile."""
        seen: set[str] = set()
        while (ids := {info.workflow_id for info in self._active_workflows()}) - seen:
            await self._session.backend.wait_workflows(sorted(ids), at_rest=True)
            seen = ids
        self._screen.narrate("worker: all workflows are settled")

    async def _stop(self) -> None:
        running = [info for info in self._session.backend.owned() if self._has_running_step(info)]
        if not running:
            self._screen.narrate("worker: stopped; no step was running")
        elif self._grace is None:
            self._screen.narrate(f"worker: stopped; the next engine continues: {_workflow_names(running)}")
        else:
            self._screen.narrate(f"worker: stopping; waiting {self._grace:g} s for {_workflow_names(running)}")
            await self._session.backend.drain(self._grace)
            self._screen.narrate("worker: stopped; unfinished steps will run again")

    def _has_running_step(self, info: WorkflowInfo) -> bool:
        """Return whether a step still runs. It may belong to a workflow that is PAUSED or being cancelled."""
        return info.status is not WorkflowStatus.PENDING and not self._session.reader.is_settled(info.workflow_id)


def _workflow_names(infos: list[WorkflowInfo]) -> str:
    return ", ".join(f"{info.workflow_id} at {info.phase}" for info in infos)
