"""Backlog.md: `backlog/tasks/ID - Title.md`, a file for each task with front matter and marked sections."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem
from penguin.orchestration.blueprint.importers.field_reader import FieldReader
from penguin.orchestration.blueprint.importers.format import Format
from penguin.orchestration.blueprint.importers.markdown_outline import Heading, Item, Prose, outline, source_text
from penguin.orchestration.blueprint.importers.statuses import is_cancelled, is_done, keep_status
from penguin.orchestration.blueprint.importers.unread.dependency_claims import note_description_claims
from penguin.orchestration.config.document import parse_yaml

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.source_file import Source

_FRONT = re.compile(r"---[ \t]*\n(.*?\n)---[ \t]*(?:\n|$)", re.DOTALL)
_MARKER = re.compile(r"^[ \t]*<!--.*?-->[ \t]*$\n?", re.MULTILINE)
_NUMBER = re.compile(r"#\d+\s+")
_LISTED = re.compile(r"[#`*\[]*([A-Za-z]+-\d+(?:\.\d+)*|\d+)\b")
_REMARK = re.compile(r"(?<!\s)\s*\([^()]*\)")
_CRITERIA = ("acceptance criteria", "definition of done")
_DEPENDENCIES = ("dependencies", "depends on", "blocked by", "prerequisites")
_FOLDERS = ("tasks", "completed", "drafts")
_FRONT_KEYS = (
    "id", "title", "status", "dependencies", "depends_on", "blocked_by", "priority", "parent_task_id", "parent",
)  # fmt: skip
_PRIORITIES = ("critical", "high", "medium", "low")


def _recognise(source: Source) -> int:
    match = _FRONT.match(source.text)
    if source.is_json or match is None:
        return 0
    keys = set(re.findall(r"^([a-z_]+)\s*:", match[1].lower(), re.MULTILINE))
    if not {"id", "title"} <= keys:
        return 0
    if "status" in keys and keys & {"created_date", "assignee", "dependencies", "parent_task_id", "ordinal"}:
        return 90
    # Other Markdown files may have an id and a title, too.
    in_folder = source.path is not None and source.path.absolute().parent.name in _FOLDERS
    return 50 if in_folder or "status" in keys else 0


def _read(source: Source) -> ImportedBacklog:
    folder = source.path.absolute().parent if source.path else None
    if folder and folder.name in _FOLDERS:
        folder = folder.parent
    backlog = ImportedBacklog(format="backlog-md", id=folder.name if folder else "backlog", partial=True)
    match = _FRONT.match(source.text)
    front = parse_yaml(match[1], source.checker, 2) if match else None
    if match is None or front is None:
        source.checker.error(1, "has no front matter", "a task of Backlog.md begins with --- and its id")
        return backlog
    if isinstance(front.value, dict):
        front.value = {key.lower() if key.lower() in _FRONT_KEYS else key: node for key, node in front.value.items()}
    record = FieldReader(front, source.checker, "front matter")
    # Ids are written in either case.
    item = ImportedItem(id=record.text("id").upper(), title=record.text("title"), line=1, metadata={})
    if not item.id:
        source.checker.error(1, "front matter: has no id")
    _read_front(record, item)
    if source.path is not None and source.path.absolute().parent.name == "completed":
        item.done = True
    _read_body(item, source.text, match.end())
    if is_cancelled(item.metadata.get("status", "")):
        backlog.leave_out(item, f"is {item.metadata['status']} in the source")
    else:
        backlog.items.append(item)
    return backlog


def _read_front(record: FieldReader, item: ImportedItem) -> None:
    status = record.text("status")
    item.done = is_done(status)
    keep_status(item, status)
    item.dependencies = [one.upper() for one in record.dependency_ids()]
    priority = record.text("priority").lower()
    item.priority = priority if priority in _PRIORITIES else ""
    parent = record.text("parent_task_id", "parent")
    item.metadata |= {"parent": parent.upper()} if parent else {}
    item.metadata |= record.leftovers()


def _read_body(item: ImportedItem, text: str, start: int) -> None:
    """Set the criteria, the description and the listed dependencies below the front matter."""
    # The markers would hide the text that follows them: an HTML block ends at an empty line.
    head = "\n" * text.count("\n", 0, start)
    body = head + _MARKER.sub("", text[start:])
    lines = body.split("\n")
    parts: list[str] = []
    section = ""
    for part in outline(body):
        if isinstance(part, Heading):
            section = _REMARK.sub("", part.text).strip().lower().rstrip(":")
            if section not in ("description", *_CRITERIA):
                parts.append(f"{'#' * part.level} {part.text}")
        elif isinstance(part, Prose):
            parts.append(part.text)
        elif section in _CRITERIA or part.box is not None:
            item.criteria += [_criterion(one) for one in part.walk()]
        else:
            match = _LISTED.match(part.text) if section in _DEPENDENCIES else None
            item.dependencies += [match[1].upper()] if match else []
            parts.append(source_text(lines, part.line, part.end))
    item.description = "\n\n".join(parts)


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
    numbers: dict[str, list[str]] = {}
    for name in by_id:
        numbers.setdefault(name.rpartition("-")[2].lstrip("0"), []).append(name)
    for item in first.items:
        item.dependencies = [_by_number(one, by_id, numbers) for one in item.dependencies]
        parent = by_id.get(item.metadata.get("parent", ""))
        if parent is not None and parent.id not in item.dependencies:
            parent.dependencies.append(item.id)
    note_description_claims(first)
    return first


def _by_number(name: str, by_id: Mapping[str, ImportedItem], numbers: Mapping[str, list[str]]) -> str:
    """Return the id that a dependency such as `1` means, if one task has this number."""
    found = numbers.get(name.lstrip("0"), []) if name not in by_id else []
    return found[0] if len(found) == 1 else name


FORMAT = Format(
    "backlog-md",
    "a task of Backlog.md",
    _recognise,
    _read,
    places=tuple(f"{folder}{name}/*.md" for folder in ("backlog/", ".backlog/", "") for name in ("tasks", "completed")),
    join=_join,
    subfolders=("tasks", "completed"),
)
