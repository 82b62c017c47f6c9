"""Blueprints: files of tasks in Markdown, YAML or JSON, their common model, dependency graph and lint.

`graph` and `lint` are imported separately, because they import networkx.
"""

from __future__ import annotations

from penguin.orchestration.blueprint.loader import BlueprintSet, load_blueprints, parse_blueprint, read_blueprint
from penguin.orchestration.blueprint.model import Blueprint, BlueprintCounts, BlueprintItem, count

__all__ = [
    "Blueprint",
    "BlueprintCounts",
    "BlueprintItem",
    "BlueprintSet",
    "count",
    "load_blueprints",
    "parse_blueprint",
    "read_blueprint",
]
