"""`/workflow report` and `/blueprint report`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from penguin_commands.errors import UsageError
from penguin_commands.handlers.report.bounds import TITLE, bounded
from penguin_commands.handlers.report.collect import workflow_report
from penguin_commands.results.report import (
    HTML,
    MARKDOWN,
    BlueprintReport,
    BlueprintReportResult,
    Destination,
    ReportResult,
    TaskReport,
)

if TYPE_CHECKING:
    from penguin.orchestration.blueprint import Blueprint
    from penguin_commands.handlers.task_progress import TaskProgress
    from penguin_commands.session import Session


def report(
    session: Session, workflow: str, *, html: str | None = None, markdown: str | None = None, force: bool = False
) -> ReportResult:
    """Return the report on one workflow."""
    destination = _destination(html, markdown, force)
    workflow_id = session.resolve(workflow, prefix=True)
    from penguin_commands.handlers.remote_output import fetch_missing

    fetch_missing(session, workflow_id)
    return ReportResult(workflow_report(session, workflow_id), destination)


def blueprint_report(
    session: Session,
    blueprint: str | None = None,
    *,
    html: str | None = None,
    markdown: str | None = None,
    force: bool = False,
) -> BlueprintReportResult:
    """Return the report on the tasks of one blueprint, or of all."""
    from penguin_commands.handlers.blueprint import summary_row
    from penguin_commands.handlers.task_progress import TaskProgress

    destination = _destination(html, markdown, force)
    blueprints = session.blueprints
    found = [blueprints.blueprint(blueprint)] if blueprint else blueprints.blueprints
    progress = TaskProgress(session)
    title = found[0].title if len(found) == 1 else "All blueprints"
    return BlueprintReportResult(
        BlueprintReport(
            datetime.now(UTC),
            bounded(title, TITLE),
            tuple(summary_row(one, progress) for one in found),
            tuple(task for one in found for task in _tasks(session, one, progress)),
        ),
        destination,
    )


def _tasks(session: Session, blueprint: Blueprint, progress: TaskProgress) -> list[TaskReport]:
    reports = []
    for state in progress.states(blueprint.tasks):
        task = state.task
        newest = session.reader.list(project_id=task.project_id, task_id=task.id, limit=1)
        # Git would run for every task, so their diffs are left to their own reports.
        workflow = workflow_report(session, newest[0].workflow_id, with_changes=False) if newest else None
        shown = workflow.info.status.value if workflow and state.state in ("ready", "waiting") else state.state
        reports.append(TaskReport(task.id, bounded(task.title, TITLE), shown, blueprint.id, state.unmet, workflow))
    return reports


def _destination(html: str | None, markdown: str | None, force: bool) -> Destination:
    """Return where the report goes. Raises UsageError, and WorkflowError if a file there must not be replaced."""
    from penguin_commands.handlers.report.report_file import check_replaceable

    if html is not None and markdown is not None:
        raise UsageError("--html and --markdown exclude each other", "write one report after the other")
    file = html if html is not None else markdown
    destination = Destination(MARKDOWN if html is None else HTML, file or Destination().file, force)
    check_replaceable(destination)
    return destination
