"""Rendering of the status of workflows as lines and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.results.workflows import StatusResult, WorkflowTable
from penguin_repl.render.format import format_time
from penguin_repl.render.registry import Renderers
from penguin_repl.render.table import Grid
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penguin_repl.render.table import Part

RENDERERS = Renderers()


@RENDERERS.shows(StatusResult)
def _status(result: StatusResult) -> Iterator[Part]:
    info = result.info
    yield f"Workflow {info.workflow_id}"
    yield f"Status: {info.status}"
    yield f"Phase: {info.phase}"
    yield f"Progress: {info.progress}%"
    yield f"Started: {format_time(info.started_at)}"
    yield f"Updated: {format_time(info.updated_at)}"
    yield f"Task: {clean(info.task_id)} (blueprint {clean(info.blueprint_id)}, project {clean(info.project_id)})"
    if result.host:
        yield f"Host: {clean(result.host)}"
    if any(result.usage):
        yield from _costs(result)
    if result.left_changes:
        yield from _left_changes(result)
    if result.explanation:
        yield f"Reason: {clean(result.explanation)}"
    if info.error_message and not _is_repeated(info.error_message, result.explanation):
        yield f"Error: {clean(info.error_message)}"
    if info.artifacts:
        yield f"Artifacts: {len(info.artifacts)}"
    if result.next_command:
        yield f"Next: {clean(result.next_command)}"


def _left_changes(result: StatusResult) -> Iterator[Part]:
    from penguin.orchestration.store.sentence_format import left_changes_text

    return (f"Note: {clean(left_changes_text([found]))}" for found in result.left_changes)


def _costs(result: StatusResult) -> Iterator[Part]:
    from penguin_repl.render.costs import cost_lines

    return cost_lines(result.usage, clean(result.agents))


def _is_repeated(error: str, explain: str) -> bool:
    """Return whether an explanation, which may be cut short, only repeats the error."""
    return " ".join(error.split())[:100] in explain


@RENDERERS.shows(WorkflowTable)
def _workflows(result: WorkflowTable) -> Iterator[Part]:
    if not result.workflows:
        yield result.empty_message
    else:
        yield _workflow_grid(result)
    for info in result.workflows:
        explain, command = result.explanations.get(info.workflow_id), result.next_commands.get(info.workflow_id)
        if explain:
            yield f"{info.workflow_id}: {clean(explain)}" + (f"  →  {clean(command)}" if command else "")
    if result.total is not None:
        from penguin_repl.render.costs import cost_summary

        count = result.total.workflow_count
        yield f"Total of {count} workflow{'' if count == 1 else 's'}: {cost_summary(result.total.usage)}"


def _workflow_grid(result: WorkflowTable) -> Grid:
    heads: tuple[str, ...] = ()
    costs: Sequence[tuple[str, ...]] = [()] * len(result.workflows)
    if result.usage:
        from penguin_repl.render.costs import cost_columns

        heads, costs = cost_columns([result.usage_for(info) for info in result.workflows], ("tokens", "usd"))
    rows = tuple(
        (
            info.workflow_id,
            info.status.value,
            info.phase.value,
            f"{info.progress}%",
            *cost,
            format_time(info.started_at),
        )
        for info, cost in zip(result.workflows, costs, strict=True)
    )
    right = tuple(range(3, 4 + len(heads)))
    return Grid(("WORKFLOW", "STATUS", "PHASE", "DONE", *heads, "STARTED"), rows, right)
