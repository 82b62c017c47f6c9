"""NativeBackend: the public interface over the embedded engine."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from penguin.orchestration.backend import (
    AlreadyActive,
    Delivery,
    IllegalCommand,
    OrchestrationBackend,
    WaitTimeout,
    WorkflowError,
    WorkflowInfo,
    WorkflowNotFound,
    WorkflowPhase,
    WorkflowStatus,
)
from penguin.orchestration.core.commands import Approve, Command, Resume, Supersede
from penguin.orchestration.core.retry import successor
from penguin.orchestration.core.signals import command_of, phase_named, status_named, statuses_named
from penguin.orchestration.core.views import info_of
from penguin.orchestration.execution.runner_api import RUNNER, PhaseRunner
from penguin.orchestration.execution.tree_tracking import Witness
from penguin.orchestration.files.engine_lock import Identity, attending, is_alive
from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.native.engine import Engine
from penguin.orchestration.native.entry import load
from penguin.orchestration.native.wait import Waiting
from penguin.orchestration.runtime.catalog import Backlog
from penguin.orchestration.runtime.current_user import user
from penguin.orchestration.runtime.definition_diff import differences
from penguin.orchestration.runtime.health import Health
from penguin.orchestration.runtime.restore import bring_back, keep_approved, refuse_beside, tree_to_restore
from penguin.orchestration.runtime.settled import Settling
from penguin.orchestration.runtime.start_plan import StartPlan, next_id, refuse_second
from penguin.orchestration.runtime.step_guard import refuse_inside_step
from penguin.orchestration.store.databases import unfinished_elsewhere
from penguin.orchestration.store.queries import WorkflowReader
from penguin.orchestration.store.writer import Conflict
from penguin.orchestration.worktree import Tree

if TYPE_CHECKING:
    from penguin.orchestration.config import OrchestrationConfig
    from penguin.orchestration.core.definition import Definition
    from penguin.orchestration.core.state import State
    from penguin.orchestration.runtime.metrics import Exporter

T = TypeVar("T")

START_TRIES = 5
"""Starts that clash with another process's are planned anew this often; the second plan usually sees the other's."""


class NativeBackend(OrchestrationBackend):
    """asyncio and SQLite in this process. Opens the store with the first call, on the loop of that call."""

    def __init__(self, config: OrchestrationConfig | None, root: Path) -> None:
        self.workspace = Workspace(root)
        self.claims = True
        """False: what is started, resumed or retried is left to another engine."""
        self.on_trouble: Callable[[str], None] = lambda problem: None
        """Called with a sentence when the disk takes no more, and with "" when it does again."""
        self._now = time.time
        self._outside = False
        self._user = user()
        self._backlog = Backlog(self.workspace.root, config)
        self._reader = WorkflowReader(self.workspace.db)
        self._scripted: PhaseRunner | None = RUNNER.get()
        self._engine: Engine | None = None
        self._exporter: Exporter | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # --- starting ---

    async def start_workflow(
        self, task_id: str, blueprint_id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> str:
        return (await self.start_tasks([task_id], blueprint_id=blueprint_id, config=config))[0]

    async def start_tasks(
        self,
        task_ids: Sequence[str],
        *,
        blueprint_id: str | None = None,
        with_dependencies: bool = False,
        config: Mapping[str, Any] | None = None,
        by: str = "",
    ) -> list[str]:
        engine = self._open_to("start a workflow")
        by = by or self._user

        async def start() -> list[str]:
            plan = StartPlan(engine.ledger.connection, self.workspace.runs, self._backlog.now(), config, by)
            plan.add(task_ids, blueprint_id, with_dependencies=with_dependencies)
            starts = plan.starts()
            await engine.ledger.create(starts, claim=self.claims)
            return [start.workflow_id for start in starts]

        return await self._planned_anew(start)

    async def retry_workflow(
        self, workflow_id: str, start_from: WorkflowPhase | str | None = None, *, restore: bool = False
    ) -> str:
        engine = self._open_to("retry a workflow")
        phase = phase_named(start_from)

        async def retry() -> str:
            old = engine.ledger.known(workflow_id).state
            if old.final:
                refuse_second(engine.ledger.connection, old.definition.task)
            definition = self._definition_now(old)
            new_id, number = next_id(engine.ledger.connection, definition.task, self.workspace.runs)
            tree = tree_to_restore(old) if restore else await asyncio.to_thread(self._tree_of(workflow_id).now)
            start = successor(
                old,
                workflow_id=new_id,
                number=number,
                definition=definition,
                tree=tree,
                start_from=phase,
                by=user(),
            )
            if restore:
                runs = self.workspace.runs
                refuse_beside(engine.ledger.connection)
                await asyncio.to_thread(bring_back, self.workspace.root, runs, old, start.passes)
            if start.passes:
                self._tree_of(new_id).inherit(self.workspace.runs / workflow_id)
                if restore:
                    await asyncio.to_thread(self._tree_of(new_id).adopt, tree)
            await engine.ledger.replace(workflow_id, Supersede(user()), start, claim=self.claims)
            return new_id

        return await self._planned_anew(retry)

    async def retry_differences(self, workflow_id: str) -> list[str]:
        state, _ = load(self._open().ledger.connection, workflow_id)
        return differences(state.definition, self._definition_now(state))

    def _tree_of(self, workflow_id: str) -> Tree:
        return Tree(self.workspace.root, self.workspace.runs / workflow_id)

    def _definition_now(self, old: State) -> Definition:
        task = old.definition.task
        offer = self._backlog.now()
        return offer.define(offer.find(task.id, task.blueprint_id), None)

    async def _planned_anew(self, attempt: Callable[[], Awaitable[T]]) -> T:
        for _ in range(START_TRIES - 1):
            try:
                # The caller may be cancelled while the start is on its way to the disk; the start is not.
                return await asyncio.shield(asyncio.ensure_future(attempt()))
            except (Conflict, AlreadyActive) as error:
                if isinstance(error, AlreadyActive) and error.hint:
                    raise
        return await attempt()

    # --- steering ---

    async def pause_workflow(self, workflow_id: str) -> bool:
        return await self._allowed(workflow_id, "pause")

    async def resume_workflow(self, workflow_id: str) -> bool:
        return await self._allowed(workflow_id, "resume")

    async def cancel_workflow(self, workflow_id: str) -> bool:
        return await self._allowed(workflow_id, "cancel")

    async def _allowed(self, workflow_id: str, name: str) -> bool:
        try:
            await self.signal_workflow(workflow_id, name)
        except (IllegalCommand, WorkflowNotFound):
            return False
        return True

    async def signal_workflow(self, workflow_id: str, name: str, payload: Mapping[str, Any] | None = None) -> Delivery:
        engine = self._open_to(f"{name} a workflow")
        command = command_of(name, payload or {}, by=user(), advice_id=uuid.uuid4().hex, at=time.time())
        if isinstance(command, Approve):
            command = await self._for_the_tree_of_now(engine, workflow_id, command)
        await asyncio.shield(asyncio.ensure_future(self._steer(engine, workflow_id, command)))
        return Delivery.TAKEN

    async def _for_the_tree_of_now(self, engine: Engine, workflow_id: str, command: Approve) -> Approve:
        state = engine.ledger.known(workflow_id).state
        tested = state.pass_of(WorkflowPhase.TEST)
        tree = self._tree_of(workflow_id)
        digest = await asyncio.to_thread(tree.now)
        await asyncio.to_thread(keep_approved, self.workspace.root, self.workspace.runs, state, digest)
        return replace(command, tree=digest, changed=tree.changed(tested.tree if tested else "", digest))

    async def _steer(self, engine: Engine, workflow_id: str, command: Command) -> None:
        reach("command.before")
        state = (await engine.ledger.apply(workflow_id, command)).state
        reach("command.after")
        stops_now = state.cancelling or (state.running and state.stop_now)
        goes_on = isinstance(command, (Resume, Approve)) and not state.final
        # Who owns it does what follows. Where nobody does, the one who asked takes it on.
        if (stops_now or (goes_on and self.claims)) and not is_alive(self.workspace.engines, state.owner):
            await engine.ledger.claim(workflow_id)

    # --- reading ---

    async def get_workflow_status(self, workflow_id: str) -> WorkflowInfo | None:
        return self._reader.info(workflow_id)

    async def list_workflows(
        self,
        project_id: str | None = None,
        status_filter: WorkflowStatus | str | Iterable[WorkflowStatus | str] | None = None,
        limit: int = 100,
    ) -> list[WorkflowInfo]:
        statuses = statuses_named(status_filter)
        return self._reader.list(project_id=project_id, statuses=statuses, limit=limit)

    async def query_workflow(self, workflow_id: str, name: str) -> Any:
        if name == "get_phase_results":
            self._require(workflow_id)
            return [result._asdict() for result in self._reader.results(workflow_id)]
        return await super().query_workflow(workflow_id, name)

    async def health_check(self) -> dict[str, Any]:
        begun = time.monotonic()
        active = self._reader.list(statuses=list(WorkflowStatus.active()), limit=1_000_000)
        return Health(
            backend="native",
            connected=True,
            address=os.fspath(self.workspace.db),
            server_version=f"SQLite {sqlite3.sqlite_version}",
            workers_polling=attending(self.workspace.engines),
            active_count=len(active),
            unfinished_elsewhere=unfinished_elsewhere(self.workspace, "native"),
            latency_sec=round(time.monotonic() - begun, 6),
        ).told()

    def _believed(self, engine: Engine, workflow_id: str) -> WorkflowInfo:
        # What the engine believes is on disk; what is on disk may be a moment ahead of what listeners were told.
        state = engine.ledger.believed(workflow_id)
        return self._require(workflow_id) if state is None else info_of(state)

    def _believed_status(self, engine: Engine, workflow_id: str) -> WorkflowStatus:
        state = engine.ledger.believed(workflow_id)
        return self._require(workflow_id).status if state is None else state.status

    def _require(self, workflow_id: str) -> WorkflowInfo:
        info = self._reader.info(workflow_id)
        if info is None:
            raise WorkflowNotFound(f"no workflow has the id {workflow_id}", "/workflow list")
        return info

    # --- waiting and hearing ---

    async def wait_workflows(
        self,
        workflow_ids: Sequence[str],
        timeout: float | None = None,
        status: WorkflowStatus | str | None = None,
        *,
        at_rest: bool = False,
    ) -> list[WorkflowInfo]:
        engine = self._open()
        wanted = None if status is None else status_named(status)
        deadline = None if timeout is None else time.monotonic() + timeout
        believed = partial(self._believed, engine)
        for workflow_id in workflow_ids:
            believed(workflow_id)  # an unknown one is told at once
        status_of = partial(self._believed_status, engine)
        waiting = Waiting(
            workflow_ids,
            wanted,
            status_of,
            lambda: Settling(engine.ledger.connection, engine.ledger.believed, at_rest=at_rest),
        )
        while True:
            obstacles = waiting.in_the_way()
            if not obstacles:
                # Read after that look, never before: another process's workflow may have ended in between.
                infos = [believed(workflow_id) for workflow_id in workflow_ids]
                if waiting.settled or all(info.status is wanted for info in infos):
                    return infos
                continue
            change = engine.changes.of(tuple(obstacles))
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                await asyncio.wait_for(change, left)
            except TimeoutError:
                infos = [believed(workflow_id) for workflow_id in workflow_ids]
                raise WaitTimeout(f"{_waited(infos)} after {timeout:g} s") from None

    def listen(self, listener: Callable[[WorkflowInfo], None]) -> Callable[[], None]:
        return self._open().listeners.add(listener)

    def serve_terminal(
        self, *, claims: bool, on_trouble: Callable[[str], None], narrate: Callable[[str], None]
    ) -> None:
        self.claims = claims
        self.on_trouble = on_trouble

    def serve_metrics(self, address: str) -> None:
        from penguin.orchestration.runtime.metrics import Exporter

        self._exporter = Exporter(address, self._reader.results, self.owned)
        self.listen(self._exporter.change)

    def owned(self) -> list[WorkflowInfo]:
        return [] if self._engine is None else [info_of(state) for state in self._engine.ledger.owned()]

    async def run_engine(self) -> None:
        self._open_to("run an engine").claim_all()

    async def drain(self, grace: float) -> None:
        if self._engine is not None:
            await self._engine.drain(grace)

    # --- opening and closing ---

    def _open_to(self, what: str) -> Engine:
        if not self._outside:
            refuse_inside_step(self.workspace.root, what)
            # A process never comes to run inside a step that did not begin there.
            self._outside = True
        return self._open()

    def _open(self) -> Engine:
        loop = asyncio.get_running_loop()
        if self._engine is None:
            self.workspace.ensure()
            settings = self._backlog.settings(required=False)
            self._engine = Engine(self.workspace, settings.max_parallel, self._runner, self._trouble, self._now)
            self._loop = loop
        elif self._loop is not loop:
            raise WorkflowError("the backend was opened on another event loop", "use one backend for each loop")
        return self._engine

    def _runner(self, identity: Identity) -> PhaseRunner:
        if self._scripted is not None:
            return self._scripted
        from penguin.orchestration.execution.local_runner import LocalPhases

        return Witness(LocalPhases(identity.folder, on_trouble=self._trouble))

    def _trouble(self, problem: str) -> None:
        self.on_trouble(problem)

    async def aclose(self) -> None:
        if self._engine is not None:
            engine, self._engine = self._open(), None
            await engine.aclose()
        if self._exporter is not None:
            self._exporter.close()
        self._reader.close()


def _waited(infos: Sequence[WorkflowInfo]) -> str:
    return ", ".join(f"{info.workflow_id} is still {info.status}" for info in infos if not info.status.final)
