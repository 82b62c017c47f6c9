"""The repository of workflows: the states in memory, each change durable before it is used.

The core decides each change on the newest durable state, the writer stores it as one unit, and only then the state in
memory changes. The event number guards the write: if another process was faster, the write is refused, the state is
read again, and the command is decided again.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Sequence

from penguin.orchestration.backend import StoreError, WorkflowError
from penguin.orchestration.core.commands import Claim, Command, Start
from penguin.orchestration.core.decider import Decision, decide_together
from penguin.orchestration.core.state import State
from penguin.orchestration.files.engine_lock import EngineLock, live_engines, may_run_steps
from penguin.orchestration.files.failpoints import reach
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.native.workflow_entry import WorkflowEntry, load
from penguin.orchestration.store.connection import open_reader
from penguin.orchestration.store.rows import write_of
from penguin.orchestration.store.writer import BRANCH_HOLDERS, TREE_HOLDERS, ConcurrentUpdate, Writer


class WorkflowRepository:
    """The workflows of one database. Used on one event loop."""

    def __init__(
        self,
        workspace: Workspace,
        identity: EngineLock,
        max_parallel: int,
        now: Callable[[], float],
        on_change: Callable[[WorkflowEntry, State | None], None],
        on_foreign_change: Callable[[], None],
        on_trouble: Callable[[str], None],
        on_gone: Callable[[WorkflowError | None], None],
    ) -> None:
        """Open the database.

        `on_change` is called with every new durable state and the one before it (None if that was not in memory).
        `on_gone` is called with an error when the database is gone from its place, and with None when it is back.
        """
        self.slots_taken = 0
        """Slots by the engine's own attempts; the store counts those of other engines."""
        self._engines = workspace.engines
        self._identity = identity
        self._taking_over = Claim(identity.id, socket.gethostname())
        self._now = now
        self._on_change = on_change
        self._entries: dict[str, WorkflowEntry] = {}
        loop = asyncio.get_running_loop()
        self._writer = Writer(
            workspace.db, loop, max_parallel, self._takes_slot, on_foreign_change, on_trouble, on_gone
        )
        connection = open_reader(workspace.db)
        if connection is None:
            raise StoreError(f"{workspace.db} was removed while it was being opened")
        self.connection = connection

    def close(self) -> None:
        """Make all decisions durable, then close the store. Blocks until that is done."""
        self._writer.close()
        self.connection.close()

    # --- commands ---

    async def apply(self, workflow_id: str, *commands: Command, by_owner: bool = False) -> Decision:
        """Decide the commands together, store the decision, then apply its effects.

        `by_owner`: the commands report on an attempt, and count only while this engine owns the workflow.
        Raises WorkflowNotFound, IllegalCommand, and NoSlot for a Dispatch.
        """
        entry = self.entry(workflow_id)
        async with entry.lock:
            while True:
                before = entry.state
                if by_owner and before.owner != self._identity.id:
                    return Decision((), before)
                decision = decide_together(before, commands, self._now())
                if not decision.events:
                    return decision
                try:
                    await self._writer.write([write_of(decision.events, decision.state, before, entry.seq + 1)])
                except ConcurrentUpdate as error:
                    stale = entry.seq
                    self.reload(entry)
                    if entry.seq == stale:
                        # No other process was faster: the next try would be refused as well.
                        raise _inconsistent(workflow_id) from error
                    continue
                self._accept(entry, decision.state, entry.seq + 1)
                return decision

    async def create(self, starts: Sequence[Start], *, claim: bool) -> None:
        """Start workflows in one transaction. Raises ConcurrentUpdate or AlreadyActive."""
        decisions = [self._started(start, claim) for start in starts]
        reach("create.before")
        await self._writer.write([write_of(d.events, d.state, None, 1) for d in decisions])
        reach("create.after")
        for decision in decisions:
            self._add_entry(decision.state)

    async def replace(self, workflow_id: str, command: Command, start: Start, *, claim: bool) -> None:
        """Apply a command to one workflow and start another, in one transaction.

        Raises ConcurrentUpdate or AlreadyActive.
        """
        entry = self.entry(workflow_id)
        new = self._started(start, claim)
        writes = [write_of(new.events, new.state, None, 1)]
        async with entry.lock:
            decision = decide_together(entry.state, (command,), self._now())
            if decision.events:
                writes.append(write_of(decision.events, decision.state, entry.state, entry.seq + 1))
            reach("replace.before")
            try:
                await self._writer.write(writes)
            except ConcurrentUpdate:
                self.reload(entry)
                raise
            reach("replace.after")
            if decision.events:
                self._accept(entry, decision.state, entry.seq + 1)
        self._add_entry(new.state)

    def _started(self, start: Start, claim: bool) -> Decision:
        return decide_together(None, (start, self._taking_over) if claim else (start,), self._now())

    def _add_entry(self, state: State) -> None:
        entry = self._entries[state.workflow_id] = WorkflowEntry(state, 1)
        self._changed(entry, None)

    async def claim(self, workflow_id: str) -> bool:
        """Own this workflow, unless another living engine does. Return whether this engine owns it now."""
        entry = self.entry(workflow_id)
        async with entry.lock:
            before = entry.state
            if before.owner == self._identity.id:
                return True
            if before.is_final or before.owner in live_engines(self._engines):
                return False
            decision = decide_together(before, (self._taking_over,), self._now())
            reach("claim.before")
            try:
                await self._writer.write([write_of(decision.events, decision.state, before, entry.seq + 1)])
            except ConcurrentUpdate:
                self.reload(entry)
                return False
            reach("claim.after")
            self._accept(entry, decision.state, entry.seq + 1)
            return True

    # --- workflows in memory ---

    def entry(self, workflow_id: str) -> WorkflowEntry:
        """Return a workflow's entry, read from disk if it is not in memory. Raises WorkflowNotFound."""
        entry = self._entries.get(workflow_id)
        if entry is None:
            state, seq = load(self.connection, workflow_id)
            entry = WorkflowEntry(state, seq)
            if not state.is_final:
                self._entries[workflow_id] = entry
                self.slots_taken += self._slots_used(state)
        return entry

    def cached_state(self, workflow_id: str) -> State | None:
        """Return the state of a workflow, or None if it is not in memory."""
        entry = self._entries.get(workflow_id)
        return None if entry is None else entry.state

    def owned(self) -> list[State]:
        """Return the active workflows that this engine owns."""
        states = (entry.state for entry in self._entries.values())
        return [state for state in states if state.owner == self._identity.id and not state.is_final]

    def tree_holders(self) -> list[str]:
        """Return the workflows that hold the working tree, of all engines, living or not."""
        return [row[0] for row in self.connection.execute(TREE_HOLDERS)]

    def branch_holder(self, branch: str) -> str:
        """Return the workflow that holds a target branch, of all engines, living or not; empty: none."""
        rows = self.connection.execute(BRANCH_HOLDERS)
        return next((workflow_id for workflow_id, held in rows if held == branch), "")

    def all(self) -> Iterator[WorkflowEntry]:
        """Iterate over every workflow in memory, also those of other engines."""
        yield from tuple(self._entries.values())

    def get(self, workflow_id: str) -> WorkflowEntry | None:
        """Return a workflow's entry, or None if it is not in memory."""
        return self._entries.get(workflow_id)

    def forget(self, entry: WorkflowEntry) -> None:
        """Drop a final workflow from memory."""
        self._entries.pop(entry.state.workflow_id, None)

    async def refreshed(self, workflow_id: str) -> State:
        """Return the state of a workflow after another process changed it."""
        entry = self.entry(workflow_id)
        async with entry.lock:
            self.reload(entry)
            return entry.state

    def reload(self, entry: WorkflowEntry) -> None:
        """Replace the state in memory by that on disk."""
        state, seq = load(self.connection, entry.state.workflow_id)
        self._accept(entry, state, seq)

    def _accept(self, entry: WorkflowEntry, state: State, seq: int) -> None:
        before = entry.state
        entry.state, entry.seq = state, seq
        self._changed(entry, before)

    def _changed(self, entry: WorkflowEntry, before: State | None) -> None:
        self.slots_taken += self._slots_used(entry.state) - (before is not None and self._slots_used(before))
        self._on_change(entry, before)

    def _slots_used(self, state: State) -> bool:
        """Return whether the workflow takes a slot of this engine. The store counts those of other engines."""
        return state.is_running and state.owner == self._identity.id

    def _takes_slot(self, owner: str) -> bool:
        """Return whether attempts of an engine take slots. Called on the writer's thread."""
        return owner == self._identity.id or may_run_steps(self._engines, owner)


def _inconsistent(workflow_id: str) -> StoreError:
    return StoreError(
        f"the records of {workflow_id} are damaged: its row and its history differ, so nothing was changed",
        "penguin check; restore a backup",
    )
