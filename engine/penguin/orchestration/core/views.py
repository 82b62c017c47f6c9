"""The public view of a workflow's state."""

from __future__ import annotations

from penguin.orchestration.backend import WorkflowInfo
from penguin.orchestration.core.state import State
from penguin.orchestration.core.times import from_timestamp


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
        progress=state.phase.progress,
        started_at=from_timestamp(state.created_at),
        updated_at=from_timestamp(state.updated_at),
        error_message=state.reason or None,
        artifacts=list(state.artifacts),
    )
