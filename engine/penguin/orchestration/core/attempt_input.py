"""The input of an attempt: what its workflow's state adds to the definition when the attempt starts."""

from __future__ import annotations

from penguin.orchestration.backend import WorkflowPhase
from penguin.orchestration.core.budget import remaining_budget
from penguin.orchestration.core.definition import Budget
from penguin.orchestration.core.immutable import Record
from penguin.orchestration.core.state import State


class AttemptInput(Record, frozen=True, kw_only=True):
    """The part of an attempt's order that comes from the state of its workflow."""

    feedback: tuple[str, ...] = ()
    """Texts of the feedback delivered with this attempt."""
    evidence: str = ""
    """Text of the failures that led to this attempt, for the program that implements."""
    budget: Budget = Budget()
    """Budget of its agent."""
    snapshot: str = ""
    """The conversation that its agent continues; empty: a new one."""
    tested_tree: str = ""
    """Digest of the tree that TEST passed on; empty if there is none."""
    merged: str = ""
    """The commit with the merged tree on which the gates run again before a landing; empty: the workflow's own."""


def attempt_input(state: State) -> AttemptInput:
    """Return the input of a workflow's open attempt."""
    opened, tested = state.open, state.pass_of(WorkflowPhase.TEST)
    return AttemptInput(
        feedback=tuple(item.text for item in opened.feedback) if opened is not None else (),
        evidence=state.evidence,
        budget=remaining_budget(state.definition.budgets, state.granted, state.usage, state.used_before),
        snapshot=state.snapshot,
        tested_tree=tested.tree if tested is not None else "",
        merged=state.landing.merged if state.landing is not None else "",
    )
