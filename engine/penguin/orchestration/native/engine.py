"""The embedded engine: runs what the states of its workflows require.

What runs is derived from the state alone, so a restart needs no memory of it.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from penguin.orchestration.backend import WorkflowStatus
from penguin.orchestration.core.commands import Await, Dispatch, Effect, Land, Run
from penguin.orchestration.core.decider import effects
from penguin.orchestration.core.results import LeftChanges
from penguin.orchestration.core.signals import Approve
from penguin.orchestration.core.state import State
from penguin.orchestration.core.workflow_info import workflow_info
from penguin.orchestration.execution.runner_api import Lander, PhaseRunner, Stop, StopControl
from penguin.orchestration.files.engine_lock import EngineLock, live_engines
from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.native.change_notifier import ChangeNotifier
from penguin.orchestration.native.scheduler import Scheduler, TaskKey
from penguin.orchestration.native.workflow_entry import WorkflowEntry
from penguin.orchestration.native.workflow_repository import WorkflowRepository
from penguin.orchestration.runtime.changes_of_others import left_changes, others_with_changes
from penguin.orchestration.runtime.engine_socket import EngineSocket
from penguin.orchestration.runtime.hosted_backend import STOP_PATIENCE
from penguin.orchestration.runtime.listeners import Listeners
from penguin.orchestration.runtime.run_attempt import Runners, run_effect
from penguin.orchestration.store.dependencies import awaited_workflows, unmet_dependencies
from penguin.orchestration.store.maintenance.crash_leftovers import remove_dead_engines
from penguin.orchestration.store.writer import NoSlot
from penguin.orchestration.workflow_status import ACTIVE

log = logging.getLogger(__name__)

_STARTED = (Run, Land)
"""The effects that a driver runs."""
LIVENESS = 1.0
"""Seconds between two checks for workflows and slots whose engine died."""
_ActiveRow = tuple[str, int, str, str, int]
"""Workflow, number of its newest event, owner, status, and whether it takes a slot."""
_ACTIVE_RUNS = f"SELECT workflow_id, seq, owner, status, slot FROM run WHERE status IN ({', '.join('?' * len(ACTIVE))})"


class Engine:
    """Runs the workflows that it owns. Used on one event loop."""

    def __init__(
        self,
        workspace: Workspace,
        max_parallel: int,
        make_runner: Callable[[EngineLock], PhaseRunner],
        lander: Lander,
        on_trouble: Callable[[str], None],
        now: Callable[[], float],
        listeners: Listeners,
    ) -> None:
        self.workspace = workspace
        self.identity = EngineLock(workspace.engines)
        self.listeners = listeners
        self.changes = ChangeNotifier(asyncio.get_running_loop())
        self._max_parallel = max_parallel
        self._runners = Runners(workspace, make_runner(self.identity), lander, on_trouble)
        self._on_trouble = on_trouble
        self._loop = asyncio.get_running_loop()
        self._beginning = 0
        self._taking_tree: set[str] = set()
        """Workflows that are about to take the working tree: it is not on disk yet."""
        self._taking_branches: set[str] = set()
        """Target branches that workflows are about to take."""
        self._closing = False
        self._draining = False
        self._claims_all = False
        self._liveness: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket: EngineSocket | None = None
        self._loop_end = self._loop.create_task(self._stop_with_loop())
        self._scheduler = Scheduler(
            self._has_unmet_dependency,
            self._free_slots,
            self._is_tree_free,
            self._is_branch_free,
            self._begin_attempt,
            now,
        )
        self.repository = WorkflowRepository(
            workspace,
            self.identity,
            max_parallel,
            now,
            self._changed,
            self._on_external_write,
            on_trouble,
            self.changes.fail,
        )

    def serve(self, approve: Callable[[str, Approve], Awaitable[object]]) -> None:
        """Answer requests of other processes from now on. `approve` records an approval for one of them."""
        self._socket = EngineSocket(self.workspace.root, self.identity.folder, approve)
        self._look_for_orphans()

    # --- effects of a change ---

    def _changed(self, entry: WorkflowEntry, before: State | None) -> None:
        """Notify listeners of a new state that is on disk, and apply its effects."""
        state = entry.state
        if before is None or before.status is not state.status or before.phase is not state.phase:
            task = state.definition.task
            self._scheduler.task_changed((task.project_id, task.id))
            self._notify(state)
        self._apply_effects(entry)
        if before is not None and before.landing is not None and _released_branch(before, state):
            self._scheduler.wake()
        if before is None or before.status is not state.status or before.is_running is not state.is_running:
            self.changes.notify(state.workflow_id)

    def _notify(self, state: State) -> None:
        if self.listeners:
            self.listeners.notify(workflow_info(state))

    # --- running attempts ---

    def _apply_effects(self, entry: WorkflowEntry) -> None:
        """Start or stop attempts of a workflow, as its state requires."""
        state = entry.state
        if self._closing or self._draining:
            return
        if state.owner != self.identity.id:
            self._fence(entry)
        else:
            self._follow_effect(entry, effects(state))
        if state.is_final and entry.driver is None:
            self.repository.forget(entry)

    def _follow_effect(self, entry: WorkflowEntry, wanted: tuple[Effect, ...]) -> None:
        effect = wanted[0] if wanted else None
        if isinstance(effect, Await):
            if entry.driver is None:
                self._scheduler.add(entry.state, effect)
            return
        self._scheduler.discard(entry.state.workflow_id)
        if isinstance(effect, _STARTED):
            if entry.driver is None:
                entry.driver = self._spawn(self._run_attempts(entry))
            elif entry.control is not None and entry.control.stop != (effect.stop or None):
                entry.control.request_stop(Stop(effect.stop) if effect.stop else None)
        else:
            self._scheduler.wake()

    def _fence(self, entry: WorkflowEntry) -> None:
        """Stop what runs here for a workflow that another engine owns. Its result is discarded."""
        self._scheduler.discard(entry.state.workflow_id)
        if entry.driver is not None and entry.control is not None:
            entry.control.request_stop(Stop.NOW)

    def _has_unmet_dependency(self, state: State) -> list[TaskKey]:
        task = state.definition.task
        unmet = unmet_dependencies(self.repository.connection, task.project_id, task.dependencies)
        return [(task.project_id, dependency.task_id) for dependency in unmet]

    def _free_slots(self) -> int:
        return self._max_parallel - self.repository.slots_taken - self._beginning

    def _is_tree_free(self) -> bool:
        return not self._taking_tree and not self.repository.tree_holders()

    def _is_branch_free(self, branch: str) -> bool:
        return branch not in self._taking_branches and not self.repository.branch_holder(branch)

    def _begin_attempt(self, workflow_id: str) -> None:
        entry = self.repository.get(workflow_id)
        if entry is not None and entry.driver is None:
            self._beginning += 1
            if entry.state.needs_tree:
                self._taking_tree.add(workflow_id)
            if entry.state.can_land:
                self._taking_branches.add(entry.state.target_branch)
            entry.driver = self._spawn(self._begin_and_run(entry))

    async def _begin_and_run(self, entry: WorkflowEntry) -> None:
        if await self._dispatched(entry):
            await self._run_attempts(entry)
        else:
            # Another engine took the slot, the working tree or the branch. Its changes are noticed; the end of its
            # launcher is not.
            entry.driver = None
            self._scheduler.put_back(entry.state)
            self._loop.call_later(LIVENESS, self._scheduler.wake)

    async def _dispatched(self, entry: WorkflowEntry) -> bool:
        reach("intent.before")
        try:
            found = await self._left_changes(entry.state)
            dispatch = Dispatch(found, waited_until=entry.state.due_at)
            await self.repository.apply(entry.state.workflow_id, dispatch, by_owner=True)
            reach("intent.after")
        except NoSlot:
            return False
        except BaseException:
            # Clear the driver after any error: with one left over, the workflow would never run again.
            entry.driver = None
            raise
        finally:
            self._beginning -= 1
            self._taking_tree.discard(entry.state.workflow_id)
            self._taking_branches.discard(entry.state.target_branch)
        return True

    async def _left_changes(self, state: State) -> tuple[LeftChanges, ...]:
        """Return the changes of other workflows in the working tree that this one takes."""
        others = others_with_changes(self.repository.connection, state) if state.needs_tree else []
        return await asyncio.to_thread(left_changes, self.workspace, state, others) if others else ()

    async def _run_attempts(self, entry: WorkflowEntry) -> None:
        """Run attempts and landings one after the other as long as the state requires one."""
        try:
            while (run := self._wanted(entry)) is not None:
                control = entry.control = StopControl()
                if run.stop:
                    control.request_stop(Stop(run.stop))
                reach("attempt.before")
                report = await run_effect(self._runners, entry.state, run, control)
                reach("report.before")
                await self.repository.apply(entry.state.workflow_id, report, by_owner=True)
                reach("report.after")
        except asyncio.CancelledError:
            self._begin_nothing_more()
            raise
        finally:
            entry.driver = entry.control = None
            self._apply_effects(entry)
            self._scheduler.wake()

    def _wanted(self, entry: WorkflowEntry) -> Run | Land | None:
        if self._closing or self._draining or entry.state.owner != self.identity.id:
            return None
        effect = next(iter(effects(entry.state)), None)
        return effect if isinstance(effect, _STARTED) else None

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
        """Take over every workflow of the workspace that no living engine owns, now and later."""
        self._claims_all = True
        self.identity.claims_all()
        self._on_external_write()
        owners = {owner for _, _, owner, *_ in self._active_rows()}
        self._loop.run_in_executor(None, remove_dead_engines, self.workspace, owners)

    def _look_for_orphans(self) -> None:
        if self._closing:
            return
        rows = self._active_rows()
        self._claim_orphans(rows)
        self._cancel_liveness_check()
        self._check_liveness_later(rows)

    def _check_liveness_later(self, rows: list[_ActiveRow]) -> None:
        """Schedule the next check, unless all active workflows are this engine's: those have no dead owner.

        A workflow of another engine appears with an external write, after which this is called again.
        """
        if self._liveness is None and any(owner != self.identity.id for _, _, owner, *_ in rows):
            self._liveness = self._loop.call_later(LIVENESS, self._look_for_orphans)

    def _cancel_liveness_check(self) -> None:
        if self._liveness is not None:
            self._liveness.cancel()
            self._liveness = None

    def _active_rows(self) -> list[_ActiveRow]:
        return self.repository.connection.execute(_ACTIVE_RUNS, tuple(ACTIVE)).fetchall()

    def _on_external_write(self) -> None:
        """Handle a write of another process: reload entries, recheck what waits, and claim workflows without an
        owner."""
        if self._closing:
            return
        runs = self._active_rows()
        numbers = {workflow_id: seq for workflow_id, seq, *_ in runs}
        for entry in self.repository.all():
            # A decision that is being written finds the change by itself.
            if entry.seq != numbers.get(entry.state.workflow_id) and not entry.lock.locked():
                self.repository.reload(entry)
        if self._claims_all:
            self._claim_orphans(runs)
        self._check_liveness_later(runs)
        self._scheduler.recheck()
        self.changes.notify_all()

    def _claim_orphans(self, runs: list[_ActiveRow]) -> None:
        """Claim workflows whose engine is dead: all, or those for which workflows of this engine wait."""
        alive = live_engines(self.workspace.engines)
        orphans = [
            workflow_id
            for workflow_id, _, owner, status, slot in runs
            if owner not in alive and (slot or WorkflowStatus(status).moving)
        ]
        if orphans and not self._claims_all:
            owned = [state.workflow_id for state in self.repository.owned()]
            awaited = awaited_workflows(self.repository.connection, owned)
            orphans = [workflow_id for workflow_id in orphans if workflow_id in awaited]
        for workflow_id in orphans:
            self._spawn(self._claim_quietly(workflow_id))

    async def _claim_quietly(self, workflow_id: str) -> None:
        await self.repository.claim(workflow_id)

    # --- closing ---

    async def drain(self, grace: float) -> None:
        """Start no more attempts, and give those that run `grace` seconds to end. Then end them; they run again
        later."""
        self._draining = True
        self._scheduler.close()
        driving = [entry for entry in self.repository.all() if entry.driver is not None]
        drivers = [entry.driver for entry in driving if entry.driver is not None]
        if not drivers:
            return
        _, late = await asyncio.wait(drivers, timeout=grace)
        for entry in driving:
            if entry.control is not None:
                entry.control.interrupt()
        if late:
            await asyncio.wait(late)

    async def aclose(self) -> None:
        """Leave running steps to the next engine, make all decisions durable, and count as dead for other engines."""
        await self._finish_stops()
        reach("close.before")
        if self._socket is not None:
            await self._socket.aclose()
        self._begin_nothing_more()
        self._loop_end.cancel()
        abandoned = tuple(self._tasks)
        for task in abandoned:
            task.cancel()
        await asyncio.gather(*abandoned, return_exceptions=True)
        await self._runners.attempts.aclose()
        self.repository.close()
        reach("close.after")
        self.identity.release()
        if not abandoned:
            shutil.rmtree(self.identity.folder, ignore_errors=True)

    async def _stop_with_loop(self) -> None:
        """Wait until the loop ends without `aclose`, as a program may end; its end cancels all tasks."""
        try:
            await self._loop.create_future()
        finally:
            self._begin_nothing_more()

    def _begin_nothing_more(self) -> None:
        self._closing = True
        self._cancel_liveness_check()
        self._scheduler.close()

    async def _finish_stops(self) -> None:
        """Finish the stops that a person asked for: no other engine may be there to do it."""
        deadline = time.monotonic() + STOP_PATIENCE
        while ending := [
            entry.state.workflow_id
            for entry in self.repository.all()
            if entry.driver is not None and entry.state.stops_at_once
        ]:
            change = self.changes.next_change(ending)
            _, late = await asyncio.wait([change], timeout=max(0.0, deadline - time.monotonic()))
            if late:
                change.cancel()
            if late or change.exception() is not None:
                return


def _released_branch(before: State, state: State) -> bool:
    return before.landing_stage.holds_branch and not state.landing_stage.holds_branch
