"""The writer of imported blueprints: YAML, in which no text of another tool can be taken for a check or a recipe.

id: 001-auth
title: Authentication
items:
  - id: T001
    …
imported:
  format, source, prose, metadata: as the source has them
  tasks: {ID: the digests of what the last import wrote}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penguin.orchestration.blueprint.edit.yaml_values import FlowList, FlowMapping, dump
from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem
from penguin.orchestration.blueprint.importers.merge import digests

HEADER = """\
# Written by `penguin import` from {source}.
# Edit it freely: the next import of that file keeps your checks, recipes and priorities.
"""


def item_fields(item: ImportedItem) -> dict[str, Any]:
    """Return an item as the fields of a blueprint's item."""
    fields: dict[str, Any] = {"id": item.id, "title": item.title}
    optional = {
        "description": item.description,
        "priority": item.priority,
        "done": item.done,
        "depends_on": FlowList(item.dependencies),
        "acceptance_criteria": item.criteria,
        "metadata": item.metadata,
    }
    return fields | {name: value for name, value in optional.items() if value}


def item_text(item: ImportedItem) -> str:
    """Return an item as lines of the list `items`."""
    return dump([item_fields(item)], 2)


def imported_text(backlog: ImportedBacklog, source: str, prefix: str, records: Mapping[str, dict[str, str]]) -> str:
    """Return the section `imported`. `records` are the digests by task id."""
    section: dict[str, Any] = {"format": backlog.format, "source": source}
    optional = {"prefix": prefix, "prose": "\n\n".join(backlog.prose), "metadata": backlog.metadata}
    section |= {name: value for name, value in optional.items() if value}
    return dump({"imported": section | {"tasks": {name: FlowMapping(fields) for name, fields in records.items()}}})


def blueprint_text(backlog: ImportedBacklog, blueprint_id: str, source: str, prefix: str = "") -> str:
    """Return the blueprint of a backlog.

    Args:
        backlog: The backlog, with its final ids.
        blueprint_id: The id of the blueprint.
        source: The path of the source, relative to the workspace.
        prefix: What was put before the ids of the source to make them unique.
    """
    head = dump({"id": blueprint_id, "title": backlog.title or blueprint_id})
    items = "\n".join(item_text(item) for item in backlog.items)
    records = {item.id: digests(item_fields(item)) for item in backlog.items}
    imported = imported_text(backlog, source, prefix, records)
    name = " ".join(source.split()).encode("unicode_escape").decode("ascii")
    return f"{HEADER.format(source=name)}{head}items:\n{items}\n{imported}"
