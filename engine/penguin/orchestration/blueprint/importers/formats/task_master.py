"""Task Master: `.taskmaster/tasks/tasks.json`, with or without tags, and subtasks with numbers of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem, link_dependents
from penguin.orchestration.blueprint.importers.field_reader import FieldReader
from penguin.orchestration.blueprint.importers.format import Format
from penguin.orchestration.blueprint.importers.statuses import is_cancelled, is_done, keep_status
from penguin.orchestration.config.document_checker import Node

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.source_file import Source
_MAIN_TAG = "master"
_PRIORITIES = {"critical": "critical", "high": "high", "medium": "medium", "low": "low"}


def _tags(root: dict[str, Node]) -> dict[str, Node]:
    """Return the mappings that hold a list of tasks, by their tag; "" if the file has no tags."""
    if "tasks" in root and isinstance(root["tasks"].value, list):
        return {"": Node(root, 1)}
    return {
        name: node
        for name, node in root.items()
        if isinstance(node.value, dict) and "tasks" in node.value and isinstance(node.value["tasks"].value, list)
    }


def _recognise(source: Source) -> int:
    value = source.document.value if source.document else None
    tags = _tags(value) if isinstance(value, dict) and source.is_json else {}
    for tag in tags.values():
        for task in tag.value["tasks"].value:
            fields = frozenset(task.value) if isinstance(task.value, dict) else frozenset()
            if "title" in fields and fields & {"testStrategy", "subtasks", "details", "dependencies", "status"}:
                return 90
    return 70 if tags and all(not tag.value["tasks"].value for tag in tags.values()) else 0


def _read(source: Source) -> ImportedBacklog:
    folder = source.path.absolute().parent if source.path else None
    if folder and folder.name == "tasks":
        folder = folder.parent.parent if folder.parent.name == ".taskmaster" else folder.parent
    backlog = ImportedBacklog(format="task-master", id=folder.name if folder else "task-master")
    value = source.document.value if source.document else None
    tags = _tags(value) if isinstance(value, dict) else {}
    reader = _Reader(backlog, source)
    for number, (name, node) in enumerate(tags.items()):
        plain = name in ("", _MAIN_TAG) or (number == 0 and _MAIN_TAG not in tags and len(tags) == 1)
        reader.read_tag(node, "" if plain else f"{name}.", name)
    link_dependents(backlog.items, reader.blocked, backlog)
    if isinstance(value, dict) and "" not in tags:
        for name, node in value.items():
            if name not in tags:
                backlog.note(node.key_line, f"{name} holds no tasks and is left out")
    return backlog


class _Reader:
    """Reads the tags of one file."""

    def __init__(self, backlog: ImportedBacklog, source: Source) -> None:
        self.backlog = backlog
        self.checker = source.checker
        self.blocked: list[tuple[str, str]] = []
        """Each task with one that it blocks."""

    def read_tag(self, node: Node, prefix: str, tag: str) -> None:
        """Read the tasks of a tag. `prefix` is put before their ids."""
        record = FieldReader(node, self.checker, tag or "tasks.json")
        tasks = list(record.records("tasks"))
        about = record.record("metadata") or record.record("meta")
        if about is not None:
            name = about.text("projectName")
            self.backlog.title = self.backlog.title or name
            self.backlog.metadata |= {f"{prefix}{key}": text for key, text in about.leftovers().items()}
        self.backlog.metadata |= {f"{prefix}{key}": text for key, text in record.leftovers().items()}
        for task in tasks:
            self._task(task, prefix)

    def _task(self, record: FieldReader, prefix: str) -> None:
        number = record.text("id")
        if not number:
            self.checker.error(record.line, f"{record.where}: has no id")
            return
        item = self._item(record, f"{prefix}{number}")
        item.dependencies = [f"{prefix}{one}" for one in record.dependency_ids()]
        self._finish(record, item, prefix)

    def _subtask(
        self, record: FieldReader, parent: ImportedItem, siblings: set[str], prefix: str, outer: list[str]
    ) -> None:
        number = record.text("id")
        if not number:
            self.checker.error(record.line, f"{record.where}: has no id")
            return
        base = parent.id.removeprefix(prefix)
        item = self._item(record, f"{prefix}{number if number.startswith(f'{base}.') else f'{base}.{number}'}")
        names = record.dependency_ids()
        # A number without a dot is a sibling, if there is one with it.
        item.dependencies = [f"{prefix}{base}.{one}" if one in siblings else f"{prefix}{one}" for one in names]
        if not item.dependencies:
            # What the parent waits for, its first steps wait for, too.
            item.dependencies = list(outer)
        record.ignore("parentTaskId", "parentId", "parent")
        if self._finish(record, item, prefix):
            parent.dependencies.append(item.id)

    def _finish(self, record: FieldReader, item: ImportedItem, prefix: str) -> bool:
        """Add an item with its subtasks, unless it was cancelled. Return whether it was added."""
        subtasks = list(record.records("subtasks"))
        self.blocked += [(item.id, f"{prefix}{one}") for one in record.dependent_ids()]
        item.metadata |= record.leftovers()
        if is_cancelled(item.metadata.get("status", "")):
            self.backlog.leave_out(item, f"is {item.metadata['status']} in the source")
            return False
        self.backlog.items.append(item)
        siblings = {one.text("id") for one in subtasks}
        outer = list(item.dependencies)
        for one in subtasks:
            self._subtask(one, item, siblings, prefix, outer)
        return True

    def _item(self, record: FieldReader, item_id: str) -> ImportedItem:
        status = record.text("status")
        item = ImportedItem(
            id=item_id,
            title=record.text("title", "name"),
            line=record.line,
            criteria=[*record.texts("acceptanceCriteria", "acceptance_criteria"), *_whole(record, "testStrategy")],
            done=is_done(status),
            metadata={},
        )
        parts = [record.text("description"), record.text("details")]
        item.description = "\n\n".join(part for part in parts if part)
        priority = record.text("priority").lower()
        item.priority = _PRIORITIES.get(priority, "")
        if priority and not item.priority:
            item.metadata["priority"] = priority
        keep_status(item, status)
        return item


def _whole(record: FieldReader, name: str) -> list[str]:
    """Return a text as a list of one, if there is one."""
    text = record.text(name)
    return [text] if text else []


FORMAT = Format(
    "task-master",
    "a Task Master tasks.json",
    _recognise,
    _read,
    places=(".taskmaster/tasks/tasks.json", "tasks/tasks.json"),
)
