"""The engine: applies commands to workflows durably, and keeps under way what their states ask for.

Every change of a workflow is decided by the pure machine on the newest durable state, written as one unit, and only
then believed. The number of the event is the guard: when another process was faster, the write is refused, the state
is read again, and the command is decided anew. What runs is derived from the state, so a restart needs no memory.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from penguin.orchestration.backend import ACTIVE, StoreError, WorkflowInfo
from penguin.orchestration.commands import Await, Claim, Command, Dispatch, Report, Run, Start
from penguin.orchestration.failpoints import reach
from penguin.orchestration.flow import State
from penguin.orchestration.hosting.driving import order_of, run_attempt
from penguin.orchestration.hosting.ownership import Identity, living, may_run_steps
from penguin.orchestration.info import info_of
from penguin.orchestration.ituv import Decision, decide, effects
from penguin.orchestration.native.changes import Changes
from penguin.orchestration.native.live import Live, load
from penguin.orchestration.native.scheduler import Scheduler, TaskKey
from penguin.orchestration.phases.attempt import Control, PhaseRunner, Stop
from penguin.orchestration.store.connection import open_reader
from penguin.orchestration.store.dependencies import dependency_state
from penguin.orchestration.store.leftovers import sweep_engines
from penguin.orchestration.store.writer import Conflict, NoSlot, Writer, write_of
from penguin.orchestration.workspace import Workspace

log = logging.getLogger(__name__)

Listener = Callable[[WorkflowInfo], None]

LIVENESS = 1.0
"""Seconds between two looks for workflows and slots whose engine died."""
STOP_PATIENCE = 25.0
"""Seconds that closing waits for the end of a step: SIGTERM 5 s, SIGKILL 15 s, and some."""
_ACTIVE_RUNS = f"SELECT workflow_id, seq, owner, status, slot FROM run WHERE status IN ({', '.join('?' * len(ACTIVE))})"


class Engine:
    """Runs the workflows that it owns. Lives on one event loop; every method is called there."""

    def __init__(
        self,
        workspace: Workspace,
        max_parallel: int,
        make_runner: Callable[[Identity], PhaseRunner],
        on_trouble: Callable[[str], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._now = now
        self.workspace = workspace
        self.identity = Identity(workspace.engines)
        self._taking_over = Claim(self.identity.id, socket.gethostname())
        self.listeners: list[Listener] = []
        self.changes = Changes(asyncio.get_running_loop())
        self._max_parallel = max_parallel
        self._runner = make_runner(self.identity)
        self._on_trouble = on_trouble
        self._loop = asyncio.get_running_loop()
        self._live: dict[str, Live] = {}
        self._busy = 0
        self._beginning = 0
        self._closing = False
        self._draining = False
        self._claims_all = False
        self._liveness: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._scheduler = Scheduler(self._unmet, self._free_slots, self._begin, now)
        self._writer = Writer(workspace.db, self._loop, max_parallel, self._occupies, self._foreign_change, on_trouble)
        connection = open_reader(workspace.db)
        if connection is None:
            raise StoreError(f"{workspace.db} was removed while it was opened")
        self.connection = connection

    # --- commands ---

    async def apply(self, workflow_id: str, *commands: Command, by_owner: bool = False) -> Decision:
        """Decide the commands together, make that durable, then do what follows.

        `by_owner`: the word of an attempt, which counts only as long as this engine owns the workflow.
        Raises WorkflowNotFound, IllegalCommand, and NoSlot for a Dispatch.
        """
        live = self.known(workflow_id)
        async with live.lock:
            while True:
                before = live.state
                if by_owner and before.owner != self.identity.id:
                    return Decision((), before, ())
                decision = _fold(before, commands, self._now())
                if not decision.events:
                    return decision
                try:
                    await self._writer.write([write_of(decision.events, decision.state, before, live.seq + 1)])
                except Conflict:
                    self._reload(live)
                    continue
                self._believe(live, decision.state, live.seq + 1)
                return decision

    async def create(self, starts: Sequence[Start], *, claim: bool) -> None:
        """Start workflows, all in one transaction. Raises Conflict or AlreadyActive."""
        decisions = [self._started(start, claim) for start in starts]
        reach("create.before")
        await self._writer.write([write_of(d.events, d.state, None, 1) for d in decisions])
        reach("create.after")
        for decision in decisions:
            self._adopt(decision.state)

    async def replace(self, workflow_id: str, command: Command, start: Start, *, claim: bool) -> None:
        """Apply a command to one workflow and start another, in one transaction. Raises Conflict or AlreadyActive."""
        live = self.known(workflow_id)
        new = self._started(start, claim)
        writes = [write_of(new.events, new.state, None, 1)]
        async with live.lock:
            gone = _fold(live.state, (command,), self._now())
            if gone.events:
                writes.append(write_of(gone.events, gone.state, live.state, live.seq + 1))
            reach("replace.before")
            try:
                await self._writer.write(writes)
            except Conflict:
                self._reload(live)
                raise
            reach("replace.after")
            if gone.events:
                self._believe(live, gone.state, live.seq + 1)
        self._adopt(new.state)

    def _started(self, start: Start, claim: bool) -> Decision:
        return _fold(None, (start, self._taking_over) if claim else (start,), self._now())

    def _adopt(self, state: State) -> None:
        live = self._live[state.workflow_id] = Live(state, 1)
        self._changed(live, None)

    async def claim(self, workflow_id: str) -> bool:
        """Own this workflow unless a living engine does. True: it is ours now."""
        live = self.known(workflow_id)
        async with live.lock:
            before = live.state
            if before.owner == self.identity.id:
                return True
            if before.final or before.owner in living(self.workspace.engines):
                return False
            decision = _fold(before, (self._taking_over,), self._now())
            reach("claim.before")
            try:
                await self._writer.write([write_of(decision.events, decision.state, before, live.seq + 1)])
            except Conflict:
                self._reload(live)
                return False
            reach("claim.after")
            self._believe(live, decision.state, live.seq + 1)
            return True

    # --- what is known ---

    def known(self, workflow_id: str) -> Live:
        """The workflow in memory, read from disk where it is not there yet. Raises WorkflowNotFound."""
        live = self._live.get(workflow_id)
        if live is None:
            state, seq = load(self.connection, workflow_id)
            live = Live(state, seq)
            if not state.final:
                self._live[workflow_id] = live
                self._busy += self._occupied(state)
        return live

    def believed(self, workflow_id: str) -> State | None:
        """The state of a workflow that is in memory."""
        live = self._live.get(workflow_id)
        return None if live is None else live.state

    def owned(self) -> list[State]:
        """The active workflows that this engine has charge of."""
        states = (live.state for live in self._live.values())
        return [state for state in states if state.owner == self.identity.id and not state.final]

    def _reload(self, live: Live) -> None:
        state, seq = load(self.connection, live.state.workflow_id)
        self._believe(live, state, seq)

    def _believe(self, live: Live, state: State, seq: int) -> None:
        before = live.state
        live.state, live.seq = state, seq
        self._changed(live, before)

    def _changed(self, live: Live, before: State | None) -> None:
        """A new state is on disk: count, tell, and do what follows from it."""
        state = live.state
        self._busy += self._occupied(state) - (before is not None and self._occupied(before))
        if before is None or before.status is not state.status or before.phase is not state.phase:
            task = state.definition.task
            self._scheduler.task_changed((task.project_id, task.id))
            self._tell(state)
        self._enact(live)
        if before is None or before.status is not state.status or before.running is not state.running:
            self.changes.tell(state.workflow_id)

    def _tell(self, state: State) -> None:
        if self.listeners:
            info = info_of(state)
            for listener in tuple(self.listeners):
                listener(info)

    # --- what should be under way ---

    def _enact(self, live: Live) -> None:
        """Bring what this engine does for a workflow in line with its state."""
        state = live.state
        if self._closing or self._draining:
            return
        if state.owner != self.identity.id:
            self._fence(live)
        else:
            self._follow(live, effects(state))
        if state.final and live.driver is None:
            self._live.pop(state.workflow_id, None)

    def _follow(self, live: Live, wanted: tuple[Run | Await, ...]) -> None:
        effect = wanted[0] if wanted else None
        if isinstance(effect, Await):
            if live.driver is None:
                self._scheduler.add(live.state, effect)
            return
        self._scheduler.discard(live.state.workflow_id)
        if isinstance(effect, Run):
            if live.driver is None:
                live.driver = self._spawn(self._drive(live))
            elif live.control is not None and live.control.stop != (effect.stop or None):
                live.control.ask(Stop(effect.stop) if effect.stop else None)
        else:
            self._scheduler.kick()

    def _fence(self, live: Live) -> None:
        """Another engine owns it: stop what runs here; its result will not be taken."""
        self._scheduler.discard(live.state.workflow_id)
        if live.driver is not None and live.control is not None:
            live.control.ask(Stop.NOW)

    def _unmet(self, state: State) -> list[TaskKey]:
        task = state.definition.task
        return [
            (task.project_id, name)
            for name in task.dependencies
            if not dependency_state(self.connection, task.project_id, name).met
        ]

    def _occupied(self, state: State) -> bool:
        """Whether it takes one of the slots that this engine hands out; the others' are counted by the store."""
        return state.running and state.owner == self.identity.id

    def _occupies(self, owner: str) -> bool:
        """Whether the attempts of an engine take slots. Called on the writer's thread."""
        return owner == self.identity.id or may_run_steps(self.workspace.engines, owner)

    def _free_slots(self) -> int:
        return self._max_parallel - self._busy - self._beginning

    def _begin(self, workflow_id: str) -> None:
        live = self._live.get(workflow_id)
        if live is not None and live.driver is None:
            self._beginning += 1
            live.driver = self._spawn(self._begin_and_drive(live))

    async def _begin_and_drive(self, live: Live) -> None:
        if await self._dispatched(live):
            await self._drive(live)
        else:
            # Another engine holds the slots. Word of its changes will come; of its launcher's end, none will.
            live.driver = None
            self._scheduler.put_back(live.state)
            self._loop.call_later(LIVENESS, self._scheduler.kick)

    async def _dispatched(self, live: Live) -> bool:
        reach("intent.before")
        try:
            await self.apply(live.state.workflow_id, Dispatch(), by_owner=True)
            reach("intent.after")
        except NoSlot:
            return False
        except BaseException:
            # Cancelled or broken, it is raised on; a workflow that kept its driver would never be begun again.
            live.driver = None
            raise
        finally:
            self._beginning -= 1
        return True

    async def _drive(self, live: Live) -> None:
        """Run one attempt after the other for as long as the state asks for one."""
        try:
            while (run := self._wanted(live)) is not None:
                control = live.control = Control()
                if run.stop:
                    control.ask(Stop(run.stop))
                order = order_of(self.workspace, live.state, run)
                reach("attempt.before")
                result = await run_attempt(self._runner, order, control, self._on_trouble)
                reach("report.before")
                await self.apply(live.state.workflow_id, Report(run.attempt, result), by_owner=True)
                reach("report.after")
        finally:
            live.driver = live.control = None
            self._enact(live)
            self._scheduler.kick()

    def _wanted(self, live: Live) -> Run | None:
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
        self._foreign_change()
        self._look_for_orphans()
        owners = {owner for _, _, owner, *_ in self._active_runs()}
        self._loop.run_in_executor(None, sweep_engines, self.workspace, owners)

    def _look_for_orphans(self) -> None:
        if not self._closing:
            self._claim_orphans(self._active_runs())
            self._liveness = self._loop.call_later(LIVENESS, self._look_for_orphans)

    def _active_runs(self) -> list[tuple[str, int, str, str, int]]:
        return self.connection.execute(_ACTIVE_RUNS, tuple(ACTIVE)).fetchall()

    def _foreign_change(self) -> None:
        """Another process wrote: read again what we know, see what we wait for, take what nobody owns."""
        if self._closing:
            return
        runs = self._active_runs()
        numbers = {workflow_id: seq for workflow_id, seq, *_ in runs}
        for workflow_id, live in tuple(self._live.items()):
            # A decision on its way to the disk will meet the change by itself.
            if live.seq != numbers.get(workflow_id) and not live.lock.locked():
                self._reload(live)
        if self._claims_all:
            self._claim_orphans(runs)
        self._scheduler.recheck()
        self.changes.tell_all()

    def _claim_orphans(self, runs: list[tuple[str, int, str, str, int]]) -> None:
        alive = living(self.workspace.engines)
        for workflow_id, _, owner, status, slot in runs:
            wants_work = slot or status in ("PENDING", "RUNNING")
            if wants_work and owner not in alive:
                self._spawn(self._claim_quietly(workflow_id))

    async def _claim_quietly(self, workflow_id: str) -> None:
        await self.claim(workflow_id)

    # --- the end ---

    async def drain(self, grace: float) -> None:
        """Begin nothing more, give what runs `grace` seconds to end, then end it, nothing spent."""
        self._draining = True
        self._scheduler.close()
        driving = [live for live in self._live.values() if live.driver is not None]
        drivers = [live.driver for live in driving if live.driver is not None]
        if not drivers:
            return
        _, late = await asyncio.wait(drivers, timeout=grace)
        for live in driving:
            if live.control is not None and live.control.stop is not Stop.CANCEL:
                live.control.ask(Stop.NOW)
        if late:
            await asyncio.wait(late)

    async def aclose(self) -> None:
        """Leave running steps to be taken over, make everything decided durable, and be dead for other engines."""
        await self._finish_stops()
        reach("close.before")
        self._closing = True
        if self._liveness is not None:
            self._liveness.cancel()
        self._scheduler.close()
        abandoned = tuple(self._tasks)
        for task in abandoned:
            task.cancel()
        await asyncio.gather(*abandoned, return_exceptions=True)
        await self._runner.aclose()
        self._writer.close()
        self.connection.close()
        reach("close.after")
        self.identity.release()
        if not abandoned:
            shutil.rmtree(self.identity.folder, ignore_errors=True)

    async def _finish_stops(self) -> None:
        """See to the end of what a person asked to be ended: after us there may be nobody who does."""
        deadline = time.monotonic() + STOP_PATIENCE
        while ending := [w for w, live in self._live.items() if live.driver is not None and _is_ending(live.state)]:
            change = self.changes.of(ending)
            _, late = await asyncio.wait([change], timeout=max(0.0, deadline - time.monotonic()))
            if late:
                change.cancel()
                return


def _is_ending(state: State) -> bool:
    """Whether the step under way was asked to end at once: by a cancellation, or by a pause that does not wait."""
    return state.cancelling or (state.running and state.stop_now)


def _fold(state: State | None, commands: Sequence[Command], now: float) -> Decision:
    """Several commands as one decision."""
    decision = decide(state, commands[0], now)
    for command in commands[1:]:
        following = decide(decision.state, command, now)
        decision = Decision(decision.events + following.events, following.state, following.effects)
    return decision
