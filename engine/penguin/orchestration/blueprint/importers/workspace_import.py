"""The import of backlogs into a workspace: new blueprints, and updates of those that an earlier import wrote."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from penguin.orchestration.backend import BlueprintError
from penguin.orchestration.blueprint.edit.blueprint_edit import BlueprintEdit
from penguin.orchestration.blueprint.graph import TaskGraph
from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, Note
from penguin.orchestration.blueprint.importers.merge import digests, merge
from penguin.orchestration.blueprint.importers.source_file import STDIN
from penguin.orchestration.blueprint.importers.task_ids import id_from_source, id_from_title
from penguin.orchestration.blueprint.importers.writer import blueprint_text, imported_text, item_fields, item_text
from penguin.orchestration.blueprint.loader import MAX_BYTES, BlueprintSet, parse_blueprint
from penguin.orchestration.config.document import read_text
from penguin.orchestration.config.document_checker import Checker, Node

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.source_discovery import ReadSource
    from penguin.orchestration.blueprint.model import Blueprint

FOLDER = "blueprints"
_SUFFIXES = (".yaml", ".yml")


class ImportPlan(NamedTuple):
    """What the import of one backlog writes."""

    source: str
    """The path of the source, relative to the workspace if it is inside."""
    format: str
    path: str
    """The blueprint, relative to the workspace."""
    state: str
    """new, changed or unchanged."""
    text: str
    """The text of the blueprint."""
    blueprint: Blueprint
    """The blueprint as the reader reads that text."""
    done: tuple[str, ...]
    """Ids of the tasks that the source calls done."""
    changes: tuple[str, ...]
    """What an update changes, a task each."""
    conflicts: tuple[str, ...]
    """What an update does not change because a person did."""
    notes: tuple[Note, ...]
    metadata: dict[str, int]
    """What is kept as metadata, by name, and of how many tasks; 0: of the whole backlog."""
    prose: int
    """Lines of the source that belong to no task and are kept as prose."""
    sections: tuple[str, ...]
    """The headings of that prose."""


class _Record(NamedTuple):
    """What the last import of a blueprint left in it."""

    source: str
    prefix: str
    tasks: dict[str, dict[str, str]]


class BacklogImport:
    """Plans imports into one workspace."""

    def __init__(self, root: Path, project_id: str, known: BlueprintSet) -> None:
        """Create the planner. `known` are the blueprints of the workspace."""
        self.root = root
        self.project_id = project_id
        self.known = known
        self._planned: dict[str, set[str]] = {}
        """Ids of the tasks of the plans that were made, by path."""

    def plan(self, read: ReadSource, into: str | None = None) -> ImportPlan:
        """Return what the import of a backlog writes. Nothing is written yet.

        Raises BlueprintError if the target was not written by an import of this source, or can't be updated.
        """
        source = self._source_name(read)
        path, edit = self._target(read.backlog, source, into)
        record = _record(edit) if edit else None
        prefix = record.prefix if record else self._prefix(read.backlog, path)
        _add_prefix(read.backlog, prefix)
        if edit is None or record is None:
            text = blueprint_text(read.backlog, self._blueprint_id(path), source, prefix)
            plan = self._plan(read.backlog, source, path, "new", text)
            _compare(read.backlog, plan.blueprint)
        else:
            plan = self._update(read.backlog, source, path, edit, record)
        self._planned[path] = {task.id for task in plan.blueprint.tasks}
        return plan

    def _source_name(self, read: ReadSource) -> str:
        if read.path is None:
            return STDIN
        path = read.path.absolute().resolve()
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def _target(self, backlog: ImportedBacklog, source: str, into: str | None) -> tuple[str, BlueprintEdit | None]:
        """Return the path of the blueprint, and its text if there is one that this source was imported into."""
        if into is not None:
            return self._given_target(source, into)
        for blueprint in self.known.blueprints:
            edit = self._imported(blueprint.path)
            record = _record(edit) if edit else None
            if record is not None and record.source == source:
                return blueprint.path, edit
        name = id_from_source(backlog.id) or id_from_title(backlog.title or backlog.format)
        ids = {blueprint.id for blueprint in self.known.blueprints}
        number = 1
        while True:
            one = name if number == 1 else f"{name}-{number}"
            path = f"{FOLDER}/{one}.yaml"
            taken = one in ids or path in self._planned or os.path.lexists(self.root / path)
            if not taken:
                return path, None
            edit = self._imported(path) if path not in self._planned else None
            record = _record(edit) if edit else None
            if record is not None and record.source == source:
                return path, edit
            number += 1

    def _given_target(self, source: str, into: str) -> tuple[str, BlueprintEdit | None]:
        target = Path(into).absolute()
        if target.suffix.lower() not in _SUFFIXES:
            raise BlueprintError(f"--into {into}: an import writes YAML", "name a file that ends in .yaml")
        folder = target.parent.resolve()
        if not folder.is_relative_to(self.root):
            raise BlueprintError(f"--into {into}: is not inside the workspace {self.root}")
        path = (folder / target.name).relative_to(self.root).as_posix()
        if not os.path.lexists(target):
            return path, None
        edit = self._imported(path)
        record = _record(edit) if edit else None
        if record is None:
            raise BlueprintError(f"{into} exists, and no import wrote it", "name another file with --into")
        if record.source != source:
            raise BlueprintError(
                f"{into} was imported from {record.source}, not from {source}", "name another file with --into"
            )
        return path, edit

    def _imported(self, path: str) -> BlueprintEdit | None:
        """Return a blueprint if an import wrote it."""
        if not path.endswith(_SUFFIXES):
            return None
        text = read_text(self.root / path, Checker(path), MAX_BYTES)
        if text is None or "\nimported:" not in text:
            return None
        edit = BlueprintEdit(text, path)
        return edit if _record(edit) else None

    def _prefix(self, backlog: ImportedBacklog, path: str) -> str:
        """Return what makes the ids of a new blueprint unique in the project: nothing, as a rule."""
        taken = {task.id for blueprint in self.known.blueprints if blueprint.path != path for task in blueprint.tasks}
        taken |= {task_id for other, ids in self._planned.items() if other != path for task_id in ids}
        first = next((item for item in backlog.items if item.id in taken), None)
        if first is None:
            return ""
        prefix = f"{self._blueprint_id(path)}."
        backlog.note(0, f"{first.id} is the id of another task already: all ids begin with {prefix} here")
        return prefix

    def _blueprint_id(self, path: str) -> str:
        return id_from_source(Path(path).stem) or "backlog"

    def _plan(self, backlog: ImportedBacklog, source: str, path: str, state: str, text: str) -> ImportPlan:
        if len(text.encode()) > MAX_BYTES:
            raise BlueprintError(
                f"{source}: its blueprint would be larger than {MAX_BYTES:,} bytes", "import it in parts"
            )
        blueprint = parse_blueprint(text, path, self.project_id)
        blueprint.require()
        circles = TaskGraph(blueprint.tasks).cycles()
        if circles:
            raise BlueprintError(
                f"{path}: circular dependency: {' -> '.join(circles[0][:20])}", "remove one of these dependencies"
            )
        return ImportPlan(
            source=source,
            format=backlog.format,
            path=path,
            state=state,
            text=text,
            blueprint=blueprint,
            done=tuple(item.id for item in backlog.items if item.done),
            changes=(),
            conflicts=(),
            notes=tuple(sorted(backlog.notes)),
            metadata=dict.fromkeys(backlog.metadata, 0)
            | Counter(name for item in backlog.items for name in item.metadata),
            prose=sum(len(text.split("\n")) for text in backlog.prose),
            sections=tuple(text.lstrip("# ") for text in backlog.prose if text.startswith("#")),
        )

    def _update(
        self, backlog: ImportedBacklog, source: str, path: str, edit: BlueprintEdit, record: _Record
    ) -> ImportPlan:
        before = "\n".join(edit.lines) + "\n"
        changes, conflicts = _apply(backlog, edit, record)
        records = record.tasks | {item.id: digests(item_fields(item)) for item in backlog.items}
        edit.replace_section("imported", imported_text(backlog, source, record.prefix, records))
        text = edit.text()
        state = "unchanged" if text == before else "changed"
        plan = self._plan(backlog, source, path, state, text)
        return plan._replace(changes=tuple(changes), conflicts=tuple(conflicts))


def _record(edit: BlueprintEdit) -> _Record | None:
    """Return what the last import left in a blueprint, or None if none wrote it."""
    node = edit.root.value.get("imported") if isinstance(edit.root.value, dict) else None
    value: Any = node.plain() if isinstance(node, Node) else None
    if not isinstance(value, dict) or not isinstance(value.get("tasks"), dict) or "source" not in value:
        return None
    tasks = {
        str(name): {str(field): str(digest) for field, digest in fields.items()}
        for name, fields in value["tasks"].items()
        if isinstance(fields, dict)
    }
    return _Record(str(value["source"]), str(value.get("prefix") or ""), tasks)


def _add_prefix(backlog: ImportedBacklog, prefix: str) -> None:
    for item in backlog.items if prefix else ():
        item.id = f"{prefix}{item.id}"
        item.dependencies = [f"{prefix}{one}" for one in item.dependencies]


def _apply(backlog: ImportedBacklog, edit: BlueprintEdit, record: _Record) -> tuple[list[str], list[str]]:
    """Edit a blueprint as the source asks. Return what changes, and what does not because a person changed it."""
    nodes = {str(node.value["id"].raw): node for node in edit.items if "id" in node.value}
    removed = {task_id for task_id in record.tasks if task_id not in nodes}
    changes: list[str] = []
    conflicts: list[str] = []
    new: list[str] = []
    for item in backlog.items:
        item.dependencies = [one for one in item.dependencies if one not in removed]
        if item.id in removed:
            conflicts.append(f"{item.id} was removed here, and is not added again")
        elif item.id not in nodes:
            new.append(item_text(item))
            changes.append(f"{item.id}: added")
        else:
            node = nodes[item.id]
            found = merge(node, record.tasks.get(item.id, {}), item_fields(item))
            conflicts += [f"{item.id}: {conflict}" for conflict in found.conflicts]
            if found.changes:
                edit.change(node, found.changes)
                changes.append(f"{item.id}: {', '.join(found.changes)}")
    in_source = {item.id for item in backlog.items}
    gone = [task_id for task_id in record.tasks if task_id in nodes and task_id not in in_source]
    conflicts += [f"{task_id} is no longer in the source, and is kept" for task_id in gone]
    if new:
        edit.append(new)
    return changes, conflicts


def _compare(backlog: ImportedBacklog, blueprint: Blueprint) -> None:
    """Raise BlueprintError if a new blueprint reads otherwise than the backlog that it was made of."""
    wanted = [(item.id, item.title, tuple(item.dependencies), tuple(item.criteria)) for item in backlog.items]
    read = [
        (task.id, task.title, task.dependencies, tuple(one.text for one in task.criteria)) for task in blueprint.tasks
    ]
    for one, other in zip(wanted, read, strict=True):
        if one != other:
            raise BlueprintError(f"{one[0]}: reads otherwise than it was imported", "report this with the source")
