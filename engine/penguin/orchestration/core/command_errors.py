"""Errors for refused commands: what is refused, why, and what to type next."""

from __future__ import annotations

from penguin.orchestration.backend import IllegalCommand, WorkflowPhase
from penguin.orchestration.core.state import State
from penguin.orchestration.workflow_status import GATES


def illegal_command(s: State, what: str, hint: str = "") -> IllegalCommand:
    """Return the error for a command that the workflow's status does not allow."""
    status = f"{s.status}, and being cancelled" if s.cancelling else str(s.status)
    return IllegalCommand(f"can't {what} {s.workflow_id}: it is {status}", hint or f"/workflow status {s.workflow_id}")


def check_no_jump(verb: str, workflow_id: str, phase: WorkflowPhase, latest: WorkflowPhase) -> None:
    """Raise IllegalCommand if `phase` comes after `latest`, the first gate without a pass (DONE: all gates have
    one)."""
    again = f"/workflow {verb} {workflow_id} --from"
    if phase not in GATES:
        raise IllegalCommand(f"can't {verb} {workflow_id} from {phase}: it is not a gate", f"{again} {'|'.join(GATES)}")
    if latest in GATES and GATES.index(phase) > GATES.index(latest):
        raise IllegalCommand(
            f"can't {verb} {workflow_id} from {phase}: {latest} has no pass for the current tree",
            f"{again} {latest}",
        )
