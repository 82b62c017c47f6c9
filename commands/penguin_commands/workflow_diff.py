"""`/workflow diff`: what changed in the files, as git tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.backend import Verdict, WorkflowError
from penguin_commands.results import Diff

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowPhase
    from penguin_commands.session import Session


def diff(session: Session, workflow: str, *, phase: WorkflowPhase | None = None) -> Diff:
    """From the start to the newest checkpoint, or to the files as they are while it is not over."""
    from penguin.orchestration.tree import NoRepository
    from penguin.orchestration.tree.difference import difference

    workflow_id = session.resolve(workflow, prefix=True)
    active = not session.info(workflow_id).status.final
    running = _running(session, workflow_id, phase) if active and phase is not None else None
    folder = session.workspace.runs / workflow_id
    exclude = session.reader.checkpoint_exclude(workflow_id)
    try:
        found = difference(session.workspace.root, folder, phase=phase, running=running, active=active, exclude=exclude)
    except NoRepository as error:
        raise WorkflowError(f"diff needs a git repository: {error.message}", "git init, before a start") from error
    return Diff(workflow_id, tuple(found.files()), found.text)


def _running(session: Session, workflow_id: str, phase: WorkflowPhase) -> int | None:
    """The number of the attempt of this phase that has not ended yet."""
    for result in reversed(session.reader.results(workflow_id)):
        if result.phase is phase:
            return result.attempt if result.verdict in (None, Verdict.INTERRUPTED) else None
    return None
