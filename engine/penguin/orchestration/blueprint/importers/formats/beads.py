"""beads: `.beads/issues.jsonl`, an issue a line, or the array that `bd list --json` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem
from penguin.orchestration.blueprint.importers.field_reader import DEPENDENCY_FIELDS, FieldReader
from penguin.orchestration.blueprint.importers.format import Format
from penguin.orchestration.blueprint.importers.statuses import is_cancelled, is_done, keep_status
from penguin.orchestration.config.document_checker import nearest

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.source_file import Source

_MARKS = frozenset({"issue_type", "acceptance_criteria", "created_at", "close_reason", "dependency_count"})
_PRIORITIES = ("critical", "high", "medium", "low", "low")
_BLOCKING = frozenset({"blocks", "conditional-blocks", "waits-for", "depends-on", ""})
_OTHER = frozenset({"related", "relates-to", "discovered-from", "duplicates", "supersedes", "replies-to", "tracks"})
"""Types of links that order nothing."""
_EDGE_KEYS = ("depends_on_id", "type", "dependency_type")
_PARENT = "parent-child"


def _recognise(source: Source) -> int:
    if not source.is_json:
        return 0
    records = source.records()
    fields = frozenset(records[0].value) if records else frozenset()
    if not {"id", "title"} <= fields or "number" in fields:
        return 0
    return 90 if "issue_type" in fields else 60 if fields & _MARKS else 0


def _read(source: Source) -> ImportedBacklog:
    folder = source.path.absolute().parent if source.path else None
    if folder and folder.name == ".beads":
        folder = folder.parent
    backlog = ImportedBacklog(format="beads", id=folder.name if folder else "beads", partial=True)
    parents: list[tuple[str, str]] = []
    for node in source.records():
        _issue(FieldReader(node, source.checker, "issue"), backlog, parents)
    _link(backlog, parents)
    return backlog


def _issue(record: FieldReader, backlog: ImportedBacklog, parents: list[tuple[str, str]]) -> None:
    status = record.text("status")
    item = ImportedItem(
        id=record.text("id"),
        title=record.text("title"),
        line=record.line,
        criteria=record.texts("acceptance_criteria"),
        done=is_done(status),
        metadata={},
    )
    if not item.id:
        record.checker.error(record.line, "an issue without an id")
        return
    parts = [record.text("description"), record.text("design"), record.text("notes")]
    item.description = "\n\n".join(part for part in parts if part)
    priority = record.text("priority").upper().removeprefix("P")
    if priority.isdecimal() and int(priority) < len(_PRIORITIES):
        item.priority = _PRIORITIES[int(priority)]
    elif priority:
        item.metadata["priority"] = priority
    keep_status(item, status)
    _dependencies(record, item, backlog, parents)
    item.metadata |= record.leftovers()
    if is_cancelled(status):
        backlog.leave_out(item, f"is {status} in the source")
    else:
        backlog.items.append(item)


def _dependencies(
    record: FieldReader, item: ImportedItem, backlog: ImportedBacklog, parents: list[tuple[str, str]]
) -> None:
    other: list[str] = []
    for node in record.nodes("dependencies"):
        if not isinstance(node.value, dict):
            item.dependencies.append(str(node.raw))
            continue
        edge = FieldReader(node, record.checker, "dependency")
        needed, kind = edge.text("depends_on_id", "id"), edge.text("type", "dependency_type")
        for key in edge.leftovers():
            if match := nearest(key, _EDGE_KEYS, 0.75):
                backlog.note(item.line, f"the key {key[:40]!r} of a dependency is unknown; it may be {match!r}")
        if kind == _PARENT:
            parents.append((needed, item.id))
        elif kind in _BLOCKING:
            item.dependencies.append(needed)
        else:
            other.append(f"{kind} {needed}")
            if kind not in _OTHER:
                message = f"the type {kind[:40]!r} of its dependency on {needed} is unknown: it orders nothing"
                backlog.note(item.line, message)
    item.dependencies += [one for name in DEPENDENCY_FIELDS[1:] for one in record.ids(name)]
    item.dependencies = list(dict.fromkeys(item.dependencies))
    parent = record.text("parent", "parent_id")
    if parent:
        parents.append((parent, item.id))
    if other:
        item.metadata["related"] = ", ".join(other)
    count = record.text("dependency_count")
    is_child = any(child == item.id for _, child in parents)
    if count.isdecimal() and int(count) and not (item.dependencies or other or is_child):
        number = "1 dependency" if count == "1" else f"{count} dependencies"
        backlog.note(item.line, f"{item.id} has {number}, which this file does not name: import .beads/issues.jsonl")


def _link(backlog: ImportedBacklog, parents: list[tuple[str, str]]) -> None:
    """Make each parent depend on its children, unless the child waits for the parent."""
    by_id = {item.id: item for item in backlog.items}
    for name, child in dict.fromkeys(parents):
        parent, below = by_id.get(name), by_id.get(child)
        if parent is None or below is None:
            if below is not None:
                below.metadata["parent"] = name
        elif parent.id in below.dependencies:
            backlog.note(below.line, f"{below.id} waits for its parent {parent.id}, which so can't wait for it")
        else:
            parent.dependencies.append(below.id)


FORMAT = Format("beads", "a beads JSONL file", _recognise, _read, places=(".beads/issues.jsonl", ".beads/beads.jsonl"))
