"""What a workspace would run, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from penguin_commands.results.trust import Examined
from penguin_repl.text.escape import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from penguin.orchestration.store.contents import ActiveWorkflow
    from penguin_repl.render.table import Part


def _examined(result: Examined) -> Iterator[Part]:
    if result.trusted:
        yield f"{clean(result.path)} is yours"
        return
    yield f"{clean(result.path)} {result.reason}"
    if not result.workflows:
        yield "It holds no active workflow: nothing of it would run."
        return
    count = len(result.workflows)
    yield f"Trusted, {'1 active workflow' if count == 1 else f'{count} active workflows'} could run these commands:"
    for workflow in result.workflows:
        yield from _workflow(workflow)


def _workflow(workflow: ActiveWorkflow) -> Iterator[Part]:
    yield f"{clean(workflow.workflow_id)}  {clean(workflow.status)}"
    for command in workflow.commands:
        first, *rest = command.text.rstrip("\n").split("\n")
        yield f"  {command.phase} {command.kind}: {clean(first)}"
        yield from (f"    {clean(line)}" for line in rest)


RENDERERS: dict[type, Callable[[Any], Iterator[Part]]] = {Examined: _examined}
