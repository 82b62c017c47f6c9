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

import yaml

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem
from penguin.orchestration.blueprint.importers.merge import digests
from penguin.orchestration.config.document import YAML_1_1_LINE_ENDS

HEADER = """\
# Written by `penguin import` from {source}.
# Edit it freely: the next import of that file keeps your checks, recipes and priorities.
"""
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_UNFOLDED = 1_000_000_000


class _Dumper(_DUMPER):  # type: ignore[misc]  # PyYAML has one of two, as it was built
    """Writes texts of several lines as blocks, and short lists in one line."""


class _Ids(list[str]):
    """A list that is written in one line."""


class _Line(dict[str, str]):
    """A mapping that is written in one line."""


def _represent_text(dumper: Any, text: str) -> Any:
    # libyaml would break lines at these characters, and indent what follows.
    breaks = any(char in text for char in YAML_1_1_LINE_ENDS)
    style = '"' if breaks else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_ids(dumper: Any, ids: _Ids) -> Any:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", ids, flow_style=True)


def _represent_line(dumper: Any, fields: _Line) -> Any:
    return dumper.represent_mapping("tag:yaml.org,2002:map", fields.items(), flow_style=True)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(_Line, _represent_line)
_Dumper.add_representer(_Ids, _represent_ids)


def dump(value: object, indent: int = 0) -> str:
    """Return a value as YAML, each line after `indent` spaces."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_UNFOLDED, default_flow_style=False
    )
    lead = " " * indent
    return "".join(f"{lead}{line}\n" if line else "\n" for line in text.split("\n")[:-1])


def item_fields(item: ImportedItem) -> dict[str, Any]:
    """Return an item as the fields of a blueprint's item."""
    fields: dict[str, Any] = {"id": item.id, "title": item.title}
    optional = {
        "description": item.description,
        "priority": item.priority,
        "done": item.done,
        "depends_on": _Ids(item.dependencies),
        "acceptance_criteria": item.criteria,
        "metadata": item.metadata,
    }
    return fields | {name: value for name, value in optional.items() if value}


def field_text(name: str, value: object, indent: int) -> str:
    """Return one field of an item as lines of its file."""
    return dump({name: _Ids(value) if name == "depends_on" and isinstance(value, list) else value}, indent)


def item_text(item: ImportedItem) -> str:
    """Return an item as lines of the list `items`."""
    return dump([item_fields(item)], 2)


def imported_text(backlog: ImportedBacklog, source: str, prefix: str, records: Mapping[str, dict[str, str]]) -> str:
    """Return the section `imported`. `records` are the digests by task id."""
    section: dict[str, Any] = {"format": backlog.format, "source": source}
    optional = {"prefix": prefix, "prose": "\n\n".join(backlog.prose), "metadata": backlog.metadata}
    section |= {name: value for name, value in optional.items() if value}
    return dump({"imported": section | {"tasks": {name: _Line(fields) for name, fields in records.items()}}})


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
