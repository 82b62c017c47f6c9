"""Retries: the workflow that follows another one, and what it takes over."""

from __future__ import annotations

from msgspec.structs import replace

from penguin.orchestration.backend import IllegalCommand, WorkflowPhase, WorkflowStatus
from penguin.orchestration.core import events as ev
from penguin.orchestration.core.command_errors import check_no_jump, illegal_command
from penguin.orchestration.core.commands import Start
from penguin.orchestration.core.definition import Definition
from penguin.orchestration.core.state import State, first_unpassed
from penguin.orchestration.workflow_status import GATES


def retry_start(
    old: State,
    *,
    workflow_id: str,
    number: int,
    definition: Definition,
    tree: str = "",
    start_from: WorkflowPhase | None = None,
    by: str = "",
) -> Start:
    """Return the start of the workflow that retries `old`. It keeps the passes that were given for `tree`.

    Raises IllegalCommand if the contract allows no retry, or if `start_from` would jump a gate.
    """
    if not old.status.stopped:
        raise illegal_command(old, "retry", f"/workflow cancel {old.workflow_id}")
    if old.status is WorkflowStatus.COMPLETED and start_from is None:
        raise IllegalCommand(
            f"{old.workflow_id} is COMPLETED: choose the phase to run again",
            f"/workflow retry {old.workflow_id} --from IMPLEMENT",
        )
    kept = _passes_kept(old, definition, tree)
    latest = first_unpassed(definition, kept)
    phase = start_from or (latest if latest in GATES else GATES[-1])
    check_no_jump("retry", old.workflow_id, phase, latest)
    return Start(
        workflow_id=workflow_id,
        number=number,
        definition=definition,
        phase=phase,
        passes=tuple(p for p in kept if GATES.index(p.phase) < GATES.index(phase)),
        feedback=old.feedback,
        usage=old.used_before + old.usage,
        snapshot=old.snapshot,
        retry_of=old.workflow_id,
        by=by,
    )


def _passes_kept(old: State, definition: Definition, tree: str) -> tuple[ev.Pass, ...]:
    """Return the passes that still hold, up to the first gate without one. An unknown tree keeps no pass."""
    kept: list[ev.Pass] = []
    for gate in GATES:
        if definition.gates[gate].skip:
            continue
        held = old.pass_of(gate)
        if (
            held is None
            or not tree
            or held.tree != tree
            or _gate_requirements(old.definition, gate) != _gate_requirements(definition, gate)
        ):
            break
        kept.append(held)
    return tuple(kept)


def _gate_requirements(definition: Definition, gate: WorkflowPhase) -> tuple[object, ...]:
    """Return what the gate demands. A pass of other checks does not count; their position in a file does not matter."""
    task = definition.task
    settings = definition.gates[gate]
    recipes = tuple(replace(step, line=0) for recipe in task.recipes for step in recipe.steps)
    criteria = tuple(replace(criterion, line=0) for criterion in task.criteria)
    return (
        settings.run,
        settings.agent,
        settings.judge,
        recipes if settings.recipes else (),
        criteria if settings.criteria else (),
    )
