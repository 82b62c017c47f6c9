"""The metadata of blueprints and tasks: values under keys that Penguin keeps and shows, but does not use."""

from __future__ import annotations

import json
from collections.abc import Sequence

from penguin.orchestration.blueprint.keys import BLOCKS, CRITERIA, DEPENDENCIES, is_metadata, key_of
from penguin.orchestration.config.document_checker import Checker, Node, nearest

NO_METADATA: dict[str, str] = {}
TASK_LISTS = frozenset(
    (
        "todos",
        "todo",
        "tasks",
        "items",
        "steps",
        "stories",
        "user stories",
        "subtasks",
        "backlog",
        "checklist",
        "children",
    )
)
"""Keys of other programs, as `normalized` returns them, whose lists may be tasks."""
_ONLY_OF_TASKS = frozenset(["dependency_specs", "subtasks"])
_CLOSE = 0.8
_DEPENDS = "depends_on"


def split_metadata(
    entries: dict[str, Node], known: Sequence[str], where: str, checker: Checker
) -> tuple[dict[str, Node], dict[str, str]]:
    """Return the entries with known keys, and the others as metadata. A key close to a known one is an error."""
    if entries.keys() <= set(known):
        return entries, NO_METADATA
    metadata: dict[str, str] = {}
    for key, node in entries.items():
        if key in known:
            continue
        match = None if is_metadata(key) else _alias(key, known) or nearest(key.replace("-", "_"), known, _CLOSE)
        if match:
            hint = (
                "write depends_on in the tasks that it blocks" if key_of(key) == BLOCKS else f"did you mean {match!r}?"
            )
            checker.error(node.key_line, f"{where}: unknown key {key!r}", hint)
        else:
            metadata[key] = shown(node)
    return {key: node for key, node in entries.items() if key in known}, metadata


def warn_of_task_keys(entries: dict[str, Node], checker: Checker) -> None:
    """Warn of keys at the top of a document that only a task can have: they belong to none."""
    for key, node in entries.items():
        is_of_task = key in _ONLY_OF_TASKS or key_of(key) in (DEPENDENCIES, BLOCKS, CRITERIA)
        if is_of_task and node.value not in (None, "", []):
            checker.warn(node.key_line, f"{key} stands below no task, and is metadata", "write it in its task")


def _alias(key: str, known: Sequence[str]) -> str | None:
    """Return the known key that another name means in Markdown, such as `depends_on` for `Requires`."""
    name = key_of(key)
    name = _DEPENDS if name in (DEPENDENCIES, BLOCKS) else name
    return name if name in known else None


def shown(node: Node) -> str:
    """Return a value of metadata as text."""
    if isinstance(node.value, list) and not any(isinstance(child.value, dict | list) for child in node.value):
        return ", ".join(shown(child) for child in node.value)
    if isinstance(node.value, dict | list):
        return json.dumps(node.plain(), ensure_ascii=False, default=str)
    return node.raw if node.raw is not None else "" if node.value is None else str(node.value)
