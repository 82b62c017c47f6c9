"""Budgets of coding agents. Pure functions; numbers are in the units of Budget and Usage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penguin.orchestration.core.definition import Budget, Budgets

if TYPE_CHECKING:
    from penguin.orchestration.core.results import Usage

FIELDS = Budget.__struct_fields__
UNLIMITED = Budgets()


def add_budgets(first: Budget, second: Budget) -> Budget:
    """Return the sum of two grants. An unset field counts as zero."""
    return Budget(*(_sum(getattr(first, name), getattr(second, name)) for name in FIELDS))


def remaining_budget(budgets: Budgets, granted: Budget, workflow: Usage, before: Usage) -> Budget:
    """Return what the next attempt may spend. A field that is None has no limit.

    `workflow` is what this workflow has spent, `before` what the task had spent before it.
    """
    if budgets == UNLIMITED:
        return UNLIMITED.attempt
    of_workflow = _minus(_with(budgets.workflow, granted), workflow)
    of_task = _minus(_with(budgets.task, granted), workflow + before)
    return Budget(*(_least(name, budgets.attempt, of_workflow, of_task) for name in FIELDS))


def exhausted_budget(budgets: Budgets, granted: Budget, workflow: Usage, before: Usage) -> str:
    """Return a sentence that names the first used-up budget, or "" if none is used up."""
    for what, budget, spent in (("workflow", budgets.workflow, workflow), ("task", budgets.task, workflow + before)):
        given = _with(budget, granted)
        for name in FIELDS:
            limit = getattr(given, name)
            if limit is not None and getattr(spent, name) >= limit:
                return f"the budget of the {what} is spent: {_shown(name, getattr(spent, name), limit)}"
    return ""


def suggested_grant(budgets: Budgets, granted: Budget, workflow: Usage, before: Usage) -> str:
    """Return the grant to type to continue: for each used-up budget, its own amount again. Empty if none is used up."""
    for budget, spent in ((budgets.workflow, workflow), (budgets.task, workflow + before)):
        given = _with(budget, granted)
        for name in FIELDS:
            limit = getattr(given, name)
            if limit is not None and getattr(spent, name) >= limit:
                return f"{name}={_number(max(getattr(budget, name), getattr(spent, name) - limit))}"
    return ""


def _with(budget: Budget, granted: Budget) -> Budget:
    """Add a grant to a budget. A field without a limit stays without one."""
    return Budget(*(_plus(getattr(budget, name), getattr(granted, name)) for name in FIELDS))


def _plus(limit: Any, more: Any) -> Any:
    return None if limit is None else limit + (more or 0)


def _sum(first: Any, second: Any) -> Any:
    return second if first is None else first + (second or 0)


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
