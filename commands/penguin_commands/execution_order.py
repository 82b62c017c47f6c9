"""The order of execution, in which people read lists of workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penguin.orchestration.workflow_status import WorkflowPhase, WorkflowStatus

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowInfo
    from penguin.orchestration.store.progress import WorkflowProgress


def execution_place(info: WorkflowInfo, progress: WorkflowProgress | None, *, executing: bool) -> tuple[Any, ...]:
    """Return the sort key of a workflow: first what needs a person, then what runs, what waits, and what has ended.

    Args:
        info: The workflow.
        progress: Its progress; None if it is not known. Then a waiting workflow comes after those that are known.
        executing: Whether a step of it runs.
    """
    if info.status.rests:
        return (0, info.status is not WorkflowStatus.BLOCKED, info.started_at)
    if info.status.final:
        return (3, -info.updated_at.timestamp())
    if executing:
        return (1, info.started_at)
    if progress is None:
        return (2, 1, info.phase is WorkflowPhase.PENDING, info.started_at)
    return (2, 0, progress.rank)
