"""The ledger: the workflows that this process knows, each change of them durable before it is believed.

Every change of a workflow is decided by the pure machine on the newest durable state, written as one unit, and only
then believed. The number of the event is the guard: when another process was faster, the write is refused, the state
is read again, and the command is decided anew.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence

from penguin.orchestration.backend import StoreError
from penguin.orchestration.core.commands import Claim, Command, Start
from penguin.orchestration.core.decider import Decision, decide_together
from penguin.orchestration.core.state import State
from penguin.orchestration.files.engine_lock import EngineLock, live_engines, may_run_steps
from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.native.entry import WorkflowEntry, load
from penguin.orchestration.store.connection import open_reader
from penguin.orchestration.store.writer import TREE_HOLDERS, ConcurrentUpdate, Writer, write_of


class WorkflowRepository:
    """Lives on one event loop; every method is called there."""

    def __init__(
        self,
        workspace: Workspace,
        identity: EngineLock,
        max_parallel: int,
        now: Callable[[], float],
        on_change: Callable[[WorkflowEntry, State | None], None],
        on_foreign_change: Callable[[], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        """`on_change` hears of every new state that is on disk, with what it was before; None: it was not known."""
        self.slots_taken = 0
        """By attempts of this engine; the others' are counted by the store."""
        self._engines = workspace.engines
        self._identity = identity
        self._taking_over = Claim(identity.id, socket.gethostname())
        self._now = now
        self._on_change = on_change
        self._live: dict[str, WorkflowEntry] = {}
        loop = asyncio.get_running_loop()
        self._writer = Writer(workspace.db, loop, max_parallel, self._takes_slot, on_foreign_change, on_trouble)
        connection = open_reader(workspace.db)
        if connection is None:
            raise StoreError(f"{workspace.db} was removed while it was opened")
        self.connection = connection

    def close(self) -> None:
        """Make everything decided durable, then let go of the store. Blocks for as long as that takes."""
        self._writer.close()
        self.connection.close()

    # --- commands ---

    async def apply(self, workflow_id: str, *commands: Command, by_owner: bool = False) -> Decision:
        """Decide the commands together, make that durable, then do what follows.

        `by_owner`: the word of an attempt, which counts only as long as this engine owns the workflow.
        Raises WorkflowNotFound, IllegalCommand, and NoSlot for a Dispatch.
        """
        live = self.entry(workflow_id)
        async with live.lock:
            while True:
                before = live.state
                if by_owner and before.owner != self._identity.id:
                    return Decision((), before, ())
                decision = decide_together(before, commands, self._now())
                if not decision.events:
                    return decision
                try:
                    await self._writer.write([write_of(decision.events, decision.state, before, live.seq + 1)])
                except ConcurrentUpdate:
                    self.reload(live)
                    continue
                self._accept(live, decision.state, live.seq + 1)
                return decision

    async def create(self, starts: Sequence[Start], *, claim: bool) -> None:
        """Start workflows, all in one transaction. Raises Conflict or AlreadyActive."""
        decisions = [self._started(start, claim) for start in starts]
        reach("create.before")
        await self._writer.write([write_of(d.events, d.state, None, 1) for d in decisions])
        reach("create.after")
        for decision in decisions:
            self._add_entry(decision.state)

    async def replace(self, workflow_id: str, command: Command, start: Start, *, claim: bool) -> None:
        """Apply a command to one workflow and start another, in one transaction. Raises Conflict or AlreadyActive."""
        live = self.entry(workflow_id)
        new = self._started(start, claim)
        writes = [write_of(new.events, new.state, None, 1)]
        async with live.lock:
            gone = decide_together(live.state, (command,), self._now())
            if gone.events:
                writes.append(write_of(gone.events, gone.state, live.state, live.seq + 1))
            reach("replace.before")
            try:
                await self._writer.write(writes)
            except ConcurrentUpdate:
                self.reload(live)
                raise
            reach("replace.after")
            if gone.events:
                self._accept(live, gone.state, live.seq + 1)
        self._add_entry(new.state)

    def _started(self, start: Start, claim: bool) -> Decision:
        return decide_together(None, (start, self._taking_over) if claim else (start,), self._now())

    def _add_entry(self, state: State) -> None:
        live = self._live[state.workflow_id] = WorkflowEntry(state, 1)
        self._changed(live, None)

    async def claim(self, workflow_id: str) -> bool:
        """Own this workflow unless a living engine does. True: it is ours now."""
        live = self.entry(workflow_id)
        async with live.lock:
            before = live.state
            if before.owner == self._identity.id:
                return True
            if before.is_final or before.owner in live_engines(self._engines):
                return False
            decision = decide_together(before, (self._taking_over,), self._now())
            reach("claim.before")
            try:
                await self._writer.write([write_of(decision.events, decision.state, before, live.seq + 1)])
            except ConcurrentUpdate:
                self.reload(live)
                return False
            reach("claim.after")
            self._accept(live, decision.state, live.seq + 1)
            return True

    # --- what is known ---

    def entry(self, workflow_id: str) -> WorkflowEntry:
        """The workflow in memory, read from disk where it is not there yet. Raises WorkflowNotFound."""
        live = self._live.get(workflow_id)
        if live is None:
            state, seq = load(self.connection, workflow_id)
            live = WorkflowEntry(state, seq)
            if not state.is_final:
                self._live[workflow_id] = live
                self.slots_taken += self._slots_used(state)
        return live

    def cached_state(self, workflow_id: str) -> State | None:
        """The state of a workflow that is in memory."""
        live = self._live.get(workflow_id)
        return None if live is None else live.state

    def owned(self) -> list[State]:
        """The active workflows that this engine has charge of."""
        states = (live.state for live in self._live.values())
        return [state for state in states if state.owner == self._identity.id and not state.is_final]

    def tree_holders(self) -> list[str]:
        """Return the workflows that hold the working tree, of all engines, living or not."""
        return [row[0] for row in self.connection.execute(TREE_HOLDERS)]

    def all(self) -> Iterator[WorkflowEntry]:
        """Every workflow in memory, whoever owns it."""
        yield from tuple(self._live.values())

    def get(self, workflow_id: str) -> WorkflowEntry | None:
        """The workflow, where it is in memory."""
        return self._live.get(workflow_id)

    def forget(self, live: WorkflowEntry) -> None:
        """It is over: from now on the disk is asked."""
        self._live.pop(live.state.workflow_id, None)

    async def refreshed(self, workflow_id: str) -> State:
        """The state of a workflow that another process is known to have changed."""
        live = self.entry(workflow_id)
        async with live.lock:
            self.reload(live)
            return live.state

    def reload(self, live: WorkflowEntry) -> None:
        """Believe what is on disk."""
        state, seq = load(self.connection, live.state.workflow_id)
        self._accept(live, state, seq)

    def _accept(self, live: WorkflowEntry, state: State, seq: int) -> None:
        before = live.state
        live.state, live.seq = state, seq
        self._changed(live, before)

    def _changed(self, live: WorkflowEntry, before: State | None) -> None:
        self.slots_taken += self._slots_used(live.state) - (before is not None and self._slots_used(before))
        self._on_change(live, before)

    def _slots_used(self, state: State) -> bool:
        """Whether it takes one of the slots that this engine hands out; the others' are counted by the store."""
        return state.is_running and state.owner == self._identity.id

    def _takes_slot(self, owner: str) -> bool:
        """Whether the attempts of an engine take slots. Called on the writer's thread."""
        return owner == self._identity.id or may_run_steps(self._engines, owner)
