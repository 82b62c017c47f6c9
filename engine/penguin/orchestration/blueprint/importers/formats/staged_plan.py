"""Staged plans: YAML or JSON with stages of steps, as bernstein and similar tools have them."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from penguin.orchestration.blueprint.importers.backlog import ImportedBacklog, ImportedItem
from penguin.orchestration.blueprint.importers.field_reader import FieldReader, compact
from penguin.orchestration.blueprint.importers.format import Format
from penguin.orchestration.blueprint.importers.statuses import is_done, keep_status
from penguin.orchestration.blueprint.importers.task_ids import UniqueIds, id_from_title
from penguin.orchestration.config.document_checker import nearest

if TYPE_CHECKING:
    from penguin.orchestration.blueprint.importers.source_file import Source
    from penguin.orchestration.config.document_checker import Node

_STAGES = ("stages", "phases")
_STEPS = ("steps", "tasks")
_DEPENDS = ("depends_on", "depends", "dependsOn", "needs", "dependencies")
_PRIORITIES = ("critical", "high", "medium", "low")


def _recognise(source: Source) -> int:
    value = source.document.value if source.document else None
    if not isinstance(value, dict) or "items" in value:
        return 0
    for name in _STAGES:
        stages = value[name].value if name in value else None
        found = [one.value for one in stages if isinstance(one.value, dict)] if isinstance(stages, list) else []
        if any(isinstance(stage[step].value, list) for stage in found for step in _STEPS if step in stage):
            return 80
    return 0


def _read(source: Source) -> ImportedBacklog:
    stem = PurePath(source.shown).stem if source.path else "plan"
    backlog = ImportedBacklog(format="staged-plan", id=stem)
    if source.document is not None:
        _Reader(source, backlog).read(source.document)
    return backlog


class _Reader:
    """Reads one plan."""

    def __init__(self, source: Source, backlog: ImportedBacklog) -> None:
        self.checker = source.checker
        self.backlog = backlog
        self.stages: dict[str, list[ImportedItem]] = {}
        self.ids = UniqueIds()
        self.names: dict[str, str] = {}
        """Ids of steps by their ids, names and titles."""

    def read(self, root: Node) -> None:
        """Read the plan."""
        plan = FieldReader(root, self.checker, "plan")
        self.backlog.title = plan.text("name", "title", "goal")
        description = plan.text("description")
        self.backlog.prose += [description] if description else []
        stages = list(plan.records(*_STAGES))
        self.backlog.metadata |= plan.leftovers()
        waits: list[tuple[FieldReader, str, list[str]]] = []
        for number, stage in enumerate(stages, 1):
            # Stages follow each other, unless one says what it depends on.
            default = [waits[-1][1]] if waits else []
            waits.append((stage, *self._stage(stage, number, default)))
        for stage, name, needed in waits:
            self._link(stage, name, needed)
        for item in self.backlog.items:
            item.dependencies = [self.names.get(one, one) for one in item.dependencies]

    def _stage(self, stage: FieldReader, number: int, default: list[str]) -> tuple[str, list[str]]:
        """Read the steps of a stage. Return its name, and the names of the stages that it waits for."""
        name = stage.text("name", "title", "id") or f"stage {number}"
        if name in self.stages:
            self.checker.error(stage.line, f"duplicate stage {name[:60]!r}", "rename one of them")
        own = self.stages.setdefault(name, [])
        context = "\n".join(part for part in (f"Stage: {name}", stage.text("description")) if part)
        stated = any(key in stage for key in _DEPENDS)
        needed = [str(node.raw) for node in stage.nodes(*_DEPENDS)] if stated else default
        for step in stage.records(*_STEPS):
            own.append(self._step(step, context))
        if not own:
            self.backlog.note(stage.line, f"the stage {name[:60]!r} has no steps")
        checkpoint = stage.text("checkpoint")
        if checkpoint and own:
            own[-1].criteria.append(checkpoint)
        stage.take("id")
        self.backlog.metadata |= {f"{name}.{key}": text for key, text in stage.leftovers().items()}
        return name, needed

    def _step(self, step: FieldReader, context: str) -> ImportedItem:
        stated, title, goal = step.text("id"), step.text("title", "name", "text", "task"), step.text("goal")
        status = step.text("status")
        title = title or goal
        if not title and not stated:
            self.checker.error(step.line, "a step has no title", "add title: TEXT")
        item_id = stated or self.ids.take(id_from_title(title))
        item = ImportedItem(
            id=item_id,
            title=title,
            line=step.line,
            dependencies=[str(node.raw) for node in step.nodes(*_DEPENDS)],
            criteria=step.texts("acceptance_criteria", "acceptanceCriteria", "criteria"),
            done=is_done(status) or step.flag("done"),
            metadata={},
        )
        keep_status(item, status)
        item.criteria += [_signal(one) for one in step.records("completion_signals")]
        item.criteria += [_part(node) for node in step.nodes("subtasks")]
        priority = step.text("priority").lower()
        item.priority = priority if priority in _PRIORITIES else ""
        if priority and not item.priority:
            item.metadata["priority"] = priority
        about = [f"{name.capitalize()}: {text}" for name in ("role", "files") if (text := ", ".join(step.texts(name)))]
        parts = [goal if goal != title else "", step.text("description", "prompt", "instructions"), "\n".join(about)]
        item.description = "\n\n".join(part for part in (*parts, context) if part)
        item.metadata |= step.leftovers()
        for name in (item_id, stated, title, goal):
            if name:
                self.names.setdefault(name, item_id)
        self.backlog.items.append(item)
        return item

    def _link(self, stage: FieldReader, name: str, needed: list[str]) -> None:
        """Make all steps of a stage wait for all steps of the stages before it."""
        for other in needed:
            if other not in self.stages:
                match = nearest(other, self.stages)
                hint = f"did you mean {match!r}?" if match else "name a stage of this plan"
                self.checker.error(stage.line, f"stage {name!r} depends on unknown stage {other[:60]!r}", hint)
                continue
            before = [item.id for item in self.stages[other]]
            for item in self.stages[name]:
                item.dependencies = [*before, *item.dependencies]


def _part(node: Node) -> str:
    """Return a part of a step, which has no dependencies of its own."""
    text = node.value.get("text") or node.value.get("title") if isinstance(node.value, dict) else None
    return compact(text or node)


def _signal(record: FieldReader) -> str:
    """Return a condition for the end of a step as prose. A command in it is not run."""
    kind = record.text("type")
    rest = record.leftovers()
    return f"{kind}: {', '.join(rest.values())}" if kind else ", ".join(f"{key}: {text}" for key, text in rest.items())


FORMAT = Format("staged-plan", "a plan with stages", _recognise, _read, places=("plan.yaml", "plans/*.yaml"))
