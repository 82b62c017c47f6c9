"""Unique ids of imported tasks: every task gets a valid id, and every dependency a task."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.importers.task_ids import UniqueIds, id_from_source, id_from_title
from penguin.orchestration.config.document_checker import nearest

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem
    from penguin.orchestration.config.document_checker import Checker


def complete(backlog: ImportedBacklog, checker: Checker) -> None:
    """Give all tasks of a backlog their final ids, and check the dependencies. Errors go to the checker."""
    ids = _assign_ids(backlog, checker)
    backlog.title = " ".join(backlog.title.split())
    backlog.prose = [text for text in map(str.strip, backlog.prose) if text]
    backlog.metadata = _tidy(backlog.metadata)
    for item in backlog.items:
        item.title = " ".join(item.title.split()) or item.id
        item.description = item.description.strip()
        item.criteria = [one for one in (text.strip() for text in item.criteria) if one]
        item.metadata = _tidy(item.metadata)
        item.dependencies = _resolve(item, ids, backlog, checker)
    if not backlog.items:
        checker.error(0, f"has no tasks ({backlog.format})")
    _refuse_cycles(backlog, checker)
    if len(backlog.items) > 1 and not any(item.dependencies for item in backlog.items):
        backlog.note(0, "names no dependencies: the tasks may run in any order, and at the same time")


def _tidy(metadata: dict[str, str]) -> dict[str, str]:
    """Return metadata whose names are one line each, without empty values."""
    lines = {" ".join(name.split()) or "-": text.strip() for name, text in metadata.items()}
    return {name: text for name, text in lines.items() if text}


def _assign_ids(backlog: ImportedBacklog, checker: Checker) -> dict[str, str]:
    """Set the final id of each item. Return them by the ids of the source."""
    first: dict[str, ImportedItem] = {}
    for item in backlog.items:
        if not item.id:
            continue
        other = first.setdefault(item.id, item)
        if other is not item:
            message = f"duplicate id {item.id[:60]!r} (first on line {other.line})"
            checker.error(item.line, message, "change one of them")
    by_source: dict[str, str] = {}
    # Ids of the source come first: an id from a title gives way.
    ids = UniqueIds()
    for item in first.values():
        chosen = ids.take(id_from_source(item.id) or id_from_title(item.title))
        by_source[item.id] = chosen
        if chosen != item.id:
            backlog.note(item.line, f"the id {item.id[:60]!r} is {chosen!r} here")
    for item in backlog.items:
        item.id = by_source[item.id] if item.id else ids.take(id_from_title(item.title))
    return by_source


def _resolve(item: ImportedItem, ids: dict[str, str], backlog: ImportedBacklog, checker: Checker) -> list[str]:
    """Return the final ids of an item's dependencies."""
    found: dict[str, None] = {}
    for raw in item.dependencies:
        if raw in ids:
            found[ids[raw]] = None
        elif raw in backlog.left_out:
            backlog.note(item.line, f"{item.id} depends on {raw[:60]}, which {backlog.left_out[raw]}: left out")
        elif backlog.partial:
            backlog.note(item.line, f"{item.id} depends on {raw[:60]}, which is not in the source: left out")
        else:
            match = nearest(raw, ids)
            hint = f"did you mean {match!r}?" if match else "add the task, or remove the dependency"
            checker.error(item.line, f"task {item.id} depends on {raw[:60]!r}, which the file does not contain", hint)
    return list(found)


def _refuse_cycles(backlog: ImportedBacklog, checker: Checker) -> None:
    items = {item.id: item for item in backlog.items}
    try:
        TopologicalSorter({item.id: item.dependencies for item in backlog.items}).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        checker.error(
            items[circle[0]].line,
            f"circular dependency: {' -> '.join(circle[:20])}",
            "remove one of these dependencies from the source",
        )
