"""Signals to workflows, and their results."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penguin.orchestration.backend import Delivery, IllegalCommand
from penguin.orchestration.core.decider import decide
from penguin.orchestration.core.signals import SIGNALS, command_from_signal, describe_signal, sender_takes_over
from penguin.orchestration.runtime.current_user import current_user
from penguin.orchestration.runtime.step_guard import process_name

if TYPE_CHECKING:
    from penguin.orchestration.core.state import State
    from penguin.orchestration.runtime.command_planner import Planner
    from penguin.orchestration.temporal.client.client import TemporalClient
    from penguin.orchestration.temporal.client.memo import WorkflowSnapshot
    from penguin.orchestration.temporal.temporal_process import TemporalProcess


class SignalSender:
    """The sender of signals for one process."""

    def __init__(self, planner: Planner, process: TemporalProcess) -> None:
        self._planner = planner
        self._process = process

    async def send(self, workflow_id: str, name: str, payload: Mapping[str, Any]) -> Delivery:
        """See OrchestrationBackend.signal_workflow."""
        process = self._process
        link = await process.open_to(describe_signal(name))
        said = dict(payload)
        if name not in SIGNALS:
            raise IllegalCommand(f"unknown signal {name!r}", f"use one of {', '.join(SIGNALS)}")
        if name != "approve":
            said.setdefault("by", current_user())
        seen = await link.existing(workflow_id)
        if name == "approve":
            said |= {**await self._tree_now(link, seen.state), "process": process_name(os.getpid())}
        said["id"] = uuid.uuid4().hex
        # Check the command here first: a rejected one needs no request.
        decide(seen.state, command_from_signal(name, said, by="", feedback_id="", at=time.time()), time.time())
        if name in ("resume", "approve"):
            process.claim([workflow_id])
        after = await self._tell(link, seen, name, said)
        if after is None:
            return Delivery.QUEUED
        await self._see_to(after.state, name)
        return Delivery.TAKEN

    async def _tell(
        self, link: TemporalClient, seen: WorkflowSnapshot, name: str, said: dict[str, Any]
    ) -> WorkflowSnapshot | None:
        """Send the command and return its result; None if no worker runs."""
        workflow_id = seen.state.workflow_id
        await self._process.host(link)
        if name == "cancel":
            return await self._cancel(link, seen, str(said["by"]))
        after = await link.update(workflow_id, name, said)
        if after is None:
            # The workflow ignores a repeated id, if both arrive.
            await link.connection.call(link.handle(workflow_id).signal(name, said))
        return after

    async def _see_to(self, state: State, name: str) -> None:
        """Run here the attempts that the signal causes."""
        process = self._process
        if state.stops_at_once:
            process.watch_until_end(state.workflow_id)
        if sender_takes_over(name, state, claims=process.claims):
            process.claim([state.workflow_id])
            await process.run_attempts()

    async def _cancel(self, link: TemporalClient, seen: WorkflowSnapshot, by: str) -> WorkflowSnapshot | None:
        workflow_id = seen.state.workflow_id
        if seen.state.is_final or seen.state.cancelling:
            return seen
        await link.connection.call(link.handle(workflow_id).cancel(reason=by))
        limit = link.patience if await link.polled() else 0.0
        return await link.until(workflow_id, lambda it: it.state.is_final or it.state.cancelling, limit)

    async def _tree_now(self, link: TemporalClient, state: State) -> dict[str, Any]:
        """Return the tree that a person approves; if it is on another host, the tree of the last attempt."""
        if not link.ran_here(state):
            return {"tree": state.tree}
        digest, changed = await self._planner.approved_tree(state)
        return {"tree": digest, "changed": list(changed)}
