"""ralph: `prd.json`, a list of user stories in the order of their priority; also a list of features with `passes`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem, link_dependents
from penguin.orchestration.blueprint.importers.field_reader import FieldReader
from penguin.orchestration.blueprint.importers.format import Format
from penguin.orchestration.blueprint.importers.statuses import is_done, keep_status
from penguin.orchestration.config.document_checker import Node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin.orchestration.blueprint.importers.source_file import Source

_STORIES = ("userStories", "user_stories", "stories", "features")
_CRITERIA = ("acceptanceCriteria", "acceptance_criteria", "criteria", "successCriteria", "success_criteria")
_PRIORITIES = ("critical", "high", "medium", "low")


def _recognise(source: Source) -> int:
    if not source.is_json:
        return 0
    keys = source.keys()
    if "userStories" in keys or "user_stories" in keys:
        return 90
    if "epics" in keys and re.search(r'"user_?stories"\s*:', source.text, re.IGNORECASE):
        return 85
    records = source.records()
    value = source.document.value if source.document else None
    for name in ("stories", "features"):
        if isinstance(value, dict) and name in value and isinstance(value[name].value, list):
            records = [node for node in value[name].value if isinstance(node.value, dict)]
    return 85 if any("passes" in node.value for node in records) else 0


def _read(source: Source) -> ImportedBacklog:
    backlog = ImportedBacklog(format="ralph", id="prd")
    backlog.items = [item for _, item in sorted(_stories(source, backlog), key=lambda pair: pair[0])]
    return backlog


def _stories(source: Source, backlog: ImportedBacklog) -> Iterator[tuple[float, ImportedItem]]:
    """Yield the stories, each with its rank."""
    root = source.document
    if root is None:
        return
    if isinstance(root.value, list):
        root = Node({"userStories": root}, root.line)
    record = FieldReader(root, source.checker, "prd.json")
    stories = list(record.records(*_STORIES))
    for number, epic in enumerate(record.records("epics"), 1):
        stories += epic.records(*_STORIES)
        name = epic.text("id") or epic.text("title", "name") or f"epic {number}"
        backlog.metadata |= {f"{name}.{key}": text for key, text in epic.leftovers().items()}
    about = record.record("metadata")
    for holder in (record, about):
        if holder is not None:
            backlog.title = backlog.title or holder.text("project", "projectName", "title", "name")
    description = record.text("description", "overview")
    backlog.prose += [description] if description else []
    backlog.metadata |= record.leftovers() | (about.leftovers() if about else {})
    if backlog.title:
        backlog.id = backlog.title
    blocked: list[tuple[str, str]] = []
    ranked = [_story(story, blocked) for story in stories]
    link_dependents([item for _, item in ranked], blocked, backlog)
    yield from ranked


def _story(record: FieldReader, blocked: list[tuple[str, str]]) -> tuple[float, ImportedItem]:
    status = record.text("status")
    title = record.text("title", "name", "story")
    description = record.text("description")
    item = ImportedItem(
        id=record.text("id"),
        title=title or description.split("\n")[0],
        line=record.line,
        description=description if title else "",
        dependencies=record.dependency_ids(),
        criteria=_criteria(record),
        done=record.flag("passes", "done", "completed") or is_done(status),
        metadata={},
    )
    keep_status(item, status)
    notes = record.text("notes")
    if notes:
        item.description = f"{item.description}\n\n{notes}".strip()
    blocked += [(item.id, one) for one in record.dependent_ids()]
    rank = _rank(record, item)
    item.metadata |= record.leftovers()
    return rank, item


def _criteria(record: FieldReader) -> list[str]:
    """Return the criteria of a story; its steps, if it has none."""
    found = [text for name in _CRITERIA for text in record.texts(name)]
    return found or record.texts("steps")


def _rank(record: FieldReader, item: ImportedItem) -> float:
    """Return the rank of a story: its priority if that is a number. The lowest comes first."""
    priority = record.text("priority").lower()
    if priority in _PRIORITIES:
        item.priority = priority
        return 0.0
    try:
        rank = float(priority)
    except ValueError:
        rank = 0.0
    if priority:
        item.metadata["priority"] = priority
    return rank


FORMAT = Format(
    "ralph",
    "a ralph prd.json",
    _recognise,
    _read,
    places=("prd.json", "scripts/ralph/prd.json", ".ralph/prd.json", "ralph/prd.json"),
)
