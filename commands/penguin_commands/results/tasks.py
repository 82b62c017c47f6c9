"""Results of commands on blueprints and tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from penguin.orchestration.blueprint import BlueprintCounts
    from penguin.orchestration.config import Problem
    from penguin.orchestration.core.definition import Task


class TaskState(NamedTuple):
    """A task and its progress."""

    task: Task
    state: str
    """`ready`, `waiting`, or the status of its relevant workflow."""
    unmet: tuple[str, ...] = ()
    """The dependencies that are not met."""

    def data(self) -> dict[str, Any]:
        task = self.task
        return {
            "id": task.id,
            "title": task.title,
            "blueprint_id": task.blueprint_id,
            "project_id": task.project_id,
            "priority": task.priority,
            "effort": task.effort,
            "value": task.value,
            "risk": task.risk,
            "dependencies": list(task.dependencies),
            "state": self.state,
            "unmet": list(self.unmet),
            "path": task.path,
            "line": task.line,
        }


class TaskTable(NamedTuple):
    """Several tasks."""

    tasks: tuple[TaskState, ...]
    empty_message: str = "No tasks."

    def data(self) -> dict[str, Any]:
        return {"tasks": [state.data() for state in self.tasks]}


class TaskResult(NamedTuple):
    """One task with all its details."""

    state: TaskState

    def data(self) -> dict[str, Any]:
        task = self.state.task
        return {
            **self.state.data(),
            "description": task.description,
            "criteria": [{"text": criterion.text, "check": criterion.check} for criterion in task.criteria],
            "recipes": [
                {"name": recipe.name, "steps": [{"kind": step.kind, "source": step.source} for step in recipe.steps]}
                for recipe in task.recipes
            ],
            "done": task.done,
        }


class AddedTaskResult(NamedTuple):
    """A task that was added to a blueprint."""

    task_id: str
    blueprint_id: str
    path: str
    line: int
    created: bool
    """Whether the file is new."""

    def data(self) -> dict[str, Any]:
        return self._asdict()


class GraphResult(NamedTuple):
    """The graph of tasks, in a graph language."""

    format: str
    text: str
    edges: tuple[tuple[str, str], ...]
    """(dependency, dependent task)."""

    def data(self) -> dict[str, Any]:
        edges = [{"from": needed, "to": task} for needed, task in self.edges]
        return {"format": self.format, "text": self.text, "edges": edges}


class BlueprintRow(NamedTuple):
    """A blueprint and the progress of its tasks."""

    id: str
    title: str
    path: str
    project_id: str
    tasks: int
    completed: int
    active: int
    broken: bool

    def data(self) -> dict[str, Any]:
        return self._asdict()


class BlueprintTable(NamedTuple):
    """Several blueprints."""

    blueprints: tuple[BlueprintRow, ...]

    def data(self) -> dict[str, Any]:
        return {"blueprints": [row.data() for row in self.blueprints]}


class BlueprintResult(NamedTuple):
    """One blueprint with its tasks."""

    row: BlueprintRow
    tasks: tuple[TaskState, ...]
    problems: tuple[Problem, ...]
    metadata: dict[str, str]
    """Values of the file that Penguin keeps but does not use, by key."""

    def data(self) -> dict[str, Any]:
        return {
            **self.row.data(),
            "metadata": self.metadata,
            "items": [state.data() for state in self.tasks],
            "problems": [problem._asdict() for problem in self.problems],
        }


class LintResult(NamedTuple):
    """The problems that lint found in blueprints."""

    problems: tuple[Problem, ...]
    checked_paths: tuple[str, ...]
    """Paths."""
    counts: BlueprintCounts | None = None
    """The numbers of what was read."""

    @property
    def failed(self) -> bool:
        """Return whether a problem prevents tasks from being started."""
        return any(problem.severity == "error" for problem in self.problems)

    def data(self) -> dict[str, Any]:
        counts = self.counts._asdict() if self.counts else None
        return {"problems": [problem._asdict() for problem in self.problems], "counts": counts}


class ImportedFile(NamedTuple):
    """What became of one backlog."""

    source: str
    format: str
    path: str
    """The blueprint, relative to the workspace."""
    state: str
    """new, changed or unchanged."""
    tasks: int
    dependencies: int
    criteria: int
    done: tuple[str, ...]
    """Ids of the tasks that the source calls done."""
    changes: tuple[str, ...]
    conflicts: tuple[str, ...]
    notes: tuple[tuple[int, str], ...]
    """(line of the source or 0, remark)."""
    metadata: dict[str, int]
    """Names of what is kept as metadata, and of how many tasks."""
    prose: int
    """Lines that are kept as prose."""
    sections: tuple[str, ...]
    """The headings of that prose."""

    def data(self) -> dict[str, Any]:
        return {
            **self._asdict(),
            "done": list(self.done),
            "changes": list(self.changes),
            "conflicts": list(self.conflicts),
            "sections": list(self.sections),
            "notes": [{"line": line, "message": message} for line, message in self.notes],
        }


class ImportResult(NamedTuple):
    """What an import wrote, or with `dry_run` would write."""

    files: tuple[ImportedFile, ...]
    config: str
    """new, changed or unchanged: penguin.yaml."""
    agent: str
    """The agent that a new penguin.yaml names; empty: it names none, or is not new."""
    recorded: tuple[str, ...]
    """Ids of the tasks that were recorded as done outside of Penguin."""
    next_command: str
    dry_run: bool

    def data(self) -> dict[str, Any]:
        return {
            "dry_run": self.dry_run,
            "files": [file.data() for file in self.files],
            "config": self.config,
            "agent": self.agent,
            "recorded": list(self.recorded),
            "next": self.next_command,
        }
