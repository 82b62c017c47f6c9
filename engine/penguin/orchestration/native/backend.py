"""The native backend: the public interface over the embedded engine."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from penguin.orchestration.backend import Delivery, WorkflowInfo, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core.commands import Approve, Command, Start, Supersede
from penguin.orchestration.core.results import LandingOutcome
from penguin.orchestration.core.signals import command_from_signal, describe_signal, sender_takes_over
from penguin.orchestration.core.state import State
from penguin.orchestration.core.tree_isolation import TREE
from penguin.orchestration.core.workflow_info import workflow_info
from penguin.orchestration.errors import unknown_workflow
from penguin.orchestration.execution.runner_api import Lander, LandingOrder, PhaseRunner, StopControl
from penguin.orchestration.files.engine_lock import EngineLock, count_claiming_engines, is_alive
from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.native.engine import Engine
from penguin.orchestration.native.wait import WaitCondition
from penguin.orchestration.native.workflow_entry import load
from penguin.orchestration.runtime.command_planner import PlanDatabase, replanned
from penguin.orchestration.runtime.current_user import current_user
from penguin.orchestration.runtime.engine_socket import approve_elsewhere
from penguin.orchestration.runtime.health import Health
from penguin.orchestration.runtime.hosted_backend import (
    HostedBackend,
    refuse_steps,
    require_same_loop,
    scripted_runner,
    step_runner,
    wait_timeout,
)
from penguin.orchestration.runtime.listeners import Listeners
from penguin.orchestration.runtime.settled_check import SettledCheck
from penguin.orchestration.runtime.step_guard import process_name
from penguin.orchestration.runtime.tree_start import uncommitted_note
from penguin.orchestration.runtime.workspace_trust import open_workspace
from penguin.orchestration.store.database_file import saved_copies
from penguin.orchestration.store.maintenance.loss_messages import refuse_loss
from penguin.orchestration.store.queries import WorkflowReader

if TYPE_CHECKING:
    from penguin.orchestration.config import OrchestrationConfig
    from penguin.orchestration.runtime.metrics.exporter import Exporter


class NativeBackend(HostedBackend):
    """The native backend: asyncio and SQLite in this process. Its first call opens the store on the running loop."""

    name = "native"

    def __init__(self, config: OrchestrationConfig | None, root: Path) -> None:
        super().__init__(config, root)
        self.claims = True
        """False: leave what is started, resumed or retried to another engine."""
        self.on_trouble: Callable[[str], None] = lambda problem: None
        """Called with a sentence when the disk can't be written, and with "" when it can again."""
        self._narrate: Callable[[str], None] = lambda text: None
        self._listeners = Listeners()
        self._now = time.time
        self._outside = False
        self._user = current_user()
        self._reader = WorkflowReader(self.workspace.db)
        self._scripted = scripted_runner()
        self._lander: Lander = _LazyLander(self._trouble)
        self._engine: Engine | None = None
        self._exporter: Exporter | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # --- starting ---

    async def start_tasks(
        self,
        task_ids: Sequence[str],
        *,
        blueprint_id: str | None = None,
        with_dependencies: bool = False,
        config: Mapping[str, Any] | None = None,
        by: str = "",
    ) -> list[str]:
        engine = await self._open_to("start a workflow")
        by = by or self._user

        async def start() -> list[str]:
            plan = self._planner.start(PlanDatabase(engine.repository.connection), config, by)
            plan.add(task_ids, blueprint_id, with_dependencies=with_dependencies)
            starts = plan.starts()
            await engine.repository.create(starts, claim=self.claims)
            await self._note_uncommitted_changes(starts)
            return [start.workflow_id for start in starts]

        return await replanned(start)

    async def _note_uncommitted_changes(self, starts: Sequence[Start]) -> None:
        """Say which changes of the user are not in the trees of new workflows."""
        if any(start.definition.isolation == TREE for start in starts):
            note = await asyncio.to_thread(uncommitted_note, self.workspace.root)
            if note:
                self._narrate(note)

    async def record_done(self, task_ids: Sequence[str], *, blueprint_id: str | None = None, by: str = "") -> list[str]:
        engine = await self._open_to("record a task as done")
        by = by or self._user

        async def record() -> list[str]:
            plan = self._planner.start(PlanDatabase(engine.repository.connection), None, by)
            plan.add_done(task_ids, blueprint_id)
            starts = plan.starts()
            if starts:
                await engine.repository.create(starts, claim=False)
            return [start.definition.task.id for start in starts]

        return await replanned(record)

    async def _retry(self, workflow_id: str, start_from: WorkflowPhase | None, *, restore: bool) -> str:
        engine = await self._open_to("retry a workflow")

        async def retry() -> str:
            old = engine.repository.entry(workflow_id).state
            start = await self._planner.retry(
                PlanDatabase(engine.repository.connection), old, start_from, restore=restore
            )
            await engine.repository.replace(workflow_id, Supersede(current_user()), start, claim=self.claims)
            return start.workflow_id

        return await replanned(retry)

    async def retry_differences(self, workflow_id: str) -> list[str]:
        state, _ = load(self._open().repository.connection, workflow_id)
        return self._planner.differences(state)

    # --- signals ---

    async def signal_workflow(self, workflow_id: str, name: str, payload: Mapping[str, Any] | None = None) -> Delivery:
        engine = await self._open_to(describe_signal(name))
        command = command_from_signal(
            name, payload or {}, by=current_user(), feedback_id=uuid.uuid4().hex, at=time.time()
        )
        await asyncio.shield(asyncio.ensure_future(self._apply(engine, workflow_id, name, command)))
        return Delivery.TAKEN

    async def _approve(self, engine: Engine, workflow_id: str, command: Approve) -> State:
        """Have an approval recorded by an engine that sees this process; if no other lives, by this one."""
        owner = engine.repository.entry(workflow_id).state.owner
        if owner != engine.identity.id and await approve_elsewhere(
            self.workspace.engines, engine.identity.id, owner, workflow_id, command
        ):
            return await engine.repository.refreshed(workflow_id)
        return await self._record_approval(engine, workflow_id, replace(command, process=process_name(os.getpid())))

    async def _record_approval(self, engine: Engine, workflow_id: str, command: Approve) -> State:
        tree, changed = await self._planner.approved_tree(engine.repository.entry(workflow_id).state)
        command = replace(command, tree=tree, changed=changed)
        return (await engine.repository.apply(workflow_id, command)).state

    async def _apply(self, engine: Engine, workflow_id: str, name: str, command: Command) -> None:
        reach("command.before")
        if isinstance(command, Approve):
            state = await self._approve(engine, workflow_id, command)
        else:
            state = (await engine.repository.apply(workflow_id, command)).state
        reach("command.after")
        if sender_takes_over(name, state, claims=self.claims) and not is_alive(self.workspace.engines, state.owner):
            await engine.repository.claim(workflow_id)

    # --- reading ---

    async def get_workflow_status(self, workflow_id: str) -> WorkflowInfo | None:
        return self._reader.info(workflow_id)

    async def _current_reader(self) -> WorkflowReader:
        return self._reader

    async def _reader_of_events(self, workflow_id: str) -> WorkflowReader:
        return self._reader

    async def _health(self) -> Health:
        begun = time.monotonic()
        active = self._reader.list(statuses=list(WorkflowStatus.active()), limit=1_000_000)
        return Health(
            backend=self.name,
            connected=True,
            address=os.fspath(self.workspace.db),
            server_version=f"SQLite {sqlite3.sqlite_version}",
            workers_polling=count_claiming_engines(self.workspace.engines),
            active_count=len(active),
            latency_sec=round(time.monotonic() - begun, 6),
            saved_copies=len(saved_copies(self.workspace.db)),
        )

    def _info(self, engine: Engine, workflow_id: str) -> WorkflowInfo:
        # Of workflows that the engine owns, its memory is current; the disk may be ahead of the listeners.
        state = engine.repository.cached_state(workflow_id)
        return self._require(workflow_id) if state is None else workflow_info(state)

    def _status(self, engine: Engine, workflow_id: str) -> WorkflowStatus:
        state = engine.repository.cached_state(workflow_id)
        return self._require(workflow_id).status if state is None else state.status

    def _require(self, workflow_id: str) -> WorkflowInfo:
        info = self._reader.info(workflow_id)
        if info is None:
            raise unknown_workflow(workflow_id)
        return info

    # --- waiting and listening ---

    async def _wait(
        self, workflow_ids: Sequence[str], timeout: float | None, status: WorkflowStatus | None, *, at_rest: bool
    ) -> list[WorkflowInfo]:
        engine = self._open()
        deadline = None if timeout is None else time.monotonic() + timeout
        info_of = partial(self._info, engine)
        for workflow_id in workflow_ids:
            info_of(workflow_id)  # raise for an unknown id at once
        status_of = partial(self._status, engine)
        waiting = WaitCondition(
            workflow_ids,
            status,
            status_of,
            lambda: SettledCheck(engine.repository.connection, engine.repository.cached_state, at_rest=at_rest),
        )
        while True:
            obstacles = waiting.pending()
            if not obstacles:
                # Read after that check, never before: another process's workflow may have ended in between.
                infos = [info_of(workflow_id) for workflow_id in workflow_ids]
                if waiting.settled or all(info.status is status for info in infos):
                    return infos
                continue
            change = engine.changes.next_change(tuple(obstacles))
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                await asyncio.wait_for(change, left)
            except TimeoutError:
                infos = [info_of(workflow_id) for workflow_id in workflow_ids]
                raise wait_timeout(infos, timeout or 0.0) from None

    def listen(self, listener: Callable[[WorkflowInfo], None]) -> Callable[[], None]:
        return self._listeners.subscribe(listener)

    def serve_terminal(
        self, *, claims: bool, on_trouble: Callable[[str], None], narrate: Callable[[str], None]
    ) -> None:
        self.claims = claims
        self.on_trouble = on_trouble
        self._narrate = narrate

    def serve_metrics(self, address: str) -> None:
        from penguin.orchestration.runtime.metrics.exporter import Exporter

        self._exporter = Exporter(address, self._reader.results, self.owned)
        self.listen(self._exporter.change)

    def owned(self) -> list[WorkflowInfo]:
        return [] if self._engine is None else [workflow_info(state) for state in self._engine.repository.owned()]

    async def run_engine(self) -> None:
        (await self._open_to("run an engine")).claim_all()

    async def failure(self) -> None:
        await self._open().changes.failure()

    async def drain(self, grace: float) -> None:
        if self._engine is not None:
            await self._engine.drain(grace)

    # --- opening and closing ---

    async def _open_to(self, what: str) -> Engine:
        if not self._outside:
            own = "" if self._engine is None else self._engine.identity.id
            await refuse_steps(self.workspace.root, self.workspace.engines, own, what)
            # A process can't move into a step: it is in one from its beginning, or never.
            self._outside = True
        return self._open()

    def _open(self) -> Engine:
        if self._engine is None:
            if message := open_workspace(self.workspace):
                self._narrate(message)
            if message := refuse_loss(self.workspace):
                self._narrate(message)
            settings = self._backlog.settings(required=False)
            self._engine = Engine(
                self.workspace,
                settings.max_parallel,
                self._runner,
                self._lander,
                self._trouble,
                self._now,
                self._listeners,
            )
            self._engine.serve(partial(self._record_approval, self._engine))
            self._loop = asyncio.get_running_loop()
        require_same_loop(self._loop)
        return self._engine

    def _runner(self, identity: EngineLock) -> PhaseRunner:
        return step_runner(identity.folder, self._trouble) if self._scripted is None else self._scripted

    def _trouble(self, problem: str) -> None:
        self.on_trouble(problem)

    async def aclose(self) -> None:
        if self._engine is not None:
            engine, self._engine = self._open(), None
            await engine.aclose()
        if self._exporter is not None:
            self._exporter.close()
        self._reader.close()


class _LazyLander:
    """The lander of trees. Its modules are loaded at the first landing: most engines need none."""

    def __init__(self, on_trouble: Callable[[str], None]) -> None:
        self._on_trouble = on_trouble

    async def land(self, order: LandingOrder, control: StopControl) -> LandingOutcome:
        from penguin.orchestration.runtime.lander import TreeLander

        return await TreeLander(self._on_trouble).land(order, control)
