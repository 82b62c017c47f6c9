"""The public view of a workflow's state."""

from __future__ import annotations

from datetime import UTC, datetime

from penguin.orchestration.backend import WorkflowInfo
from penguin.orchestration.core.state import State


def workflow_info(state: State) -> WorkflowInfo:
    """Return the public view of a state."""
    task = state.definition.task
    return WorkflowInfo(
        workflow_id=state.workflow_id,
        task_id=task.id,
        blueprint_id=task.blueprint_id,
        project_id=task.project_id,
        status=state.status,
        phase=state.phase,
        progress=state.progress,
        started_at=datetime.fromtimestamp(state.created_at, UTC),
        updated_at=datetime.fromtimestamp(state.updated_at, UTC),
        error_message=state.reason or None,
        artifacts=list(state.artifacts),
    )
