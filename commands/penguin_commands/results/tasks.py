"""Results of commands on blueprints and tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from penguin.orchestration.backend import WorkflowInfo
    from penguin.orchestration.blueprint import BlueprintCounts
    from penguin.orchestration.config import Problem
    from penguin.orchestration.core.definition import Task
    from penguin.orchestration.store.progress import WorkflowProgress


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
    fields: tuple[tuple[str, str, str], ...] = ()
    """Names, values and origins of its fields."""

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
            "agent_role": task.agent_role,
            "required_tools": list(task.required_tools),
            "skills": list(task.skills),
            "fields": [{"name": name, "value": value, "origin": origin} for name, value, origin in self.fields],
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


class GraphRow(NamedTuple):
    """A task in the tree of a graph."""

    branch: str
    """The lines before its id."""
    rail: str
    """The lines that continue below its id."""
    state: TaskState
    needs: tuple[str, ...]
    """Its dependencies besides the task above it."""
    folded: bool
    """Whether the tasks below it are at the start of another tree."""


class GraphResult(NamedTuple):
    """The graph of tasks: a tree, or text in a graph language."""

    format: str
    text: str
    """Empty for a tree."""
    edges: tuple[tuple[str, str], ...]
    """(dependency, dependent task)."""
    rows: tuple[GraphRow, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    """(unknown task, task that depends on it)."""
    cycles: tuple[tuple[str, ...], ...] = ()
    """Each id depends on the next one; the last is the first again."""

    def data(self) -> dict[str, Any]:
        lines = (f"{row.branch}{row.state.task.id}  {row.state.state}" for row in self.rows)
        return {
            "format": self.format,
            "text": self.text or "\n".join(lines),
            "edges": _edges(self.edges),
            "missing": _edges(self.missing),
            "cycles": [list(cycle) for cycle in self.cycles],
        }


def _edges(edges: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"from": needed, "to": task} for needed, task in edges]


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


class SourcePart(NamedTuple):
    """Lines of a blueprint file, and the task that they were read into."""

    task_id: str
    """Empty: they belong to the blueprint, not to a task."""
    first: int
    """The number of the first line, from 1."""
    lines: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        return {
            "task_id": self.task_id or None,
            "first": self.first,
            "last": self.first + len(self.lines) - 1,
            "text": "\n".join(self.lines),
        }


class BlueprintSourceResult(NamedTuple):
    """The lines of a blueprint file, each with what it was read into."""

    id: str
    path: str
    parts: tuple[SourcePart, ...]
    """In the order of the file. A line that several tasks were read from is there for each."""
    made_ids: tuple[str, ...]
    """The tasks whose ids were made from their titles."""

    def data(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "path": self.path,
            "parts": [part.data() for part in self.parts],
            "made_ids": list(self.made_ids),
        }


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


class BoardRow(NamedTuple):
    """A task on the board."""

    row: GraphRow
    """Its place in the tree, and its state."""
    workflow: WorkflowInfo | None = None
    """Its newest workflow; None if it was never started."""
    progress: WorkflowProgress | None = None
    reason: str = ""
    """Why it does not run now; empty if it runs, or was not started."""
    next_command: str = ""
    """What a person types to continue it, if there is something."""
    is_critical: bool = False
    """Whether it is on the critical path of what is left."""

    def data(self) -> dict[str, Any]:
        progress = self.progress
        return {
            **self.row.state.data(),
            "workflow_id": self.workflow.workflow_id if self.workflow else None,
            "gates": [gate.value for gate in progress.gates] if progress else None,
            **{name: getattr(progress, name, None) for name in ("attempt", "max_attempts", "elapsed")},
            "explain": self.reason,
            "advice": self.next_command,
            "critical": self.is_critical,
        }


class BoardEstimate(NamedTuple):
    """How long the rest of a backlog takes, as far as completed tasks tell it. Times are in seconds."""

    remaining: float
    """Until all tasks are done."""
    work: float
    """The sum over all tasks that are left."""
    per_task: float
    """The median of the completed tasks."""
    completed: int
    """How many completed tasks were measured."""
    slots: int
    """How many workflows run at once."""

    def data(self) -> dict[str, Any]:
        return self._asdict()


class BoardResult(NamedTuple):
    """The tasks of one blueprint, or of all, as a tree of dependencies."""

    title: str
    rows: tuple[BoardRow, ...]
    counts: dict[str, int]
    """The number of tasks by state."""
    critical_path: tuple[str, ...]
    """The ids of the longest chain of tasks that are left, in the order of work."""
    estimate: BoardEstimate | None
    """None: no task has been completed yet, or none is left."""
    cycles: tuple[tuple[str, ...], ...] = ()
    empty_message: str = "No tasks."

    def data(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "tasks": [row.data() for row in self.rows],
            "counts": self.counts,
            "critical_path": list(self.critical_path),
            "estimate": self.estimate.data() if self.estimate else None,
            "cycles": [list(cycle) for cycle in self.cycles],
        }


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
    """Names of what is kept as metadata, and of how many tasks; 0: of the whole backlog."""
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
    record_command: str = ""
    """The command that records the tasks that the source calls done, so that they are not run; empty: none is left."""
    test_missing: bool = False
    """penguin.yaml does not say what TEST runs."""
    test_command: str = ""
    """The command that runs the tests of the project, which a new penguin.yaml gets; empty: none was found."""
    test_file: str = ""
    """The file of the project that names that command."""

    def data(self) -> dict[str, Any]:
        return {
            "dry_run": self.dry_run,
            "files": [file.data() for file in self.files],
            "config": self.config,
            "agent": self.agent,
            "recorded": list(self.recorded),
            "next": self.next_command,
            "record": self.record_command,
            "test_missing": self.test_missing,
            "test_command": self.test_command,
        }


class InitResult(NamedTuple):
    """What `penguin init` wrote."""

    files: tuple[tuple[str, str, str], ...]
    """(path, path to show, state: written, or kept if it existed)."""
    agent: str
    """The agent of a new penguin.yaml; empty: it names none, or is not new."""
    test: str
    """The test command of a new penguin.yaml; empty: it names none, or is not new."""
    imported: ImportResult | None
    notes: tuple[str, ...]
    """What the gates run, and what was found but is not used."""
    next_command: str

    def data(self) -> dict[str, Any]:
        return {
            "message": "; ".join(f"{state}: {shown}" for _, shown, state in self.files),
            "files": [{"path": path, "state": state} for path, _, state in self.files],
            "agent": self.agent,
            "test": self.test,
            "imported": [file.data() for file in self.imported.files] if self.imported else [],
            "notes": list(self.notes),
            "next": self.next_command,
        }
