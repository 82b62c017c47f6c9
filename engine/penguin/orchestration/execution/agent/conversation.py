"""The stored conversation of an agent: the snapshot that an attempt continues, and the one that it saves."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from penguin.orchestration.agents.adapter import Adapter, AgentRequest, AgentTranscript
from penguin.orchestration.agents.registry import COMMAND
from penguin.orchestration.core.definition import AgentSpec
from penguin.orchestration.core.results import Usage
from penguin.orchestration.execution.attempt_plan import PlannedStep
from penguin.orchestration.execution.runner_api import AttemptOrder
from penguin.orchestration.execution.step_files import ExitRecord
from penguin.orchestration.files.workspace import Workspace
from penguin.orchestration.state import ContextSnapshot, WorkflowStateStore

LARGEST_SESSION = 256 << 20
"""Maximum bytes of a conversation's file that are stored."""


class StoredConversation:
    """The snapshots of one agent step. Its methods block, and raise StoreError if the database can't be used."""

    def __init__(self, order: AttemptOrder, step: PlannedStep, adapter: Adapter) -> None:
        self.too_large = ""
        """The file of the conversation that was too large to store, as a clause."""
        self._order = order
        self._step = step
        self._spec: AgentSpec = order.definition.agents[step.agent]
        self._adapter = adapter
        self._db = Workspace(Path(order.workspace)).db

    def snapshot(self) -> ContextSnapshot | None:
        """Return the snapshot that the attempt continues; None if it begins a new conversation."""
        # A judge does not continue the conversation of the agent that it judges.
        if not self._order.snapshot or self._step.kind == "judge":
            return None
        with WorkflowStateStore(self._db) as store:
            return store.get_context_snapshot(self._order.snapshot)

    def can_resume(self, stored: ContextSnapshot, request: AgentRequest) -> bool:
        """Return whether the agent still has this conversation, or its files are stored."""
        # Custom agents keep their own conversations.
        if self._spec.kind == COMMAND or self._adapter.session_files(request, stored.session_id):
            return True
        with WorkflowStateStore(self._db) as store:
            return bool(store.session_files(stored.snapshot_id))

    def restore_files(self, request: AgentRequest, session: str) -> None:
        """Restore the files of the conversation, if the agent lost them."""
        with WorkflowStateStore(self._db) as store:
            files = store.session_files(self._order.snapshot)
        if files:
            self._adapter.restore(request, session, files)

    def save(
        self, ended: ExitRecord, transcript: AgentTranscript, request: AgentRequest, *, totals: Usage, usage: Usage
    ) -> str:
        """Save the conversation of a run, with its usage in total and in this attempt; return the snapshot's id."""
        order = self._order
        snapshot = ContextSnapshot(
            snapshot_id=self._snapshot_id(ended),
            workflow_id=order.workflow_id,
            conversation_history=list(transcript.messages),
            created_at=datetime.now(UTC),
            task_id=order.definition.task.id,
            phase=order.phase,
            attempt=order.attempt,
            agent=self._spec.name,
            session_id=transcript.session,
            metadata={
                "kind": self._spec.kind,
                "totals": msgspec.to_builtins(totals),
                "usage": msgspec.to_builtins(usage),
            },
        )
        files = self._session_files(request, transcript.session)
        with WorkflowStateStore(self._db) as store:
            store.save_context_snapshot(snapshot, files)
        return snapshot.snapshot_id

    def _snapshot_id(self, ended: ExitRecord) -> str:
        number = ended.id.rpartition(".")[2]
        suffix = "" if ended.is_result else f".{number}"
        judge = "-judge" if self._step.kind == "judge" else ""
        return f"{self._order.workflow_id}-{self._order.attempt}{judge}{suffix}"

    def _session_files(self, request: AgentRequest, session: str) -> dict[str, bytes]:
        if not session:
            return {}
        found = {}
        for path in self._adapter.session_files(request, session):
            try:
                with path.open("rb") as file:
                    data = file.read(LARGEST_SESSION + 1)
            except OSError:
                # Without this file, the prompt repeats the conversation.
                continue
            if len(data) > LARGEST_SESSION:
                self.too_large = f"not stored of its conversation: {path.name}, larger than {LARGEST_SESSION >> 20} MB"
            else:
                found[path.name] = data
        return found
