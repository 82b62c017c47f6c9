"""`penguin import`: the backlogs of other tools, as blueprints of this workspace."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from penguin.orchestration.backend import BlueprintError, WorkflowError
from penguin.orchestration.files.workspace import CONFIG_FILE, current_folder
from penguin_commands.results.tasks import ImportedFile, ImportResult

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from penguin.orchestration.blueprint import BlueprintSet
    from penguin.orchestration.blueprint.importers.workspace_import import ImportPlan
    from penguin_commands.session import Session


class ImportRequest(NamedTuple):
    """The arguments of an import."""

    paths: Sequence[str]
    """Files and folders; `-` is standard input."""
    format: str | None = None
    into: str | None = None
    dry_run: bool = False
    done: bool = False
    """Record the tasks that the sources call done as done outside of Penguin."""


def import_backlogs(session: Session, request: ImportRequest) -> ImportResult:
    """Import backlogs. Nothing is written unless all of them can be read.

    Raises:
        BlueprintError: A source has errors, or a target was not written by an import of it.
        WorkflowError: A file can't be written, or the backend can't record what is done.
    """
    root, known, project_id = _workspace(session)
    plans = _plans(request, root, known, project_id)
    config = _Config(root, plans)
    if not request.dry_run:
        _write(root, plans, config)
        # The workspace may be new: the first search has found none.
        session.__dict__.pop("workspace", None)
    recorded: tuple[str, ...] = ()
    if request.done and not request.dry_run:
        import asyncio

        recorded = asyncio.run(_record_done(session, plans))
    next_command, record_command = ("", "") if request.dry_run else _next_commands(session, plans)
    return ImportResult(
        files=tuple(_file(plan) for plan in plans),
        config=config.state,
        agent=config.agent,
        recorded=recorded,
        next_command=next_command,
        record_command=record_command,
        dry_run=request.dry_run,
        test_missing=not config.has_tests,
        test_command=config.test.command if config.test else "",
        test_file=config.test.evidence if config.test else "",
    )


def _workspace(session: Session) -> tuple[Path, BlueprintSet, str]:
    """Return the folder of the workspace, its blueprints and its project. Without a workspace, the current folder."""
    from pathlib import Path

    from penguin.orchestration.blueprint.loader import BlueprintSet
    from penguin.orchestration.files.workspace import project_id_of

    try:
        root = session.workspace.root
    except WorkflowError:
        root = Path(session.folder or current_folder()).resolve()
        if os.path.lexists(root / CONFIG_FILE):
            raise
        return root, BlueprintSet([]), project_id_of(root)
    return root, session.blueprints, session.settings.project_id


def _plans(request: ImportRequest, root: Path, known: BlueprintSet, project_id: str) -> list[ImportPlan]:
    from penguin.orchestration.blueprint.importers.source_discovery import read_sources
    from penguin.orchestration.blueprint.importers.workspace_import import BacklogImport

    reads = read_sources(request.paths, request.format)
    if request.into is not None and len(reads) > 1:
        raise BlueprintError(f"--into takes one backlog, not {len(reads)}", "import them one by one")
    importer = BacklogImport(root, project_id, known)
    return [importer.plan(read, request.into) for read in reads]


class _Config:
    """The penguin.yaml of the workspace, with the blueprints of the plans in it."""

    def __init__(self, root: Path, plans: Sequence[ImportPlan]) -> None:
        from penguin.orchestration.agents.registry import installed_agents
        from penguin.orchestration.blueprint.importers.config_edit import (
            IMPORT_PATTERNS,
            add_pattern,
            has_gate,
            initial_config,
        )
        from penguin.orchestration.config import load_settings
        from penguin.orchestration.config.project_tests import detect_test_commands

        self.state = "unchanged"
        self.agent = ""
        self.test = next(iter(detect_test_commands(root)), None)
        path = root / CONFIG_FILE
        if not os.path.lexists(path):
            self.state = "new"
            self.agent = next(iter(installed_agents()), "")
            self.text = initial_config(root, self.agent, self.test.command if self.test else "")
            patterns: tuple[str, ...] = IMPORT_PATTERNS
        else:
            self.text = path.read_text(encoding="utf-8")
            patterns = load_settings(root).blueprints
        for plan in plans:
            if not _matches(plan.path, patterns):
                self.text = add_pattern(self.text, plan.path)
                self.state = "new" if self.state == "new" else "changed"
                patterns = (*patterns, plan.path)
        self.has_tests = has_gate(self.text, "test")


def _matches(path: str, patterns: Sequence[str]) -> bool:
    from pathlib import PurePosixPath

    return any(PurePosixPath(f"/{path}").match(f"/{pattern}") for pattern in patterns)


def _write(root: Path, plans: Sequence[ImportPlan], config: _Config) -> None:
    from penguin.orchestration.files.atomic_write import write_whole

    for plan in plans:
        if plan.state != "unchanged":
            write_whole(root / plan.path, plan.text, new=plan.state == "new")
    if config.state != "unchanged":
        write_whole(root / CONFIG_FILE, config.text, new=config.state == "new")


async def _record_done(session: Session, plans: Sequence[ImportPlan]) -> tuple[str, ...]:
    """Record the tasks that the sources call done, unless they are completed or active already."""
    from penguin.orchestration.runtime.hosted_backend import HostedBackend

    found: list[str] = []
    try:
        backend = session.backend
        assert isinstance(backend, HostedBackend)
        for plan in plans:
            if plan.done:
                found += await backend.record_done(plan.done, blueprint_id=plan.blueprint.id, by=session.by)
    finally:
        await session.aclose()
    return tuple(found)


def _file(plan: ImportPlan) -> ImportedFile:
    tasks = plan.blueprint.tasks
    return ImportedFile(
        source=plan.source,
        format=plan.format,
        path=plan.path,
        state=plan.state,
        tasks=len(tasks),
        dependencies=sum(len(task.dependencies) for task in tasks),
        criteria=sum(len(task.criteria) for task in tasks),
        done=plan.done,
        changes=plan.changes,
        conflicts=plan.conflicts,
        notes=tuple((note.line, note.text) for note in plan.notes),
        metadata=plan.metadata,
        prose=plan.prose,
        sections=plan.sections,
    )


def _next_commands(session: Session, plans: Sequence[ImportPlan]) -> tuple[str, str]:
    """Return the command that starts the first task, and the one that records what the sources call done.

    With `--with-deps`, the first command runs tasks that the source calls done, if no other task can start.
    """
    from penguin_commands.grammar.tokens import command_line
    from penguin_commands.handlers.task_progress import TaskProgress

    progress = TaskProgress(session)
    starts, needing, claimed = [], [], []
    for plan in plans:
        project = plan.blueprint.project_id
        completed, active = progress.completed_tasks(project), progress.active_tasks(project)
        starts += _first_open(plan, completed, active)
        needing += _first_open(plan, {*completed, *plan.done}, active)
        claimed += [plan.source] * any(task_id not in completed for task_id in plan.done)
    record = command_line("import", "--done-as", "completed", claimed[0]) if claimed else ""
    if starts:
        return command_line("workflow", "start", starts[0]), record
    return (command_line("workflow", "start", needing[0], "--with-deps"), record) if needing else (record, "")


def _first_open(plan: ImportPlan, completed: Collection[str], active: Collection[str]) -> list[str]:
    """Return the first task that can start and that its source does not call done; none: an empty list."""
    from penguin.orchestration.blueprint.ready import ready_tasks

    ready = ready_tasks(plan.blueprint.tasks, completed, active)
    return [task.id for task in ready if task.id not in plan.done][:1]
