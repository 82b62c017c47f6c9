"""Backlog.md: `backlog/tasks/ID - Title.md`, a file for each task with front matter and marked sections."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem
from penguin.orchestration.blueprint.importers.format import Format
from penguin.orchestration.blueprint.importers.markdown_outline import Heading, Item, Prose, outline, source_text
from penguin.orchestration.blueprint.importers.records import Record
from penguin.orchestration.blueprint.importers.statuses import is_cancelled, is_done, keep_status
from penguin.orchestration.config.document import parse_yaml

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.source import Source

_FRONT = re.compile(r"---[ \t]*\n(.*?\n)---[ \t]*(?:\n|$)", re.DOTALL)
_MARKER = re.compile(r"^[ \t]*<!--.*?-->[ \t]*$\n?", re.MULTILINE)
_NUMBER = re.compile(r"#\d+\s+")
_CRITERIA = ("acceptance criteria", "definition of done")
_PRIORITIES = ("critical", "high", "medium", "low")


def _recognise(source: Source) -> int:
    match = _FRONT.match(source.text)
    if source.is_json or match is None:
        return 0
    keys = set(re.findall(r"^([a-z_]+)\s*:", match[1], re.MULTILINE))
    if not {"id", "title", "status"} <= keys:
        return 0
    return 90 if keys & {"created_date", "assignee", "dependencies", "parent_task_id", "ordinal"} else 0


def _read(source: Source) -> ImportedBacklog:
    folder = source.path.absolute().parent if source.path else None
    if folder and folder.name in ("tasks", "completed", "drafts"):
        folder = folder.parent
    backlog = ImportedBacklog(format="backlog-md", id=folder.name if folder else "backlog", partial=True)
    match = _FRONT.match(source.text)
    front = parse_yaml(match[1], source.checker, 2) if match else None
    if match is None or front is None:
        source.checker.error(1, "has no front matter", "a task of Backlog.md begins with --- and its id")
        return backlog
    record = Record(front, source.checker, "front matter")
    # Ids are written in either case.
    item = ImportedItem(id=record.text("id").upper(), title=record.text("title"), line=1, metadata={})
    if not item.id:
        source.checker.error(1, "front matter: has no id")
    _read_front(record, item)
    item.criteria, item.description = _read_body(source.text, match.end())
    if is_cancelled(item.metadata.get("status", "")):
        backlog.leave_out(item, f"is {item.metadata['status']} in the source")
    else:
        backlog.items.append(item)
    return backlog


def _read_front(record: Record, item: ImportedItem) -> None:
    status = record.text("status")
    item.done = is_done(status)
    keep_status(item, status)
    item.dependencies = [one.upper() for one in record.ids("dependencies")]
    priority = record.text("priority").lower()
    item.priority = priority if priority in _PRIORITIES else ""
    parent = record.text("parent_task_id", "parent")
    item.metadata |= {"parent": parent.upper()} if parent else {}
    item.metadata |= record.leftovers()


def _read_body(text: str, start: int) -> tuple[list[str], str]:
    """Return the criteria and the description below the front matter."""
    # The markers would hide the text that follows them: an HTML block ends at an empty line.
    head = "\n" * text.count("\n", 0, start)
    body = head + _MARKER.sub("", text[start:])
    lines = body.split("\n")
    criteria: list[str] = []
    parts: list[str] = []
    section = ""
    for part in outline(body):
        if isinstance(part, Heading):
            section = part.text.strip().lower().rstrip(":")
            if section not in ("description", *_CRITERIA):
                parts.append(f"{'#' * part.level} {part.text}")
        elif isinstance(part, Prose):
            parts.append(part.text)
        elif section in _CRITERIA or part.box is not None:
            criteria += [_criterion(one) for one in part.walk()]
        else:
            parts.append(source_text(lines, part.line, part.end))
    return criteria, "\n\n".join(parts)


def _criterion(item: Item) -> str:
    match = _NUMBER.match(item.text)
    return item.text[match.end() :] if match else item.text


def _join(backlogs: list[ImportedBacklog]) -> ImportedBacklog:
    """Return the tasks of several files as one backlog, in the order of the files."""
    first = backlogs[0]
    for other in backlogs[1:]:
        first.items += other.items
        first.notes += other.notes
        first.left_out |= other.left_out
    by_id = {item.id: item for item in first.items}
    for item in first.items:
        parent = by_id.get(item.metadata.get("parent", ""))
        if parent is not None and parent.id not in item.dependencies:
            parent.dependencies.append(item.id)
    return first


FORMAT = Format(
    "backlog-md",
    "a task of Backlog.md",
    _recognise,
    _read,
    places=("backlog/tasks/*.md", ".backlog/tasks/*.md"),
    join=_join,
)
