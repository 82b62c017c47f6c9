"""Gates that prove nothing for a task: nothing runs in them, or nothing that can fail because of its result."""

from __future__ import annotations

from enum import Enum, auto

from penguin.orchestration.core.definition import Gate, Task
from penguin.orchestration.core.test_detection.no_ops import (
    checks_nothing,
    criterion_checks_nothing,
    step_checks_nothing,
)


class Idle(Enum):
    """Why a gate proves nothing."""

    EMPTY = auto()
    """Nothing runs in it: it can't pass."""
    UNCHECKED = auto()
    """Its criteria have no check: only a person can pass it."""
    NO_OPS = auto()
    """Its commands pass whatever the task's result is."""


def idle_reason(gate: Gate, task: Task) -> Idle | None:
    """Return why a gate proves nothing for a task; None if it checks something, or is skipped."""
    if gate.skip or gate.agent:
        return None
    steps = [step for recipe in task.recipes for step in recipe.steps] if gate.recipes else []
    criteria = task.criteria if gate.criteria else ()
    checked = [criterion for criterion in criteria if criterion.check or gate.judge]
    if not (gate.run or steps or checked):
        return Idle.UNCHECKED if criteria else Idle.EMPTY
    if (
        all(checks_nothing(command.run) for command in gate.run)
        and all(map(step_checks_nothing, steps))
        and all(map(criterion_checks_nothing, checked))
    ):
        return Idle.NO_OPS
    return None
