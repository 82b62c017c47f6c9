"""Rendering of the outcome of a change or a wait, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.results.changes import ChangeResult, StartResult, WaitResult
from penguin_repl.render.format import workflow_summary
from penguin_repl.render.registry import Renderers
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin_repl.render.table import Part

RENDERERS = Renderers()


@RENDERERS.shows(StartResult)
def _start_result(result: StartResult) -> Iterator[Part]:
    for task, workflow in result.workflows:
        yield f"Started ITUV workflow for task {clean(task)}"
        yield f"workflow_id: {clean(workflow)}"
    if result.retry_of:
        yield f"Retry of {clean(result.retry_of)}"
        for line in result.differences:
            yield f"Differs: {clean(line)}"


@RENDERERS.shows(ChangeResult)
def _change_result(result: ChangeResult) -> Iterator[Part]:
    yield clean(result.text)
    yield f"Status: {result.info.status}"
    yield f"Phase: {result.info.phase}"
    if result.explanation:
        yield f"Reason: {clean(result.explanation)}"
    if result.next_command:
        yield f"Next: {clean(result.next_command)}"


@RENDERERS.shows(WaitResult)
def _wait_result(result: WaitResult) -> Iterator[Part]:
    for info in result.workflows:
        yield workflow_summary(info)
