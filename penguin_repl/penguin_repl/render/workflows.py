"""Rendering of the status of workflows as lines and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin.orchestration.workflow_status import WorkflowStatus
from penguin_commands.results.workflows import StatusResult, WorkflowTable
from penguin_repl.render.format import format_elapsed, format_time
from penguin_repl.render.parts import Grid, Span, field, line
from penguin_repl.render.registry import Renderers
from penguin_repl.render.words import (
    GATES_TITLE,
    NOTE_TITLE,
    OPTIONAL_ABOVE_NOTE,
    attempt_text,
    gate_strip,
    status_span,
    waiting_span,
    with_command,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penguin.orchestration.backend import WorkflowInfo
    from penguin_repl.render.parts import Cell, Part

RENDERERS = Renderers()
OPTIONAL_COLUMNS = ("STARTED", "TOKENS", "DONE", "COST", "PHASE")


@RENDERERS.shows(StatusResult)
def _status(result: StatusResult) -> Iterator[Part]:
    info = result.info
    yield line(Span("Workflow ", "heading"), Span(info.workflow_id, "id"))
    yield field("Status", status_span(info.status))
    yield field("Phase", Span(info.phase.value, "phase"))
    yield field("Progress", f"{info.progress}%")
    yield field("Started", Span(format_time(info.started_at), "time"))
    yield field("Updated", Span(format_time(info.updated_at), "time"))
    task = line(Span(info.task_id, "id"), f" (blueprint {info.blueprint_id}, project {info.project_id})")
    yield field("Task", task)
    if result.host:
        yield field("Host", result.host)
    if result.tree:
        yield field("Tree", Span(result.tree, "path"))
    if result.target_branch:
        yield field("Lands on", result.target_branch)
    if any(result.usage):
        yield from _costs(result)
    if result.left_changes:
        yield from _left_changes(result)
    if result.explanation:
        yield field("Reason", Span(result.explanation, "warning"))
    if info.error_message and not _is_repeated(info.error_message, result.explanation):
        yield field("Error", Span(info.error_message, "error"))
    if info.artifacts:
        yield field("Artifacts", str(len(info.artifacts)))
    if result.next_command:
        yield field("Next", Span(result.next_command, "command"))


def _left_changes(result: StatusResult) -> Iterator[Part]:
    from penguin.orchestration.store.sentence_format import left_changes_text

    return (field("Note", left_changes_text([found])) for found in result.left_changes)


def _costs(result: StatusResult) -> Iterator[Part]:
    from penguin_repl.render.costs import cost_lines

    return cost_lines(result.usage, result.agents)


def _is_repeated(error: str, explain: str) -> bool:
    """Return whether an explanation, which may be cut short, only repeats the error."""
    return " ".join(error.split())[:100] in explain


@RENDERERS.shows(WorkflowTable)
def _workflows(result: WorkflowTable) -> Iterator[Part]:
    if not result.workflows:
        yield result.empty_message
    elif result.progress:
        yield _progress_grid(result)
    else:
        yield _workflow_grid(result)
        yield from _explanations(result)
    if result.total is not None:
        from penguin_repl.render.costs import cost_summary

        count = result.total.workflow_count
        yield field(f"Total of {count} workflow{'' if count == 1 else 's'}", cost_summary(result.total.usage))


def _explanations(result: WorkflowTable) -> Iterator[Part]:
    for info in result.workflows:
        explain, command = result.explanations.get(info.workflow_id), result.next_commands.get(info.workflow_id)
        if explain:
            next_step = ("  →  ", Span(command, "command")) if command else ()
            yield line(Span(info.workflow_id, "id"), f": {explain}", *next_step)


def _progress_grid(result: WorkflowTable) -> Grid:
    """Return the table for a terminal: how far each workflow is, and why it waits."""
    heads, costs = _cost_columns(result)
    rows = tuple(
        (
            Span(info.task_id, "id"),
            gate_strip(progress.gates) if (progress := result.progress.get(info.workflow_id)) else "",
            _stage(info, waits=bool(result.explanations.get(info.workflow_id))),
            attempt_text(progress.attempt, progress.max_attempts) if progress else "",
            Span(format_elapsed(progress.elapsed), "time") if progress else "",
            *cost,
            Span(info.workflow_id, "dim"),
            _note(result, info),
        )
        for info, cost in zip(result.workflows, costs, strict=True)
    )
    columns = ("TASK", GATES_TITLE, "STATUS", "ATTEMPT", "TIME", *heads, "WORKFLOW", NOTE_TITLE)
    return Grid(columns, rows, tuple(range(3, 5 + len(heads))), ("WORKFLOW", "TOKENS"), OPTIONAL_ABOVE_NOTE)


def _stage(info: WorkflowInfo, *, waits: bool) -> Cell:
    """Return the status, with the phase where that says more."""
    status = waiting_span() if waits and info.status is WorkflowStatus.RUNNING else status_span(info.status)
    shown = info.phase.is_gate and info.status is not WorkflowStatus.COMPLETED
    return line(status, " ", Span(info.phase.value, "phase")) if shown else status


def _note(result: WorkflowTable, info: WorkflowInfo) -> Cell:
    """Return why a workflow waits and what to type; else the title of its task."""
    explain, command = result.explanations.get(info.workflow_id), result.next_commands.get(info.workflow_id)
    if not explain:
        progress = result.progress.get(info.workflow_id)
        return progress.title if progress and progress.title != info.task_id else ""
    return with_command(explain, command, info) if command else explain


def _cost_columns(result: WorkflowTable) -> tuple[tuple[str, ...], Sequence[tuple[Cell, ...]]]:
    if not result.usage:
        return (), [()] * len(result.workflows)
    from penguin_repl.render.costs import cost_columns

    return cost_columns([result.usage_for(info) for info in result.workflows], ("tokens", "usd"))


def _workflow_grid(result: WorkflowTable) -> Grid:
    heads, costs = _cost_columns(result)
    rows = tuple(
        (
            Span(info.workflow_id, "id"),
            status_span(info.status),
            Span(info.phase.value, "phase"),
            f"{info.progress}%",
            *cost,
            Span(format_time(info.started_at), "time"),
        )
        for info, cost in zip(result.workflows, costs, strict=True)
    )
    right = tuple(range(3, 4 + len(heads)))
    return Grid(("WORKFLOW", "STATUS", "PHASE", "DONE", *heads, "STARTED"), rows, right, OPTIONAL_COLUMNS)
