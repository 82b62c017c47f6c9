"""TemporalBackend: the public interface over a Temporal server."""

from __future__ import annotations

import asyncio
import getpass
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from penguin.orchestration.backend import (
    FINAL,
    AlreadyActive,
    BackendUnavailable,
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
from penguin.orchestration.hosting.backlog import Backlog
from penguin.orchestration.hosting.differences import differences
from penguin.orchestration.hosting.ownership import Identity
from penguin.orchestration.hosting.restoring import bring_back, keep_approved, refuse_beside, tree_to_restore
from penguin.orchestration.hosting.settling import Settling
from penguin.orchestration.hosting.starting import StartPlan, awaited, next_id, refuse_second
from penguin.orchestration.info import info_of
from penguin.orchestration.inside import refuse_inside_step
from penguin.orchestration.ituv import decide
from penguin.orchestration.phases.attempt import RUNNER, PhaseRunner
from penguin.orchestration.phases.witness import Witness
from penguin.orchestration.steering import SIGNALS, command_of, phase_named
from penguin.orchestration.store.databases import unfinished_elsewhere
from penguin.orchestration.store.writer import Conflict
from penguin.orchestration.succession import successor
from penguin.orchestration.temporal.desk import Desk
from penguin.orchestration.temporal.health import health, out_of_reach
from penguin.orchestration.temporal.link import Link, NoWorker, open_link
from penguin.orchestration.temporal.protocol import phases_queue
from penguin.orchestration.temporal.summary import Seen
from penguin.orchestration.temporal.tls import is_loopback
from penguin.orchestration.temporal.worker import WorkspaceWorker
from penguin.orchestration.temporal.workflow import ItuvWorkflow
from penguin.orchestration.tree import Tree
from penguin.orchestration.workspace import Workspace

if TYPE_CHECKING:
    from penguin.orchestration.commands import Start
    from penguin.orchestration.config import OrchestrationConfig
    from penguin.orchestration.flow import State

T = TypeVar("T")

START_TRIES = 5
"""Starts that clash with somebody else's are planned anew this often."""
STOP_PATIENCE = 25.0
"""Seconds that closing waits for the end of a step: SIGTERM 5 s, SIGKILL 15 s, and some."""
SYNC = 1.0
"""Seconds between two looks at everything while somebody waits."""
SOON, LATER = 0.05, 0.4
"""Seconds between two looks at what somebody waits for: the longer nothing happens, the fewer."""


class TemporalBackend(OrchestrationBackend):
    """Workflows on a Temporal server. Connects with the first call, on the loop of that call."""

    def __init__(self, config: OrchestrationConfig | None, root: Path) -> None:
        self.workspace = Workspace(root)
        self.claims = True
        """False: what is started, resumed or retried is left to other workers."""
        self.on_trouble: Callable[[str], None] = lambda problem: None
        """Called with a sentence when something is in the way, and with "" when it is over."""
        self.narrate: Callable[[str], None] = lambda text: None
        """Told of a server that is started."""
        self._backlog = Backlog(self.workspace.root, config)
        self._scripted: PhaseRunner | None = RUNNER.get()
        self._workflow: type[ItuvWorkflow] = ItuvWorkflow
        self._listeners: list[Callable[[WorkflowInfo], None]] = []
        self._metrics: str | None = None
        self._opening = asyncio.Lock()
        self._link: Link | None = None
        self._worker: WorkspaceWorker | None = None
        self._desk: Desk | None = None
        self._mine: set[str] = set()
        """What was started, resumed or retried here."""
        self._takes_all = False
        self._ending: set[str] = set()
        """What was asked to end at once: closing waits for it."""
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
        link = await self._open_to("start a workflow")
        begun: dict[str, str] = {}

        async def start() -> None:
            # What the plan before this one got to start is started.
            asked = [task_id for task_id in task_ids if task_id not in begun]
            plan = StartPlan(link.mirror.connection, self._backlog, config, by or _user())
            try:
                plan.add(asked, blueprint_id, with_dependencies=with_dependencies)
            except AlreadyActive as error:
                raise AlreadyActive(f"{error.message}{_begun(begun)}", error.hint) from None
            await self._start(link, plan.starts(), asked, begun)

        await link.visibility.sync()
        await _planned_anew(start)
        if with_dependencies:
            # What a start that was cut short left.
            self._claim(awaited(link.mirror.connection, begun.values()))
        await self._run_attempts()
        first = dict.fromkeys(task_ids)
        return [*(begun[one] for one in first), *(begun[one] for one in reversed(begun) if one not in first)]

    async def _start(self, link: Link, starts: Sequence[Start], asked: Collection[str], begun: dict[str, str]) -> None:
        """Start all, and note each in `begun`, by its task. Raises Conflict or BackendUnavailable.

        No transaction spans workflows of a server. So what others need comes first, and what was asked for last:
        while that is missing, the same command does the rest.
        """
        count = len(set(asked))
        self._claim(one.workflow_id for one in starts)
        now = time.time()
        for one in (*reversed(starts[count:]), *starts[:count]):
            task_id = one.definition.task.id
            try:
                new = await link.start(one, now)
            except BackendUnavailable as error:
                if len(starts) == 1:
                    raise
                sentence = f"{error.message}{_begun(begun)}; whether {task_id} was started is not known"
                raise BackendUnavailable(sentence, "the same command again starts the rest") from error
            # A dependency that somebody else started at the same moment is as good as one of ours.
            if not new and task_id in asked:
                raise Conflict(f"{one.workflow_id} was started by somebody else")
            begun[task_id] = one.workflow_id

    async def retry_workflow(
        self, workflow_id: str, start_from: WorkflowPhase | str | None = None, *, restore: bool = False
    ) -> str:
        link = await self._open_to("retry a workflow")
        phase = phase_named(start_from)

        async def retry() -> str:
            old = (await link.existing(workflow_id)).state
            await link.visibility.sync()
            if old.final:
                refuse_second(link.mirror.connection, old.definition.task)
            definition = self._definition_now(old)
            new_id, number = next_id(link.mirror.connection, definition.task)
            tree = tree_to_restore(old) if restore else await asyncio.to_thread(self._tree_of(workflow_id).now)
            start = successor(
                old,
                workflow_id=new_id,
                number=number,
                definition=definition,
                tree=tree,
                start_from=phase,
                by=_user(),
            )
            if restore:
                refuse_beside(link.mirror.connection)
                await asyncio.to_thread(bring_back, self.workspace.root, self.workspace.runs, old, start.passes)
            if start.passes:
                self._tree_of(new_id).inherit(self.workspace.runs / workflow_id)
                if restore:
                    await asyncio.to_thread(self._tree_of(new_id).adopt, tree)
            await self._supersede(link, old)
            self._claim([new_id])
            if not await link.start(start, time.time()):
                raise Conflict(f"{new_id} was started by somebody else")
            return new_id

        new = await _planned_anew(retry)
        await self._run_attempts()
        return new

    async def _supersede(self, link: Link, old: State) -> None:
        """Cancel a BLOCKED workflow that is retried."""
        if old.final:
            return
        await self._host(link)
        payload = {"id": uuid.uuid4().hex, "by": _user()}
        if await link.update(old.workflow_id, "supersede", payload) is None:
            raise NoWorker(f"{old.workflow_id} can't be cancelled, as a retry would")
        await link.connection.call(link.handle(old.workflow_id).cancel(reason=_user()))

    async def retry_differences(self, workflow_id: str) -> list[str]:
        state = (await (await self._open()).existing(workflow_id)).state
        return differences(state.definition, self._definition_now(state))

    def _tree_of(self, workflow_id: str) -> Tree:
        return Tree(self.workspace.root, self.workspace.runs / workflow_id)

    def _definition_now(self, old: State) -> Any:
        task = old.definition.task
        return self._backlog.define(self._backlog.find(task.id, task.blueprint_id), None)

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
        link = await self._open_to(f"{name} a workflow")
        said = dict(payload or {})
        if name not in SIGNALS:
            raise IllegalCommand(f"no signal is called {name!r}", f"one of {', '.join(SIGNALS)}")
        if name != "approve":
            said.setdefault("by", _user())
        seen = await link.existing(workflow_id)
        if name == "approve":
            said |= await self._tree_now(seen.state)
        said["id"] = uuid.uuid4().hex
        self._refuse_illegal(seen, name, said)
        if name in ("resume", "approve"):
            self._claim([workflow_id])
        return await self._tell(link, seen, name, said)

    def _refuse_illegal(self, seen: Seen, name: str, said: dict[str, Any]) -> None:
        """What the workflow will not allow needs no journey. Raises IllegalCommand."""
        command = command_of(name, said, by="", advice_id="", at=time.time())
        decide(seen.state, command, time.time())

    async def _tell(self, link: Link, seen: Seen, name: str, said: dict[str, Any]) -> Delivery:
        workflow_id = seen.state.workflow_id
        await self._host(link)
        if name == "cancel":
            after = await self._cancel(link, seen, str(said["by"]))
        else:
            after = await link.update(workflow_id, name, said)
            if after is None:
                # The workflow knows its id, should both arrive.
                await link.connection.call(link.handle(workflow_id).signal(name, said))
        if after is None:
            return Delivery.QUEUED
        state = after.state
        stops_now = state.cancelling or (state.running and state.stop_now)
        if stops_now:
            self._ending.add(workflow_id)
        if stops_now or (name in ("resume", "approve") and not state.final):
            self._claim([workflow_id])
            await self._run_attempts()
        return Delivery.TAKEN

    async def _cancel(self, link: Link, seen: Seen, by: str) -> Seen | None:
        workflow_id = seen.state.workflow_id
        if seen.state.final or seen.state.cancelling:
            return seen
        await link.connection.call(link.handle(workflow_id).cancel(reason=by))
        limit = link.patience if await link.polled() else 0.0
        return await link.until(workflow_id, lambda it: it.state.final or it.state.cancelling, limit)

    async def _tree_now(self, state: State) -> dict[str, Any]:
        tested = state.pass_of(WorkflowPhase.TEST)
        tree = self._tree_of(state.workflow_id)
        digest = await asyncio.to_thread(tree.now)
        await asyncio.to_thread(keep_approved, self.workspace.root, self.workspace.runs, state, digest)
        return {"tree": digest, "changed": list(tree.changed(tested.tree if tested else "", digest))}

    # --- reading ---

    async def get_workflow_status(self, workflow_id: str) -> WorkflowInfo | None:
        link = await self._open()
        seen = await link.visibility.look(workflow_id)
        return link.reader.info(workflow_id) if seen is None else info_of(seen.state)

    async def list_workflows(
        self,
        project_id: str | None = None,
        status_filter: WorkflowStatus | Iterable[WorkflowStatus] | None = None,
        limit: int = 100,
    ) -> list[WorkflowInfo]:
        link = await self._open()
        await link.visibility.sync()
        if isinstance(status_filter, str):
            status_filter = [status_filter]
        statuses = [WorkflowStatus(status) for status in status_filter or ()]
        return link.reader.list(project_id=project_id, statuses=statuses, limit=limit)

    async def query_workflow(self, workflow_id: str, name: str) -> Any:
        if name != "get_phase_results":
            return await super().query_workflow(workflow_id, name)
        link = await self._open()
        await self._existing(workflow_id)
        await self._host(link)
        await link.fetch_events(workflow_id)
        results = link.reader.results(workflow_id)
        return [{field.name: getattr(result, field.name) for field in fields(result)} for result in results]

    async def health_check(self) -> dict[str, Any]:
        settings = self._backlog.settings(required=False)
        try:
            link = await self._open()
            queue = phases_queue(link.task_queue, link.project_id)
            found = await health(link.connection, queue, self._count_active)
        except BackendUnavailable as error:
            found = out_of_reach(settings.temporal, error)
        return replace(found, unfinished_elsewhere=unfinished_elsewhere(self.workspace, "temporal")).told()

    async def _count_active(self) -> int:
        return len(await self.list_workflows(status_filter=WorkflowStatus.active(), limit=1_000_000))

    # --- waiting and hearing ---

    async def wait_workflows(
        self,
        workflow_ids: Sequence[str],
        timeout: float | None = None,
        status: WorkflowStatus | None = None,
    ) -> list[WorkflowInfo]:
        link = await self._open()
        deadline = None if timeout is None else time.monotonic() + timeout
        synced, pause = 0.0, SOON
        while True:
            before = [link.mirror.seq_of(one) for one in workflow_ids]
            if time.monotonic() - synced > SYNC:
                await link.visibility.sync()
                synced = time.monotonic()
            await asyncio.gather(*(self._look_unless_final(link, one) for one in workflow_ids))
            settled = Settling(link.mirror.connection, lambda workflow_id: None).all_settled(workflow_ids)
            # Read after that: what is settled by then is not told as it was before.
            infos = [info for one in workflow_ids if (info := link.reader.info(one)) is not None]
            if settled or all(info.status is status for info in infos):
                return infos
            if deadline is not None and time.monotonic() >= deadline:
                raise WaitTimeout(f"{_waited(infos)} after {timeout:g} s")
            changed = before != [link.mirror.seq_of(one) for one in workflow_ids]
            pause = SOON if changed else min(2 * pause, LATER)
            await asyncio.sleep(pause if deadline is None else max(0.0, min(pause, deadline - time.monotonic())))

    async def _look_unless_final(self, link: Link, workflow_id: str) -> None:
        known = link.reader.info(workflow_id)
        if known is None or known.status not in FINAL:
            await link.existing(workflow_id)

    def listen(self, listener: Callable[[WorkflowInfo], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _heard(self, info: WorkflowInfo) -> None:
        for listener in tuple(self._listeners):
            listener(info)

    def serve_terminal(
        self, *, claims: bool, on_trouble: Callable[[str], None], narrate: Callable[[str], None]
    ) -> None:
        self.claims, self.on_trouble, self.narrate = claims, on_trouble, narrate

    def serve_metrics(self, address: str) -> None:
        self._metrics = address

    def owned(self) -> list[WorkflowInfo]:
        if self._link is None or self._worker is None:
            return []
        ids = self._mine | self._link.mirror.owned_by(self._worker.engine)
        active = self._link.reader.list(statuses=WorkflowStatus.active(), limit=1_000_000)
        return [info for info in active if info.workflow_id in ids]

    async def run_engine(self) -> None:
        self._takes_all = True
        link = await self._open(may_start=True)
        await asyncio.to_thread(link.check_sharing)
        await self._run_attempts()

    async def drain(self, grace: float) -> None:
        if self._worker is not None:
            await self._worker.drain(grace)

    # --- this process as a worker ---

    @property
    def works_here(self) -> bool:
        """Whether this process may be a worker without being asked: for development, and for scripted phases."""
        temporal = self._backlog.settings(required=False).temporal
        return self._scripted is not None or bool(temporal.auto_start and is_loopback(temporal.address or ""))

    def _claim(self, workflow_ids: Iterable[str]) -> None:
        self._mine.update(workflow_ids)

    async def _host(self, link: Link) -> None:
        """Host workflows, so that they answer, where this process may."""
        if self._desk is None and (self.works_here or self._takes_all):
            self._desk = Desk(self.workspace, self._backlog.settings(required=False))
            await self._desk.host(self._workflow)
            link.hosted = True

    async def _run_attempts(self) -> None:
        """Run the attempts of what was claimed, where this process may."""
        link = await self._open()
        if self._takes_all or (self.claims and self.works_here):
            await self._host(link)
            worker = self._make_worker(link)
            if self._takes_all:
                worker.claims_all()

    def _make_worker(self, link: Link) -> WorkspaceWorker:
        if self._worker is None:
            self._worker = WorkspaceWorker(
                link,
                is_mine=lambda workflow_id: self._takes_all or workflow_id in self._mine,
                make_runner=self._runner,
                on_trouble=lambda problem: self.on_trouble(problem),
            )
        return self._worker

    def _runner(self, identity: Identity, lease: Path | None) -> PhaseRunner:
        if self._scripted is not None:
            return self._scripted
        from penguin.orchestration.phases.runner import LocalPhases

        return Witness(
            LocalPhases(identity.folder, on_trouble=lambda problem: self.on_trouble(problem), lease=lease),
            shared=lease is not None,
        )

    # --- opening and closing ---

    async def _open_to(self, what: str) -> Link:
        refuse_inside_step(self.workspace.root, what)
        link = await self._open(may_start=True)
        await asyncio.to_thread(link.check_sharing)
        return link

    async def _open(self, *, may_start: bool = False) -> Link:
        loop = asyncio.get_running_loop()
        async with self._opening:
            if self._link is None:
                settings = self._backlog.settings(required=False)
                self._link = await open_link(
                    self.workspace,
                    settings,
                    may_start=may_start,
                    narrate=lambda text: self.narrate(text),
                    metrics=self._metrics,
                )
                self._link.mirror.listeners.append(self._heard)
                self._loop = loop
        if self._loop is not loop:
            raise WorkflowError("the backend was opened on another event loop", "use one backend for each loop")
        return self._link

    async def _finish_stops(self, worker: WorkspaceWorker) -> None:
        """See to the end of what a person asked to be ended: after us there may be nobody who does."""
        link = self._link
        if link is None:
            return
        deadline = time.monotonic() + STOP_PATIENCE
        for workflow_id in sorted(self._ending):
            seen = await link.visibility.look(workflow_id)
            if seen is not None and seen.state.running and seen.state.owner == worker.engine:
                while worker.drives.is_under_way(workflow_id) and time.monotonic() < deadline:
                    await asyncio.sleep(SOON)

    async def aclose(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await self._finish_stops(worker)
            await worker.aclose()
        # After it: its last words need the workflows.
        desk, self._desk = self._desk, None
        if desk is not None:
            await asyncio.to_thread(desk.close)
        link, self._link = self._link, None
        if link is not None:
            await link.aclose()


def _begun(begun: Mapping[str, str]) -> str:
    """What a start that failed had started, as the end of a sentence."""
    return f"; started before that: {', '.join(begun.values())}" if begun else ""


async def _planned_anew(attempt: Callable[[], Awaitable[T]]) -> T:
    for _ in range(START_TRIES - 1):
        try:
            # The caller may be cancelled while the start is on its way to the server; the start is not.
            return await asyncio.shield(asyncio.ensure_future(attempt()))
        except (Conflict, AlreadyActive) as error:
            if isinstance(error, AlreadyActive) and error.hint:
                raise
    return await attempt()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _waited(infos: Sequence[WorkflowInfo]) -> str:
    return ", ".join(f"{info.workflow_id} is still {info.status}" for info in infos if not info.status.final)
