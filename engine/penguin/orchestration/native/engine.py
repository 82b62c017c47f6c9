"""The engine: keeps under way what the states of its workflows ask for.

What runs is derived from the state, so a restart needs no memory.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from penguin.orchestration.backend import ACTIVE, WorkflowStatus
from penguin.orchestration.core.attempt_input import attempt_input
from penguin.orchestration.core.commands import Await, Dispatch, Report, Run
from penguin.orchestration.core.decider import effects
from penguin.orchestration.core.signals import Approve
from penguin.orchestration.core.state import State
from penguin.orchestration.core.views import workflow_info
from penguin.orchestration.execution.runner_api import PhaseRunner, Stop, StopControl
from penguin.orchestration.files.engine_lock import EngineLock, live_engines
from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.native.change_notifier import ChangeNotifier
from penguin.orchestration.native.entry import WorkflowEntry
from penguin.orchestration.native.repository import WorkflowRepository
from penguin.orchestration.native.scheduler import Scheduler, TaskKey
from penguin.orchestration.runtime.engine_socket import EngineSocket
from penguin.orchestration.runtime.hosted_backend import STOP_PATIENCE
from penguin.orchestration.runtime.listeners import Listeners
from penguin.orchestration.runtime.run_attempt import attempt_order, run_attempt
from penguin.orchestration.store.dependencies import unmet_dependencies
from penguin.orchestration.store.garbage import remove_dead_engines
from penguin.orchestration.store.writer import NoSlot

log = logging.getLogger(__name__)

LIVENESS = 1.0
"""Seconds between two looks for workflows and slots whose engine died."""
_ACTIVE_RUNS = f"SELECT workflow_id, seq, owner, status, slot FROM run WHERE status IN ({', '.join('?' * len(ACTIVE))})"


class Engine:
    """Runs the workflows that it owns. Lives on one event loop; every method is called there."""

    def __init__(
        self,
        workspace: Workspace,
        max_parallel: int,
        make_runner: Callable[[EngineLock], PhaseRunner],
        on_trouble: Callable[[str], None],
        now: Callable[[], float],
        listeners: Listeners,
    ) -> None:
        self.workspace = workspace
        self.identity = EngineLock(workspace.engines)
        self.listeners = listeners
        self.changes = ChangeNotifier(asyncio.get_running_loop())
        self._max_parallel = max_parallel
        self._runner = make_runner(self.identity)
        self._on_trouble = on_trouble
        self._loop = asyncio.get_running_loop()
        self._beginning = 0
        self._taking_tree: set[str] = set()
        """Workflows that are about to take the working tree: it is not on disk yet."""
        self._closing = False
        self._draining = False
        self._claims_all = False
        self._liveness: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket: EngineSocket | None = None
        self._scheduler = Scheduler(
            self._has_unmet_dependency, self._free_slots, self._is_tree_free, self._begin_attempt, now
        )
        self.ledger = WorkflowRepository(
            workspace, self.identity, max_parallel, now, self._changed, self._on_external_write, on_trouble
        )

    def serve(self, approve: Callable[[str, Approve], Awaitable[object]]) -> None:
        """Answer other processes from now on; `approve` records an approval for one of them."""
        self._socket = EngineSocket(self.workspace.root, self.identity.folder, approve)

    # --- what follows from a change ---

    def _changed(self, live: WorkflowEntry, before: State | None) -> None:
        """A new state is on disk: tell, and do what follows from it."""
        state = live.state
        if before is None or before.status is not state.status or before.phase is not state.phase:
            task = state.definition.task
            self._scheduler.task_changed((task.project_id, task.id))
            self._notify(state)
        self._apply_effects(live)
        if before is None or before.status is not state.status or before.is_running is not state.is_running:
            self.changes.notify(state.workflow_id)

    def _notify(self, state: State) -> None:
        if self.listeners:
            self.listeners.notify(workflow_info(state))

    # --- what should be under way ---

    def _apply_effects(self, live: WorkflowEntry) -> None:
        """Bring what this engine does for a workflow in line with its state."""
        state = live.state
        if self._closing or self._draining:
            return
        if state.owner != self.identity.id:
            self._fence(live)
        else:
            self._follow_effect(live, effects(state))
        if state.is_final and live.driver is None:
            self.ledger.forget(live)

    def _follow_effect(self, live: WorkflowEntry, wanted: tuple[Run | Await, ...]) -> None:
        effect = wanted[0] if wanted else None
        if isinstance(effect, Await):
            if live.driver is None:
                self._scheduler.add(live.state, effect)
            return
        self._scheduler.discard(live.state.workflow_id)
        if isinstance(effect, Run):
            if live.driver is None:
                live.driver = self._spawn(self._run_attempts(live))
            elif live.control is not None and live.control.stop != (effect.stop or None):
                live.control.request_stop(Stop(effect.stop) if effect.stop else None)
        else:
            self._scheduler.wake()

    def _fence(self, live: WorkflowEntry) -> None:
        """Another engine owns it: stop what runs here; its result will not be taken."""
        self._scheduler.discard(live.state.workflow_id)
        if live.driver is not None and live.control is not None:
            live.control.request_stop(Stop.NOW)

    def _has_unmet_dependency(self, state: State) -> list[TaskKey]:
        task = state.definition.task
        unmet = unmet_dependencies(self.ledger.connection, task.project_id, task.dependencies)
        return [(task.project_id, dependency.task_id) for dependency in unmet]

    def _free_slots(self) -> int:
        return self._max_parallel - self.ledger.slots_taken - self._beginning

    def _is_tree_free(self) -> bool:
        return not self._taking_tree and not self.ledger.tree_holders()

    def _begin_attempt(self, workflow_id: str) -> None:
        live = self.ledger.get(workflow_id)
        if live is not None and live.driver is None:
            self._beginning += 1
            if live.state.needs_tree:
                self._taking_tree.add(workflow_id)
            live.driver = self._spawn(self._begin_and_run(live))

    async def _begin_and_run(self, live: WorkflowEntry) -> None:
        if await self._dispatched(live):
            await self._run_attempts(live)
        else:
            # Another engine took the slot or the working tree. Its changes are noticed; the end of its launcher is not.
            live.driver = None
            self._scheduler.put_back(live.state)
            self._loop.call_later(LIVENESS, self._scheduler.wake)

    async def _dispatched(self, live: WorkflowEntry) -> bool:
        reach("intent.before")
        try:
            await self.ledger.apply(live.state.workflow_id, Dispatch(), by_owner=True)
            reach("intent.after")
        except NoSlot:
            return False
        except BaseException:
            # Cancelled or broken, it is raised on; a workflow that kept its driver would never be begun again.
            live.driver = None
            raise
        finally:
            self._beginning -= 1
            self._taking_tree.discard(live.state.workflow_id)
        return True

    async def _run_attempts(self, live: WorkflowEntry) -> None:
        """Run one attempt after the other for as long as the state asks for one."""
        try:
            while (run := self._wanted(live)) is not None:
                control = live.control = StopControl()
                if run.stop:
                    control.request_stop(Stop(run.stop))
                state = live.state
                given = attempt_input(state)
                order = attempt_order(
                    self.workspace, state.workflow_id, state.definition, run.phase, run.attempt, given
                )
                reach("attempt.before")
                result = await run_attempt(self._runner, order, control, self._on_trouble)
                reach("report.before")
                await self.ledger.apply(live.state.workflow_id, Report(run.attempt, result), by_owner=True)
                reach("report.after")
        finally:
            live.driver = live.control = None
            self._apply_effects(live)
            self._scheduler.wake()

    def _wanted(self, live: WorkflowEntry) -> Run | None:
        if self._closing or self._draining or live.state.owner != self.identity.id:
            return None
        effect = next(iter(effects(live.state)), None)
        return effect if isinstance(effect, Run) else None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a background task broke", exc_info=error)

    # --- other processes ---

    def claim_all(self) -> None:
        """From now on take over every workflow of the workspace that no living engine owns."""
        self._claims_all = True
        self.identity.claims_all()
        self._on_external_write()
        self._look_for_orphans()
        owners = {owner for _, _, owner, *_ in self._active_rows()}
        self._loop.run_in_executor(None, remove_dead_engines, self.workspace, owners)

    def _look_for_orphans(self) -> None:
        if not self._closing:
            self._claim_orphans(self._active_rows())
            self._liveness = self._loop.call_later(LIVENESS, self._look_for_orphans)

    def _active_rows(self) -> list[tuple[str, int, str, str, int]]:
        return self.ledger.connection.execute(_ACTIVE_RUNS, tuple(ACTIVE)).fetchall()

    def _on_external_write(self) -> None:
        """Another process wrote: read again what we know, see what we wait for, take what nobody owns."""
        if self._closing:
            return
        runs = self._active_rows()
        numbers = {workflow_id: seq for workflow_id, seq, *_ in runs}
        for live in self.ledger.all():
            # A decision on its way to the disk will meet the change by itself.
            if live.seq != numbers.get(live.state.workflow_id) and not live.lock.locked():
                self.ledger.reload(live)
        if self._claims_all:
            self._claim_orphans(runs)
        self._scheduler.recheck()
        self.changes.notify_all()

    def _claim_orphans(self, runs: list[tuple[str, int, str, str, int]]) -> None:
        alive = live_engines(self.workspace.engines)
        for workflow_id, _, owner, status, slot in runs:
            wants_work = slot or WorkflowStatus(status).moving
            if wants_work and owner not in alive:
                self._spawn(self._claim_quietly(workflow_id))

    async def _claim_quietly(self, workflow_id: str) -> None:
        await self.ledger.claim(workflow_id)

    # --- the end ---

    async def drain(self, grace: float) -> None:
        """Begin nothing more, give what runs `grace` seconds to end, then end it, nothing spent."""
        self._draining = True
        self._scheduler.close()
        driving = [live for live in self.ledger.all() if live.driver is not None]
        drivers = [live.driver for live in driving if live.driver is not None]
        if not drivers:
            return
        _, late = await asyncio.wait(drivers, timeout=grace)
        for live in driving:
            if live.control is not None:
                live.control.interrupt()
        if late:
            await asyncio.wait(late)

    async def aclose(self) -> None:
        """Leave running steps to be taken over, make everything decided durable, and be dead for other engines."""
        await self._finish_stops()
        reach("close.before")
        if self._socket is not None:
            await self._socket.aclose()
        self._closing = True
        if self._liveness is not None:
            self._liveness.cancel()
        self._scheduler.close()
        abandoned = tuple(self._tasks)
        for task in abandoned:
            task.cancel()
        await asyncio.gather(*abandoned, return_exceptions=True)
        await self._runner.aclose()
        self.ledger.close()
        reach("close.after")
        self.identity.release()
        if not abandoned:
            shutil.rmtree(self.identity.folder, ignore_errors=True)

    async def _finish_stops(self) -> None:
        """See to the end of what a person asked to be ended: after us there may be nobody who does."""
        deadline = time.monotonic() + STOP_PATIENCE
        while ending := [
            live.state.workflow_id for live in self.ledger.all() if live.driver is not None and live.state.stops_at_once
        ]:
            change = self.changes.next_change(ending)
            _, late = await asyncio.wait([change], timeout=max(0.0, deadline - time.monotonic()))
            if late:
                change.cancel()
                return
