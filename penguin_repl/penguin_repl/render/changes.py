"""What became of a change, or of a wait, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penguin_commands.results.changes import Changed, Started, Waited
from penguin_repl.render.format import brief
from penguin_repl.render.registry import Renderers
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from penguin_repl.render.table import Part

RENDERERS = Renderers()


@RENDERERS.shows(Started)
def _started(result: Started) -> Iterator[Part]:
    for task, workflow in result.workflows:
        yield f"Started ITUV workflow for task {clean(task)}"
        yield f"workflow_id: {clean(workflow)}"
    if result.retry_of:
        yield f"Retry of {clean(result.retry_of)}"
        for line in result.differences:
            yield f"Differs: {clean(line)}"


@RENDERERS.shows(Changed)
def _changed(result: Changed) -> Iterator[Part]:
    yield clean(result.text)
    yield f"Status: {result.info.status}"
    yield f"Phase: {result.info.phase}"
    if result.explain:
        yield f"Reason: {clean(result.explain)}"
    if result.advice:
        yield f"Next: {clean(result.advice)}"


@RENDERERS.shows(Waited)
def _waited(result: Waited) -> Iterator[Part]:
    for info in result.workflows:
        yield brief(info)
