"""Blueprints: files of tasks in Markdown, YAML or JSON, read into one model; their graph; and what is wrong with them.

`graph` and `lint` are modules of their own: they bring networkx along.
"""

from __future__ import annotations

from penguin.orchestration.blueprint.loader import BlueprintSet, load_blueprints, parse_blueprint, read_blueprint
from penguin.orchestration.blueprint.model import Blueprint, BlueprintItem

__all__ = ["Blueprint", "BlueprintItem", "BlueprintSet", "load_blueprints", "parse_blueprint", "read_blueprint"]
