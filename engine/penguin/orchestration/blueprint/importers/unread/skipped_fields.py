"""Skipped fields: those of JSON, YAML and front matter that hold tasks or name them, but were not read as such."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.informational_keys import TASK_LISTS
from penguin.orchestration.blueprint.keys import is_metadata, normalized
from penguin.orchestration.blueprint.prose.claims import claims
from penguin.orchestration.blueprint.prose.reachability import Reachability
from penguin.orchestration.blueprint.prose.task_names import TaskNames
from penguin.orchestration.config.document import parse_yaml
from penguin.orchestration.config.document_checker import Checker, Node

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog
    from penguin.orchestration.blueprint.importers.source_file import Source

_FRONT = re.compile(r"---[ \t]*\n(.*?\n)---[ \t]*(?:\n|$)", re.DOTALL)
_SHOWN = 80


def note_skipped_fields(source: Source, backlog: ImportedBacklog) -> None:
    """Add a note for each field that was kept as metadata or prose, and holds tasks or names one to wait for."""
    names = TaskNames(backlog.items, titles=False)
    reach = Reachability({item.id: item.dependencies for item in backlog.items})
    for item in backlog.items:
        for key, value in item.metadata.items():
            if normalized(key) in TASK_LISTS:
                backlog.note(item.line, f"{key} of {item.id} is kept as metadata, not as tasks: {value[:_SHOWN]}")
            elif not is_metadata(key):
                pairs = claims(f"{key}: {value}", names, item.id) if "\n" not in value else ()
                missing = [f"{then} on {first}" for then, first in pairs if not reach.has(then, first)]
                if missing:
                    shown = f"({', '.join(missing[:5])}): {key}: {value[:_SHOWN]}"
                    backlog.note(item.line, f"may state a dependency that was not read {shown}")
    match = _FRONT.match(source.text) if source.document is None else None
    front = parse_yaml(match[1], Checker(source.shown), 2) if match else None
    for key, node in front.value.items() if front is not None and isinstance(front.value, dict) else ():
        if normalized(key) in TASK_LISTS and isinstance(node.value, list):
            for one in node.value:
                backlog.note(one.line, f"is kept as prose, not as a task: {key}: {_text(one)[:_SHOWN]}")


def _text(node: Node) -> str:
    value = node.plain()
    return ", ".join(map(str, value.values())) if isinstance(value, dict) else str(value)
