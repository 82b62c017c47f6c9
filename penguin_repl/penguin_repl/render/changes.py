"""Rendering of the outcome of a change or a wait, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.results.changes import ChangeResult, StartResult, WaitResult
from penguin_repl.render.parts import Span, field, line
from penguin_repl.render.registry import Renderers
from penguin_repl.render.words import status_span
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin_repl.render.parts import Part

RENDERERS = Renderers()


@RENDERERS.shows(StartResult)
def _start_result(result: StartResult) -> Iterator[Part]:
    for task, workflow in result.workflows:
        yield line("Started ITUV workflow for task ", Span(task, "id"))
        yield field("workflow_id", Span(workflow, "id"))
    if result.retry_of:
        yield line("Retry of ", Span(result.retry_of, "id"))
        yield from (field("Differs", difference) for difference in result.differences)


@RENDERERS.shows(ChangeResult)
def _change_result(result: ChangeResult) -> Iterator[Part]:
    yield clean(result.text)
    yield field("Status", status_span(result.info.status))
    yield field("Phase", Span(result.info.phase.value, "phase"))
    if result.explanation:
        yield field("Reason", Span(result.explanation, "warning"))
    if result.next_command:
        yield field("Next", Span(result.next_command, "command"))


@RENDERERS.shows(WaitResult)
def _wait_result(result: WaitResult) -> Iterator[Part]:
    for info in result.workflows:
        phase = () if info.status.final or not info.phase.is_gate else (" ", Span(info.phase.value, "phase"))
        yield line(Span(info.workflow_id, "id"), " ", status_span(info.status), *phase)
