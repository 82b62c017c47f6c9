"""What coding agents may still spend. Pure; all numbers are of the units that Budget and Usage name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penguin.orchestration.core.definition import Budget, Budgets

if TYPE_CHECKING:
    from penguin.orchestration.core.results import Usage

FIELDS = Budget.__struct_fields__
UNLIMITED = Budgets()


def add_budgets(one: Budget, other: Budget) -> Budget:
    """What two grants come to together; unset is nothing."""
    return Budget(*(_sum(getattr(one, name), getattr(other, name)) for name in FIELDS))


def remaining_budget(budgets: Budgets, granted: Budget, workflow: Usage, before: Usage) -> Budget:
    """What the next attempt may spend; None in a field: as much as it takes.

    `workflow` was spent in the workflow, `before` on the task before it.
    """
    if budgets == UNLIMITED:
        return UNLIMITED.attempt
    of_workflow = _minus(_with(budgets.workflow, granted), workflow)
    of_task = _minus(_with(budgets.task, granted), workflow + before)
    return Budget(*(_least(name, budgets.attempt, of_workflow, of_task) for name in FIELDS))


def exhausted_budget(budgets: Budgets, granted: Budget, workflow: Usage, before: Usage) -> str:
    """Which budget holds nothing any more, as a sentence; empty where each holds something."""
    for what, budget, spent in (("workflow", budgets.workflow, workflow), ("task", budgets.task, workflow + before)):
        given = _with(budget, granted)
        for name in FIELDS:
            limit = getattr(given, name)
            if limit is not None and getattr(spent, name) >= limit:
                return f"the budget of the {what} is spent: {_shown(name, getattr(spent, name), limit)}"
    return ""


def suggested_grant(budgets: Budgets, granted: Budget, workflow: Usage, before: Usage) -> str:
    """What to type to go on: as much again as was given for what is used up; empty where nothing is."""
    for budget, spent in ((budgets.workflow, workflow), (budgets.task, workflow + before)):
        given = _with(budget, granted)
        for name in FIELDS:
            limit = getattr(given, name)
            if limit is not None and getattr(spent, name) >= limit:
                return f"{name}={_number(max(getattr(budget, name), getattr(spent, name) - limit))}"
    return ""


def _with(budget: Budget, granted: Budget) -> Budget:
    """A budget and what was given beyond it: what has no limit needs no grant."""
    return Budget(*(_plus(getattr(budget, name), getattr(granted, name)) for name in FIELDS))


def _plus(limit: Any, more: Any) -> Any:
    return None if limit is None else limit + (more or 0)


def _sum(one: Any, other: Any) -> Any:
    return other if one is None else one + (other or 0)


def _minus(budget: Budget, spent: Usage) -> Budget:
    return Budget(*(_rest(getattr(budget, name), getattr(spent, name)) for name in FIELDS))


def _rest(limit: Any, spent: Any) -> Any:
    return None if limit is None else max(limit - spent, 0)


def _least(name: str, *budgets: Budget) -> Any:
    limits = [limit for budget in budgets if (limit := getattr(budget, name)) is not None]
    return min(limits, default=None)


def _shown(name: str, spent: float, limit: float) -> str:
    return f"{_number(spent)} of {_number(limit)} {name}"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
