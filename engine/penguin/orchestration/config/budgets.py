"""`budget:` of penguin.yaml: how much coding agents may spend on an attempt, a workflow and a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penguin.orchestration.config.document_checker import Checker, Node

if TYPE_CHECKING:
    from penguin.orchestration.core.definition import Budgets

SCOPES = ("attempt", "workflow", "task")
_MOST = 1e12


def check_budgets(node: Node | None, checker: Checker) -> dict[str, dict[str, float]]:
    """Return the limits that are set, by scope and unit."""
    found: dict[str, dict[str, float]] = {}
    for scope, child in checker.mapping(node, "budget", SCOPES).items():
        where = f"budget.{scope}"
        entries = checker.mapping(child, where, ("turns", "usd", "tokens", "minutes"))
        limits = {
            "turns": checker.integer(entries.get("turns"), f"{where}.turns", 1, int(_MOST)),
            "usd": checker.number(entries.get("usd"), f"{where}.usd", 0.0001, _MOST),
            "tokens": checker.integer(entries.get("tokens"), f"{where}.tokens", 1, int(_MOST)),
            "minutes": checker.number(entries.get("minutes"), f"{where}.minutes", 0.001, _MOST),
        }
        found[scope] = {name: limit for name, limit in limits.items() if limit is not None}
    return {scope: limits for scope, limits in found.items() if limits}


def budgets_of(found: Mapping[str, Mapping[str, Any]]) -> Budgets:
    """Return the limits as the definition of a workflow holds them."""
    from penguin.orchestration.core.definition import Budget, Budgets

    return Budgets(**{scope: Budget(**limits) for scope, limits in found.items()})
